"""The scopes that move between two connections, in words, for both of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.text import counted
from sync_service.store import tables as t

_NEXT = {"linking": "its issues are linked", "activating": "the changed rules become active"}


def moving_scopes(tx: Transaction) -> Mapping[int, Sequence[str]]:
    """Return what moves to and from each connection."""
    to, of, m, s = t.live_connection.alias(), t.live_connection.alias(), t.scope_move, t.live_scope
    from_ = (of.c.slug.label("of"), of.c.id.label("of_id"), of.c.leaving_at)
    found = (
        sa.select(m, to.c.slug.label("to"), *from_, t.relink_request.c.cursor)
        .join(to, to.c.id == m.c.connection_id)
        .join(s, s.c.id == m.c.from_scope_id)
        .join(of, of.c.id == s.c.connection_id)
        .join(t.relink_request, t.relink_request.c.id == m.c.request_id)
    )
    moves: dict[int, list[str]] = defaultdict(list)
    for row in tx.execute(found.order_by(m.c.id)):
        moves[row.connection_id].append(f"{row.name} comes from {row.of}: {_progress(tx, row)}")
        then = "it counts here until then" + ("; then this connection is removed" if row.leaving_at else "")
        moves[row.of_id].append(f"{row.name} {'moves to' if row.drops else 'is copied to'} {row.to}; {then}")
    return moves


def _progress(tx: Transaction, row: Row[Any]) -> str:
    if row.stage != "copying":
        return _NEXT[row.stage]
    mine = sa.select(sa.func.count()).where(t.issue.c.scope_id == row.from_scope_id)
    copied = tx.scalars(mine.where(t.issue.c.id <= row.cursor)).one()
    return f"{copied:,} of {counted(tx.scalars(mine).one(), 'issue')} copied"
