"""Tables for sign-in links, the first admin's link, sessions, API tokens, the audit log and pinned accounts."""

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


# A login in a person's accounts or in a rule, and the tracker's id of the account that had it when it was first seen.
pinned_account = sa.Table(
    "pinned_account",
    metadata,
    row_id(),
    sa.Column("kind", sa.String(50), nullable=False),
    sa.Column("site", sa.Text, nullable=False),  # as `site_key` writes it
    sa.Column("login", sa.String(200), nullable=False),  # folded
    sa.Column("stable_id", sa.String(200), nullable=False),
    sa.Column("first_seen_at", Instant, nullable=False),  # the tracker's time
    sa.Column("open_until", Instant),  # until then a late delivery may show that another account had it before
    sa.Column("stranger_id", sa.String(200)),  # another account that has the login now
    sa.Column("stranger_seen_at", Instant),
    sa.UniqueConstraint("kind", "site", "login"),
)


# A login whose pinned account a person removed: issues received before do not pin it again.
forgotten_login = sa.Table(
    "forgotten_login",
    metadata,
    row_id(),
    sa.Column("kind", sa.String(50), nullable=False),
    sa.Column("login", sa.String(200), nullable=False),  # folded
    sa.Column("at", Instant, nullable=False),
    sa.UniqueConstraint("kind", "login"),
)
