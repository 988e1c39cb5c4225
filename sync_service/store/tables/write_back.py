"""Tables for write-back (our notes on issues) and for comments that ask for links."""

import sqlalchemy as sa

from sync_service.store.tables.columns import Id, due_columns, metadata, refers, row_id
from sync_service.store.tables.instant import Instant

# An issue with our note about the key results it serves, or one that needs it.
write_back = sa.Table(
    "write_back",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("identity", sa.String(200), nullable=False),
    sa.Column("key", sa.String(300), nullable=False),
    sa.Column("request_count", sa.Integer, nullable=False, server_default="0"),  # increases with each request
    sa.Column("memory", sa.Text),  # the connector's own state: a comment's id
    sa.Column("serves", sa.Text, nullable=False, server_default=""),  # key result ids in the last note
    sa.Column("digest", sa.String(64), nullable=False, server_default=""),  # of that note
    sa.Column("written_at", Instant),
    sa.Column("slot_at", Instant),  # its reserved write slot, when many issues wait
    sa.Column("urgent", sa.Boolean, nullable=False, server_default=sa.false()),  # its key results have just changed
    sa.Column("removed_by_person", sa.Boolean, nullable=False, server_default=sa.false()),  # a person deleted the note
    *due_columns("write_back"),
    sa.UniqueConstraint("connection_id", "identity"),
)


# The recurring round over a connection: compare all linked issues with their notes, in chunks.
write_back_round = sa.Table(
    "write_back_round",
    metadata,
    row_id(),
    sa.Column("connection_id", Id, sa.ForeignKey("connection.id", ondelete="CASCADE"), nullable=False, unique=True),
    sa.Column("cursor", Id, nullable=False, server_default="0"),  # id of the last issue compared
    sa.Column("run_again", sa.Boolean, nullable=False, server_default=sa.false()),  # another round is wanted soon after
    *due_columns("write_back_round"),
)


# A comment that asks for links with a `/okr` line, or did so before it was edited or deleted.
link_comment = sa.Table(
    "link_comment",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("external_id", sa.String(100), nullable=False),
    sa.Column("identity", sa.String(200), nullable=False),  # of the issue, which may still be unknown
    sa.Column("author", sa.String(200), nullable=False),  # account in lower case
    sa.Column("author_id", sa.String(200)),  # the tracker's id of an account that can be renamed, if it was given
    sa.Column("at", Instant, nullable=False),  # the tracker's time of its last edit
    sa.Column("edited", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("gone", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("wants", sa.JSON, nullable=True),  # slugs as written; an empty list means `none`, null no command
    sa.UniqueConstraint("connection_id", "external_id"),
    sa.Index("ix_link_comment_connection_id_identity", "connection_id", "identity"),
)
