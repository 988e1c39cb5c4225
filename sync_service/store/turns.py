"""Turns and times for writing: trackers want writes one by one, and not too many in an hour.

Each part of a connection that writes has one turn, held by one worker at a time, and lanes, which spread the writes of
all workers over the time to come. Both are pauses of parts of their own, which nobody else asks for.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.store import pauses
from sync_service.store.database import database_now, insert_or_skip
from sync_service.store.tables import pause

GAP = timedelta(seconds=1)
"""Between two writes: https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api."""

FARTHEST = timedelta(hours=6)
"""How far ahead a time is kept: who would wait longer asks again later."""

KEPT = timedelta(seconds=30)
"""For how long a time that came is kept: those that a limit let pass must not be made up for all at once."""

_STEP = timedelta(seconds=1.2)


@dataclass(frozen=True, slots=True)
class Lane:
    """How often may be written: `burst` times at once, one by one, and then once in an `interval`."""

    name: str
    burst: int
    interval: timedelta


LINKS = Lane("links", 60, timedelta(seconds=24))
STANDINGS = Lane("standings", 0, timedelta(seconds=15))
"""Together 450 in any hour and 54 in any minute, of the 500 and 80 that GitHub allows; a change of what an issue serves
never waits behind a thousand that only stand otherwise.
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"""


def time_for(tx: Transaction, connection_id: int, part: str, lane: Lane) -> datetime | None:
    """Keep the next time for a write in a lane; None where that would be too far ahead."""
    row = _locked(tx, connection_id, f"{part}/{lane.name}")
    now = database_now(tx)
    taken: timedelta = row.until - now
    # What lies further ahead than we ever keep was kept before the clock was stepped back.
    if not timedelta(0) < taken <= lane.interval * (lane.burst + 1) + FARTHEST:
        taken = timedelta(0)
    before = taken / lane.interval
    wait: timedelta = min(before, lane.burst) * _STEP + max(before - lane.burst, 0.0) * lane.interval
    if wait > FARTHEST:
        return None
    _note(tx, row.id, now + taken + lane.interval)
    return now + wait


def take(tx: Transaction, connection_id: int, part: str, *, most: timedelta) -> timedelta:
    """Take the turn for as long as `most`, and give zero; else give how long it is not ours to take."""
    turn = f"{part}/turn"
    row = _locked(tx, connection_id, turn)
    rest = min(pauses.rest_of(tx, connection_id, turn), most)
    if not rest:
        _note(tx, row.id, database_now(tx) + most)
    return rest


def give_back(tx: Transaction, connection_id: int, part: str) -> None:
    """Let others have the turn, after the gap. Where the connection was removed meanwhile, there is none any more."""
    mine = sa.and_(pause.c.connection_id == connection_id, pause.c.part == f"{part}/turn")
    tx.execute(sa.update(pause).where(mine).values(until=database_now(tx) + GAP))


def _locked(tx: Transaction, connection_id: int, part: str) -> Row[Any]:
    row = {"connection_id": connection_id, "part": part, "until": database_now(tx), "seconds": 0}
    insert_or_skip(tx, pause, [row], unique=("connection_id", "part"))
    mine: sa.Select[Any] = sa.select(pause.c.id, pause.c.until).where(
        pause.c.connection_id == connection_id, pause.c.part == part
    )
    return tx.execute(mine.with_for_update()).one()


def _note(tx: Transaction, row_id: int, until: datetime) -> None:
    tx.execute(sa.update(pause).where(pause.c.id == row_id).values(until=until))
