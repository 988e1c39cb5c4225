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
from sync_service.store.queue.due import LONGEST_POSTPONE, LONGEST_WAIT
from sync_service.store.tables import rate_limit, write_back

NONE = timedelta(0)

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A bucket that must not be called before `until`, and why; `of_issue`: the bucket is a single issue's note."""

    bucket: str
    until: datetime
    reason: str
    of_issue: bool


def blocked_for(tx: Transaction, connection_id: int, bucket: str) -> timedelta:
    """Return for how long a bucket must not be called; zero when it may be called now.

    A time further away than we ever wait was noted before the clock was stepped back; it is ignored.
    """
    now = database_now(tx)
    here = sa.and_(rate_limit.c.connection_id == connection_id, rate_limit.c.bucket.in_(list(_with_parents(bucket))))
    remaining_waits = (until - now for until in tx.scalars(sa.select(rate_limit.c.until).where(here)))
    return max((remaining for remaining in remaining_waits if NONE < remaining <= LONGEST_POSTPONE), default=NONE)


def block(
    tx: Transaction, connection_id: int, bucket: str, *, wait: timedelta, guessed: bool = False, reason: str = ""
) -> timedelta:
    """Block a bucket for the wait; return how long it is blocked.

    A `guessed` wait (the tracker named none) is doubled when the last one did not help, up to an hour: backoff.
    A longer limit that is in force stays.
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    now = database_now(tx)
    mine = sa.and_(rate_limit.c.connection_id == connection_id, rate_limit.c.bucket == bucket)
    last = tx.execute(sa.select(rate_limit.c.until, rate_limit.c.seconds).where(mine).with_for_update()).one_or_none()
    if last:
        waited = timedelta(seconds=last.seconds)
        remaining: timedelta = last.until - now
        if NONE < remaining <= LONGEST_POSTPONE and (guessed or remaining > wait):
            return remaining
        if guessed and NONE <= -remaining <= waited:
            wait = max(wait, min(2 * waited, LONGEST_WAIT))
    row = {
        "connection_id": connection_id,
        "bucket": bucket,
        "until": now + wait,
        "seconds": round(wait.total_seconds()),
        "reason": reason[:LONGEST_REASON],
    }
    upsert(tx, rate_limit, [row], unique=("connection_id", "bucket"))
    return wait


def active_limits(tx: Transaction, connection_ids: Sequence[int]) -> Mapping[int, list[RateLimit]]:
    """Return the rate limits in force by connection, the longest first.

    Write slots are rows of the same table, but our own throttling: they are left out.
    """
    now = database_now(tx)
    begun = sa.and_(rate_limit.c.connection_id.in_(connection_ids), rate_limit.c.seconds > 0)
    active = sa.and_(rate_limit.c.until > now, rate_limit.c.until <= now + LONGEST_POSTPONE)
    rows = tx.execute(
        sa.select(rate_limit).where(begun, active).order_by(rate_limit.c.until.desc(), rate_limit.c.bucket)
    ).all()
    issues = _issues_among(tx, {(row.connection_id, _last_segment(row.bucket)) for row in rows})
    found: dict[int, list[RateLimit]] = defaultdict(list)
    for row in rows:
        of_issue = (row.connection_id, _last_segment(row.bucket)) in issues
        found[row.connection_id].append(RateLimit(row.bucket, row.until, row.reason, of_issue=of_issue))
    return found


def _issues_among(tx: Transaction, named: set[tuple[int, str]]) -> set[tuple[int, str]]:
    w = write_back.c
    mine = sa.and_(w.connection_id.in_({one for one, _ in named}), w.identity.in_({name for _, name in named}))
    return {(row.connection_id, row.identity) for row in tx.execute(sa.select(w.connection_id, w.identity).where(mine))}


def _last_segment(bucket: str) -> str:
    return bucket.rpartition("/")[2]


def clear(tx: Transaction, connection_id: int) -> None:
    """Clear the rate limits of a connection, because its credentials changed."""
    tx.execute(sa.delete(rate_limit).where(rate_limit.c.connection_id == connection_id))


def _with_parents(bucket: str) -> Iterator[str]:
    """Yield a bucket and its parents: `installation 7/core`, `installation 7`, and the whole connection."""
    while bucket:
        yield bucket
        bucket = bucket.rpartition("/")[0]
    yield ""


_RESOURCES = {
    "core": "calls",
    "search": "searches",
    "graphql": "calls for many issues",
    "writes": "writes",
    "reading": "reading calls",
    "writing": "writes",
}
"""What trackers call the kinds of calls, and what they are."""


def bucket_words(bucket: str) -> str:
    """Return which calls of a connection a bucket holds; empty is all of them.

    The name has an owner, then a kind of call and one kind within it, each if there is one: `token`, `token/core`,
    `installation 7/core/writes`, `writing/20012`.
    """
    if not bucket:
        return "all calls"
    owner, *kinds = bucket.split("/")
    if owner in _RESOURCES:
        return _calls([owner, *kinds])
    return f"{_calls(kinds)} of {owner if ' ' in owner else f'the {owner}'}"


def _calls(kinds: Sequence[str]) -> str:
    known = [one for one in kinds if one in _RESOURCES]
    if not known:
        return f"{kinds[-1].replace('_', ' ')} calls" if kinds else "all calls"
    return _RESOURCES[known[-1]] + (f" on issue {kinds[-1]}" if kinds[-1] not in _RESOURCES else "")
