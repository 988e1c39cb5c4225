"""Tables for issues: their newest snapshot, keys, changes of state, and what pull requests close."""

import sqlalchemy as sa

from sync_service.store.tables.columns import metadata, refers, row_id
from sync_service.store.tables.instant import Instant


def _index_of_children(parent: str) -> sa.Index:
    """Return the index that finds the children of an issue; most issues have no parent."""
    has_parent = sa.text(f"{parent} IS NOT NULL")
    return sa.Index(
        f"ix_issue_connection_id_{parent}",
        "connection_id",
        parent,
        sqlite_where=has_parent,
        postgresql_where=has_parent,
    )


issue = sa.Table(
    "issue",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("identity", sa.String(200), nullable=False),
    refers("scope_id", "scope", nullable=True, on_delete="SET NULL"),  # null: its scope is not watched
    sa.Column("scope_external_id", sa.String(100)),
    sa.Column("scope_name", sa.String(300)),
    sa.Column("key", sa.String(300), nullable=False),
    sa.Column("folded_key", sa.String(300), nullable=False, server_default=""),  # key in lower case, for look-ups
    sa.Column("kind", sa.String(20)),
    sa.Column("type", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("folded_title", sa.Text, nullable=False, server_default=""),  # for search
    sa.Column("url", sa.Text),
    sa.Column("state", sa.String(10)),  # null: only a tombstone is known
    sa.Column("resolution", sa.Text),
    sa.Column("labels", sa.JSON, nullable=False),  # external ids; the table term has the names
    sa.Column("milestone", sa.String(300)),
    sa.Column("parent_key", sa.String(300)),
    sa.Column("parent_identity", sa.String(200)),
    sa.Column("parent_at", Instant),  # null: parent unknown
    sa.Column("parent_received_at", Instant),  # when we received it
    sa.Column("closes_at", Instant),  # null: what it closes is unknown
    sa.Column("closes_fetched", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("assignees", sa.JSON, nullable=False),  # [[login, name, the account's id if known], …]
    sa.Column("author", sa.JSON),  # [login, name, the account's id if known]
    sa.Column("priority", sa.Text),
    sa.Column("points", sa.Float),
    sa.Column("points_at", Instant),  # null: unknown
    sa.Column("components", sa.JSON),  # external ids, like versions and sprints
    sa.Column("components_at", Instant),  # null: unknown
    sa.Column("versions", sa.JSON),
    sa.Column("versions_at", Instant),
    sa.Column("sprints", sa.JSON),
    sa.Column("sprints_at", Instant),
    sa.Column("numbers", sa.JSON),  # [[name, value, the tracker's time of it], …]
    sa.Column("custom_fields", sa.JSON),  # [[the tracker's field, type, [text, …], the tracker's time of it], …]
    sa.Column("created_at", Instant),
    sa.Column("last_open_at", Instant),  # the tracker's time of the newest snapshot that was open
    sa.Column("closed_seen", sa.JSON),  # snapshots closed since: [[the tracker's time, [its dates of closing, …]], …]
    sa.Column("closed_at", Instant),
    sa.Column("closed_at_source", sa.String(10)),  # tracker or first_seen
    sa.Column("started_at", Instant),  # first change into work in progress; null: unknown, or not started
    sa.Column("reopened", sa.Integer),  # how often; null: unknown
    sa.Column("states_known_since", Instant),  # all its changes of state since then are known; null: those seen
    sa.Column("history_read_at", Instant),  # when its history was last read from the tracker, by our clock
    sa.Column("updated_at", Instant),  # the tracker's time of the newest snapshot
    sa.Column("received_at", Instant),  # when we received that snapshot
    sa.Column("digest", sa.String(64), nullable=False, server_default=""),
    sa.Column(
        "fetched", sa.Boolean, nullable=False, server_default=sa.false()
    ),  # the newest snapshot came from a fetch
    sa.Column("in_doubt", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("gone_reason", sa.Text),  # why it is gone: deleted, or moved and where to
    sa.Column("successor", sa.String(200)),
    sa.Column("seen_at", Instant),  # when the tracker last reported it, by the database's clock
    sa.UniqueConstraint("connection_id", "identity"),
    sa.Index("ix_issue_connection_id_id", "connection_id", "id"),  # the chunks of a relink
    sa.Index("ix_issue_connection_id_key", "connection_id", "key"),
    sa.Index("ix_issue_connection_id_folded_key", "connection_id", "folded_key"),
    sa.Index("ix_issue_scope_id_id", "scope_id", "id"),
    _index_of_children("parent_key"),
    _index_of_children("parent_identity"),
)
sa.Index("ix_issue_connection_id_lower_parent_key", issue.c.connection_id, sa.func.lower(issue.c.parent_key))


# The keys by which an issue is or was known, where it had several: references by any of them mean it.
known_key = sa.Table(
    "known_key",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("folded_key", sa.String(300), nullable=False),
    sa.Column("identity", sa.String(200), nullable=False),
    sa.UniqueConstraint("connection_id", "folded_key", "identity"),
    sa.Index("ix_known_key_connection_id_identity", "connection_id", "identity"),
)


# A pull request closes an issue; we may know that issue or not.
closing_link = sa.Table(
    "closing_link",
    metadata,
    row_id(),
    refers("issue_id", "issue"),  # the pull request
    refers("connection_id", "connection"),
    sa.Column("key", sa.String(300), nullable=False),
    sa.Column("folded_key", sa.String(300), nullable=False),
    sa.Column("identity", sa.String(200)),  # null: only the issue's key is known
    sa.UniqueConstraint("issue_id", "key"),
    # Each direction of the join has an index: a database without statistics may choose either.
    sa.Index("ix_closing_link_identity_connection_id", "identity", "connection_id"),
    sa.Index("ix_closing_link_folded_key_connection_id", "folded_key", "connection_id"),
)


# The changes of an issue's state that are known: from snapshots, or read from the tracker's history.
issue_state = sa.Table(
    "issue_state",
    metadata,
    row_id(),
    refers("issue_id", "issue"),
    sa.Column("at", Instant, nullable=False),  # the tracker's time
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("source", sa.String(10), nullable=False),  # seen, history
    sa.UniqueConstraint("issue_id", "at"),
)
