"""Rate limits: which buckets of a connection must not be called until when, shared by all workers.

A bucket is a credential or one of its resources, written like a path: a limit on `installation 7` also applies to
`installation 7/core`; a limit on the empty path applies to the whole connection (its tracker is unavailable).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.engine.database import database_now, upsert
from sync_service.store.queue.due import LONGEST_PATIENCE, LONGEST_WAIT
from sync_service.store.tables import pause, write_back

NONE = timedelta(0)

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Pause:
    """A bucket that must not be called before `until`, and why; `of_issue`: the bucket is a single issue's note."""

    part: str
    until: datetime
    reason: str
    of_issue: bool


def rest_of(tx: Transaction, connection_id: int, part: str) -> timedelta:
    """Return for how long a bucket must not be called; zero when it may be called now.

    A time further away than we ever wait was noted before the clock was stepped back; it is ignored.
    """
    now = database_now(tx)
    here = sa.and_(pause.c.connection_id == connection_id, pause.c.part.in_(list(_with_parents(part))))
    remaining_waits = (until - now for until in tx.scalars(sa.select(pause.c.until).where(here)))
    return max((remaining for remaining in remaining_waits if NONE < remaining <= LONGEST_PATIENCE), default=NONE)


def begin(
    tx: Transaction, connection_id: int, part: str, *, wait: timedelta, guessed: bool = False, reason: str = ""
) -> timedelta:
    """Block a bucket for the wait; return how long it is blocked.

    A `guessed` wait (the tracker named none) is doubled when the last one did not help, up to an hour: backoff.
    A longer limit that is in force stays.
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    now = database_now(tx)
    mine = sa.and_(pause.c.connection_id == connection_id, pause.c.part == part)
    last = tx.execute(sa.select(pause.c.until, pause.c.seconds).where(mine).with_for_update()).one_or_none()
    if last:
        waited = timedelta(seconds=last.seconds)
        remaining: timedelta = last.until - now
        if NONE < remaining <= LONGEST_PATIENCE and (guessed or remaining > wait):
            return remaining
        if guessed and NONE <= -remaining <= waited:
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
    """Return the rate limits in force by connection, the longest first.

    Write slots are rows of the same table, but our own throttling: they are left out.
    """
    now = database_now(tx)
    begun = sa.and_(pause.c.connection_id.in_(connection_ids), pause.c.seconds > 0)
    active = sa.and_(pause.c.until > now, pause.c.until <= now + LONGEST_PATIENCE)
    rows = tx.execute(sa.select(pause).where(begun, active).order_by(pause.c.until.desc(), pause.c.part)).all()
    issues = _issues_among(tx, {(row.connection_id, _last_segment(row.part)) for row in rows})
    found: dict[int, list[Pause]] = defaultdict(list)
    for row in rows:
        of_issue = (row.connection_id, _last_segment(row.part)) in issues
        found[row.connection_id].append(Pause(row.part, row.until, row.reason, of_issue=of_issue))
    return found


def _issues_among(tx: Transaction, named: set[tuple[int, str]]) -> set[tuple[int, str]]:
    w = write_back.c
    mine = sa.and_(w.connection_id.in_({one for one, _ in named}), w.identity.in_({name for _, name in named}))
    return {(row.connection_id, row.identity) for row in tx.execute(sa.select(w.connection_id, w.identity).where(mine))}


def _last_segment(part: str) -> str:
    return part.rpartition("/")[2]


def end_all(tx: Transaction, connection_id: int) -> None:
    """Clear the rate limits of a connection, because its credentials changed."""
    tx.execute(sa.delete(pause).where(pause.c.connection_id == connection_id))


def _with_parents(part: str) -> Iterator[str]:
    """Yield a bucket and its parents: `installation 7/core`, `installation 7`, and the whole connection."""
    while part:
        yield part
        part = part.rpartition("/")[0]
    yield ""
