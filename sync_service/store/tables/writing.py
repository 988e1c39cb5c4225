"""What people are told on issues themselves, and what they ask for there by comments."""

import sqlalchemy as sa

from sync_service.store.database import Instant
from sync_service.store.tables.columns import Id, due_columns, metadata, refers, row_id

# An issue that says which key results it serves, or is to say so.
write_back = sa.Table(
    "write_back",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("identity", sa.String(200), nullable=False),
    sa.Column("key", sa.String(300), nullable=False),
    sa.Column("asked", sa.Integer, nullable=False, server_default="0"),  # moves each time that it is asked for
    sa.Column("memory", sa.Text),  # the connector's: a comment's id
    sa.Column("serves", sa.Text, nullable=False, server_default=""),  # ids of key results, as last written
    sa.Column("digest", sa.String(64), nullable=False, server_default=""),  # of what was last written
    sa.Column("written_at", Instant),
    sa.Column("slot_at", Instant),  # the time that was kept for it, where many want to write
    sa.Column("urgent", sa.Boolean, nullable=False, server_default=sa.false()),  # what it serves has just changed
    sa.Column("taken_away", sa.Boolean, nullable=False, server_default=sa.false()),  # by a person, who wins
    *due_columns("write_back"),
    sa.UniqueConstraint("connection_id", "identity"),
)


# All linked issues of a connection are compared with what they say, a chunk at a time, again and again.
write_round = sa.Table(
    "write_round",
    metadata,
    row_id(),
    sa.Column("connection_id", Id, sa.ForeignKey("connection.id", ondelete="CASCADE"), nullable=False, unique=True),
    sa.Column("cursor", Id, nullable=False, server_default="0"),  # the last issue id compared
    sa.Column("woken", sa.Boolean, nullable=False, server_default=sa.false()),  # another is wanted soon after this one
    *due_columns("write_round"),
)


# A comment that asks for links by a line of `/okr`, or did before it was edited or deleted.
comment = sa.Table(
    "comment",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("external_id", sa.String(100), nullable=False),
    sa.Column("identity", sa.String(200), nullable=False),  # of the issue, which may not be known yet
    sa.Column("author", sa.String(200), nullable=False),  # account in small letters
    sa.Column("at", Instant, nullable=False),  # the tracker's time of its last change
    sa.Column("edited", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("gone", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("wants", sa.JSON, nullable=True),  # slugs as written; an empty list is `none`, null no command at all
    sa.UniqueConstraint("connection_id", "external_id"),
    sa.Index("ix_comment_connection_id_identity", "connection_id", "identity"),
)
