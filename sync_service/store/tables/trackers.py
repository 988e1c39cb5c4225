"""Tables for connections, OAuth, rate limits, scopes, the inbox, polls, scheduled tasks and fetches."""

import sqlalchemy as sa

from sync_service.store.tables.columns import due_columns, metadata, origin_columns, refers, row_id
from sync_service.store.tables.instant import Instant

connection = sa.Table(
    "connection",
    metadata,
    row_id(),
    sa.Column("slug", sa.String(100), nullable=False, unique=True),
    sa.Column("kind", sa.String(50), nullable=False),
    sa.Column("site", sa.Text, nullable=False),
    refers("owner_id", "person", nullable=True, on_delete="SET NULL"),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("sealed_token", sa.Text),
    sa.Column("app_id", sa.String(100)),  # an app instead of a token
    sa.Column("sealed_app_key", sa.Text),
    sa.Column("client_id", sa.String(200)),  # an OAuth app instead, with a person's OAuth tokens
    sa.Column("sealed_client_secret", sa.Text),
    sa.Column("sealed_secrets", sa.JSON, nullable=False),  # newest first
    sa.Column("earlier", sa.String(10)),  # import, ignore
    sa.Column("refused_at", Instant),
    sa.Column("refused_reason", sa.Text),
    sa.Column("retried_at", Instant),  # when a refused connection was last tried
    sa.Column("write_back", sa.Boolean, nullable=False, server_default=sa.false()),  # whether we write notes on issues
    sa.Column("owner_marker", sa.String(32)),  # marks our own notes; created once
    *origin_columns(),
    sa.Column("leaving_at", Instant),  # no longer configured; it is removed once its scopes have moved
    sa.Column("removed_at", Instant),  # its rows are deleted in batches, and this one last
)

# The connections that are not being removed. Read them here.
live_connection = sa.select(connection).where(connection.c.removed_at.is_(None)).subquery("connection")


# The OAuth tokens a person granted; refreshed before the access token expires, and stored before they are used.
oauth_token = sa.Table(
    "oauth_token",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("sealed_access", sa.Text, nullable=False),
    sa.Column("sealed_refresh", sa.Text, nullable=False),  # valid for one refresh
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("site_id", sa.String(100), nullable=False),
    sa.Column("given_by", sa.Text, nullable=False),
    sa.Column("given_at", Instant, nullable=False),
    *due_columns("oauth_token"),
    sa.UniqueConstraint("connection_id"),
)


# A bucket (a credential or one of its resources) that must not be called before a time.
rate_limit = sa.Table(
    "rate_limit",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("bucket", sa.String(100), nullable=False),  # a credential, or one of its resources; empty: the connection
    sa.Column("until", Instant, nullable=False),
    sa.Column("seconds", sa.Integer, nullable=False),  # length of the wait, to double it next time; 0: a write slot
    sa.Column("reason", sa.Text, nullable=False, server_default=""),  # in the tracker's words
    sa.UniqueConstraint("connection_id", "bucket"),
)


