"""Tables for notices, connection alerts and the mails they become."""

import sqlalchemy as sa

from sync_service.store.tables.columns import due_columns, metadata, refers, row_id
from sync_service.store.tables.instant import Instant

# A change of a key result that its owner gets a mail about. It waits the settling time and absorbs later changes.
notice = sa.Table(
    "notice",
    metadata,
    row_id(),
    refers("person_id", "person"),
    refers("key_result_id", "key_result"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("from_status", sa.String(20), nullable=False),
    sa.Column("to_status", sa.String(20), nullable=False),
    sa.Column("from_value", sa.Float),
    sa.Column("to_value", sa.Float),
    sa.Column("from_progress", sa.Float),
    sa.Column("to_progress", sa.Float),
    sa.Column("causes", sa.JSON, nullable=False),
    refers("mail_id", "mail", nullable=True, on_delete="SET NULL"),
    *due_columns("notice"),
    sa.Index("ix_notice_key_result_id_person_id", "key_result_id", "person_id"),
)


# A connection alert: the tracker refuses us, or (with `scope_id`) a scope is gone. The owner gets one mail about it.
connection_alert = sa.Table(
    "connection_alert",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    refers("scope_id", "scope", nullable=True),
    sa.Column("broke_at", Instant, nullable=False),  # when we last noticed it
    sa.Column("alerted_at", Instant),  # when the last mail about it was composed
    *due_columns("connection_alert"),
    sa.UniqueConstraint("scope_id"),
    sa.Index("ix_connection_alert_connection_id", "connection_id"),
    sa.Index(
        "uq_connection_alert_connection",
        "connection_id",
        unique=True,
        sqlite_where=sa.text("scope_id IS NULL"),
        postgresql_where=sa.text("scope_id IS NULL"),
    ),
)


mail = sa.Table(
    "mail",
    metadata,
    row_id(),
    sa.Column("message_id", sa.String(200), nullable=False, unique=True),
    sa.Column("recipient", sa.String(320), nullable=False),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("sealed_content", sa.Text, nullable=False),  # {"subject", "text", "html"}; may carry a sign-in link
    sa.Column("created_at", Instant, nullable=False),
    *due_columns("mail"),
)
