"""Decisions of owners about links that rules propose: accepted ones count, declined ones are not proposed again."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.engine.database import upsert
from sync_service.store.okrs.links import PROPOSED
from sync_service.store.tables import issue, link, link_decision, live_connection, rule_revision

Decided = Mapping[tuple[str, int], bool]
"""Whether links of an issue were accepted, by the rule's slug and the key result's id."""

UNIQUE = ("connection_id", "identity", "rule_slug", "key_result_id")


def of_issues(tx: Transaction, connection_id: int, identities: Collection[str]) -> dict[str, Decided]:
    """Return what was decided about issues of a connection, by identity."""
    found: dict[str, dict[tuple[str, int], bool]] = defaultdict(dict)
    d = link_decision.c
    for row in tx.execute(sa.select(link_decision).where(d.connection_id == connection_id, d.identity.in_(identities))):
        found[row.identity][row.rule_slug, row.key_result_id] = row.accepted
    return dict(found)


def of_rule(tx: Transaction, connection_id: int, slug: str, key_result_id: int) -> dict[int, bool]:
    """Return what was decided about the links that a rule proposed for a key result, by the issue's row id."""
    d = link_decision.c
    same = sa.and_(issue.c.connection_id == d.connection_id, issue.c.identity == d.identity)
    mine = (d.connection_id == connection_id, d.rule_slug == slug, d.key_result_id == key_result_id)
    found = sa.select(issue.c.id, d.accepted).join(link_decision, same).where(*mine)
    return {row.id: row.accepted for row in tx.execute(found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedLink:
    """An issue that a rule proposes for a key result."""

    issue_id: int
    connection_id: int
    connection: str
    identity: str
    key: str
    title: str
    url: str
    state: str | None
    rule: str

    @property
    def issue(self) -> str:
        """Return the issue as people name it: `acme-github:acme/checkout#12`."""
        return f"{self.connection}:{self.key}"


def waiting(tx: Transaction, key_result_id: int, *, limit: int | None = None) -> list[ProposedLink]:
    """Return the links that wait for the owner of a key result, the latest issues first."""
    i, c, r = issue.c, live_connection.c, rule_revision.c
    found = (
        sa.select(i.id, i.connection_id, i.identity, i.key, i.title, i.url, i.state, c.slug, r.rule_slug)
        .select_from(link)
        .join(rule_revision, sa.and_(r.id == link.c.source, r.state == "active"))
        .join(issue, i.id == link.c.issue_id)
        .join(live_connection, c.id == i.connection_id)
        .where(link.c.key_result_id == key_result_id, link.c.origin == PROPOSED)
        .order_by(i.id.desc(), r.rule_slug)
        .limit(limit)
    )
    return [
        ProposedLink(
            issue_id=row.id,
            connection_id=row.connection_id,
            connection=row.slug,
            identity=row.identity,
            key=row.key,
            title=row.title or "",
            url=row.url or "",
            state=row.state,
            rule=row.rule_slug,
        )
        for row in tx.execute(found)
    ]


def count_waiting(tx: Transaction, key_result_id: int) -> int:
    """Return how many links wait for the owner of a key result."""
    active = sa.and_(rule_revision.c.id == link.c.source, rule_revision.c.state == "active")
    found = sa.select(sa.func.count()).select_from(link).join(rule_revision, active)
    mine = (link.c.key_result_id == key_result_id, link.c.origin == PROPOSED)
    return tx.scalars(found.where(*mine)).one()


def save(
    tx: Transaction, key_result_id: int, decided: Collection[ProposedLink], *, accepted: bool, by: str, now: datetime
) -> None:
    """Store a decision about proposed links."""
    rows = [
        {
            "connection_id": one.connection_id,
            "identity": one.identity,
            "rule_slug": one.rule,
            "key_result_id": key_result_id,
            "accepted": accepted,
            "decided_by": by,
            "decided_at": now,
        }
        for one in decided
    ]
    upsert(tx, link_decision, rows, unique=UNIQUE)


def follow(tx: Transaction, connection_id: int, *, from_identity: str, to_identity: str) -> None:
    """Move decisions to the new identity of a transferred issue, where that one has none."""
    d, other = link_decision.c, link_decision.alias()
    taken = sa.exists().where(
        other.c.connection_id == connection_id,
        other.c.identity == to_identity,
        other.c.rule_slug == d.rule_slug,
        other.c.key_result_id == d.key_result_id,
    )
    here = sa.and_(d.connection_id == connection_id, d.identity == from_identity)
    tx.execute(sa.update(link_decision).where(here, ~taken).values(identity=to_identity))
