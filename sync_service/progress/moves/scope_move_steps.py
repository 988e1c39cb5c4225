"""Move a scope to another connection, one step in a transaction; `relink_jobs.py` makes the links."""

from datetime import timedelta
from typing import Any

from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.jobs import polls
from sync_service.store.okrs import query_listings
from sync_service.store.queue import due, scheduled_tasks
from sync_service.store.trackers import connections, scope_moves

WAIT = timedelta(seconds=2)
"""How long rules wait for a move, and a move for rules, before they look again."""


def copy(tx: Transaction, row: Row[Any], move: Row[Any]) -> None:
    """Copy the next issues; once all are there, let the connection watch the scope."""
    versions.lock_rules(tx)  # first: while it is held, no issue is changed
    last = scope_moves.copy_chunk(tx, move, after=row.cursor)
    if last is not None:
        due.release(tx, tables.relink_request, row, cursor=last)
        return
    versions.bump(tx, versions.RULES)
    scope_moves.watch(tx, move)
    if connections.can_call(tx, move.connection_id):
        polls.ensure(tx, move.connection_id)
        scheduled_tasks.ensure(tx, move.connection_id)
    query_listings.hurry(tx, move.connection_id)
    due.release(tx, tables.relink_request, row, cursor=0)


def end(tx: Transaction, row: Row[Any], move: Row[Any]) -> bool:
    """End the move, once the connection's new rules are active; return whether it has ended."""
    if move.stage == "linking":
        scope_moves.set_stage(tx, move, "activating")
    if scope_moves.waits_for_rules(tx, move):
        due.release(tx, tables.relink_request, row, wait=WAIT)
        return False
    versions.bump(tx, versions.RULES)
    scope_moves.end(tx, move)
    return True
