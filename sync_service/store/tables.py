"""Every table, each with what a row of it means. Migrations make them; a test holds the two together."""

import sqlalchemy as sa

from sync_service.store.database import Instant

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Trackers' numbers pass 2**31; SQLite counts rows only in a column that is exactly INTEGER.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _id() -> sa.Column[int]:
    return sa.Column("id", Id, primary_key=True, autoincrement=True)


def _refers(name: str, table: str, *, nullable: bool = False, on_delete: str | None = "CASCADE") -> sa.Column[int]:
    return sa.Column(name, Id, sa.ForeignKey(f"{table}.id", ondelete=on_delete), nullable=nullable)


def _due(table: str) -> tuple[sa.Column[object] | sa.Index, ...]:
    """Give the columns of whatever must happen: see `store/due.py` for their meaning."""
    due_at: sa.Column[object] = sa.Column("due_at", Instant)
    return (
        due_at,
        sa.Column("lease", sa.String(32)),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("settled_at", Instant),
        sa.Column("buried_at", Instant),
        sa.Column("outcome", sa.Text, nullable=False, server_default=""),
        sa.Index(f"ix_{table}_due_at", due_at, sqlite_where=due_at.isnot(None), postgresql_where=due_at.isnot(None)),
    )


# `rules` is the version of everything that decides links; `changes` moves with every visible change.
counter = sa.Table(
    "counter",
    metadata,
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

team = sa.Table(
    "team",
    metadata,
    _id(),
    sa.Column("slug", sa.String(100), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
)

person = sa.Table(
    "person",
    metadata,
    _id(),
    sa.Column("email", sa.String(320), nullable=False, unique=True),  # lower case
    sa.Column("name", sa.Text, nullable=False),
    _refers("team_id", "team", nullable=True, on_delete="SET NULL"),
    sa.Column("role", sa.String(10), nullable=False),  # admin, member, viewer
    sa.Column("timezone", sa.String(64), nullable=False, server_default=""),  # "" is the organisation's
    sa.Column("accounts", sa.JSON, nullable=False),  # {"github": login, "jira": account id}
)

cycle = sa.Table(
    "cycle",
    metadata,
    _id(),
    sa.Column("slug", sa.String(100), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("starts", sa.Date, nullable=False),
    sa.Column("ends", sa.Date, nullable=False),  # inclusive
    sa.Column("starts_at", Instant, nullable=False),  # midnight in the organisation's time zone
    sa.Column("ends_at", Instant, nullable=False),  # midnight after the last day
)

connection = sa.Table(
    "connection",
    metadata,
    _id(),
    sa.Column("slug", sa.String(100), nullable=False, unique=True),
    sa.Column("kind", sa.String(50), nullable=False),
    sa.Column("site", sa.Text, nullable=False),
    _refers("owner_id", "person", nullable=True, on_delete="SET NULL"),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("sealed_token", sa.Text),
    sa.Column("sealed_secrets", sa.JSON, nullable=False),  # newest first
    sa.Column("earlier", sa.String(10)),  # import, ignore
    sa.Column("refused_at", Instant),
    sa.Column("refused_reason", sa.Text),
)

scope = sa.Table(
    "scope",
    metadata,
    _id(),
    _refers("connection_id", "connection"),
    sa.Column("name", sa.String(300), nullable=False),  # as configured, and as renamed since
    sa.Column("external_id", sa.String(100)),  # known from the first delivery on
    sa.Column("covered_at", Instant),
    sa.Column("gone", sa.Text),  # why it can no longer be watched
    sa.UniqueConstraint("connection_id", "name"),
)

term = sa.Table(
    "term",
    metadata,
    _id(),
    _refers("connection_id", "connection"),
    sa.Column("kind", sa.String(10), nullable=False),  # label, milestone
    sa.Column("external_id", sa.String(300), nullable=False),
    sa.Column("name", sa.Text),  # null when deleted
    sa.Column("at", Instant, nullable=False),  # the time of the newest word on it
    sa.UniqueConstraint("connection_id", "kind", "external_id"),
)

issue = sa.Table(
    "issue",
    metadata,
    _id(),
    _refers("connection_id", "connection"),
    sa.Column("identity", sa.String(200), nullable=False),
    _refers("scope_id", "scope", nullable=True, on_delete="SET NULL"),  # null: in a scope that is not watched
    sa.Column("scope_external_id", sa.String(100)),
    sa.Column("scope_name", sa.String(300)),
    sa.Column("key", sa.String(300), nullable=False),
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
    sa.Column("assignees", sa.JSON, nullable=False),  # [[id, name], …]
    sa.Column("author", sa.JSON),  # [id, name]
    sa.Column("priority", sa.Text),
    sa.Column("points", sa.Float),
    sa.Column("points_at", Instant),  # null: unknown
    sa.Column("created_at", Instant),
    sa.Column("closed_at", Instant),
    sa.Column("updated_at", Instant),  # the tracker's time of the newest snapshot
    sa.Column("digest", sa.String(64), nullable=False, server_default=""),
    sa.Column("looked", sa.Boolean, nullable=False, server_default=sa.false()),  # that snapshot came from a look
    sa.Column("in_doubt", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("gone", sa.Text),  # deleted, or moved to where
    sa.Column("successor", sa.String(200)),
    sa.UniqueConstraint("connection_id", "identity"),
    sa.Index("ix_issue_connection_id_key", "connection_id", "key"),
    sa.Index("ix_issue_scope_id_id", "scope_id", "id"),
)

objective = sa.Table(
    "objective",
    metadata,
    _id(),
    sa.Column("slug", sa.String(100), nullable=False, unique=True),
    sa.Column("title", sa.Text, nullable=False),
    _refers("cycle_id", "cycle"),
    _refers("team_id", "team", nullable=True, on_delete="SET NULL"),
    _refers("owner_id", "person", nullable=True, on_delete="SET NULL"),
    sa.Column("position", sa.Integer, nullable=False, server_default="0"),
)

key_result = sa.Table(
    "key_result",
    metadata,
    _id(),
    sa.Column("slug", sa.String(100), nullable=False, unique=True),
    _refers("objective_id", "objective"),
    sa.Column("title", sa.Text, nullable=False),
    _refers("owner_id", "person", nullable=True, on_delete="SET NULL"),
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
    sa.Column("updated_at", Instant),  # of the value's last change
)

check_in = sa.Table(
    "check_in",
    metadata,
    _id(),
    _refers("key_result_id", "key_result"),
    _refers("person_id", "person", nullable=True, on_delete="SET NULL"),
    sa.Column("at", Instant, nullable=False),
    sa.Column("value", sa.Float),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Index("ix_check_in_key_result_id_id", "key_result_id", "id"),
)

rule = sa.Table(
    "rule",
    metadata,
    _id(),
    sa.Column("slug", sa.String(100), nullable=False, unique=True),
    _refers("owner_id", "person", nullable=True, on_delete="SET NULL"),
    _refers("connection_id", "connection"),
    _refers("key_result_id", "key_result"),
    sa.Column("condition", sa.JSON, nullable=False),  # as in the configuration file's `when`; {} where it is a query
    sa.Column("query", sa.Text),
    sa.Column("enabled", sa.Boolean, nullable=False),
)

# One edit of a rule. It fills its links in chunks while `pending`, then one short transaction makes it `active`.
rule_revision = sa.Table(
    "rule_revision",
    metadata,
    _id(),
    _refers("rule_id", "rule", nullable=True, on_delete="SET NULL"),
    sa.Column("rule_slug", sa.String(100), nullable=False),
    _refers("connection_id", "connection"),
    _refers("key_result_id", "key_result"),
    sa.Column("condition", sa.JSON, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # pending, active, retired
    sa.Column("cursor", Id, nullable=False, server_default="0"),  # the last issue id evaluated
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    *_due("rule_revision"),
    sa.Index("ix_rule_revision_rule_id_state", "rule_id", "state"),
)

# A link somebody asked for by name; it takes effect once its issue is seen.
manual_link = sa.Table(
    "manual_link",
    metadata,
    _id(),
    _refers("key_result_id", "key_result"),
    _refers("connection_id", "connection"),
    sa.Column("key", sa.String(300), nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    _refers("issue_id", "issue", nullable=True, on_delete="SET NULL"),
    sa.UniqueConstraint("key_result_id", "connection_id", "key"),
    sa.Index("ix_manual_link_issue_id", "issue_id"),
    sa.Index("ix_manual_link_connection_id_key", "connection_id", "key"),
)

# What counts now, and why. `source` is the rule_revision's or manual_link's id, 0 for a label.
link = sa.Table(
    "link",
    metadata,
    _id(),
    _refers("key_result_id", "key_result"),
    _refers("issue_id", "issue"),
    sa.Column("origin", sa.String(10), nullable=False),  # rule, manual, label, comment
    sa.Column("source", Id, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.UniqueConstraint("key_result_id", "issue_id", "origin", "source"),
    sa.Index("ix_link_issue_id", "issue_id"),
    sa.Index("ix_link_origin_source", "origin", "source"),
)

history = sa.Table(
    "history",
    metadata,
    _id(),
    _refers("key_result_id", "key_result"),
    sa.Column("at", Instant, nullable=False),
    sa.Column("from", sa.Float),
    sa.Column("to", sa.Float),
    sa.Column("causes", sa.JSON, nullable=False),  # [{"what", "issue", "delivery", "actor", "url"}, …]
    sa.Index("ix_history_key_result_id_id", "key_result_id", "id"),
)

delivery = sa.Table(
    "delivery",
    metadata,
    _id(),
    _refers("connection_id", "connection"),
    sa.Column("delivery_id", sa.String(200), nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("headers", sa.JSON, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("name", sa.String(100), nullable=False, server_default=""),  # `issues.closed`, once read
    *_due("delivery"),
    sa.UniqueConstraint("connection_id", "delivery_id"),
    sa.Index("ix_delivery_buried_at", "buried_at"),
)

# An issue that a letter did not tell enough about: go and look.
look = sa.Table(
    "look",
    metadata,
    _id(),
    _refers("connection_id", "connection"),
    sa.Column("identity", sa.String(200), nullable=False),
    sa.Column("key", sa.String(300), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("delivery_id", sa.String(200)),
    *_due("look"),
    sa.UniqueConstraint("connection_id", "identity"),
)

# The links of many known issues must be derived again (a label renamed, a key result added), a chunk at a time.
relink = sa.Table(
    "relink",
    metadata,
    _id(),
    _refers("connection_id", "connection"),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("cursor", Id, nullable=False, server_default="0"),
    *_due("relink"),
)

# A key result whose settings changed or whose day has passed.
recompute = sa.Table(
    "recompute",
    metadata,
    _id(),
    sa.Column("key_result_id", Id, sa.ForeignKey("key_result.id", ondelete="CASCADE"), nullable=False, unique=True),
    sa.Column("causes", sa.JSON, nullable=False),
    *_due("recompute"),
)

# Something a person should hear about one key result; it waits the settling time and absorbs what follows.
notice = sa.Table(
    "notice",
    metadata,
    _id(),
    _refers("person_id", "person"),
    _refers("key_result_id", "key_result"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("from_status", sa.String(20), nullable=False),
    sa.Column("to_status", sa.String(20), nullable=False),
    sa.Column("from_value", sa.Float),
    sa.Column("to_value", sa.Float),
    sa.Column("from_progress", sa.Float),
    sa.Column("to_progress", sa.Float),
    sa.Column("causes", sa.JSON, nullable=False),
    _refers("mail_id", "mail", nullable=True, on_delete="SET NULL"),
    *_due("notice"),
    sa.Index("ix_notice_key_result_id_person_id", "key_result_id", "person_id"),
)

mail = sa.Table(
    "mail",
    metadata,
    _id(),
    sa.Column("message_id", sa.String(200), nullable=False, unique=True),
    sa.Column("recipient", sa.String(320), nullable=False),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("sealed_content", sa.Text, nullable=False),  # {"subject", "text", "html"}; may carry a sign-in link
    sa.Column("created_at", Instant, nullable=False),
    *_due("mail"),
)

sign_in_link = sa.Table(
    "sign_in_link",
    metadata,
    _id(),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    _refers("person_id", "person"),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
)

session = sa.Table(
    "session",
    metadata,
    _id(),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    _refers("person_id", "person"),
    sa.Column("expires_at", Instant, nullable=False),
)

api_token = sa.Table(
    "api_token",
    metadata,
    _id(),
    sa.Column("name", sa.String(100), nullable=False, unique=True),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("role", sa.String(10), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
)

audit = sa.Table(
    "audit",
    metadata,
    _id(),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
)
