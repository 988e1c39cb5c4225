"""Scope changes at the tracker: a watched scope was renamed, deleted, hidden from us, or is visible again."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.trackers.observations import AccountSeen, ScopeSeen
from sync_service.store.queue import relink_requests
from sync_service.store.tables import live_scope, scope
from sync_service.store.trackers import connection_alerts, descendants, known_keys
from sync_service.store.trackers.outcomes import ignored
from sync_service.store.trackers.scope_names import current_name

_Report = ScopeSeen | AccountSeen


def note_scope(tx: Transaction, connection_id: int, seen: ScopeSeen, *, received_at: datetime) -> str:
    """Save a change of a scope, which is found by its id; return the outcome as text."""
    watched = sa.and_(live_scope.c.connection_id == connection_id, live_scope.c.external_id == seen.scope.id)
    row = tx.execute(sa.select(live_scope).where(watched)).one_or_none()
    if row is None:
        return ignored(f"{seen.scope.name or seen.scope.id} is not watched")
    return f"{row.name}: {_save(tx, row, seen, name=seen.scope.name, received_at=received_at)}"


def note_account(tx: Transaction, connection_id: int, seen: AccountSeen, *, received_at: datetime) -> str:
    """Save a change of every scope of an account; return the outcome as text."""
    names = {seen.name.lower(), (seen.was or seen.name).lower()}
    rows = tx.execute(
        sa.select(live_scope).where(live_scope.c.connection_id == connection_id).order_by(live_scope.c.id)
    ).all()
    owned_rows = [row for row in rows if current_name(row).lower().partition("/")[0] in names and "/" in row.name]
    if not owned_rows:
        return ignored(f"no repository of {seen.was or seen.name} is watched")
    return "; ".join(
        f"{row.name}: {_save(tx, row, seen, name=_with_owner(seen.name, row), received_at=received_at)}"
        for row in owned_rows
    )


def find_current_name(tx: Transaction, connection_id: int, external_id: str) -> str | None:
    """Return the current name of a watched scope, by its id at the tracker; None when it is not watched."""
    mine = sa.and_(live_scope.c.connection_id == connection_id, live_scope.c.external_id == external_id)
    row = tx.execute(sa.select(live_scope).where(mine)).one_or_none()
    return None if row is None else current_name(row)


def _with_owner(owner: str, row: Row[Any]) -> str:
    return f"{owner}/{current_name(row).partition('/')[2]}"


def _save(tx: Transaction, row: Row[Any], seen: _Report, *, name: str, received_at: datetime) -> str:
    """Save a scope's name and whether it can be watched; return what changed, as text."""
    renamed = bool(name) and name.lower() != current_name(row).lower()
    changes: dict[str, Any] = {"current_name": None if name.lower() == row.name.lower() else name} if renamed else {}
    texts = [f"is now called {name}"] if renamed else []
    if renamed and row.external_id is not None:
        known_keys.record_scope_name(tx, row.connection_id, external_id=row.external_id, name=current_name(row))
        relink_requests.rename(tx, row.connection_id, scope=row.external_id, was=current_name(row), now=name)
        descendants.match_siblings(tx, row.connection_id, f"{current_name(row)} is now called {name}")
    if seen.gone or seen.returned:
        at = seen.at or received_at
        if row.gone_for_good:
            texts.append(f"nothing new, since {row.gone_reason}")
        elif row.gone_at is not None and at < row.gone_at and not seen.for_good:
            texts.append("something newer is known")
        else:
            changes |= {"gone_reason": seen.gone, "gone_at": at, "gone_for_good": seen.for_good}
            texts += [seen.gone] if seen.gone else ["can be watched again"] if row.gone_reason else []
    if changes:
        tx.execute(sa.update(scope).where(scope.c.id == row.id).values(changes))
    if changes.get("gone_reason") and not row.gone_reason:
        connection_alerts.note_gone(tx, row.connection_id, row.id)
    return ", ".join(texts) or "nothing new"
