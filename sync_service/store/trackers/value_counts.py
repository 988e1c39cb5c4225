"""How many issues of a connection have each value of a field, as the tracker writes it; 0: known, on no issue."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.trackers.observations import TermKind
from sync_service.store.tables import issue, live_scope, term

_TEXTS = {"type": "type", "priority": "priority", "resolution": "resolution", "parent": "parent_key"}
_TERMS: Mapping[str, tuple[str, TermKind]] = {
    "labels": ("labels", TermKind.LABEL),
    "components": ("components", TermKind.COMPONENT),
    "versions": ("versions", TermKind.VERSION),
    "sprint": ("sprints", TermKind.SPRINT),
}

FIELDS = frozenset([*_TEXTS, *_TERMS, "scope", "milestone"])
"""The fields whose values can be counted."""


def of_field(tx: Transaction, connection_id: int, field: str) -> Counter[str]:
    """Return the values of a field with how many issues have each."""
    counts: Counter[str] = Counter()
    if field == "scope":
        counts.update(_scopes(tx, connection_id))
    elif field in _TEXTS:
        counts.update(_grouped(tx, connection_id, issue.c[_TEXTS[field]]))
    else:
        kind = TermKind.MILESTONE if field == "milestone" else _TERMS[field][1]
        names = _names(tx, connection_id, kind)
        counts.update(dict.fromkeys((name for name in names.values() if name), 0))
        for id_, number in _carried(tx, connection_id, field):
            name = names.get(id_, id_)
            counts.update({name: number} if name else {})
    return counts


def _carried(tx: Transaction, connection_id: int, field: str) -> Iterator[tuple[str, int]]:
    """Yield ids of terms, each with how many issues have them; an id may come again."""
    if field == "milestone":
        yield from _grouped(tx, connection_id, issue.c.milestone).items()
        return
    for written, number in _grouped(tx, connection_id, sa.cast(issue.c[_TERMS[field][0]], sa.Text)).items():
        for id_ in set(json.loads(written) or ()):
            yield id_, number


def _grouped(tx: Transaction, connection_id: int, column: sa.ColumnElement[Any]) -> dict[str, int]:
    there = (issue.c.connection_id == connection_id, issue.c.gone_reason.is_(None), issue.c.state.isnot(None))
    rows = tx.execute(sa.select(column, sa.func.count()).where(*there, column.isnot(None)).group_by(column))
    return {value: number for value, number in rows if value}


def _names(tx: Transaction, connection_id: int, kind: TermKind) -> dict[str, str | None]:
    mine = (term.c.connection_id == connection_id, term.c.kind == kind.value)
    return {row.external_id: row.name for row in tx.execute(sa.select(term.c.external_id, term.c.name).where(*mine))}


def _scopes(tx: Transaction, connection_id: int) -> dict[str, int]:
    """Return the watched scopes with the number of their issues."""
    there = sa.and_(issue.c.scope_id == live_scope.c.id, issue.c.gone_reason.is_(None), issue.c.state.isnot(None))
    mine = live_scope.c.connection_id == connection_id
    counted = sa.select(live_scope.c.name, sa.func.count(issue.c.id)).outerjoin(issue, there).where(mine)
    return {row[0]: row[1] for row in tx.execute(counted.group_by(live_scope.c.name))}
