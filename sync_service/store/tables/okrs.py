"""Tables for teams, people, cycles, objectives, key results, check-ins and history."""

import sqlalchemy as sa

from sync_service.store.tables.columns import Id, due_columns, metadata, origin_columns, refers, row_id
from sync_service.store.tables.instant import Instant

# At most one row. JSON columns are as in the configuration file; null: the default.
organisation = sa.Table(
    "organisation",
    metadata,
    row_id(),
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.Column("timezone", sa.String(64), nullable=False, server_default=""),  # "": the setting OKR_SYNC_TIMEZONE
    sa.Column("week_starts", sa.String(3), nullable=False, server_default="mon"),
    sa.Column("thresholds", sa.JSON),
    sa.Column("calendar", sa.JSON),
    sa.Column("cadence", sa.JSON),
    sa.Column("grace_days", sa.Integer, nullable=False, server_default="3"),
    sa.Column("daily_cap", sa.Integer),
    sa.Column("quiet", sa.JSON),
    sa.Column("allowed_domains", sa.JSON),
    *origin_columns(),
)


# A null or empty column means the value of the parent team, else of the organisation.
team = sa.Table(
    "team",
    metadata,
    row_id(),
    sa.Column("slug", sa.String(100), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("parent_id", Id),  # a team; SQLite can't add a foreign key to a table
    sa.Column("timezone", sa.String(64), nullable=False, server_default=""),
    sa.Column("thresholds", sa.JSON),
    sa.Column("calendar", sa.JSON),
    sa.Column("cadence", sa.JSON),
    *origin_columns(),
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
    sa.Column("changes_seen_at", Instant),  # the changes on their home page
    *origin_columns(),
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
    sa.Column("settled_at", Instant),  # when its outcomes and scores were settled
    *origin_columns(),
    sa.Column("removed_at", Instant),  # its rows are deleted in batches, and this row last
)

live_cycle = sa.select(cycle).where(cycle.c.removed_at.is_(None)).subquery("cycle")


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
    sa.Column("parent_id", Id),  # alignment: an objective
    sa.Column("counts", sa.Boolean, nullable=False, server_default=sa.false()),  # in its parent's progress
    sa.Column("weight", sa.Float, nullable=False, server_default="1"),
    sa.Column("roll_up", sa.String(10), nullable=False, server_default="weighted"),  # sum, weakest, none
    *origin_columns(),
    sa.Column("removed_at", Instant),  # its rows are deleted in batches, and this row last
)

live_objective = sa.select(objective).where(objective.c.removed_at.is_(None)).subquery("objective")


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
    sa.Column("start", sa.Float),  # null, as is the target: it has to stay in a range
    sa.Column("target", sa.Float),
    sa.Column("stay", sa.JSON),
    sa.Column("measure", sa.JSON, nullable=False),
    sa.Column("apply", sa.String(10), nullable=False, server_default="apply"),  # propose: the owner accepts values
    sa.Column("rolls_up", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("cadence", sa.JSON),
    sa.Column("current", sa.Float),  # the applied value; null: no data
    sa.Column("progress", sa.Float),  # unclamped fraction
    sa.Column("status", sa.String(20), nullable=False, server_default="no_data"),
    sa.Column("explanation", sa.Text, nullable=False, server_default=""),
    sa.Column("updated_at", Instant),  # when the value last changed
    sa.Column("computed", sa.Float),  # from linked issues and check-ins; `current` is the value that applies
    sa.Column("computed_from", sa.JSON),  # the settings and the time of the last computation
    sa.Column("proposed", sa.JSON),
    sa.Column("override", sa.JSON),
    sa.Column("frozen", sa.JSON),  # when and how its numbers became final
    sa.Column("outcome", sa.String(10)),  # achieved, missed, dropped
    sa.Column("score", sa.Float),
    sa.Column("successor_slug", sa.String(100)),  # the key result that carries it over to the next cycle
    *origin_columns(),
    sa.Column("removed_at", Instant),  # its rows are deleted in batches, and this row last
)

