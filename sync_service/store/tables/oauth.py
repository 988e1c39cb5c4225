"""Tables for OAuth states (app registrations under way) and rejected deliveries."""

import sqlalchemy as sa

from sync_service.store.tables.columns import metadata, refers, row_id
from sync_service.store.tables.instant import Instant

# A registration of an app at a tracker, under way: its `state` is valid once, and only in the session that began it.
oauth_state = sa.Table(
    "oauth_state",
    metadata,
    row_id(),
    sa.Column("state_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("session_hash", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(50), nullable=False),
    sa.Column(
        "connection_fields", sa.JSON, nullable=False
    ),  # the connection as in a configuration file, without credentials
    sa.Column("expires_at", Instant, nullable=False),
)


# Count of rejected deliveries: signature wrong or missing. Their bodies and headers are not stored.
rejected_delivery = sa.Table(
    "rejected_delivery",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("last_at", Instant, nullable=False),
    sa.UniqueConstraint("connection_id"),
)
