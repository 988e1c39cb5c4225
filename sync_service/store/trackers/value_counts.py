"""How many issues of a connection have each value of a field, as the tracker writes it; 0: known, on no issue."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.field_tests.custom_values import PREFIX
from sync_service.domain.text import folded
from sync_service.domain.trackers.fields.custom_fields import FieldType, custom_fields_of, value_of
from sync_service.domain.trackers.observations import Account, TermKind
from sync_service.store.tables import issue, live_connection, live_scope, term
from sync_service.store.trackers.custom_values import custom_values

_TEXTS = {"type": "type", "priority": "priority", "resolution": "resolution", "parent": "parent_key"}
_TERMS: Mapping[str, tuple[str, TermKind]] = {
    "labels": ("labels", TermKind.LABEL),
    "components": ("components", TermKind.COMPONENT),
    "versions": ("versions", TermKind.VERSION),
    "sprint": ("sprints", TermKind.SPRINT),
}

FIELDS = frozenset([*_TEXTS, *_TERMS, "scope", "milestone"])
"""The fields whose values can be counted."""


def of_field(
    tx: Transaction, connection_id: int, field: str, read: Mapping[str, Sequence[str | None]] | None = None
) -> dict[str, int]:
    """Return the values of a field with how many issues have each.

    `read` are columns of issues that were read already, by their names, with JSON as its text.
    """
    if field == "scope":
        return _scopes(tx, connection_id)
    if is_custom(field):
        return _custom(tx, connection_id, field, read or {})
    column = _column(field)
    written = Counter((read or {}).get(column) or _read(tx, connection_id, column))
    del written[None]
    if field in _TEXTS:
        return {value: count for value, count in written.items() if value}
    names = term_names(tx, connection_id, TermKind.MILESTONE if field == "milestone" else _TERMS[field][1])
    found = dict.fromkeys((name for name in names.values() if name), 0)
    for id_, count in _by_id(field, written).items():
        name = names.get(id_, id_)
        if name:
            found[name] = found.get(name, 0) + count
    return found


def on_some_issue(
    tx: Transaction, connection_id: int, field: str, value: str, read: Mapping[str, Sequence[str | None]]
) -> bool:
    """Return whether an issue has a value, as far as that is found without counting: much the most common answer.

    `read` are columns of issues, as in `of_field`.
    """
    if field == "scope":
        return _scope_has_issues(tx, connection_id, value)
    if is_custom(field):
        return False  # they are counted
    column = read.get(_column(field), ())
    if field in _TEXTS:
        return any(folded(one) == folded(value) for one in set(column) if one)
    ids = _ids_named(tx, connection_id, field, value)
    if field == "milestone":
        return not set(column).isdisjoint(ids)
    written = [json.dumps(id_) for id_ in ids]
    return any(any(one in text for text in column if text) for one in written)


def _ids_named(tx: Transaction, connection_id: int, field: str, value: str) -> list[str]:
    kind = TermKind.MILESTONE if field == "milestone" else _TERMS[field][1]
    names = term_names(tx, connection_id, kind)
    same = [id_ for id_, name in names.items() if name and folded(name) == folded(value)]
    return same if value in names else [*same, value]  # where terms have no ids of their own, the name is the id


ACCOUNT_FIELDS = {"author": "author", "assignee": "assignees"}
"""The fields whose values are accounts, with their columns."""


@dataclass(frozen=True, slots=True)
class AccountCount:
    """An account, and how many issues have it in a field."""

    account: Account
    issues: int


def accounts(
    tx: Transaction, connection_id: int, field: str, read: Mapping[str, Sequence[str | None]]
) -> list[AccountCount]:
    """Return the accounts that issues of a connection have in a field.

    `read` are columns of issues, as in `of_field`.
    """
    column = ACCOUNT_FIELDS[field]
    found: Counter[tuple[Any, ...]] = Counter()
    for text, count in Counter(read.get(column) or _read(tx, connection_id, column)).items():
        held = json.loads(text or "null") or []
        for one in held if field == "assignee" else [held] if held else []:
            found[tuple(one)] += count
    return [AccountCount(Account(*one), count) for one, count in found.items()]


def is_custom(field: str) -> bool:
    """Return whether a condition names a custom field so."""
    return field.startswith(PREFIX)


def _custom(
    tx: Transaction, connection_id: int, field: str, read: Mapping[str, Sequence[str | None]]
) -> dict[str, int]:
    """Return the values of a custom field; none of a number or a date."""
    options = tx.scalar(sa.select(live_connection.c.options).where(live_connection.c.id == connection_id))
    one = custom_fields_of(options or {}).get(field.removeprefix(PREFIX))
    found: Counter[str] = Counter()
    if one is None:
        return {}
    written = Counter(read.get("custom_fields") or _read(tx, connection_id, "custom_fields"))
    for stored, count in written.items():
        value = value_of(one, custom_values(json.loads(stored or "null")))
        if value is not None and value.type not in (FieldType.NUMBER, FieldType.DATE):
            found.update({text.partition("\t")[0]: count for text in value.values})
    return dict(found)


def _column(field: str) -> str:
    return _TEXTS[field] if field in _TEXTS else _TERMS[field][0] if field in _TERMS else field


def _by_id(field: str, written: Mapping[str | None, int]) -> dict[str, int]:
    """Return how many issues have each term, by its id."""
    if field == "milestone":
        return {id_: count for id_, count in written.items() if id_}
    found: dict[str, int] = {}
    for ids, count in zip(parsed(written), written.values(), strict=True):
        for id_ in dict.fromkeys(ids):
            found[id_] = found.get(id_, 0) + count
    return found


def parsed(written: Iterable[str | None]) -> list[list[str]]:
    """Return lists that are given as JSON texts: all of them at once, which takes a fifth of the time."""
    every: list[list[str] | None] = json.loads(f"[{','.join(one or 'null' for one in written)}]")
    return [one or [] for one in every]


def _read(tx: Transaction, connection_id: int, name: str) -> list[str | None]:
    column = sa.cast(issue.c[name], sa.Text)
    there = (issue.c.connection_id == connection_id, issue.c.gone_reason.is_(None), issue.c.state.isnot(None))
    return [row[0] for row in tx.execute(sa.select(column).where(*there)).all()]


def term_names(tx: Transaction, connection_id: int, kind: TermKind) -> dict[str, str | None]:
    """Return the names of all known terms of a kind, by their ids; None: it was deleted."""
    mine = (term.c.connection_id == connection_id, term.c.kind == kind.value)
    return {row.external_id: row.name for row in tx.execute(sa.select(term.c.external_id, term.c.name).where(*mine))}


def _scope_has_issues(tx: Transaction, connection_id: int, value: str) -> bool:
    scopes = tx.execute(
        sa.select(live_scope.c.id, live_scope.c.name).where(live_scope.c.connection_id == connection_id)
    )
    ids = [row.id for row in scopes if folded(row.name) == folded(value)]
    there = (issue.c.scope_id.in_(ids), issue.c.gone_reason.is_(None), issue.c.state.isnot(None))
    return tx.scalars(sa.select(sa.exists().where(*there))).one()


def _scopes(tx: Transaction, connection_id: int) -> dict[str, int]:
    """Return the watched scopes with the number of their issues."""
    there = sa.and_(issue.c.scope_id == live_scope.c.id, issue.c.gone_reason.is_(None), issue.c.state.isnot(None))
    mine = live_scope.c.connection_id == connection_id
    counted = sa.select(live_scope.c.name, sa.func.count(issue.c.id)).outerjoin(issue, there).where(mine)
    return {row[0]: row[1] for row in tx.execute(counted.group_by(live_scope.c.name))}
