"""Edit a connection from a page: each edit is written as a file and applied as one, so pages and files are equal.

Secrets that an edit does not change read `kept`. Secrets that a person typed are passed as settings that only this edit
knows, so that a text that begins with `file:` is never taken for a path.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sync_service.config_file.plan.apply import ConfigApplier, Files, Plan
from sync_service.config_file.plan.diff import Change
from sync_service.config_file.plan.export import export_state
from sync_service.config_file.read.errors import FileError, InvalidFiles
from sync_service.config_file.read.state import State

ConnectionFields = Mapping[str, Any]
"""A connection as in a file."""

PAGE = "page"
"""Stands for the file name in errors; people see only the fields."""


class NoConnection(LookupError):
    """There is no connection with this slug, or no longer."""


class EditConflict(Exception):
    """Somebody else changed it first; the message says what it is now."""


def secret_reference(name: str) -> str:
    """Return how a file refers to a secret that is passed beside the edit under this name."""
    return f"env:{name}"


@dataclass(frozen=True, slots=True)
class ConnectionEditor:
    """Creates, changes and removes single connections. An edit's `secrets` are not encrypted, by name."""

    applying: ConfigApplier

    def create(self, written: ConnectionFields, secrets: Mapping[str, str]) -> Plan:
        """Create a connection. Raise `InvalidFiles`, also when the slug is taken."""

        def write(stored: State) -> Files:
            if str(written["slug"]) in stored["connections"]:
                raise InvalidFiles(
                    [FileError(PAGE, 1, "slug", repr(written["slug"]), "a name that no connection has yet")]
                )
            return _file(written)

        return self._with(secrets).edit(write)

    def check(self, written: ConnectionFields) -> None:
        """Check a connection before it is created. Raise `InvalidFiles`."""
        self.applying.plan(_file(written), prune=False)

    def change(
        self, slug: str, edit: Callable[[ConnectionFields], ConnectionFields], secrets: Mapping[str, str] | None = None
    ) -> Plan:
        """Change a connection; `edit` gets it as an export shows it. Raise `InvalidFiles` or `NoConnection`."""

        def write(stored: State) -> Files:
            return _file(edit(_connection(stored, slug)))

        return self._with(secrets or {}).edit(write)

    def keep_newest_secret(self, slug: str, is_meant: Callable[[str], bool]) -> Plan:
        """Remove all webhook secrets but the newest, if it is still the one meant. Raise `EditConflict`."""

        def choose(stored: State) -> Sequence[Change]:
            _connection(stored, slug)
            before = stored["connections"][slug]
            newest = before["webhook_secrets"][:1]
            if not newest or not is_meant(newest[0]):
                raise EditConflict("the webhook secret was changed meanwhile")
            if len(before["webhook_secrets"]) == 1:
                return []
            return [Change("connections", slug, before, {**before, "webhook_secrets": newest})]

        return self.applying.apply_changes(choose)

    def remove(self, slug: str) -> Plan:
        """Remove a connection with its rules and manual links, as `apply --prune` without them does."""

        def choose(stored: State) -> Sequence[Change]:
            _connection(stored, slug)
            rules = [key for key, fields in stored["rules"].items() if fields["connection"] == slug]
            links = [key for key in stored["links"] if not isinstance(key, str) and key[1] == slug]
            return [
                Change("connections", slug, stored["connections"][slug], None),
                *(Change("rules", key, stored["rules"][key], None) for key in rules),
                *(Change("links", key, stored["links"][key], None) for key in links),
            ]

        return self.applying.apply_changes(choose)

    def _with(self, secrets: Mapping[str, str]) -> ConfigApplier:
        return replace(self.applying, environment=secrets)


def _connection(stored: State, slug: str) -> ConnectionFields:
    if slug not in stored["connections"]:
        raise NoConnection(f"there is no connection {slug}")
    alone: State = {**{section: {} for section in stored}, "connections": {slug: stored["connections"][slug]}}
    found: ConnectionFields = export_state(alone)["connections"][0]
    return found


def _file(written: ConnectionFields) -> Files:
    """Return the file of one connection. JSON is YAML in which typed text cannot have another meaning."""
    return [(PAGE, json.dumps({"connections": [written]}).encode())]
