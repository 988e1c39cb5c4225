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


def with_any(texts: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return what selects the issues whose people have any of these logins or ids, and perhaps some others.

    All issues, where databases could compare the letter case differently.
    """
    if not all(one.isascii() for one in texts):
        return sa.true()
    columns = [sa.cast(issue.c.author, sa.Text), sa.cast(issue.c.assignees, sa.Text)]
    wanted = [orjson.dumps(one).decode() for one in texts]
    return sa.or_(sa.false(), *(column.icontains(one, autoescape=True) for column in columns for one in wanted))


def having(tx: Transaction, connection_ids: Collection[int], logins: Collection[str]) -> Iterator[tuple[Any, Account]]:
    """Yield the issues whose people have these folded logins and known ids, each with the account."""
    i = issue.c
    mine = sa.and_(i.connection_id.in_(connection_ids), with_any(sorted(logins)))
    found = sa.select(i.connection_id, i.author, i.assignees, i.updated_at, i.received_at, i.fetched).where(mine)
    for row in tx.execute(found):
        for columns in (row.author, *row.assignees):
            if columns and len(columns) > 2 and folded(columns[0]) in logins:
                yield row, Account(*columns)
