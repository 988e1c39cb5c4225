"""The note on an issue says what closing it is worth, and is not written again for nothing."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import State
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.jobs import write_backs
from tests.flows.fake_write_back_tracker import FakeWriteBackHarness, open_fake_write_back_harness
from tests.flows.forecast_harness import BEGAN, DAY, forecast_now, issue_of, work

NINE = "closing it is worth 9 percentage points of the way"


@pytest.fixture
def harness(migrated_url: str) -> Iterator[FakeWriteBackHarness]:
    """Yield a harness with a key result of which 7 of 11 are done in five weeks, and its notes written."""
    made = open_fake_write_back_harness(migrated_url)
    core = made.core
    core.now = BEGAN
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.scope).values(covered_at=BEGAN))
        write_backs.switch_on(tx, core.connection_id)
    core.key_result("KR-3", kind="done-count", target=11)
    work(core, "KR-3")
    forecast_now(core, "KR-3")
    core.make_due(tables.write_back)
    made.write_now()
    for _ in range(12):
        made.write_now()
    yield made
    core.engine.dispose()


def closing(harness: FakeWriteBackHarness, number: int) -> str:
    """Return what the note of an issue says about closing it."""
    (one,) = harness.tracker.notes[f"501#{number}"].key_results
    return one.closing


def due_again(harness: FakeWriteBackHarness) -> list[str]:
    """Compare all notes, and return the issues whose notes are due to be written again."""
    harness.core.make_due(tables.write_back_round)
    harness.core.drains.drain("write_back_round")
    return [row.identity for row in harness.core.rows(tables.write_back) if row.due_at is not None]


def test_a_note_says_what_closing_the_issue_is_worth(harness: FakeWriteBackHarness) -> None:
    """In whole points; a closed issue says nothing."""
    assert closing(harness, 12) == NINE
    assert closing(harness, 1) == ""


def test_a_note_is_not_written_again_for_a_small_change_of_the_forecast(harness: FakeWriteBackHarness) -> None:
    """The target is far away: the dates of the next day differ, the chance hardly does."""
    core = harness.core
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.key_result).where(tables.key_result.c.slug == "KR-3").values(target=40))
    core.make_due(tables.recompute)
    core.drain()
    forecast_now(core, "KR-3")
    due_again(harness)
    for _ in range(12):
        harness.write_now()
    before = forecast_now(core, "KR-3")
    core.now += DAY
    after = forecast_now(core, "KR-3")
    assert before is not None
    assert after is not None
    assert before.forecast != after.forecast
    assert due_again(harness) == []


def test_a_note_is_written_again_when_closing_the_issue_decides_more(harness: FakeWriteBackHarness) -> None:
    """Once eight are done, one more makes the target certain."""
    core = harness.core
    core.receive_and_drain(issue_of("KR-3", 11, core.now, State.DONE))
    forecast_now(core, "KR-3")
    assert "501#12" in due_again(harness)
    for _ in range(12):
        harness.write_now()
    assert closing(harness, 12) == f"{NINE}, the chance to reach the target becomes about 100 in 100, from 40"
