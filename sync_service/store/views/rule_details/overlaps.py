"""Issues that several rules match, also rules of two connections to one site: what each overlap is about."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.okrs.links import PROPOSED
from sync_service.store.tables import issue, link, live_connection, live_key_result, rule_revision
from sync_service.store.trackers import siblings


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Two rules that match the same issues. `same`: toward the same key result, where each issue counts once."""

    rule: str
    other: str
    connection: str
    key_result: str
    same: bool
    issues: int

    @property
    def words(self) -> str:
        """Return what the overlap means for the numbers."""
        if self.same:
            return f"both count toward {self.key_result}, where an issue counts once"
        return f"it counts toward {self.key_result}; an issue may count toward several key results"


def of_rule(tx: Transaction, slug: str) -> list[Overlap]:
    """Return the rules that match issues which this one matches, those with the most issues first."""
    return _read(tx, lambda mine, _: mine.c.slug == slug)


def double(tx: Transaction, *, limit: int) -> list[Overlap]:
    """Return pairs of rules toward one key result that match the same issues, those with the most issues first."""
    return _read(
        tx,
        lambda mine, other: sa.and_(mine.c.slug < other.c.slug, mine.c.key_result_id == other.c.key_result_id),
        limit=limit,
    )


def _read(tx: Transaction, which: Any, *, limit: int | None = None) -> list[Overlap]:
    groups = siblings.groups(tx)
    mine, other = _matched(groups), _matched(groups)
    same = mine.c.issue_id == other.c.issue_id
    if groups:
        same = sa.and_(mine.c.site == other.c.site, mine.c.identity == other.c.identity)
    number = sa.func.count(sa.distinct(mine.c.issue_id)).label("issues")
    columns = (mine.c.slug, other.c.slug.label("other"), mine.c.key_result_id)
    pairs = (
        sa.select(*columns, other.c.key_result_id.label("other_key_result_id"), other.c.rule_connection_id, number)
        .join(other, sa.and_(mine.c.slug != other.c.slug, same))
        .where(which(mine, other))
        .group_by(*columns, other.c.key_result_id, other.c.rule_connection_id)
        .subquery()
    )
    found = (
        sa.select(pairs, live_key_result.c.slug.label("key_result"), live_connection.c.slug.label("connection"))
        .join(live_key_result, live_key_result.c.id == pairs.c.other_key_result_id)
        .join(live_connection, live_connection.c.id == pairs.c.rule_connection_id)
        .order_by(pairs.c.issues.desc(), pairs.c.slug, pairs.c.other)
        .limit(limit)
    )
    return [_overlap(row) for row in tx.execute(found)]


def _matched(groups: siblings.Groups) -> sa.Subquery:
    """Select the issues that rules match, with the rule; `site` is the same for the connections to one site."""
    v = rule_revision.c
    site = sa.case(groups, value=issue.c.connection_id, else_=issue.c.connection_id) if groups else sa.literal(0)
    return (
        sa.select(
            v.rule_slug.label("slug"),
            v.key_result_id,
            v.connection_id.label("rule_connection_id"),
            link.c.issue_id,
            issue.c.identity,
            site.label("site"),
        )
        .join(link, sa.and_(link.c.source == v.id, link.c.origin.in_(("rule", PROPOSED))))
        .join(issue, issue.c.id == link.c.issue_id)
        .where(v.state == "active")
        .subquery()
    )


def _overlap(row: sa.Row[Any]) -> Overlap:
    return Overlap(
        rule=row.slug,
        other=row.other,
        connection=row.connection,
        key_result=row.key_result,
        same=row.key_result_id == row.other_key_result_id,
        issues=row.issues,
    )
