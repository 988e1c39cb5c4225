"""Views of rules for pages: the list, one rule with its status, and the choices and suggestions of the form."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.rules.condition_text import describe
from sync_service.domain.rules.field_tests.custom_values import PREFIX
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.trackers.fields.custom_fields import FieldType, custom_fields_of, value_of
from sync_service.domain.trackers.observations import TermKind
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.okrs import query_listings
from sync_service.store.okrs.query_listings import Listed
from sync_service.store.okrs.rules import Definition
from sync_service.store.trackers.custom_values import custom_values


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """A rule as last saved. `words` describes its condition or query; `version` changes with every edit."""

    id: int
    slug: str
    connection: str
    key_result_id: int
    key_result: str
    key_result_title: str
    owner: str | None
    owner_name: str | None
    condition: Mapping[str, Any]
    query: str | None
    state: RuleState
    words: str
    version: str
    reviewed_at: datetime | None
    reviewed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStatus:
    """The status of a rule's last edit. `applying`: its links are being created; `stuck`: why that failed.

    `listed` is the state of its query's listing.
    """

    linked: int = 0
    applying: bool = False
    stuck: str | None = None
    changed_by: str = ""
    changed_at: datetime | None = None
    listed: Listed | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """An option of a select field: `name` is its value, `words` the visible text."""

    id: int
    name: str
    words: str
    group: str = ""


def rule_views(tx: Transaction, *, slug: str | None = None) -> list[RuleView]:
    """Return all rules, ordered by slug, or only the one with that slug."""
    r, c, k, p = tables.rule, tables.live_connection, tables.live_key_result, tables.person
    statement = (
        sa.select(
            r,
            c.c.slug.label("connection"),
            k.c.slug.label("key_result"),
            k.c.title.label("key_result_title"),
            p.c.email,
            p.c.name.label("owner_name"),
        )
        .join(c, c.c.id == r.c.connection_id)
        .join(k, k.c.id == r.c.key_result_id)
        .outerjoin(p, p.c.id == r.c.owner_id)
        .where(sa.true() if slug is None else r.c.slug == slug)
        .order_by(r.c.slug)
    )
    return [_rule(row) for row in tx.execute(statement)]


def _rule(row: Row[Any]) -> RuleView:
    return RuleView(
        id=row.id,
        slug=row.slug,
        connection=row.connection,
        key_result_id=row.key_result_id,
        key_result=row.key_result,
        key_result_title=row.key_result_title,
        owner=row.email,
        owner_name=row.owner_name,
        condition=row.condition,
        query=row.query,
        state=RuleState(row.state),
        words=row.query or describe(row.condition),
        version=_version(row),
        reviewed_at=row.reviewed_at,
        reviewed_by=row.reviewed_by,
    )


def _version(row: Row[Any]) -> str:
    decides = [row.owner_id, row.connection_id, row.key_result_id, row.condition, row.query, row.state]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def lock(tx: Transaction, slug: str) -> RuleView | None:
    """Lock the rules and return the one with a slug; None when there is none."""
    versions.lock_rules(tx)
    tx.execute(sa.select(tables.rule.c.id).where(tables.rule.c.slug == slug).with_for_update())
    found = rule_views(tx, slug=slug)
    return found[0] if found else None


def statuses(tx: Transaction, rule_ids: Sequence[int]) -> dict[int, RuleStatus]:
    """Return for each rule the status of its last edit, and how many issues it links now."""
    v = tables.rule_revision
    newest = sa.select(sa.func.max(v.c.id)).where(v.c.rule_id.in_(rule_ids)).group_by(v.c.rule_id)
    linked, listed = _linked(tx, rule_ids), query_listings.of_rules(tx, rule_ids)
    return {
        row.rule_id: RuleStatus(
            linked=linked.get(row.rule_id, 0),
            applying=row.state == "pending" and row.buried_at is None,
            stuck=row.outcome if row.buried_at is not None else None,
            changed_by=row.changed_by,
            changed_at=row.created_at,
            listed=listed.get(row.rule_id),
        )
        for row in tx.execute(sa.select(v).where(v.c.id.in_(newest)))
    }


def _linked(tx: Transaction, rule_ids: Sequence[int]) -> dict[int, int]:
    v, n = tables.rule_revision, tables.link
    statement = (
        sa.select(v.c.rule_id, sa.func.count().label("issues"))
        .join(n, sa.and_(n.c.source == v.c.id, n.c.origin == "rule"))
        .where(v.c.rule_id.in_(rule_ids), v.c.state == "active")
        .group_by(v.c.rule_id)
    )
    return {row.rule_id: row.issues for row in tx.execute(statement)}


def connection_choices(tx: Transaction) -> list[Choice]:
    """Return the connections to choose from."""
    c = tables.live_connection
    kinds = {"github": "GitHub", "jira": "Jira"}
    rows = tx.execute(sa.select(c.c.id, c.c.slug, c.c.kind).order_by(c.c.slug))
    return [Choice(row.id, row.slug, f"{row.slug} ({kinds.get(row.kind, row.kind)})") for row in rows]


def key_result_choices(tx: Transaction) -> list[Choice]:
    """Return the key results to choose from, those of the latest cycle first, grouped by objective."""
    k, o, c = tables.live_key_result, tables.live_objective, tables.live_cycle
    statement = (
        sa.select(k.c.id, k.c.slug, k.c.title, o.c.title.label("objective"), c.c.name)
        .join(o, o.c.id == k.c.objective_id)
        .join(c, c.c.id == o.c.cycle_id)
        .order_by(c.c.starts_at.desc(), o.c.position, o.c.id, k.c.position, k.c.id)
    )
    return [
        Choice(row.id, row.slug, f"{row.slug} · {row.title}", f"{row.name} · {row.objective}")
        for row in tx.execute(statement)
    ]


def owner_choices(tx: Transaction) -> list[Choice]:
    """Return the people to choose from."""
    p = tables.person
    rows = tx.execute(sa.select(p.c.id, p.c.email, p.c.name).order_by(p.c.name, p.c.email))
    return [Choice(row.id, row.email, f"{row.name} ({row.email})") for row in rows]


def in_words(definition: Definition) -> str:
    """Return a text that describes a rule's condition or query."""
    return definition.query or describe(definition.condition)


