"""The difference between two states, and how it reads for people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sync_service.config_file.plan.page_edits import MAPPINGS, Origin, Origins, at_path, differing_paths
from sync_service.config_file.read.errors import format_value
from sync_service.config_file.read.models import SECRET_FIELDS
from sync_service.config_file.read.state import ORDER, ORGANISATION, Fields, Key, State
from sync_service.domain.rules.condition_text import describe
from sync_service.domain.text import in_full, range_words

SINGULAR: Mapping[str, str] = {
    "organisation": "organisation",
    "teams": "team",
    "people": "person",
    "cycles": "cycle",
    "connections": "connection",
    "objectives": "objective",
    "key_results": "key result",
    "rules": "rule",
    "links": "link",
}
"""The name of one item of a section."""

_FOLLOWS = {"starts_at": "starts", "ends_at": "ends"}
"""Fields that are not listed when the other one changed."""


@dataclass(frozen=True, slots=True)
class Change:
    """One item that is created (`before` None), changed, or removed (`after` None)."""

    section: str
    key: Key
    before: Fields | None
    after: Fields | None

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the names of the fields that differ; none when the item is created or removed."""
        if self.before is None or self.after is None:
            return ()
        return tuple(name for name in self.after if self.after[name] != self.before[name])

    def differs(self, *names: str) -> bool:
        """Return whether one of the fields changed."""
        return any(name in self.fields for name in names)

    def __str__(self) -> str:
        """Describe the change in one line: `~ key result KR-1: target 100 → 90`."""
        what = format_item(self.section, self.key)
        if self.before is None:
            return f"+ {what}"
        return f"- {what}" if self.after is None else f"~ {what}: {', '.join(self.words())}"

    def scope_words(self) -> Iterator[tuple[str, str]]:
        """Yield each scope that is newly watched or no longer, and that in words."""
        if self.differs("scopes"):
            yield from _scope_words((self.before or {})["scopes"], (self.after or {})["scopes"])

    def words(self, *names: str) -> Iterator[str]:
        """Yield how fields changed: the named ones, or all."""
        for name in self.fields:
            if (not names or name in names) and not self.differs(_FOLLOWS.get(name, "")):
                yield from _field_words(name, (self.before or {})[name], (self.after or {})[name])


def _scope_words(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield from ((one, f"scope {one} watched") for one in after if one not in before)
    yield from ((one, f"scope {one} no longer watched") for one in before if one not in after)


def format_item(section: str, key: Key) -> str:
    """Format an item: `key result KR-1`, `organisation`."""
    return SINGULAR[section] if key == ORGANISATION == section else f"{SINGULAR[section]} {format_key(key)}"


def format_key(key: Key) -> str:
    """Format a key; a link's as `KR-1 ← acme-github:acme/checkout#12`."""
    return key if isinstance(key, str) else f"{key[0]} ← {key[1]}:{key[2]}"


def diff(stored: State, wanted: State, *, staying: State) -> list[Change]:
    """Return the changes from the stored to the desired state; items in neither it nor `staying` are removed."""
    found: list[Change] = []
    for section in ORDER:
        before, after = stored[section], wanted[section]
        for key, fields in after.items():
            if key not in before or before[key] != fields:
                found.append(Change(section, key, before.get(key), fields))
        extra = (key for key in before if key not in after and key not in staying[section])
        found += [Change(section, key, before[key], None) for key in extra]
    return found


def reverted(changes: Iterable[Change], origins: Origins) -> Iterator[str]:
    """Yield what changes would undo of what people wrote on pages, one line for each field."""
    for change in changes:
        edits = origins.get((change.section, change.key), Origin()).edits
        what = format_item(change.section, change.key)
        if change.before is None or not edits:
            continue
        if change.after is None:
            for path, who in sorted(edits.items()):
                yield f"{what}: removed with its {path.partition('.')[0]}, which {who} wrote on a page"
            continue
        for path in sorted(differing_paths(change.before, change.after) & set(edits)):
            name, was = at_path(change.before, path)
            _, becomes = at_path(change.after, path)
            words = ", ".join(_field_words(name, was, becomes))
            yield f"{what}: {words}, which {edits[path]} wrote on a page"


def summarize(changes: Iterable[Change]) -> str:
    """Sum up changes: `2 created, 1 changed, 0 removed`."""
    listed = list(changes)
    created = sum(change.before is None for change in listed)
    removed = sum(change.after is None for change in listed)
    return f"{created} created, {len(listed) - created - removed} changed, {removed} removed"


def _field_words(name: str, before: Any, after: Any) -> Iterator[str]:
    if name in SECRET_FIELDS:
        yield _secret_words(name.replace("_", " "), before, after)
    elif name == "scopes":
        yield from (words for _, words in _scope_words(before, after))
    elif name == "position":
        yield "position in the list"
    elif name == "when":
        yield f"when {_condition(before)} → {_condition(after)}"
    elif name == "stay":
        yield f"stay {_range(before)} → {_range(after)}"
    elif name in MAPPINGS:
        old, new = before or {}, after or {}
        for one in sorted({*old, *new}):
            if old.get(one) != new.get(one):
                yield f"{name}.{one} {_value(old.get(one))} → {_value(new.get(one))}"
    else:
        yield f"{name} {_value(before)} → {_value(after)}"


def _secret_words(name: str, before: Any, after: Any) -> str:
    if not before:
        return f"{name} set"
    return f"{name} changed" if after else f"{name} removed"


def _condition(condition: Any) -> str:
    return describe(condition) if condition else "none"


def _range(stay: Any) -> str:
    return range_words(stay) if stay else "none"


def _value(value: Any) -> str:
    if value is None or value in ("", []):
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return in_full(value)
    if isinstance(value, date):
        return str(value)
    return ", ".join(map(_element, value)) if isinstance(value, list) else format_value(value)


def _element(value: Any) -> str:
    return in_full(value) if isinstance(value, float) else str(value)


def positions(wanted: Sequence[str], stored: Mapping[str, int]) -> dict[str, int]:
    """Return the position of each wanted item. `stored` must be in its present order.

    Only a changed order is a change, whatever numbers express it. Items in their old order keep their positions, and
    new ones at the end follow them; otherwise number all again.
    """
    kept = [one for one in stored if one in set(wanted)]
    if list(wanted[: len(kept)]) == kept:
        after = max((stored[one] for one in stored), default=-1) + 1
        new = {one: after + index for index, one in enumerate(wanted[len(kept) :])}
        return {one: stored[one] for one in kept} | new
    return {one: index for index, one in enumerate(wanted)}
