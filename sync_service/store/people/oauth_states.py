"""OAuth states: the one-time `state` of app registrations and OAuth flows, valid only in the session that began it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.engine.encryption import hash_token
from sync_service.store.tables import oauth_state

LIFETIME = timedelta(hours=1)
"""How long a state is valid: as long as the code that GitHub sends with it."""


@dataclass(frozen=True, slots=True)
class AppRequest:
    """The requested connection, as in a configuration file, without credentials."""

    kind: str
    connection_fields: Mapping[str, Any]


def begin(tx: Transaction, request: AppRequest, *, state: str, session: str, now: datetime) -> None:
    """Store a request under its state, and delete expired ones."""
    tx.execute(sa.delete(oauth_state).where(oauth_state.c.expires_at < now))
    tx.execute(
        sa.insert(oauth_state).values(
            state_hash=hash_token(state),
            session_hash=hash_token(session),
            kind=request.kind,
            connection_fields=dict(request.connection_fields),
            expires_at=now + LIFETIME,
        )
    )


def consume(tx: Transaction, *, state: str, session: str, kind: str, now: datetime) -> AppRequest | None:
    """Return and delete the request of a state; None when it is unknown, expired or of another session."""
    mine = sa.and_(
        oauth_state.c.state_hash == hash_token(state),
        oauth_state.c.session_hash == hash_token(session),
        oauth_state.c.kind == kind,
        oauth_state.c.expires_at >= now,
    )
    row = tx.execute(sa.delete(oauth_state).where(mine).returning(oauth_state.c.connection_fields)).one_or_none()
    return None if row is None else AppRequest(kind, row.connection_fields)
