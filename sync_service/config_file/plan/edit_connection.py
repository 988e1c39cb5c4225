"""Edit a connection from a page: each edit is written as a file and applied as one, so pages and files are equal.

Secrets that an edit does not change read `kept`. Secrets that a person typed are passed as settings that only this edit
knows, so that a text that begins with `file:` is never taken for a path.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sync_service.config_file.plan.apply import Applying, Files, Plan
from sync_service.config_file.plan.diff import Change
from sync_service.config_file.plan.export import exported
from sync_service.config_file.read.errors import Mistake, WrongFiles
from sync_service.config_file.read.state import State

Written = Mapping[str, Any]
"""A connection as in a file."""

PAGE = "page"
"""Stands for the file name in errors; people see only the fields."""


class NoConnection(LookupError):
    """There is no connection with this slug, or no longer."""


class Overtaken(Exception):
    """Somebody else changed it first; the message says what it is now."""


def secret(name: str) -> str:
    """Return how a file refers to a secret that is passed beside the edit under this name."""
    return f"env:{name}"


@dataclass(frozen=True, slots=True)
class Editing:
    """Creates, changes and removes single connections. An edit's `secrets` are not encrypted, by name."""

    applying: Applying

    def create(self, written: Written, secrets: Mapping[str, str]) -> Plan:
        """Create a connection. Raise `InvalidFiles`, also when the slug is taken."""

        def write(stored: State) -> Files:
            if str(written["slug"]) in stored["connections"]:
                raise WrongFiles([Mistake(PAGE, 1, "slug", repr(written["slug"]), "a name that no connection has yet")])
            return _file(written)

        return self._with(secrets).edit(write)

    def rehearse(self, written: Written) -> None:
        """Check a connection before it is created. Raise `InvalidFiles`."""
        self.applying.plan(_file(written), prune=False)

    def change(self, slug: str, edit: Callable[[Written], Written], secrets: Mapping[str, str] | None = None) -> Plan:
        """Change a connection; `edit` gets it as an export shows it. Raise `InvalidFiles` or `NoConnection`."""

        def write(stored: State) -> Files:
            return _file(edit(_connection(stored, slug)))

        return self._with(secrets or {}).edit(write)

    def keep_newest_secret(self, slug: str, is_meant: Callable[[str], bool]) -> Plan:
        """Remove all webhook secrets but the newest, if it is still the one meant. Raise `Overtaken`."""

        def choose(stored: State) -> Sequence[Change]:
            _connection(stored, slug)
            before = stored["connections"][slug]
            newest = before["webhook_secrets"][:1]
            if not newest or not is_meant(newest[0]):
                raise Overtaken("the webhook secret was changed meanwhile")
            if len(before["webhook_secrets"]) == 1:
                return []
            return [Change("connections", slug, before, {**before, "webhook_secrets": newest})]

        return self.applying.carry_out(choose)

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

        return self.applying.carry_out(choose)

    def _with(self, secrets: Mapping[str, str]) -> Applying:
        return replace(self.applying, environment=secrets)


def _connection(stored: State, slug: str) -> Written:
    if slug not in stored["connections"]:
        raise NoConnection(f"there is no connection {slug}")
    alone: State = {**{section: {} for section in stored}, "connections": {slug: stored["connections"][slug]}}
    return exported(alone)["connections"][0]


def _file(written: Written) -> Files:
    """Return the file of one connection. JSON is YAML in which typed text cannot have another meaning."""
    return [(PAGE, json.dumps({"connections": [written]}).encode())]
