"""Diagnostics of a Jira connection: credentials, permissions, time zone, fields, resolutions and the webhook.

What only an administrator may see is no failure when the account is not an administrator.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from connectors.jira.api.auth import lacks_email
from connectors.jira.api.client import JiraClient
from connectors.jira.api.field_catalogue import FieldCatalogue, FieldCatalogueCache, add_field_catalogue, is_field_id
from connectors.jira.doctor.number_values import sample_values
from connectors.jira.model.custom_fields import unclear_field
from connectors.jira.model.number_fields import (
    NumberFieldIds,
    number_field_ids,
    number_fields,
    points_field,
    points_field_ids,
)
from connectors.jira.setup.admin_webhook import FILTER, LINKS, is_our_url, list_admin_webhooks, read_hooks
from connectors.jira.setup.dynamic_webhooks import COMMENTS, EVENTS
from connectors.jira.setup.webhook_filter import blocked_projects, projects_in_filter
from connectors.jira.write_back.write import wants_comments
from connectors.json_fields import Json, exact_text, identifier, json_object, json_texts, text
from connectors.responses import is_about_credentials
from sync_service.domain.text import folded
from sync_service.domain.trackers.connector import ConnectorError, Gone
from sync_service.domain.trackers.diagnostics import Finding
from sync_service.domain.trackers.fields.custom_fields import custom_fields_of

MOST_SCOPES = 200
"""Projects checked in one run."""

MOST_NAMED = 10
LONGEST_OFFER = 300
_BROWSE = "BROWSE_PROJECTS"
_WRITING: Mapping[str, str] = {
    "LINK_ISSUES": "Link Issues",
    "ADD_COMMENTS": "Add Comments",
    "EDIT_OWN_COMMENTS": "Edit Own Comments",
}
"""Permissions that write-back needs, by key: the first one for links, the others for comments."""
_SKEW = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class ConnectionChecks:
    """Checks of one connection, made with its credentials."""

    calls: JiraClient
    projects: list[str] = field(default_factory=list)
    """The ids of the projects that the account can see."""

    def run(self, scopes: Sequence[str], *, hooked: bool) -> Iterator[Finding]:
        """Run all checks; stop after the first when the credentials are refused, since no other call would work."""
        try:
            reply = self.calls.send("GET", "/myself")
            self.calls.raise_for_response(reply)
            me = reply.object()
        except ConnectorError as error:
            fix = "create a new token at Atlassian, or connect again by OAuth; check the site and the e-mail address"
            if lacks_email(self.calls.connection):
                fix = "give the connection its email: an API token of Cloud is accepted with its account's address only"
            mend = fix if is_about_credentials(error) else None
            yield Finding(what="credentials", well=False, says=str(error), mend=mend)
            return
        product = "Cloud" if self.calls.is_cloud else "Data Center"
        name = text(me.get("displayName"), 100) or "an account without a name"
        yield Finding(what="credentials", well=True, says=f"accepted: {name}, on {product}")
        theirs = reply.date()
        if theirs is not None and abs(theirs - self.calls.http.now()) > _SKEW:
            seconds = abs(theirs - self.calls.http.now()).total_seconds()
            fix = "check that NTP sets the clock of this machine"
            yield Finding(what="clock", well=None, says=f"Jira's clock and ours differ by {seconds:.0f} s", mend=fix)
        yield from _zone(me)
        for key in islice(scopes, MOST_SCOPES):
            yield from self._safely(key, self._project(key))
        if len(scopes) > MOST_SCOPES:
            yield Finding(what="projects", well=None, says=f"only the first {MOST_SCOPES} were checked")
        yield from self._safely("fields", self._numbers())
        yield from self._safely("dropped_resolutions", self._resolutions())
        if hooked:
            yield from self._safely("webhook", self._webhook(scopes))

    def _safely(self, what: str, found: Iterator[Finding]) -> Iterator[Finding]:
        try:
            yield from found
        except ConnectorError as error:
            yield Finding(what=what, well=False, says=str(error))

    def _project(self, key: str) -> Iterator[Finding]:
        """Check that the account can see a project, read its issues, and write notes on them if write-back is on."""
        try:
            shown = self.calls.get(f"/project/{key}")
            allowed = self.calls.get(
                "/mypermissions", {"projectKey": key, "permissions": ",".join([_BROWSE, *_WRITING])}
            )
        except Gone as error:
            fix = f"let the account browse it, or take {key} out of the connection's scopes"
            yield Finding(what=key, well=False, says=str(error), mend=fix)
            return
        self.projects.extend(filter(None, [identifier(shown.get("id"))]))
        if not _may(allowed, _BROWSE):
            fix = "give the account the permission Browse Projects in this project"
            yield Finding(what=key, well=False, says="the account can't read its issues", mend=fix)
        elif exact_text(shown.get("key"), 100) not in (key, None):
            says = f"its key is {exact_text(shown.get('key'), 100)} now"
            yield Finding(
                what=key, well=None, says=says, mend="put the new key into the connection's scopes, and apply"
            )
        elif shown.get("archived") is True:
            yield Finding(what=key, well=None, says="is archived: its issues will not change")
        elif missing := [name for permission, name in self._writes() if not _may(allowed, permission)]:
            fix = "give the account these permissions in this project, or switch write_back or write_comments off"
            says = f"the account can read its issues, but lacks permissions for write-back: {', '.join(missing)}"
            yield Finding(what=key, well=False, says=says, mend=fix)
        else:
            yield Finding(what=key, well=True, says="can be read")

    def _writes(self) -> Sequence[tuple[str, str]]:
        """Return the permissions that write-back needs with the connection's settings."""
        connection = self.calls.connection
        wanted = [*_WRITING.items()] if connection.writes_back else []
        return wanted if wants_comments(connection) else wanted[:1]

    def _numbers(self) -> Iterator[Finding]:
        """Check the fields of points and numbers. https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-fields/."""
        catalogue = FieldCatalogueCache().fetch(self.calls.connection, lambda: self._list("/field"))
        if catalogue.problem:
            yield Finding(what="fields", well=None, says=catalogue.problem)
            return
        connection = add_field_catalogue(self.calls.connection, catalogue)
        wanted = points_field(connection)
        points = [points_field_ids(connection, project) for project in self.projects or (None,)]
        if wanted or any(source.unclear or source.ids for source in points):
            yield self._field("points_field", wanted, catalogue, points)
        for name in number_fields(connection):
            sources = [number_field_ids(connection, name, project) for project in self.projects or (None,)]
            yield self._field(f"number_fields, {name}", name, catalogue, sources)
        for one in custom_fields_of(connection.options).values():
            reasons = (unclear_field(one, catalogue, project) for project in self.projects or (None,))
            reason = next(filter(None, reasons), None)
            yield Finding(what=f"fields, {one.name}", well=reason is None, says=reason or f"{one.field} is found")

    def _field(
        self, what: str, wanted: str | None, catalogue: FieldCatalogue, sources: Sequence[NumberFieldIds]
    ) -> Finding:
        """Check a setting; of a field that is no numeric one, try to read some values."""
        found = _field(what, wanted, catalogue, sources)
        ids = dict.fromkeys(id_ for source in sources for id_ in source.ids or ())
        others = [one for one in catalogue.fields if one.id in ids and not one.is_number]
        if not found.well or not others:
            return found
        samples = [sample_values(self.calls, one.id, self.projects) for one in others]
        words = [
            f"{one.name} is no numeric field: {sample.in_words()}" for one, sample in zip(others, samples, strict=True)
        ]
        well = False if any(one.unreadable for one in samples) else None
        fix = "name a numeric field, or keep only numbers in this one"
        return Finding(what=what, well=well, says="; ".join((found.says, *words)), mend=fix)

    def _resolutions(self) -> Iterator[Finding]:
        """Check that the site has every resolution that the connection names."""
        wanted = self.calls.connection.texts("dropped_resolutions")
        if not wanted:
            return
        existing = [name for one in self._list("/resolution") if (name := text(one.get("name"), 100))]
        folded = {_folded(name) for name in existing}
        missing = [name for name in wanted if _folded(name) not in folded]
        if missing:
            fix = f"the site has: {', '.join(existing[: 3 * MOST_NAMED])}"
            says = f"not at this site: {', '.join(missing[:MOST_NAMED])}"
            yield Finding(what="dropped_resolutions", well=None, says=says, mend=fix)
        else:
            yield Finding(what="dropped_resolutions", well=True, says="all are at this site")

    def _list(self, path: str) -> list[Json]:
        reply = self.calls.send("GET", path)
        self.calls.raise_for_response(reply)
        return [*reply.objects()]

    def _webhook(self, scopes: Sequence[str]) -> Iterator[Finding]:
        """Check the administrators' webhook, or that of an OAuth app."""
        if self.calls.connection.client:
            reply = self.calls.send("GET", "/webhook")
        else:
            _, reply = list_admin_webhooks(self.calls)
        found = read_hooks(reply)
        if found is None:
            says = "these credentials can't list webhooks"
            fix = "an administrator can check it under System, WebHooks; the webhook may still work"
            yield Finding(what="webhook", well=None, says=says, mend=fix)
            return
        url = self.calls.connection.hook_url
        ours = [one for one in found if is_our_url(one.get("url"), to=url)]
        if not ours:
            fix = f"create one on the connection's page, or in Jira under System, WebHooks, with the URL {url}"
            yield Finding(what="webhook", well=False, says="no webhook sends to OKR Sync", mend=fix)
        for one in ours:
            yield _check_hook(one, scopes, links=() if self.calls.is_cloud else LINKS)


