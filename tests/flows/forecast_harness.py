"""A harness for forecasts: issues that are opened and closed on days, and the forecast as it is stored."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sync_service.domain.trackers.observations import CLOSED, Snapshot, State, Term
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import forecasts
from sync_service.store.okrs.forecasts import Found
from tests.domain.factories import snapshot
from tests.support.fake_tracker import CoreHarness

DAY = timedelta(days=1)
BEGAN = datetime(2026, 11, 5, 12, tzinfo=UTC)
"""When the scope was imported: a Thursday."""

WEEKLY = (1, 1, 1, 1, 3)
"""Issues done in the five weeks from Monday, 9 November."""

TODAY = datetime(2026, 12, 17, 12, tzinfo=UTC)
"""Two weeks before the end of the cycle."""


def issue_of(slug: str, number: int, at: datetime, state: State = State.TODO, **fields: Any) -> Snapshot:
    """Return a snapshot of an issue that is linked to a key result by its label."""
    closed = at if state in CLOSED else None
    plain: dict[str, Any] = {"labels": [Term(slug, f"okr:{slug}")], "created_at": BEGAN, "closed_at": closed}
    found: dict[str, Any] = {"identity": f"501#{number}", "key": f"acme/checkout#{number}"}
    found |= {"state": state, "updated_at": at}
    return snapshot(**(found | plain | fields))


def work(core: CoreHarness, slug: str = "KR-1", *, issues: int = 12, weekly: Mapping[int, int] | None = None) -> None:
    """Open issues on 6 November and close some each week from the 9th, on Tuesdays; end on 17 December."""
    core.now = BEGAN + DAY
    core.receive_and_drain(*(issue_of(slug, number, core.now) for number in range(1, issues + 1)))
    for at, number in closings(dict(enumerate(WEEKLY)) if weekly is None else weekly):
        core.now = at
        core.receive_and_drain(issue_of(slug, number, at, State.DONE))
    core.now = TODAY


def closings(weekly: Mapping[int, int]) -> Iterator[tuple[datetime, int]]:
    """Yield the times at which issues are closed, with their numbers."""
    number = 0
    for week, count in sorted(weekly.items()):
        for _ in range(count):
            number += 1
            yield BEGAN + (5 + 7 * week) * DAY, number


def forecast_now(core: CoreHarness, slug: str = "KR-1") -> Found | None:
    """Compute the forecasts that wait, and return the one of a key result."""
    core.make_due(tables.forecast)
    core.drain()
    return stored(core, slug)


def stored(core: CoreHarness, slug: str = "KR-1") -> Found | None:
    """Return the stored forecast of a key result."""
    with reading(core.engine) as tx:
        return forecasts.of_key_result(tx, core.key_result_row(slug).id)


def forget_history(core: CoreHarness) -> None:
    """Delete all history entries, as if nothing had been seen."""
    with writing(core.engine) as tx:
        tx.execute(sa.delete(tables.history))
