"""Tables for sign-in links, the first admin's link, sessions, API tokens and the audit log."""

import sqlalchemy as sa

from sync_service.store.tables.columns import metadata, refers, row_id
from sync_service.store.tables.instant import Instant

sign_in_link = sa.Table(
    "sign_in_link",
    metadata,
    row_id(),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    refers("person_id", "person"),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
    sa.Column("mailed_at", Instant),
)


first_admin_link = sa.Table(
    "first_admin_link",
    metadata,
    row_id(),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("created_at", Instant, nullable=False),
)


session = sa.Table(
    "session",
    metadata,
    row_id(),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    refers("person_id", "person"),
    sa.Column("expires_at", Instant, nullable=False),
)


api_token = sa.Table(
    "api_token",
    metadata,
    row_id(),
    sa.Column("name", sa.String(100), nullable=False, unique=True),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("role", sa.String(10), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    sa.Column("expires_at", Instant),
)


audit = sa.Table(
    "audit",
    metadata,
    row_id(),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
)