SUGGESTIONS_FROM = 2000
"""The number of newest issues from which suggestions are made."""

SUGGESTED = 100
"""The largest number of suggestions for one field."""


def suggestions(tx: Transaction, connection_id: int) -> dict[str, list[str]]:
    """Return suggested values for the fields of a condition, from a connection's issues, the most frequent first."""
    i = tables.issue
    latest = (
        sa.select(*(i.c[name] for name in _SUGGESTING))
        .where(i.c.connection_id == connection_id, i.c.gone_reason.is_(None), i.c.state.isnot(None))
        .order_by(i.c.id.desc())
        .limit(SUGGESTIONS_FROM)
    )
    rows = tx.execute(latest).all()
    names = _term_names(tx, connection_id)
    milestones = (names.get((TermKind.MILESTONE, row.milestone), row.milestone) for row in rows)
    return {
        "scope": _scopes(tx, connection_id),
        "type": _frequent(row.type for row in rows),
        "milestone": _frequent(milestones),
        "parent": _frequent(row.parent_key for row in rows),
        "priority": _frequent(row.priority for row in rows),
        "resolution": _frequent(row.resolution for row in rows),
        "assignee": _frequent(account[0] for row in rows for account in row.assignees),
        "author": _frequent(row.author[0] for row in rows if row.author),
        **_custom(tx, connection_id, rows),
    } | {field: _frequent(_carried(rows, names, column, kind)) for field, column, kind in _CARRIED}


def _custom(tx: Transaction, connection_id: int, rows: Sequence[Row[Any]]) -> dict[str, list[str]]:
    """Return the values of the custom fields that a connection names; none of numbers and dates."""
    options = tx.scalar(sa.select(tables.live_connection.c.options).where(tables.live_connection.c.id == connection_id))
    values = [custom_values(row.custom_fields) for row in rows]
    found: dict[str, list[str]] = {}
    for name, one in custom_fields_of(options or {}).items():
        if one.type not in (FieldType.NUMBER, FieldType.DATE):
            held = (value_of(one, each) for each in values)
            found[PREFIX + name] = _frequent(text.partition("\t")[0] for each in held if each for text in each.values)
    return found


_SUGGESTING = (
    "type", "milestone", "parent_key", "priority", "resolution", "assignees", "author", "labels", "components",
    "versions", "sprints", "custom_fields",
)  # fmt: skip
_CARRIED = (
    ("labels", "labels", TermKind.LABEL),
    ("components", "components", TermKind.COMPONENT),
    ("versions", "versions", TermKind.VERSION),
    ("sprint", "sprints", TermKind.SPRINT),
)


def _carried(
    rows: Sequence[Row[Any]], names: Mapping[tuple[str, str], str | None], column: str, kind: TermKind
) -> Iterator[str | None]:
    """Yield the names of terms on the issues, then those of all other known terms."""
    yield from (names.get((kind, one), one) for row in rows for one in getattr(row, column) or ())
    yield from (name for (known, _), name in names.items() if known == kind)


def _term_names(tx: Transaction, connection_id: int) -> dict[tuple[str, str], str | None]:
    t = tables.term
    rows = tx.execute(sa.select(t.c.kind, t.c.external_id, t.c.name).where(t.c.connection_id == connection_id))
    return {(row.kind, row.external_id): row.name for row in rows}


def _scopes(tx: Transaction, connection_id: int) -> list[str]:
    s = tables.live_scope
    return list(tx.scalars(sa.select(s.c.name).where(s.c.connection_id == connection_id).order_by(s.c.name)))


def _frequent(values: Iterable[str | None]) -> list[str]:
    return [value for value, _ in Counter(value for value in values if value).most_common(SUGGESTED)]
