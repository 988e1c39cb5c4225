"""Tables for mapping rules, their revisions, links, query members, and the two version counters."""

import sqlalchemy as sa

from sync_service.store.tables.columns import Id, due_columns, metadata, origin_columns, refers, row_id
from sync_service.store.tables.instant import Instant

# `rules` is the version of everything that decides links; `changes` increases with every visible change.
counter = sa.Table(
    "counter",
    metadata,
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)


rule = sa.Table(
    "rule",
    metadata,
    row_id(),
    sa.Column("slug", sa.String(100), nullable=False, unique=True),
    refers("owner_id", "person", nullable=True, on_delete="SET NULL"),
    refers("connection_id", "connection"),
    refers("key_result_id", "key_result"),
    sa.Column("condition", sa.JSON, nullable=False),  # as in the configuration file's `when`; {} for a query
    sa.Column("query", sa.Text),
    sa.Column("state", sa.String(10), nullable=False, server_default="active"),  # domain/rules/rule_state.py
    sa.Column("reviewed_at", Instant),  # when a person last confirmed the rule
    sa.Column("reviewed_by", sa.Text, nullable=False, server_default=""),
    *origin_columns(),
)


# Each saved form of a rule, by slug, so that it outlives the rule. `definition` is as in the file; null: removed.
rule_version = sa.Table(
    "rule_version",
    metadata,
    row_id(),
    sa.Column("rule_slug", sa.String(100), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("definition", sa.JSON),
    sa.UniqueConstraint("rule_slug", "number"),
)


# One edit of a rule. While `pending`, its links are created in chunks; then one short transaction makes it `active`.
rule_revision = sa.Table(
    "rule_revision",
    metadata,
    row_id(),
    refers("rule_id", "rule", nullable=True, on_delete="SET NULL"),
    sa.Column("rule_slug", sa.String(100), nullable=False),
    refers("connection_id", "connection"),
    refers("key_result_id", "key_result"),
    sa.Column("condition", sa.JSON, nullable=False),
    sa.Column("query", sa.Text),  # in place of a condition, which then is {}
    sa.Column("proposing", sa.Boolean, nullable=False, server_default=sa.false()),  # its links wait for decisions
    sa.Column("state", sa.String(10), nullable=False),  # pending, active, retired
    sa.Column("cursor", Id, nullable=False, server_default="0"),  # the last issue id evaluated
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    *due_columns("rule_revision"),
    sa.Index("ix_rule_revision_rule_id_state", "rule_id", "state"),
)


# A link that a person created by the key; it takes effect once the issue is known.
manual_link = sa.Table(
    "manual_link",
    metadata,
    row_id(),
    refers("key_result_id", "key_result"),
    refers("connection_id", "connection"),
    sa.Column("key", sa.String(300), nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    refers("issue_id", "issue", nullable=True, on_delete="SET NULL"),
    *origin_columns(),
    sa.Column("kept_for_scope_id", Id),  # removed once this scope, which moves to another connection, has moved
    sa.UniqueConstraint("key_result_id", "connection_id", "key"),
    sa.Index("ix_manual_link_issue_id", "issue_id"),
    sa.Index("ix_manual_link_connection_id_key", "connection_id", "key"),
)


# An issue counts toward a key result, and why. `source` is the rule_revision's or manual_link's id, 0 for a label.
# A link of the origin `proposed` does not count: a proposing rule matches the issue, and its owner has not decided.
link = sa.Table(
    "link",
    metadata,
    row_id(),
    refers("key_result_id", "key_result"),
    refers("issue_id", "issue"),
    sa.Column("origin", sa.String(10), nullable=False),  # rule, proposed, manual, label, comment
    sa.Column("source", Id, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.UniqueConstraint("key_result_id", "issue_id", "origin", "source"),
    sa.Index("ix_link_issue_id", "issue_id"),
    sa.Index("ix_link_origin_source", "origin", "source"),
)


# The owner's decision about an issue that a rule proposed.
link_decision = sa.Table(
    "link_decision",
    metadata,
    row_id(),
    sa.Column("rule_slug", sa.String(100), nullable=False),
    refers("key_result_id", "key_result"),
    refers("connection_id", "connection"),
    sa.Column("identity", sa.String(200), nullable=False),
    sa.Column("accepted", sa.Boolean, nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("decided_at", Instant, nullable=False),
    sa.UniqueConstraint("connection_id", "identity", "rule_slug", "key_result_id"),
    sa.Index("ix_link_decision_key_result_id", "key_result_id"),
)


# A request to compute the links of many known issues again, in chunks (a label was renamed, a key result added).
relink_request = sa.Table(
    "relink_request",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("cursor", Id, nullable=False, server_default="0"),
    sa.Column("reasons", sa.JSON, nullable=False, server_default="[]"),  # domain/rules/relink_reasons.py
    # A scope whose issues have new keys, {"scope": its id, "was": …, "now": …}; or a moved parent, {"parent": …, …};
    # or only the issues of some accounts, {"accounts": [login or id, …]}; or those below others, {"below": true}
    sa.Column("renamed", sa.JSON),
    *due_columns("relink_request"),
)


# An issue below which a relink request matches all issues again: first those that changed, then what it finds below.
relink_parent = sa.Table(
    "relink_parent",
    metadata,
    row_id(),
    refers("request_id", "relink_request"),
    sa.Column("identity", sa.String(200), nullable=False),
    sa.Column("what", sa.Text, nullable=False),  # what changed, in words
    sa.Column("depth", sa.Integer, nullable=False),  # how far it is below what changed
    sa.Column("done", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("request_id", "identity"),
)


# Whether an issue is a member of a revision's query: members, and issues that recently were members.
query_member = sa.Table(
    "query_member",
    metadata,
    row_id(),
    refers("revision_id", "rule_revision"),
    sa.Column("identity", sa.String(200), nullable=False),  # the issue may still be unknown
    sa.Column("holds", sa.Boolean, nullable=False),  # false: seen by an unfinished listing, or no member now
    sa.Column("matched_at", Instant),  # when the single issue was last matched, by the database's clock
    sa.Column("run", Id, nullable=False, server_default="0"),  # the last run of the listing that contained it
    sa.UniqueConstraint("revision_id", "identity"),
    sa.Index("ix_query_member_identity", "identity"),
)


# The recurring listing of all members of a revision's query, page by page.
query_listing = sa.Table(
    "query_listing",
    metadata,
    row_id(),
    refers("revision_id", "rule_revision"),
    refers("connection_id", "connection"),
    sa.Column("run", Id, nullable=False, server_default="0"),
    sa.Column("cursor", sa.Text),  # next page of the run; null between two runs
    sa.Column("began_at", Instant),  # of the current run, else of the last one
    sa.Column("done_at", Instant),  # when the last complete run ended
    sa.Column("seen", sa.Integer, nullable=False, server_default="0"),  # members in the current run, else in the last
    sa.Column("outside", sa.Integer, nullable=False, server_default="0"),  # those in scopes that are not watched
    sa.Column("listing", sa.JSON),  # how far the run's list is; domain/listing.py
    sa.Column("run_incomplete_reason", sa.Text),  # why the current run will not be complete
    sa.Column("incomplete_reason", sa.Text),  # why the last run was not complete
    *due_columns("query_listing"),
    sa.UniqueConstraint("revision_id"),
)


# A changed issue that must be matched against the queries of its connection's rules.
query_candidate = sa.Table(
    "query_candidate",
    metadata,
    row_id(),
    refers("connection_id", "connection"),
    sa.Column("identity", sa.String(200), nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    *due_columns("query_candidate"),
    sa.UniqueConstraint("connection_id", "identity"),
)
