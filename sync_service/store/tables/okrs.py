"""Tables for teams, people, cycles, objectives, key results, check-ins and history."""

import sqlalchemy as sa

from sync_service.store.tables.columns import Id, due_columns, metadata, refers, row_id
from sync_service.store.tables.instant import Instant

team = sa.Table(
    "team",
    metadata,
    row_id(),
    sa.Column("slug", sa.String(100), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
)


person = sa.Table(
    "person",
    metadata,
    row_id(),
    sa.Column("email", sa.String(320), nullable=False, unique=True),  # lower case
    sa.Column("name", sa.Text, nullable=False),
    refers("team_id", "team", nullable=True, on_delete="SET NULL"),
    sa.Column("role", sa.String(10), nullable=False),  # admin, member, viewer
    sa.Column("timezone", sa.String(64), nullable=False, server_default=""),  # "": the organisation's
    sa.Column("accounts", sa.JSON, nullable=False),  # {"github": login, "jira": account id}
)


cycle = sa.Table(
    "cycle",
    metadata,
    row_id(),
    sa.Column("slug", sa.String(100), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("starts", sa.Date, nullable=False),
    sa.Column("ends", sa.Date, nullable=False),  # inclusive
    sa.Column("starts_at", Instant, nullable=False),  # midnight in the organisation's time zone
    sa.Column("ends_at", Instant, nullable=False),  # midnight after the last day
)


objective = sa.Table(
    "objective",
    metadata,
    row_id(),
    sa.Column("slug", sa.String(100), nullable=False, unique=True),
    sa.Column("title", sa.Text, nullable=False),
    refers("cycle_id", "cycle"),
    refers("team_id", "team", nullable=True, on_delete="SET NULL"),
    refers("owner_id", "person", nullable=True, on_delete="SET NULL"),
    sa.Column("position", sa.Integer, nullable=False, server_default="0"),
)


key_result = sa.Table(
    "key_result",
    metadata,
    row_id(),
    sa.Column("slug", sa.String(100), nullable=False, unique=True),
    refers("objective_id", "objective"),
    sa.Column("title", sa.Text, nullable=False),
    refers("owner_id", "person", nullable=True, on_delete="SET NULL"),
    sa.Column("weight", sa.Float, nullable=False, server_default="1"),
    sa.Column("position", sa.Integer, nullable=False, server_default="0"),
    sa.Column("unit", sa.Text, nullable=False, server_default=""),
    sa.Column("start", sa.Float, nullable=False),
    sa.Column("target", sa.Float, nullable=False),
    sa.Column("measure", sa.JSON, nullable=False),
    sa.Column("current", sa.Float),  # null: no data
    sa.Column("progress", sa.Float),  # unclamped fraction
    sa.Column("status", sa.String(20), nullable=False, server_default="no_data"),
    sa.Column("explanation", sa.Text, nullable=False, server_default=""),
    sa.Column("updated_at", Instant),  # when the value last changed
)


check_in = sa.Table(
    "check_in",
    metadata,
    row_id(),
    refers("key_result_id", "key_result"),
    refers("person_id", "person", nullable=True, on_delete="SET NULL"),
    sa.Column("at", Instant, nullable=False),
    sa.Column("value", sa.Float),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("withdrawn_at", Instant),
    sa.Index("ix_check_in_key_result_id_id", "key_result_id", "id"),
)


history = sa.Table(
    "history",
    metadata,
    row_id(),
    refers("key_result_id", "key_result"),
    sa.Column("at", Instant, nullable=False),
    sa.Column("from", sa.Float),
    sa.Column("to", sa.Float),
    sa.Column("causes", sa.JSON, nullable=False),  # [{"what", "issue", "delivery", "actor", "url"}, …]
    sa.Index("ix_history_key_result_id_id", "key_result_id", "id"),
)


# A key result to compute again: its settings changed, or a day has passed.
recompute = sa.Table(
    "recompute",
    metadata,
    row_id(),
    sa.Column("key_result_id", Id, sa.ForeignKey("key_result.id", ondelete="CASCADE"), nullable=False, unique=True),
    sa.Column("causes", sa.JSON, nullable=False),
    *due_columns("recompute"),
)
