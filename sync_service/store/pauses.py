"""Parts of connections that must not be asked for a while: known to all workers, and each for itself.

A part is a credential or one of its resources, written like a path: `installation 7` holds for `installation 7/core`
too, and the empty one for the whole connection, whose tracker can't answer.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.database import database_now, upsert
from sync_service.store.due import LONGEST_PATIENCE, LONGEST_WAIT
from sync_service.store.tables import pause, write_back

NONE = timedelta(0)

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Pause:
    """A part that must not be asked until then, and why; `of_issue`: it is a single issue that is to be written on."""

    part: str
    until: datetime
    reason: str
    of_issue: bool


def rest_of(tx: Transaction, connection_id: int, part: str) -> timedelta:
    """Tell for how long a part must not be asked; zero where it may.

    What is further away than we ever wait was noted before the clock was stepped back.
    """
    now = database_now(tx)
    here = sa.and_(pause.c.connection_id == connection_id, pause.c.part.in_(list(_around(part))))
    rests = (until - now for until in tx.scalars(sa.select(pause.c.until).where(here)))
    return max((rest for rest in rests if NONE < rest <= LONGEST_PATIENCE), default=NONE)


def begin(
    tx: Transaction, connection_id: int, part: str, *, wait: timedelta, guessed: bool = False, reason: str = ""
) -> timedelta:
    """Note that a part must not be asked before the wait is over; give how long that is.

    A wait that is `guessed`, since the tracker tells none, is doubled where the last one did not help, up to an hour.
    A longer one that has begun stays.
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    now = database_now(tx)
    mine = sa.and_(pause.c.connection_id == connection_id, pause.c.part == part)
    last = tx.execute(sa.select(pause.c.until, pause.c.seconds).where(mine).with_for_update()).one_or_none()
    if last:
        waited = timedelta(seconds=last.seconds)
        rest: timedelta = last.until - now
        if NONE < rest <= LONGEST_PATIENCE and (guessed or rest > wait):
            return rest
        if guessed and NONE <= -rest <= waited:
            wait = max(wait, min(2 * waited, LONGEST_WAIT))
    row = {
        "connection_id": connection_id,
        "part": part,
        "until": now + wait,
        "seconds": round(wait.total_seconds()),
        "reason": reason[:LONGEST_REASON],
    }
    upsert(tx, pause, [row], unique=("connection_id", "part"))
    return wait


def under_way(tx: Transaction, connection_ids: Sequence[int]) -> Mapping[int, list[Pause]]:
    """Give by connection what must not be asked now: the longest first.

    The turns and times of writing are kept beside pauses, by us and not because a tracker asked for them.
    """
    now = database_now(tx)
    begun = sa.and_(pause.c.connection_id.in_(connection_ids), pause.c.seconds > 0)
    lasting = sa.and_(pause.c.until > now, pause.c.until <= now + LONGEST_PATIENCE)
    rows = tx.execute(sa.select(pause).where(begun, lasting).order_by(pause.c.until.desc(), pause.c.part)).all()
    issues = _issues(tx, {(row.connection_id, _last(row.part)) for row in rows})
    found: dict[int, list[Pause]] = defaultdict(list)
    for row in rows:
        of_issue = (row.connection_id, _last(row.part)) in issues
        found[row.connection_id].append(Pause(row.part, row.until, row.reason, of_issue=of_issue))
    return found


def _issues(tx: Transaction, named: set[tuple[int, str]]) -> set[tuple[int, str]]:
    w = write_back.c
    mine = sa.and_(w.connection_id.in_({one for one, _ in named}), w.identity.in_({name for _, name in named}))
    return {(row.connection_id, row.identity) for row in tx.execute(sa.select(w.connection_id, w.identity).where(mine))}


def _last(part: str) -> str:
    return part.rpartition("/")[2]


def end_all(tx: Transaction, connection_id: int) -> None:
    """Forget the pauses of a connection: its credentials are others now."""
    tx.execute(sa.delete(pause).where(pause.c.connection_id == connection_id))


def _around(part: str) -> Iterator[str]:
    """Give a part and all that it belongs to: `installation 7/core`, `installation 7`, and the whole connection."""
    while part:
        yield part
        part = part.rpartition("/")[0]
    yield ""
