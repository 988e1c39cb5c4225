"""Edit cycles, teams, people and the organisation from pages: each edit is written as a file and applied as one.

Only admins may; the pages check that.
"""

import json
from dataclasses import dataclass

from sync_service.config_file.edit.edit_okrs import PAGE, Edit, Item, NoItem
from sync_service.config_file.plan.apply import ConfigApplier, Files, Plan
from sync_service.config_file.plan.export import export_state
from sync_service.config_file.read.errors import FileError, InvalidFiles
from sync_service.config_file.read.state import ORDER, ORGANISATION, State

KEY_FIELDS = {"cycles": "slug", "teams": "slug", "people": "email"}
"""The field that names an item, by section."""

_WORDS = {"cycles": "cycle", "teams": "team", "people": "person"}


@dataclass(frozen=True, slots=True)
class SettingsEditor:
    """Creates and changes single cycles, teams and people, and the organisation. Raises `InvalidFiles` or `NoItem`."""

    applying: ConfigApplier

    def create(self, section: str, item: Item) -> Plan:
        """Create an item of a section. Its slug or address must be new."""
        name = KEY_FIELDS[section]

        def write(stored: State) -> Files:
            key = str(item[name])
            if key.lower() in (str(one).lower() for one in stored[section]):
                raise InvalidFiles([FileError(PAGE, 1, name, repr(key), "one that is not taken")])
            return _file({section: [item]})

        return self.applying.edit(write)

    def change(self, section: str, key: str, edit: Edit) -> Plan:
        """Change an item of a section; `edit` gets it as an export shows it."""

        def write(stored: State) -> Files:
            item = edit(exported(stored, section, key))
            if section == "people":
                _require_admin(stored, key, item)
            return _file({section: [item]})

        return self.applying.edit(write)

    def change_organisation(self, edit: Edit) -> Plan:
        """Change the organisation; `edit` gets it as an export shows it, empty where there is none."""

        def write(stored: State) -> Files:
            before = exported_organisation(stored)
            item = edit(before)
            return [] if item == before else _file({"organisation": item})

        return self.applying.edit(write)


def exported(stored: State, section: str, key: str) -> Item:
    """Return an item of a section as an export shows it. Raise `NoItem`."""
    if key not in stored[section]:
        raise NoItem(f"there is no {_WORDS[section]} {key}")
    alone: State = {one: {} for one in ORDER} | {section: {key: stored[section][key]}}
    found: Item = export_state(alone)[section][0]
    return found


def exported_organisation(stored: State) -> Item:
    """Return the organisation as an export shows it; empty where there is none."""
    alone: State = {one: {} for one in ORDER} | {"organisation": stored["organisation"]}
    found: Item = export_state(alone).get(ORGANISATION, {})
    return found


def _require_admin(stored: State, key: str, item: Item) -> None:
    """Refuse that the last admin gets another role."""
    others = [one for one, fields in stored["people"].items() if one != key and fields["role"] == "admin"]
    role = item.get("role", "member")
    if stored["people"][key]["role"] == "admin" and role != "admin" and not others:
        allowed = "admin: there is no other one; make somebody else an admin first"
        raise InvalidFiles([FileError(PAGE, 1, "role", repr(role), allowed)])


def _file(written: Item) -> Files:
    """Return a file. JSON is YAML in which typed text cannot have another meaning."""
    return [(PAGE, json.dumps(written).encode())]
