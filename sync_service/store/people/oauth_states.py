"""OAuth states: the one-time `state` of app registrations and OAuth flows, valid only in the session that began it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.engine.encryption import fingerprint
from sync_service.store.tables import app_request

LIFE = timedelta(hours=1)
"""How long a state is valid: as long as the code that GitHub sends with it."""


@dataclass(frozen=True, slots=True)
class AppRequest:
    """The requested connection, as in a configuration file, without credentials."""

    kind: str
    wanted: Mapping[str, Any]


def begin(tx: Transaction, request: AppRequest, *, state: str, session: str, now: datetime) -> None:
    """Store a request under its state, and delete expired ones."""
    tx.execute(sa.delete(app_request).where(app_request.c.expires_at < now))
    tx.execute(
        sa.insert(app_request).values(
            state_hash=fingerprint(state),
            session_hash=fingerprint(session),
            kind=request.kind,
            wanted=dict(request.wanted),
            expires_at=now + LIFE,
        )
    )


def take(tx: Transaction, *, state: str, session: str, kind: str, now: datetime) -> AppRequest | None:
    """Return and delete the request of a state; None when it is unknown, expired or of another session."""
    mine = sa.and_(
        app_request.c.state_hash == fingerprint(state),
        app_request.c.session_hash == fingerprint(session),
        app_request.c.kind == kind,
        app_request.c.expires_at >= now,
    )
    row = tx.execute(sa.delete(app_request).where(mine).returning(app_request.c.wanted)).one_or_none()
    return None if row is None else AppRequest(kind, row.wanted)