scope = sa.Table(
    "scope",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("name", sa.String(300), nullable=False),  # as configured
    sa.Column("current_name", sa.String(300)),  # its name at the tracker now, if that differs
    sa.Column("external_id", sa.String(100)),  # known since the first delivery
    sa.Column("covered_at", Instant),
    sa.Column("gone_reason", sa.Text),  # reason why it can no longer be watched
    sa.Column("gone_at", Instant),  # the time of the newest report about that
    sa.Column("gone_for_good", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("removed_at", Instant),  # no longer watched: its issues are removed in batches, then it is deleted
    sa.UniqueConstraint("connection_id", "name"),
)

# The scopes that are watched. Read them here.
live_scope = sa.select(scope).where(scope.c.removed_at.is_(None)).subquery("scope")


# A scope that moves to a connection which has no row for it yet: what a sibling knows of its issues is copied, in
# chunks, by the relink request with `request_id`.
scope_move = sa.Table(
    "scope_move",
    metadata,
    row_id(),
    refers("connection_id", "connection"),  # the connection to which it moves
    sa.Column("name", sa.String(300), nullable=False),  # as configured there
    refers("from_scope_id", "scope"),  # where it is watched meanwhile
    refers("request_id", "relink_request"),
    sa.Column("drops", sa.Boolean, nullable=False, server_default=sa.false()),  # it is no longer watched there then
    sa.Column("covered_at", Instant),
    sa.Column("began_at", Instant, nullable=False),
    sa.Column("stage", sa.String(10), nullable=False),  # copying, linking, activating
    sa.UniqueConstraint("connection_id", "name"),
    sa.UniqueConstraint("request_id"),
)


term = sa.Table(
    "term",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("kind", sa.String(10), nullable=False),  # see TermKind
    sa.Column("external_id", sa.String(300), nullable=False),
    sa.Column("name", sa.Text),  # null: deleted
    sa.Column("at", Instant, nullable=False),  # the time of the newest report about it
    sa.UniqueConstraint("connection_id", "kind", "external_id"),
)


# A name that a watched scope had before: keys of its issues by this name still mean them.
former_scope_name = sa.Table(
    "former_scope_name",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("folded_name", sa.String(300), nullable=False),
    sa.Column("external_id", sa.String(100), nullable=False),
    sa.UniqueConstraint("connection_id", "folded_name", "external_id"),
)


delivery = sa.Table(
    "delivery",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("delivery_id", sa.String(200), nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("headers", sa.JSON, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("name", sa.String(100), nullable=False, server_default=""),  # such as `issues.closed`, once parsed
    *due_columns("delivery"),
    sa.Column("ignored", sa.Boolean, nullable=False, server_default=sa.false()),  # once settled: nothing of it was used
    sa.UniqueConstraint("connection_id", "delivery_id"),
    sa.Index("ix_delivery_buried_at", "buried_at"),
    sa.Index("ix_delivery_connection_id_id", "connection_id", "id"),
)


# The recurring poll of a scope: a run asks for its changes page by page.
poll = sa.Table(
    "poll",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    refers("scope_id", "scope"),
    sa.Column("since", Instant),  # the run asks for changes since then; null: for everything
    sa.Column("cursor", sa.Text),  # next page of the run; null between two runs
    sa.Column("newest", Instant),  # the tracker's time of the newest change; the next run starts there
    sa.Column("began_at", Instant),  # of the current run, else of the last one
    sa.Column("done_at", Instant),  # when the last run was completed
    sa.Column("seen", sa.Integer, nullable=False, server_default="0"),  # issues in the current run, else in the last
    sa.Column("changed", sa.Integer, nullable=False, server_default="0"),  # how many of them had changed
    sa.Column("expected", sa.Integer),  # estimated number of issues of an import
    sa.Column("listing", sa.JSON),  # how far the run's list is; domain/listing.py
    sa.Column("stopped_reason", sa.Text),  # why the last run did not come to the end of its list; null: it did
    *due_columns("poll"),
    sa.UniqueConstraint("scope_id"),
)


# A scheduled task of a connection, by name. The row with an empty name creates the others.
scheduled_task = sa.Table(
    "scheduled_task",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("memory", sa.Text),  # state that the last run leaves for the next one
    sa.Column("problem", sa.Text),  # why the last run did not do all that it should; null: it did
    sa.Column("ran_at", Instant),
    *due_columns("scheduled_task"),
    sa.UniqueConstraint("connection_id", "name"),
)


# A request to fetch an issue, because a delivery did not say enough about it.
fetch_request = sa.Table(
    "fetch_request",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("identity", sa.String(200), nullable=False),
    sa.Column("key", sa.String(300), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("delivery_id", sa.String(200)),
    *due_columns("fetch_request"),
    sa.UniqueConstraint("connection_id", "identity"),
)

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
