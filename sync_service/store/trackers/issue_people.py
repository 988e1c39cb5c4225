"""The authors and assignees of issues: how they are stored, and which issues some accounts have."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.text import folded
from sync_service.domain.trackers.observations import Account
from sync_service.store.tables import issue


def to_columns(account: Account) -> list[str]:
    """Return an account as it is stored: login, name, and its id if it is known."""
    return [account.id, account.name, *([account.stable_id] if account.stable_id is not None else [])]


MOST_TEXTS = 100
"""Logins and ids that one statement asks for."""


def with_any(texts: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return what selects the issues whose people have any of these logins or ids, and perhaps some others.

    All issues, where databases could compare the letter case differently, and where there are too many texts for a
    statement: SQLite takes a thousand conditions at most.
    """
    if len(texts) > MOST_TEXTS or not all(one.isascii() for one in texts):
        return sa.true()
    columns = [sa.cast(issue.c.author, sa.Text), sa.cast(issue.c.assignees, sa.Text)]
    wanted = [orjson.dumps(one).decode() for one in texts]
    return sa.or_(sa.false(), *(column.icontains(one, autoescape=True) for column in columns for one in wanted))


def having(tx: Transaction, connection_ids: Collection[int], logins: Collection[str]) -> Iterator[tuple[Any, Account]]:
    """Yield the issues whose people have these folded logins and known ids, each with the account."""
    ordered, i = sorted(logins), issue.c
    for first in range(0, len(ordered), MOST_TEXTS):
        some = ordered[first : first + MOST_TEXTS]
        mine = sa.and_(i.connection_id.in_(connection_ids), with_any(some))
        found = sa.select(i.connection_id, i.author, i.assignees, i.updated_at, i.received_at, i.fetched).where(mine)
        for row in tx.execute(found):
            for columns in (row.author, *row.assignees):
                if columns and len(columns) > 2 and folded(columns[0]) in some:
                    yield row, Account(*columns)