live_key_result = sa.select(key_result).where(key_result.c.removed_at.is_(None)).subquery("key_result")


# What each linked issue contributes to a key result's current value: only the fields that its measure reads.
contribution = sa.Table(
    "contribution",
    metadata,
    row_id(),
    refers("key_result_id", "key_result"),
    refers("issue_id", "issue"),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("number", sa.Float),
    sa.Column("number_at", Instant),
    sa.Column("created_at", Instant),
    sa.Column("started_at", Instant),
    sa.Column("closed_at", Instant),
    sa.Column("reopened", sa.Integer),
    sa.Column("met", sa.Boolean),
    sa.UniqueConstraint("key_result_id", "issue_id"),
    sa.Index("ix_contribution_issue_id", "issue_id"),
)


# A step that a person ticked; undone: the tick was removed.
step_tick = sa.Table(
    "step_tick",
    metadata,
    row_id(),
    refers("key_result_id", "key_result"),
    sa.Column("step", sa.Text, nullable=False),
    refers("person_id", "person", nullable=True, on_delete="SET NULL"),
    sa.Column("at", Instant, nullable=False),
    sa.Column("undone_at", Instant),
    sa.Index("ix_step_tick_key_result_id_id", "key_result_id", "id"),
)


check_in = sa.Table(
    "check_in",
    metadata,
    row_id(),
    refers("key_result_id", "key_result"),
    refers("person_id", "person", nullable=True, on_delete="SET NULL"),
    sa.Column("at", Instant, nullable=False),
    sa.Column("value", sa.Float),
    sa.Column("confidence", sa.Integer),  # 0 to 10
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("blockers", sa.Text, nullable=False, server_default=""),
    sa.Column("corrects_id", Id),  # the check-in that this one replaces, whose time it has
    sa.Column("withdrawn_at", Instant),  # withdrawn, or replaced by its correction
    sa.Column("author", sa.Text, nullable=False, server_default=""),  # its name, if it is no person: an API token
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
    sa.Column("progress_from", sa.Float),
    sa.Column("progress_to", sa.Float),
    sa.Column("parts", sa.JSON, nullable=False, server_default="[]"),  # [{"kind", "change"}, …]
    sa.Column("contributions", sa.JSON, nullable=False, server_default="[]"),  # changed ones: [issue id, before, after]
    sa.Column("computed_from", sa.JSON),  # settings and time of this computation
    sa.Index("ix_history_key_result_id_id", "key_result_id", "id"),
)


# All contributions of a key result after a history entry, every hundred entries.
history_checkpoint = sa.Table(
    "history_checkpoint",
    metadata,
    row_id(),
    refers("history_id", "history"),
    sa.Column("contributions", sa.JSON, nullable=False),
    sa.UniqueConstraint("history_id"),
)


# A key result to compute again: its settings changed, or a day has passed.
recompute = sa.Table(
    "recompute",
    metadata,
    row_id(),
    sa.Column("key_result_id", Id, sa.ForeignKey("key_result.id", ondelete="CASCADE"), nullable=False, unique=True),
    sa.Column("causes", sa.JSON, nullable=False),
    sa.Column("refrozen_by", sa.Text),  # the person who asks to compute its final numbers once more
    *due_columns("recompute"),
)


# The newest forecast of a key result; `due_at`: when it is computed again.
forecast = sa.Table(
    "forecast",
    metadata,
    row_id(),
    sa.Column("key_result_id", Id, sa.ForeignKey("key_result.id", ondelete="CASCADE"), nullable=False, unique=True),
    sa.Column("request_count", sa.Integer, nullable=False, server_default="0"),  # increases with each request
    sa.Column("at", Instant),  # when it was computed; null: not yet
    sa.Column("found", sa.JSON),  # what it says; null: the key result has none
    sa.Column("computed_from", sa.JSON),  # goal, position, weeks, days
    *due_columns("forecast"),
)
