"""Spans of cycles: when each begins and ends in the time zones of its teams, and when all its numbers are final."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.measures.status import Span
from sync_service.store.okrs.team_settings import team_settings
from sync_service.store.tables import cycle, key_result, objective


def objectives_by_span(tx: Transaction) -> Mapping[Span, Sequence[int]]:
    """Return the ids of all objectives, by their cycles in the time zones of their teams."""
    settings, found = team_settings(tx), defaultdict(list)
    statement = sa.select(objective.c.id, objective.c.team_id, cycle.c.starts, cycle.c.ends)
    for row in tx.execute(statement.join(cycle, cycle.c.id == objective.c.cycle_id)):
        found[settings.of(row.team_id).span(row.starts, row.ends)].append(row.id)
    return found


def key_results_ended(tx: Transaction, now: datetime) -> Sequence[int]:
    """Return the ids of key results whose cycle is over."""
    over = [id_ for span, ids in objectives_by_span(tx).items() if span.ends_at <= now for id_ in ids]
    wanted = sa.select(key_result.c.id).where(key_result.c.objective_id.in_(over)).order_by(key_result.c.id)
    return tx.scalars(wanted).all()


def freeze_times(tx: Transaction) -> dict[str, datetime]:
    """Return when the numbers of each cycle, by its slug, are all final: with those of its westernmost team.

    A cycle without objectives follows the organisation's time zone.
    """
    settings = team_settings(tx)
    statement = sa.select(cycle.c.slug, cycle.c.starts, cycle.c.ends, objective.c.team_id)
    found: dict[str, datetime] = {}
    for row in tx.execute(statement.outerjoin(objective, objective.c.cycle_id == cycle.c.id).distinct()):
        at = settings.of(row.team_id).span(row.starts, row.ends).freezes_at(settings.grace_days)
        found[row.slug] = max(at, found.get(row.slug, at))
    return found
