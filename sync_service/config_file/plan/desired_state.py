"""The desired state: what a document asks for, in the form of `state.py`, with defaults and resolved secrets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sync_service.config_file.plan.desired_key_results import KeyResultsReader
from sync_service.config_file.plan.desired_settings import SettingsReader
from sync_service.config_file.plan.diff import positions
from sync_service.config_file.plan.rule_checks.rule_fields import context_of
from sync_service.config_file.plan.site_address import is_web_address, site_of
from sync_service.config_file.read import models
from sync_service.config_file.read.credentials import CredentialsResolver
from sync_service.config_file.read.errors import FileError, did_you_mean, format_value
from sync_service.config_file.read.field_types import Form
from sync_service.config_file.read.parse import Document, FileItem
from sync_service.config_file.read.state import Fields, Key, State
from sync_service.domain.rules.conditions import RuleError, compile_condition
from sync_service.domain.trackers.connector import Connection, Connector, Rejected, read_scope
from sync_service.domain.trackers.queries import EvaluatesQueries


@dataclass(slots=True, kw_only=True)
class DesiredStateBuilder:
    """Computes the desired state of a document; collects the errors in `errors`."""

    document: Document
    stored: State
    known: Mapping[str, set[str]]
    connectors: Mapping[str, Connector]
    environment: Mapping[str, str] | None
    zone: ZoneInfo
    staying: State
    errors: list[FileError] = field(default_factory=list)

    def state(self) -> State:
        """Return the desired state; it is complete only when there are no errors."""
        settings = SettingsReader(self.document, self.stored, self.staying, self.zone)
        found: State = {
            "organisation": dict(settings.organisation()),
            "teams": dict(settings.teams()),
            "people": dict(self._people()),
            "cycles": dict(settings.cycles()),
            "connections": dict(self._connections()),
            "objectives": dict(self._objectives()),
            "key_results": dict(self._key_results()),
            "rules": dict(self._rules()),
            "links": dict(self._links()),
        }
        self.errors += settings.errors
        return found

    def _add_error(self, part: FileItem, path: tuple[str | int, ...], found: str, allowed: str) -> None:
        self.errors.append(part.error_at(path, found, allowed))

    def _people(self) -> Iterator[tuple[Key, Fields]]:
        for part in self.document.items["people"]:
            accounts = part.raw.get("accounts")
            for kind in accounts if isinstance(accounts, dict) else ():
                if kind not in self.connectors:
                    allowed = ", ".join(sorted(self.connectors)) + did_you_mean(kind, self.connectors)
                    self._add_error(part, ("accounts", kind), f"the unknown kind {kind!r}", allowed)
            form: models.Person | None = part.form
            if form:
                fields = {"name": form.name, "role": form.role, "accounts": dict(form.accounts), "team": form.team}
                yield form.email, fields | {"timezone": form.timezone or ""}

    def _connections(self) -> Iterator[tuple[Key, Fields]]:
        for part in self.document.items["connections"]:
            form: models.Connection | None = part.form
            if form is None:
                continue
            stored = self.stored["connections"].get(form.slug, {})
            if stored and stored["kind"] != form.kind:
                self._add_error(part, ("kind",), form.kind, f"{stored['kind']} as it is stored; use another slug")
            given = CredentialsResolver(
                part=part, stored=stored, connector=self.connectors[form.kind], environment=self.environment
            )
            site = site_of(form, self.connectors[form.kind])
            if not is_web_address(site):
                self._add_error(
                    part,
                    ("site",),
                    format_value(site),
                    "an address that begins with https:// or http://, without user and password",
                )
            yield (
                form.slug,
                {
                    "kind": form.kind,
                    "site": site.rstrip("/"),
                    "owner": form.owner,
                    "options": self._options(form),
                    "earlier": form.earlier,
                    "write_back": form.write_back,
                    "scopes": self._scopes(part, form, stored.get("scopes", ()), site),
                }
                | given.fields(),
            )
            self.errors += given.errors

    def _options(self, form: models.Connection) -> dict[str, Any]:
        """Return the options that only this kind has; credentials are not options."""
        options = [option for option in self.connectors[form.kind].options if option.name not in models.CREDENTIALS]
        own = {option.name: getattr(form, option.name, None) for option in options}
        return {name: _plain(value) for name, value in own.items() if value is not None}

    def _scopes(self, part: FileItem, form: models.Connection, stored: Sequence[str], site: str) -> tuple[str, ...]:
        """Return the scopes by name; those already stored keep their spelling and their order."""
        wanted: dict[str, str] = {}
        for index, written in enumerate(form.scopes):
            try:
                name = read_scope(self.connectors[form.kind], written, site=site)
            except ValueError as error:
                allowed = f"{error}{did_you_mean(written, stored)}"
                self._add_error(part, ("scopes", index), format_value(written), allowed)
            else:
                if name.casefold() in wanted:
                    self._add_error(part, ("scopes", index), f"{name!r} a second time", "each scope once")
                wanted |= {name.casefold(): name}
        known = {name.casefold(): name for name in stored}
        return (*(known[one] for one in known if one in wanted), *(wanted[one] for one in wanted if one not in known))

    def _objectives(self) -> Iterator[tuple[Key, Fields]]:
        forms = list(self.document.valid_items("objectives"))
        stored = {str(key): fields["position"] for key, fields in self.stored["objectives"].items()}
        order = positions([form.slug for form in forms], stored)
        for form in forms:
            names = ("title", "cycle", "team", "owner", "parent", "counts", "weight", "roll_up")
            yield form.slug, {name: getattr(form, name) for name in names} | {"position": order[form.slug]}

    def _key_results(self) -> Iterator[tuple[Key, Fields]]:
        reading = KeyResultsReader(self.document, self.stored, self._issue)
        yield from reading.items()
        self.errors += reading.errors

    def _rules(self) -> Iterator[tuple[Key, Fields]]:
        for part in self.document.items["rules"]:
            self._check_condition(part)
            form: models.Rule | None = part.form
            if form and form.query is not None:
                self._check_query(part, form.connection, form.query)
            if form:
                yield (
                    form.slug,
                    {
                        "owner": form.owner,
                        "connection": form.connection,
                        "key_result": form.key_result,
                        "when": form.when,
                        "query": form.query,
                        "state": form.state or ("disabled" if form.enabled is False else "active"),
                    },
                )

    def _check_condition(self, part: FileItem) -> None:
        when, query = part.raw.get("when"), part.raw.get("query")
        if (when is None) == (query is None):
            found = "neither when nor query" if when is None else "both when and query"
            self._add_error(part, (), found, "exactly one of when and query")
        if not isinstance(when, dict):
            return
        try:
            compile_condition(when, (), context_of(self.document, self.stored, part.raw.get("connection")))
        except RuleError as error:
            self._add_error(part, ("when", *error.path), format_value(error.found), error.allowed)

    def _check_query(self, part: FileItem, connection: str, query: str) -> None:
        """Let the connector check a query; it has no credentials here, so it makes no call."""
        kind = str(self._setting(connection, "kind")) if connection in self.known["connections"] else ""
        if kind not in self.connectors:
            return  # the wrong kind or connection is an error of its own
        connector = self.connectors[kind]
        if not isinstance(connector, EvaluatesQueries):
            return
        try:
            connector.check_query(Connection(slug=connection, site=connector.default_site or ""), query=query)
        except Rejected as error:
            self._add_error(
                part, ("query",), format_value(query), f"a query that {connector.title} can answer ({error})"
            )

    def _links(self) -> Iterator[tuple[Key, Fields]]:
        stored = {_folded(key): key for key in self.stored["links"]}
        seen: set[Key] = set()
        for part in self.document.items["links"]:
            key = self._link_key(part) if part.form else None
            if key is None:
                continue
            if _folded(key) in seen:
                self._add_error(
                    part, ("issue",), f"{part.form.issue!r} a second time", "each issue once for a key result"
                )
            seen.add(_folded(key))
            yield stored.get(_folded(key), key), {"weight": part.form.weight}

    def _link_key(self, part: FileItem) -> tuple[str, str, str] | None:
        found = self._issue(part, ("issue",), part.form.issue)
        return (part.form.key_result, *found) if found else None

    def _issue(self, part: FileItem, path: tuple[str | int, ...], text: str) -> tuple[str, str] | None:
        """Return the connection and the key in a reference to an issue; None with an error when there is none."""
        connection, colon, issue = text.partition(":")
        known = self.known["connections"]
        if not colon or connection not in known:
            allowed = "CONNECTION:KEY, where CONNECTION is one of " + ", ".join(sorted(known))
            self._add_error(part, path, format_value(text), allowed + did_you_mean(connection, sorted(known)))
            return None
        connector = self.connectors.get(str(self._setting(connection, "kind")))
        if connector is None:
            return None  # the wrong kind is an error of the connection
        site = str(self._setting(connection, "site") or connector.default_site or "")
        try:
            return connection, connector.normalize_key(issue, site=site if is_web_address(site) else "")
        except ValueError as error:
            allowed = f"a key that {connector.title} knows ({error})"
            self._add_error(part, path, format_value(text), allowed)
            return None

    def _setting(self, connection: str, name: str) -> object:
        """Return a setting of a connection as the files have it, else as it is stored."""
        written = (part.raw for part in self.document.items["connections"] if part.raw.get("slug") == connection)
        return next(written, self.stored["connections"].get(connection, {})).get(name)


def _plain(value: Any) -> Any:
    """Return an option's value as it is stored."""
    if isinstance(value, Form):
        return value.model_dump(exclude_none=True)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _folded(key: Key) -> Key:
    # GitHub's names are case-insensitive, and Jira's keys are in capitals.
    return key if isinstance(key, str) else (key[0], key[1], key[2].casefold())
