"""Connections, their scopes, what was received from them, and what is known of their issues."""

import sqlalchemy as sa

from sync_service.store.database import Instant
from sync_service.store.tables.columns import due_columns, metadata, refers, row_id

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
    sa.Column("client_id", sa.String(200)),  # an OAuth app instead, which calls by a person's consent
    sa.Column("sealed_client_secret", sa.Text),
    sa.Column("sealed_secrets", sa.JSON, nullable=False),  # newest first
    sa.Column("earlier", sa.String(10)),  # import, ignore
    sa.Column("refused_at", Instant),
    sa.Column("refused_reason", sa.Text),
    sa.Column("asked_again_at", Instant),  # when a refused connection was last tried
    sa.Column("write_back", sa.Boolean, nullable=False, server_default=sa.false()),  # people are told on issues
    sa.Column("write_mark", sa.String(32)),  # what marks our own writing there; made once
)


# A person's consent that we call a tracker; renewed before its token expires, and stored before it is used.
consent = sa.Table(
    "consent",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("sealed_access", sa.Text, nullable=False),
    sa.Column("sealed_refresh", sa.Text, nullable=False),  # good for one renewal
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("site_id", sa.String(100), nullable=False),
    sa.Column("given_by", sa.Text, nullable=False),
    sa.Column("given_at", Instant, nullable=False),
    *due_columns("consent"),
    sa.UniqueConstraint("connection_id"),
)


# A part of a connection that must not be asked before.
pause = sa.Table(
    "pause",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("part", sa.String(100), nullable=False),  # a credential, or one of its resources; empty: the whole
    sa.Column("until", Instant, nullable=False),
    sa.Column("seconds", sa.Integer, nullable=False),  # how long the wait is, to know what to double; 0: a turn's
    sa.Column("reason", sa.Text, nullable=False, server_default=""),  # the tracker's words
    sa.UniqueConstraint("connection_id", "part"),
)


