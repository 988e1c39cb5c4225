"""Open issues that may decide a forecast: which are blocked, and how old those of a team are."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.forecasts.deciding_issues import OLD
from sync_service.domain.trackers.observations import CLOSED, TermKind
from sync_service.store.engine.database import among
from sync_service.store.tables import contribution, issue, live_key_result, live_objective, term

BLOCKED = "blocked"
"""The word in the name of a label that says that an issue is blocked."""


def blocked(tx: Transaction, issue_ids: Collection[int]) -> set[int]:
    """Return those of the issues that have a label whose name says that they are blocked."""
    t = term.c
    names = sa.select(t.connection_id, t.external_id, t.name).where(t.kind == TermKind.LABEL, t.name.isnot(None))
    named = tx.execute(names.where(sa.func.lower(t.name).contains(BLOCKED))).all()
    labels = {(row.connection_id, row.external_id) for row in named if _says_blocked(row.name)}
    if not labels or not issue_ids:
        return set()
    i = issue.c
    wanted = sa.select(i.id, i.connection_id, i.labels).where(among(tx, i.id, issue_ids))
    wanted = wanted.where(i.connection_id.in_({connection_id for connection_id, _ in labels}))
    return {row.id for row in tx.execute(wanted) if any((row.connection_id, label) in labels for label in row.labels)}


def _says_blocked(name: str) -> bool:
    """Return whether a label is `blocked`, or ends in it: `status: blocked`, `state/blocked`."""
    words = "".join(one if one.isalnum() or one == "-" else " " for one in name.lower()).split()
    return bool(words) and words[-1] == BLOCKED and "not" not in words


def old_age(tx: Transaction, team_id: int | None, now: datetime) -> float | None:
    """Return the age in days that 85 % of a team's open issues do not exceed (nearest rank); None without issues.

    They are those that count toward its key results.
    """
    c, i, k, o = contribution.c, issue.c, live_key_result.c, live_objective.c
    mine = o.team_id.is_(None) if team_id is None else o.team_id == team_id
    found = (
        sa.select(i.id, i.created_at)
        .join(contribution, c.issue_id == i.id)
        .join(live_key_result, k.id == c.key_result_id)
        .join(live_objective, o.id == k.objective_id)
        .where(mine, c.state.notin_(CLOSED), i.created_at.isnot(None))
        .distinct()
        .subquery()
    )
    count = tx.scalars(sa.select(sa.func.count()).select_from(found)).one()
    if not count:
        return None
    rank = -(-OLD * count // 100) - 1
    youngest_first = sa.select(found.c.created_at).order_by(found.c.created_at.desc())
    created: datetime = tx.scalars(youngest_first.offset(rank).limit(1)).one()
    return float(int((now - created).total_seconds() / 86400))
