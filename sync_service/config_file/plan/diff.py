"""The difference between two states, and how it reads for people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sync_service.config_file.read.errors import format_value
from sync_service.config_file.read.models import SECRET_FIELDS
from sync_service.config_file.read.state import ORDER, Fields, Key, State
from sync_service.domain.rules.condition_text import describe
from sync_service.domain.text import in_full

SINGULAR: Mapping[str, str] = {
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
        what = f"{SINGULAR[self.section]} {format_key(self.key)}"
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


def format_key(key: Key) -> str:
    """Format a key; a link's as `KR-1 ← acme-github:acme/checkout#12`."""
    return key if isinstance(key, str) else f"{key[0]} ← {key[1]}:{key[2]}"


def diff(stored: State, wanted: State, *, prune: bool) -> list[Change]:
    """Return the changes from the stored to the desired state; extra items stay unless `prune`."""
    found: list[Change] = []
    for section in ORDER:
        before, after = stored[section], wanted[section]
        for key, fields in after.items():
            if key not in before or before[key] != fields:
                found.append(Change(section, key, before.get(key), fields))
        if prune:
            found += [Change(section, key, fields, None) for key, fields in before.items() if key not in after]
    return found


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
    elif name in ("accounts", "options", "measure"):
        for one in sorted({*before, *after}):
            if before.get(one) != after.get(one):
                yield f"{name}.{one} {_value(before.get(one))} → {_value(after.get(one))}"
    else:
        yield f"{name} {_value(before)} → {_value(after)}"


def _secret_words(name: str, before: Any, after: Any) -> str:
    if not before:
        return f"{name} set"
    return f"{name} changed" if after else f"{name} removed"


def _condition(condition: Any) -> str:
    return describe(condition) if condition else "none"


def _value(value: Any) -> str:
    if value is None or value in ("", []):
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return in_full(value)
    if isinstance(value, date):
        return str(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else format_value(value)


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
