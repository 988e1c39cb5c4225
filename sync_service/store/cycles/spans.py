"""Spans of cycles: when each begins and ends in the time zones of its teams, and when all its numbers are final."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.measures.status import Span
from sync_service.store.okrs.team_settings import team_settings
from sync_service.store.tables import live_cycle, live_key_result, live_objective


def objectives_by_span(tx: Transaction) -> Mapping[Span, Sequence[int]]:
    """Return the ids of all objectives, by their cycles in the time zones of their teams."""
    settings, found = team_settings(tx), defaultdict(list)
    statement = sa.select(live_objective.c.id, live_objective.c.team_id, live_cycle.c.starts, live_cycle.c.ends)
    for row in tx.execute(statement.join(live_cycle, live_cycle.c.id == live_objective.c.cycle_id)):
        found[settings.of(row.team_id).span(row.starts, row.ends)].append(row.id)
    return found


def key_results_ended(tx: Transaction, now: datetime) -> Sequence[int]:
    """Return the ids of key results whose cycle is over."""
    over = [id_ for span, ids in objectives_by_span(tx).items() if span.ends_at <= now for id_ in ids]
    wanted = (
        sa.select(live_key_result.c.id).where(live_key_result.c.objective_id.in_(over)).order_by(live_key_result.c.id)
    )
    return tx.scalars(wanted).all()


def freeze_times(tx: Transaction) -> dict[str, datetime]:
    """Return when the numbers of each cycle, by its slug, are all final: with those of its westernmost team.

    A cycle without objectives follows the organisation's time zone.
    """
    settings = team_settings(tx)
    statement = sa.select(live_cycle.c.slug, live_cycle.c.starts, live_cycle.c.ends, live_objective.c.team_id)
    found: dict[str, datetime] = {}
    for row in tx.execute(statement.outerjoin(live_objective, live_objective.c.cycle_id == live_cycle.c.id).distinct()):
        at = settings.of(row.team_id).span(row.starts, row.ends).freezes_at(settings.grace_days)
        found[row.slug] = max(at, found.get(row.slug, at))
    return found