def _may(allowed: Json, permission: str) -> bool:
    return json_object(json_object(allowed.get("permissions")).get(permission)).get("havePermission") is True


def _zone(me: Json) -> Iterator[Finding]:
    zone = exact_text(me.get("timeZone"), 60)
    if zone:
        says = f"Jira reads dates in JQL in {zone}; our own queries use timestamps, which have no time zone"
        yield Finding(what="time zone", well=True, says=says)


def _field(what: str, wanted: str | None, catalogue: FieldCatalogue, sources: Sequence[NumberFieldIds]) -> Finding:
    """Check what a setting finds: one field for each project, several with the same name, or none."""
    names = {one.id: one.name for one in catalogue.fields}
    offers = ", ".join(f"{one.name} ({one.id})" for one in catalogue.fields if one.is_number)[:LONGEST_OFFER]
    unclear = dict.fromkeys(source.unclear for source in sources if source.unclear)
    ids = dict.fromkeys(found for source in sources for found in source.ids or ())
    shown = f"numeric fields that the account may see: {offers or 'none'}"
    if unclear:
        return Finding(what=what, well=False, says="; ".join(unclear), mend=shown)
    if not ids or not set(ids) <= set(names):
        return Finding(what=what, well=False, says=f"there is no field {wanted} that the account may see", mend=shown)
    by_name = wanted is not None and not is_field_id(wanted)
    fix = "write the field's id: then webhooks suffice, without a fetch" if by_name else None
    return Finding(what=what, well=True, says=", ".join(f"{names[one]} ({one})" for one in ids), mend=fix)