scope = sa.Table(
    "scope",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("name", sa.String(300), nullable=False),  # as configured
    sa.Column("called", sa.String(300)),  # as the tracker calls it now, where that is another name
    sa.Column("external_id", sa.String(100)),  # known from the first delivery on
    sa.Column("covered_at", Instant),
    sa.Column("gone", sa.Text),  # why it can no longer be watched
    sa.Column("gone_at", Instant),  # the time of the newest word on that
    sa.Column("gone_for_good", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("connection_id", "name"),
)


term = sa.Table(
    "term",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("kind", sa.String(10), nullable=False),  # see TermKind
    sa.Column("external_id", sa.String(300), nullable=False),
    sa.Column("name", sa.Text),  # null when deleted
    sa.Column("at", Instant, nullable=False),  # the time of the newest word on it
    sa.UniqueConstraint("connection_id", "kind", "external_id"),
)


issue = sa.Table(
    "issue",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("identity", sa.String(200), nullable=False),
    refers("scope_id", "scope", nullable=True, on_delete="SET NULL"),  # null: in a scope that is not watched
    sa.Column("scope_external_id", sa.String(100)),
    sa.Column("scope_name", sa.String(300)),
    sa.Column("key", sa.String(300), nullable=False),
    sa.Column("folded_key", sa.String(300), nullable=False, server_default=""),  # in small letters, to be found by
    sa.Column("kind", sa.String(20)),
    sa.Column("type", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("url", sa.Text),
    sa.Column("state", sa.String(10)),  # null: nothing but a tombstone is known
    sa.Column("resolution", sa.Text),
    sa.Column("labels", sa.JSON, nullable=False),  # external ids; their names are in term
    sa.Column("milestone", sa.String(300)),
    sa.Column("parent_key", sa.String(300)),
    sa.Column("parent_identity", sa.String(200)),
    sa.Column("parent_at", Instant),  # null: the relation is unknown
    sa.Column("parent_told_at", Instant),  # when we were told of it
    sa.Column("closes_at", Instant),  # null: what it closes is unknown
    sa.Column("closes_looked", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("assignees", sa.JSON, nullable=False),  # [[id, name], …]
    sa.Column("author", sa.JSON),  # [id, name]
    sa.Column("priority", sa.Text),
    sa.Column("points", sa.Float),
    sa.Column("points_at", Instant),  # null: unknown
    sa.Column("components", sa.JSON),  # external ids, as are versions and sprints
    sa.Column("components_at", Instant),  # null: unknown
    sa.Column("versions", sa.JSON),
    sa.Column("versions_at", Instant),
    sa.Column("sprints", sa.JSON),
    sa.Column("sprints_at", Instant),
    sa.Column("numbers", sa.JSON),  # [[name, value, the tracker's time of it], …]
    sa.Column("created_at", Instant),
    sa.Column("closed_at", Instant),
    sa.Column("updated_at", Instant),  # the tracker's time of the newest snapshot
    sa.Column("digest", sa.String(64), nullable=False, server_default=""),
    sa.Column("looked", sa.Boolean, nullable=False, server_default=sa.false()),  # that snapshot came from a look
    sa.Column("in_doubt", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("gone", sa.Text),  # deleted, or moved to where
    sa.Column("successor", sa.String(200)),
    sa.Column("seen_at", Instant),  # when a tracker last showed it to us, by the database's clock
    sa.UniqueConstraint("connection_id", "identity"),
    sa.Index("ix_issue_connection_id_key", "connection_id", "key"),
    sa.Index("ix_issue_connection_id_folded_key", "connection_id", "folded_key"),
    sa.Index("ix_issue_scope_id_id", "scope_id", "id"),
)


# A pull request closes an issue, which may be known already or not.
closing = sa.Table(
    "closing",
    metadata,
    row_id(),
    refers("issue_id", "issue"),  # the pull request
    refers("connection_id", "connection"),
    sa.Column("key", sa.String(300), nullable=False),
    sa.Column("folded_key", sa.String(300), nullable=False),
    sa.Column("identity", sa.String(200)),  # null: the issue is known by its key alone
    sa.UniqueConstraint("issue_id", "key"),
    # Each way of joining has an index: a database that has no statistics yet may choose any of them.
    sa.Index("ix_closing_identity_connection_id", "identity", "connection_id"),
    sa.Index("ix_closing_folded_key_connection_id", "folded_key", "connection_id"),
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
    sa.Column("name", sa.String(100), nullable=False, server_default=""),  # `issues.closed`, once read
    *due_columns("delivery"),
    sa.UniqueConstraint("connection_id", "delivery_id"),
    sa.Index("ix_delivery_buried_at", "buried_at"),
    sa.Index("ix_delivery_connection_id_id", "connection_id", "id"),
)


# A scope whose changes are asked for again and again: a run goes through them page by page.
poll = sa.Table(
    "poll",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    refers("scope_id", "scope"),
    sa.Column("since", Instant),  # the run asks for changes from here on; null: for everything
    sa.Column("cursor", sa.Text),  # where the run goes on; null between two runs
    sa.Column("newest", Instant),  # the tracker's time of the newest change seen; the next run asks from there on
    sa.Column("began_at", Instant),  # of the present run, else of the last one
    sa.Column("done_at", Instant),  # when a run was last completed
    sa.Column("seen", sa.Integer, nullable=False, server_default="0"),  # issues in the present run, else in the last
    sa.Column("changed", sa.Integer, nullable=False, server_default="0"),  # those of them that were news
    sa.Column("expected", sa.Integer),  # about how many issues an import will see
    *due_columns("poll"),
    sa.UniqueConstraint("scope_id"),
)


# What a connection has to do every now and then, each by its name; the row without a name sees to the others.
errand = sa.Table(
    "errand",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("memory", sa.Text),  # what the last run wants the next one to know
    sa.Column("ran_at", Instant),
    *due_columns("errand"),
    sa.UniqueConstraint("connection_id", "name"),
)


# An issue that a letter did not tell enough about: go and look.
look = sa.Table(
    "look",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("identity", sa.String(200), nullable=False),
    sa.Column("key", sa.String(300), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("delivery_id", sa.String(200)),
    *due_columns("look"),
    sa.UniqueConstraint("connection_id", "identity"),
)
