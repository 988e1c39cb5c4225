"""Edit objectives and key results from pages: each edit is written as a file and applied as one.

Whoever owns an objective may change it and its key results, and whoever owns a key result may change that; admins may
change all, and they alone make objectives.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sync_service.config_file.plan.apply import ConfigApplier, Files, Plan
from sync_service.config_file.plan.export import export_state
from sync_service.config_file.read.errors import FileError, InvalidFiles
from sync_service.config_file.read.state import ORDER, Fields, Key, State
from sync_service.domain.okrs.slugs import next_key_result, slug_of_title

Item = Mapping[str, Any]
"""An objective (without its key results) or a key result (with its `objective`), as in a file."""

Edit = Callable[[Item], Item]
"""Returns an item as it shall be, from what it is now."""

PAGE = "page"
"""Stands for the file name in errors; people see only the fields."""


class NoItem(LookupError):
    """There is no such objective or key result, or no longer; the message says which."""


class NotAllowed(Exception):
    """The person may not do this; the message says who may."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who edits: `email` is None for an API token. `role` is admin, member or viewer."""

    role: str
    email: str | None

    @property
    def is_admin(self) -> bool:
        """Whether everything may be changed."""
        return self.role == "admin"

    def may_change_objective(self, owner: str | None) -> bool:
        """Return whether an objective of this owner may be changed, with its key results."""
        return self.is_admin or (self.role == "member" and self.email is not None and self.email == owner)

    def may_change_key_result(self, owner: str | None, objective_owner: str | None) -> bool:
        """Return whether a key result may be changed; `owner` is None where it is the objective's."""
        return self.may_change_objective(objective_owner) or self.may_change_objective(owner)


@dataclass(frozen=True, slots=True)
class OkrEditor:
    """Creates and changes single objectives and key results. Each raises `InvalidFiles`, `NoItem` or `NotAllowed`."""

    applying: ConfigApplier
    writer: Writer

    def create_objective(self, item: Item) -> Plan:
        """Create an objective. The slug must be new; without one, it is made from the title."""
        if not self.writer.is_admin:
            raise NotAllowed("only admins make objectives")

        def write(stored: State) -> Files:
            slug = item.get("slug") or slug_of_title(str(item.get("title", "")), _names(stored, "objectives"))
            _require_new(stored, "objectives", slug)
            return _file({**item, "slug": slug})

        return self.applying.edit(write)

    def change_objective(self, slug: str, edit: Edit) -> Plan:
        """Change an objective; `edit` gets it as an export shows it."""

        def write(stored: State) -> Files:
            self._require_objective(stored, slug)
            return _file(edit(exported_objective(stored, slug)))

        return self.applying.edit(write)

    def create_key_result(self, item: Item) -> Plan:
        """Create a key result in its `objective`. The slug must be new; without one, it is the next `KR-` number."""

        def write(stored: State) -> Files:
            self._require_objective(stored, str(item["objective"]))
            slug = item.get("slug") or next_key_result(_names(stored, "key_results"))
            _require_new(stored, "key_results", slug)
            return _file_of_key_result(stored, {**item, "slug": slug})

        return self.applying.edit(write)

    def change_key_result(self, slug: str, edit: Edit) -> Plan:
        """Change a key result; `edit` gets it as an export shows it. Another `objective` moves it there."""

        def write(stored: State) -> Files:
            item = exported_key_result(stored, slug)
            owner = stored["objectives"][item["objective"]]["owner"]
            if not self.writer.may_change_key_result(item.get("owner"), owner):
                raise NotAllowed(f"only its owner, the owner of its objective and admins change {slug}")
            changed = edit(item)
            if changed["objective"] != item["objective"]:
                self._require_objective(stored, str(changed["objective"]))
            return _file_of_key_result(stored, changed)

        return self.applying.edit(write)

    def plan_key_result(self, stored: State, item: Item) -> Fields:
        """Return the fields that a key result would have, with the defaults of its measure, and change nothing."""
        plan = self.applying.plan(_file_of_key_result(stored, item), prune=False)
        changed = (one for one in plan.changes if one.section == "key_results" and one.key == item["slug"])
        fields = next((one.after for one in changed), None)
        return stored["key_results"][str(item["slug"])] if fields is None else fields

    def _require_objective(self, stored: State, slug: str) -> None:
        if slug not in stored["objectives"]:
            raise NoItem(f"there is no objective {slug}")
        if not self.writer.may_change_objective(stored["objectives"][slug]["owner"]):
            raise NotAllowed(f"only its owner and admins change the objective {slug} and add key results to it")


def exported_objective(stored: State, slug: str) -> Item:
    """Return an objective as an export shows it, without its key results. Raise `NoItem`."""
    if slug not in stored["objectives"]:
        raise NoItem(f"there is no objective {slug}")
    found: Item = export_state(_alone(objectives={slug: stored["objectives"][slug]}))["objectives"][0]
    return found


def exported_key_result(stored: State, slug: str) -> Item:
    """Return a key result as an export shows it, with its objective. Raise `NoItem`."""
    if slug not in stored["key_results"]:
        raise NoItem(f"there is no key result {slug}")
    fields = stored["key_results"][slug]
    objective = str(fields["objective"])
    alone = _alone(objectives={objective: stored["objectives"][objective]}, key_results={slug: fields})
    return {"objective": objective, **export_state(alone)["objectives"][0]["key_results"][0]}


def _alone(**sections: Mapping[Key, Fields]) -> State:
    return {section: dict(sections.get(section, {})) for section in ORDER}


def _names(stored: State, section: str) -> list[str]:
    return [str(key) for key in stored[section]]


def _require_new(stored: State, section: str, slug: str) -> None:
    if slug.lower() in (name.lower() for name in _names(stored, section)):
        raise InvalidFiles([FileError(PAGE, 1, "slug", repr(slug), "a short name that is not taken")])


def _file_of_key_result(stored: State, item: Item) -> Files:
    own = {name: value for name, value in item.items() if name != "objective"}
    return _file({**exported_objective(stored, str(item["objective"])), "key_results": [own]})


def _file(objective: Item) -> Files:
    """Return the file of one objective. JSON is YAML in which typed text cannot have another meaning."""
    return [(PAGE, json.dumps({"objectives": [objective]}).encode())]
