"""Connections changed from a page: each edit is written as a file and applied as one, so that nothing differs.

What an edit leaves alone reads `kept`. Secrets that are typed go in as settings that only this edit knows: a text that
begins with `file:` is never taken for the name of one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sync_service.apply.applying import Applying, Files, Plan
from sync_service.apply.changes import Change
from sync_service.apply.exporting import exported
from sync_service.apply.mistakes import Mistake, WrongFiles
from sync_service.apply.state import State

Written = Mapping[str, Any]
"""A connection as it stands in a file."""

PAGE = "page"
"""What stands for the name of the file in mistakes; people see their fields only."""


class NoConnection(LookupError):
    """There is no connection of this slug, or no longer."""


class Overtaken(Exception):
    """Somebody else was quicker; the message says what is there now."""


def secret(name: str) -> str:
    """Write a secret that is given beside the edit under this name."""
    return f"env:{name}"


@dataclass(frozen=True, slots=True)
class Editing:
    """Makes, changes and removes single connections. `secrets` of an edit are in the clear, by the names it uses."""

    applying: Applying

    def create(self, written: Written, secrets: Mapping[str, str]) -> Plan:
        """Make a connection. Raises `WrongFiles`, also where there is one of this slug."""

        def write(stored: State) -> Files:
            if str(written["slug"]) in stored["connections"]:
                raise WrongFiles([Mistake(PAGE, 1, "slug", repr(written["slug"]), "a name that no connection has yet")])
            return _file(written)

        return self._with(secrets).edit(write)

    def rehearse(self, written: Written) -> None:
        """Find what is wrong with a connection before it is made. Raises `WrongFiles`."""
        self.applying.plan(_file(written), prune=False)

    def change(self, slug: str, edit: Callable[[Written], Written], secrets: Mapping[str, str] | None = None) -> Plan:
        """Change a connection, given as it now stands in an export. Raises `WrongFiles`, and `NoConnection`."""

        def write(stored: State) -> Files:
            return _file(edit(_connection(stored, slug)))

        return self._with(secrets or {}).edit(write)

    def keep_newest_secret(self, slug: str, is_meant: Callable[[str], bool]) -> Plan:
        """Take away all webhook secrets but the newest, if that is the one that was meant. Raises `Overtaken`."""

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
        """Remove a connection with its rules and links by hand, as a file without them does that prunes."""

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
    """Write a file; JSON is YAML, in which no typed text can mean anything but itself."""
    return [(PAGE, json.dumps({"connections": [written]}).encode())]
