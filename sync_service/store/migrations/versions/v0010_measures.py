"""Measures with settings, parts of each change, states of issues over time, the organisation, origins of items."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1.0010"
down_revision = "1.0009"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON, TEXT, TIME, REAL = sa.JSON(), sa.Text(), sa.BigInteger(), sa.Float()

WITH_ORIGIN = (
    "team",
    "person",
    "cycle",
    "connection",
    "objective",
    "key_result",
    "rule",
    "manual_link",
)


def upgrade() -> None:
    """Add tables and columns; start and target of a key result may be null."""
    _organisation()
    for table in WITH_ORIGIN:
        _add(table, *_origin())
    _okrs()
    _key_results()
    _history()
    _issues()


def _origin() -> tuple[sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("origin", sa.String(10), server_default="file", nullable=False),
        sa.Column("changed_by", sa.Text(), server_default="", nullable=False),
    )


def _add(table: str, *columns: sa.Column[Any]) -> None:
    for column in columns:
        op.add_column(table, column)


def _row_id() -> sa.Column[int]:
    return sa.Column("id", ID, primary_key=True, autoincrement=True)


def _refers(table: str, name: str, to: str, *, on_delete: str = "CASCADE") -> tuple[sa.Column[int], sa.Constraint]:
    column = sa.Column(name, ID, nullable=on_delete != "CASCADE")
    return column, sa.ForeignKeyConstraint([name], [f"{to}.id"], f"fk_{table}_{name}_{to}", ondelete=on_delete)


def _organisation() -> None:
    op.create_table(
        "organisation",
        _row_id(),
        sa.Column("name", TEXT, server_default="", nullable=False),
        sa.Column("timezone", sa.String(64), server_default="", nullable=False),
        sa.Column("week_starts", sa.String(3), server_default="mon", nullable=False),
        sa.Column("thresholds", JSON),
        sa.Column("calendar", JSON),
        sa.Column("cadence", JSON),
        sa.Column("grace_days", sa.Integer(), server_default="3", nullable=False),
        sa.Column("daily_cap", sa.Integer()),
        sa.Column("quiet", JSON),
        sa.Column("allowed_domains", JSON),
        *_origin(),
        sa.PrimaryKeyConstraint("id", name="pk_organisation"),
    )


def _okrs() -> None:
    _add(
        "team",
        sa.Column("parent_id", ID),
        sa.Column("timezone", sa.String(64), server_default="", nullable=False),
        *(sa.Column(name, JSON) for name in ("thresholds", "calendar", "cadence")),
    )
    _add("cycle", sa.Column("settled_at", TIME))
    _add(
        "objective",
        sa.Column("parent_id", ID),
        sa.Column("counts", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("weight", REAL, server_default="1", nullable=False),
        sa.Column("roll_up", sa.String(10), server_default="weighted", nullable=False),
    )
    _add("check_in", sa.Column("confidence", sa.Integer()))
    _add("check_in", sa.Column("blockers", TEXT, server_default="", nullable=False))
    _add("check_in", sa.Column("corrects_id", ID))


def _key_results() -> None:
    for name in ("start", "target"):  # SQLite can't take NOT NULL away from a column
        op.execute(f"ALTER TABLE key_result RENAME COLUMN {name} TO old_{name}")
        _add("key_result", sa.Column(name, REAL))
        key_result = sa.table("key_result", sa.column(name), sa.column(f"old_{name}"))
        op.execute(sa.update(key_result).values({name: key_result.c[f"old_{name}"]}))
        op.execute(f"ALTER TABLE key_result DROP COLUMN old_{name}")
    _add(
        "key_result",
        sa.Column("apply", sa.String(10), server_default="apply", nullable=False),
        sa.Column("rolls_up", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("computed", REAL),
        *(sa.Column(name, JSON) for name in ("stay", "cadence", "computed_from", "proposed", "override", "frozen")),
        sa.Column("outcome", sa.String(10)),
        sa.Column("score", REAL),
        sa.Column("successor_slug", sa.String(100)),
    )
    op.execute("UPDATE key_result SET computed = current")
    op.create_table(
        "contribution",
        _row_id(),
        *_refers("contribution", "key_result_id", "key_result"),
        *_refers("contribution", "issue_id", "issue"),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("weight", REAL, nullable=False),
        sa.Column("number", REAL),
        *(sa.Column(name, TIME) for name in ("number_at", "created_at", "started_at", "closed_at")),
        sa.Column("reopened", sa.Integer()),
        sa.Column("met", sa.Boolean()),
        sa.PrimaryKeyConstraint("id", name="pk_contribution"),
        sa.UniqueConstraint("key_result_id", "issue_id", name="uq_contribution_key_result_id_issue_id"),
    )
    op.create_index("ix_contribution_issue_id", "contribution", ["issue_id"])
    op.create_table(
        "step_tick",
        _row_id(),
        *_refers("step_tick", "key_result_id", "key_result"),
        sa.Column("step", TEXT, nullable=False),
        *_refers("step_tick", "person_id", "person", on_delete="SET NULL"),
        sa.Column("at", TIME, nullable=False),
        sa.Column("undone_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_step_tick"),
    )
    op.create_index("ix_step_tick_key_result_id_id", "step_tick", ["key_result_id", "id"])


def _history() -> None:
    _add("history", *(sa.Column(name, REAL) for name in ("progress_from", "progress_to")))
    _add(
        "history",
        *(sa.Column(name, JSON, server_default="[]", nullable=False) for name in ("parts", "contributions")),
    )
    _add("history", sa.Column("computed_from", JSON))
    op.create_table(
        "history_checkpoint",
        _row_id(),
        *_refers("history_checkpoint", "history_id", "history"),
        sa.Column("contributions", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_history_checkpoint"),
        sa.UniqueConstraint("history_id", name="uq_history_checkpoint_history_id"),
    )


def _issues() -> None:
    _add(
        "issue",
        sa.Column("started_at", TIME),
        sa.Column("reopened", sa.Integer()),
        sa.Column("states_known_since", TIME),
    )
    op.create_table(
        "issue_state",
        _row_id(),
        *_refers("issue_state", "issue_id", "issue"),
        sa.Column("at", TIME, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("source", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_issue_state"),
        sa.UniqueConstraint("issue_id", "at", name="uq_issue_state_issue_id_at"),
    )
