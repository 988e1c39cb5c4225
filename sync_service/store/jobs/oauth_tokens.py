"""OAuth tokens that people granted: encrypted, refreshed before they expire, and stored before they are used."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.trackers.capabilities import Consent
from sync_service.store.engine import versions
from sync_service.store.engine.database import database_now, upsert
from sync_service.store.engine.encryption import Sealer
from sync_service.store.jobs import polls
from sync_service.store.okrs import query_listings
from sync_service.store.queue import due, rate_limits, scheduled_tasks
from sync_service.store.tables import consent
from sync_service.store.trackers import connections

EARLY = timedelta(minutes=15)
"""How long before it expires a token is refreshed: this leaves time for several tries."""


def give(tx: Transaction, sealer: Sealer, connection_id: int, granted: Consent, *, by: str, now: datetime) -> None:
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
    upsert(tx, consent, [row], unique=("connection_id",))
    rate_limits.end_all(tx, connection_id)
    polls.ensure(tx, connection_id)
    scheduled_tasks.ensure(tx, connection_id)
    query_listings.hurry(tx, connection_id)
    connections.mend(tx, connection_id)  # last: it bumps the change counter, whose row then stays locked


def renew(tx: Transaction, sealer: Sealer, row: Row[Any], refreshed: Consent, *, now: datetime) -> None:
    """Store refreshed tokens in the claimed row and schedule the next refresh. Raise `LeaseLost`."""
    due.hand_back(tx, consent, row, wait=_wait(refreshed, now), outcome="refreshed", **_columns(sealer, refreshed))


def take_back(tx: Transaction, connection_id: int) -> None:
    """Delete a connection's OAuth tokens."""
    tx.execute(sa.delete(consent).where(consent.c.connection_id == connection_id))


def refresh_of(sealer: Sealer, row: Row[Any]) -> str:
    """Return the refresh token."""
    return sealer.open(row.sealed_refresh)


def _columns(sealer: Sealer, granted: Consent) -> dict[str, Any]:
    return {
        "sealed_access": sealer.seal(granted.access),
        "sealed_refresh": sealer.seal(granted.refresh),
        "expires_at": granted.expires_at,
        "site_id": granted.site_id,
    }


def _wait(granted: Consent, now: datetime) -> timedelta:
    return max(granted.expires_at - EARLY - now, due.FIRST_WAIT)
