"""OAuth tokens that people granted: encrypted, refreshed before they expire, and stored before they are used."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.trackers.capabilities import OAuthTokens
from sync_service.store.engine import versions
from sync_service.store.engine.database import database_now, upsert
from sync_service.store.engine.encryption import Sealer
from sync_service.store.jobs import polls
from sync_service.store.okrs import query_listings
from sync_service.store.queue import due, rate_limits, scheduled_tasks
from sync_service.store.tables import oauth_token
from sync_service.store.trackers import connections

REFRESH_MARGIN = timedelta(minutes=15)
"""How long before it expires a token is refreshed: this leaves time for several tries."""


def store_granted(
    tx: Transaction, sealer: Sealer, connection_id: int, granted: OAuthTokens, *, by: str, now: datetime
) -> None:
    """Store the OAuth tokens that a person just granted, replacing older ones, and start to call the tracker.

    Call this first in `tx`: it changes the rules' version, because issues can be fetched from now on.
    """
    versions.bump(tx, versions.RULES)
    row = _columns(sealer, granted) | {
        "connection_id": connection_id,
        "given_by": by,
        "given_at": now,
        "due_at": database_now(tx) + _wait(granted, now),
        "lease": None,
        "attempts": 0,
        "settled_at": None,
        "buried_at": None,
        "outcome": "",
    }
    upsert(tx, oauth_token, [row], unique=("connection_id",))
    rate_limits.clear(tx, connection_id)
    polls.ensure(tx, connection_id)
    scheduled_tasks.ensure(tx, connection_id)
    query_listings.hurry(tx, connection_id)
    connections.clear_refusal(tx, connection_id)  # last: it bumps the change counter, whose row then stays locked


def store_refreshed(tx: Transaction, sealer: Sealer, row: Row[Any], refreshed: OAuthTokens, *, now: datetime) -> None:
    """Store refreshed tokens in the claimed row and schedule the next refresh. Raise `LeaseLost`."""
    due.release(tx, oauth_token, row, wait=_wait(refreshed, now), outcome="refreshed", **_columns(sealer, refreshed))


def revoke(tx: Transaction, connection_id: int) -> None:
    """Delete a connection's OAuth tokens."""
    tx.execute(sa.delete(oauth_token).where(oauth_token.c.connection_id == connection_id))


def refresh_token(sealer: Sealer, row: Row[Any]) -> str:
    """Return the refresh token."""
    return sealer.decrypt(row.sealed_refresh)


def _columns(sealer: Sealer, granted: OAuthTokens) -> dict[str, Any]:
    return {
        "sealed_access": sealer.encrypt(granted.access),
        "sealed_refresh": sealer.encrypt(granted.refresh),
        "expires_at": granted.expires_at,
        "site_id": granted.site_id,
    }


def _wait(granted: OAuthTokens, now: datetime) -> timedelta:
    return max(granted.expires_at - REFRESH_MARGIN - now, due.FIRST_WAIT)
