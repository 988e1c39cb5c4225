"""What is under way between us and a tracker's pages, and what came with a wrong signature."""

import sqlalchemy as sa

from sync_service.store.database import Instant
from sync_service.store.tables.columns import metadata, refers, row_id

# An app that somebody went to register at a tracker: the state that comes back is good once, in their session alone.
app_request = sa.Table(
    "app_request",
    metadata,
    row_id(),
    sa.Column("state_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("session_hash", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(50), nullable=False),
    sa.Column("wanted", sa.JSON, nullable=False),  # the connection as a file would have it, without credentials
    sa.Column("expires_at", Instant, nullable=False),
)


# Deliveries with a wrong signature, or none: no body and no header of them is kept.
forgery = sa.Table(
    "forgery",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("last_at", Instant, nullable=False),
    sa.UniqueConstraint("connection_id"),
)