def _check_hook(hook: Json, scopes: Sequence[str], *, links: Sequence[str]) -> Finding:
    if hook.get("enabled") is False or hook.get("active") is False:
        return Finding(what="webhook", well=False, says="is disabled", mend="enable it in Jira")
    events = set(json_texts(hook.get("events")))
    missing = sorted({*EVENTS, *COMMENTS, *links} - events)
    if missing and "*" not in events:
        fix = "select these events too, in Jira under System, WebHooks"
        well = False if set(EVENTS) & set(missing) else None
        return Finding(what="webhook", well=well, says=f"does not send {', '.join(missing)}", mend=fix)
    filter_ = json_object(hook.get("filters")).get(FILTER)
    hidden = blocked_projects(filter_, scopes)
    if hidden:
        fix = "create it again on the connection's page, or add these projects to its filter in Jira"
        named = ", ".join(hidden[:MOST_NAMED])
        if (projects_in_filter(filter_) or frozenset()) - {one.casefold() for one in scopes}:
            says = f"its JQL filter does not contain the keys {named}; it may name these projects by id or name"
            return Finding(what="webhook", well=None, says=says, mend=fix)
        says = f"its JQL filter blocks {named}"
        return Finding(what="webhook", well=False, says=says, mend=fix)
    until = text(hook.get("expirationDate"), 40)
    return Finding(what="webhook", well=True, says="sends to OKR Sync" + (f", until {until}" if until else ""))


def _folded(name: object) -> str:
    return folded(name.strip()).replace("\u2019", "'") if isinstance(name, str) else ""
