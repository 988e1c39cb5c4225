"""States and versions of rules, their reviews, and decisions about the links that they propose."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1.0019"
down_revision = "1.0018"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON, TEXT, TIME = sa.JSON(), sa.Text(), sa.BigInteger()


def upgrade() -> None:
    """Turn `enabled` into a state, and make the present form of each rule its first version."""
    op.add_column("rule", sa.Column("state", sa.String(10), server_default="active", nullable=False))
    op.add_column("rule", sa.Column("reviewed_at", TIME))
    op.add_column("rule", sa.Column("reviewed_by", TEXT, server_default="", nullable=False))
    op.execute("UPDATE rule SET state = 'disabled' WHERE NOT enabled")
    op.execute("ALTER TABLE rule DROP COLUMN enabled")
    _rename_page_edits()
    op.add_column("rule_revision", sa.Column("proposing", sa.Boolean(), server_default=sa.false(), nullable=False))
    _versions()
    _decisions()


def _rename_page_edits() -> None:
    rule = sa.table("rule", sa.column("id"), sa.column("page_edits", JSON))
    tx = op.get_bind()
    for row in tx.execute(sa.select(rule)).all():
        if "enabled" in (row.page_edits or {}):
            edits = {"state" if name == "enabled" else name: who for name, who in row.page_edits.items()}
            tx.execute(sa.update(rule).where(rule.c.id == row.id).values(page_edits=edits))


def _versions() -> None:
    version = op.create_table(
        "rule_version",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("rule_slug", sa.String(100), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("changed_by", TEXT, nullable=False),
        sa.Column("what", TEXT, nullable=False),
        sa.Column("definition", JSON),
        sa.PrimaryKeyConstraint("id", name="pk_rule_version"),
        sa.UniqueConstraint("rule_slug", "number", name="uq_rule_version_rule_slug_number"),
    )
    rows = [_first_version(row) for row in op.get_bind().execute(_present())]
    if rows:
        op.bulk_insert(version, rows)


def _present() -> sa.Select[Any]:
    refers = ("owner_id", "connection_id", "key_result_id")
    rule = sa.table("rule", *_columns("id", "slug", "query", "state", *refers), sa.column("condition", JSON))
    person = sa.table("person", *_columns("id", "email"))
    connection, key_result = (sa.table(name, *_columns("id", "slug")) for name in ("connection", "key_result"))
    revision_ = sa.table("rule_revision", *_columns("id", "rule_id", "created_at", "changed_by"))
    each = sa.table("rule_revision", *_columns("id", "rule_id")).alias("each_revision")
    newest = sa.select(sa.func.max(each.c.id)).where(each.c.rule_id == rule.c.id).scalar_subquery()
    return (
        sa.select(
            *(rule.c[name] for name in ("slug", "query", "state", "condition")),
            person.c.email.label("owner"),
            connection.c.slug.label("connection"),
            key_result.c.slug.label("key_result"),
            revision_.c.created_at,
            revision_.c.changed_by,
        )
        .join(connection, connection.c.id == rule.c.connection_id)
        .join(key_result, key_result.c.id == rule.c.key_result_id)
        .outerjoin(person, person.c.id == rule.c.owner_id)
        .outerjoin(revision_, revision_.c.id == newest)
    )


def _columns(*names: str) -> Iterator[sa.ColumnClause[Any]]:
    return (sa.column(name) for name in names)


def _first_version(row: sa.Row[Any]) -> dict[str, Any]:
    definition = {name: getattr(row, name) for name in ("owner", "connection", "key_result", "query", "state")}
    return {
        "rule_slug": row.slug,
        "number": 1,
        "at": row.created_at or 0,
        "changed_by": row.changed_by or "",
        "what": "as it was when versions began",
        "definition": {**definition, "when": None if row.query else row.condition},
    }


def _decisions() -> None:
    op.create_table(
        "link_decision",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("rule_slug", sa.String(100), nullable=False),
        sa.Column("key_result_id", ID, nullable=False),
        sa.Column("connection_id", ID, nullable=False),
        sa.Column("identity", sa.String(200), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("decided_by", TEXT, nullable=False),
        sa.Column("decided_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_link_decision"),
        sa.ForeignKeyConstraint(
            ["key_result_id"], ["key_result.id"], "fk_link_decision_key_result_id_key_result", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], "fk_link_decision_connection_id_connection", ondelete="CASCADE"
        ),
        sa.UniqueConstraint(
            "connection_id",
            "identity",
            "rule_slug",
            "key_result_id",
            name="uq_link_decision_connection_id_identity_rule_slug_key_result_id",
        ),
        sa.Index("ix_link_decision_key_result_id", "key_result_id"),
    )
