"""Where each item was made, who changed it last, and which of its fields people wrote on pages since."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.config_file.read.cross_checks import NAMED, REFERENCES, name_of
from sync_service.config_file.read.parse import Document
from sync_service.config_file.read.state import ORDER, ORGANISATION, Fields, Key, State
from sync_service.store import tables as t

MAPPINGS = ("accounts", "options", "measure", "thresholds", "calendar", "quiet", "stay")
"""Fields whose values are mappings; each of their keys is edited by itself."""

NOT_WRITTEN = ("starts_at", "ends_at")
"""Fields that follow from others."""

_CONFIGURED = sa.select(t.live_connection).where(t.live_connection.c.leaving_at.is_(None)).subquery("connection")

_NAMED: Mapping[str, tuple[sa.FromClause, sa.ColumnElement[Any]]] = {
    "teams": (t.team, t.team.c.slug),
    "people": (t.person, t.person.c.email),
    "cycles": (t.live_cycle, t.live_cycle.c.slug),
    "connections": (_CONFIGURED, _CONFIGURED.c.slug),
    "objectives": (t.live_objective, t.live_objective.c.slug),
    "key_results": (t.live_key_result, t.live_key_result.c.slug),
    "rules": (t.rule, t.rule.c.slug),
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an item was made (`file` or `page`), who changed it last, and who wrote which fields on pages."""

    made_by: str = "file"
    changed_by: str = ""
    edits: Mapping[str, str] = field(default_factory=dict)


Origins = Mapping[tuple[str, Key], Origin]
"""The origins of items by section and key."""


def read_origins(tx: Transaction) -> dict[tuple[str, Key], Origin]:
    """Return the origins of all items."""
    found: dict[tuple[str, Key], Origin] = {}
    for section, (table, name) in _NAMED.items():
        for row in tx.execute(sa.select(name.label("name"), *_columns(table))):
            found[section, row.name] = _origin(row)
    for row in tx.execute(sa.select(*_columns(t.organisation))):
        found["organisation", ORGANISATION] = _origin(row)
    m, c, k = t.manual_link, t.live_connection, t.live_key_result
    links = (
        sa.select(k.c.slug.label("of"), c.c.slug.label("at"), m.c.key, *_columns(m))
        .join(c, c.c.id == m.c.connection_id)
        .join(k, k.c.id == m.c.key_result_id)
    )
    for row in tx.execute(links):
        found["links", (row.of, row.at, row.key)] = _origin(row)
    return found


def _columns(table: sa.FromClause) -> Iterable[sa.ColumnElement[Any]]:
    return (table.c.origin, table.c.changed_by, table.c.page_edits)


def _origin(row: sa.Row[Any]) -> Origin:
    return Origin(row.origin, row.changed_by, row.page_edits)


def flat(fields: Fields) -> Iterator[tuple[str, Any]]:
    """Yield what people can write by itself, with its path: a field, a key of a mapping, or one scope."""
    for name, value in fields.items():
        if name in MAPPINGS:
            yield from ((f"{name}.{one}", inner) for one, inner in (value or {}).items())
        elif name == "scopes":
            yield from ((f"{name}.{one}", True) for one in value)
        elif name not in NOT_WRITTEN:
            yield name, value


def written_paths(before: Fields | None, after: Fields) -> set[str]:
    """Return the paths that an edit wrote: what differs, or what a new item has."""
    if before is None:
        return {path for path, value in flat(after) if path != "position" and value not in (None, "", (), [], {})}
    return differing_paths(before, after)


def differing_paths(before: Fields, after: Fields) -> set[str]:
    """Return the paths at which two versions of an item differ."""
    old, new = dict(flat(before)), dict(flat(after))
    return {path for path in {**old, **new} if old.get(path) != new.get(path)}


def at_path(fields: Fields, path: str) -> tuple[str, Any]:
    """Return the field of a path, with only the part of its value that the path names."""
    name, _, part = path.partition(".")
    value = fields[name]
    if not part:
        return name, value
    if name == "scopes":
        return name, tuple(one for one in value if one == part)
    return name, {one: inner for one, inner in (value or {}).items() if one == part}


def staying(document: Document, stored: State, origins: Origins, *, prune: bool) -> State:
    """Return the stored items that stay when files lack them: all, or with `prune` those that pages made.

    What a page made needs stays too: its key result, the objective of that, the cycle.
    """
    if not prune:
        return stored
    named = {(section, name_of(part)) for section in NAMED for part in document.items[section]}
    kept: State = {section: {} for section in ORDER}
    waiting = [item for item, origin in origins.items() if origin.made_by == "page" and item not in named]
    while waiting:
        section, key = waiting.pop()
        if key in stored[section] and key not in kept[section]:
            kept[section][key] = stored[section][key]
            waiting += _needed(section, key, stored[section][key])
    return kept


def _needed(section: str, key: Key, fields: Fields) -> Iterator[tuple[str, Key]]:
    """Yield the items that an item belongs to; a person who owns it may go."""
    if section == "links":
        yield from (("key_results", key[0]), ("connections", key[1]))
        return
    if section == "key_results":
        yield "objectives", fields["objective"]
    for field_name, target in REFERENCES.get(section, {}).items():
        if target != "people" and fields[field_name] is not None:
            yield target, fields[field_name]
