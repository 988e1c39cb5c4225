"""Insert and update many rows with few statements."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

_Rows = Sequence[Mapping[str, Any]]

Item = TypeVar("Item")

AT_ONCE = 500
"""Rows that one statement names."""


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield items, as many at a time as one statement names."""
    return (items[first : first + AT_ONCE] for first in range(0, len(items), AT_ONCE))


def insert_rows(tx: Transaction, table: sa.Table, rows: _Rows, *, by: str, **same: Any) -> dict[Any, int]:
    """Insert rows, each also with the `same` columns; return their ids by the unique column `by`."""
    ids: dict[Any, int] = {}
    for _, alike in _by_nulls(table, rows):
        kept = [{name: value for name, value in row.items() if not _is_null(table, name, value)} for row in alike]
        statement = sa.insert(table).values(same).returning(table.c[by], table.c.id)
        ids |= {row[0]: row.id for row in tx.execute(statement, kept)}
    return ids


def update_rows(tx: Transaction, table: sa.Table, rows: _Rows, *, by: str = "id") -> None:
    """Update rows, each found by its column `by`; all of them give the same columns."""
    for nulls, alike in _by_nulls(table, rows):
        names = [name for name in alike[0] if name != by and name not in nulls]
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
        statement = sa.update(table).where(table.c[by] == sa.bindparam("found_by"))
        parameters = [{"found_by": row[by], **{f"new_{name}": row[name] for name in names}} for row in alike]
        tx.execute(statement.values(values | dict.fromkeys(nulls, sa.null())), parameters)


def _by_nulls(table: sa.Table, rows: _Rows) -> Iterable[tuple[frozenset[str], _Rows]]:
    """Group rows by their JSON columns without a value: as a parameter, none would be written as the text `null`."""
    found: dict[frozenset[str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[frozenset(name for name, value in row.items() if _is_null(table, name, value))].append(row)
    return found.items()


def _is_null(table: sa.Table, name: str, value: Any) -> bool:
    return value is None and isinstance(table.c[name].type, sa.JSON)
