"""Write-back rows with a fake tracker: which notes are written, which wait, and which are buried."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.connector import Gone, Refused, Unavailable
from sync_service.domain.trackers.observations import Tombstone
from sync_service.store import tables
from sync_service.store.engine.database import database_now, writing
from sync_service.store.jobs import write_backs
from sync_service.store.jobs.write_backs import NoteRequest
from sync_service.store.queue import rate_limits, write_slots
from sync_service.store.queue.rate_limits import bucket_words
from tests.domain.factories import snapshot
from tests.flows.fake_write_back_tracker import FakeWriteBackHarness
from tests.support.wait_until import until


def test_a_note_lists_key_results_in_the_order_of_the_pages(write_back: FakeWriteBackHarness) -> None:
    """It has the values as text, and the page of each key result."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-2", "okr:KR-1"]))
    write_back.write_now()
    assert write_back.noted_key_results() == ["KR-1", "KR-2"]
    one = write_back.tracker.notes["501#1"].key_results[0]
    assert (one.url, one.value, one.target, one.progress, one.status) == (
        "https://okr.example/key-results/KR-1",
        "0",
        "100",
        "0\u202f%",
        "behind (more than 25 points below the expected progress)",
    )
    assert (write_back.row().memory, write_back.row().outcome, write_back.row().due_at) == ("there", "written", None)


def test_a_write_that_fails_by_a_bug_is_retried_and_then_buried(write_back: FakeWriteBackHarness) -> None:
    """The digest stays empty."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.tracker.before = RuntimeError("a bug of ours")
    for _ in range(10):
        write_back.write_now()
    assert write_back.row().buried_at is not None
    assert write_back.row().digest == ""
    assert write_back.tracker.writes == 8
    write_back.tracker.before = None
    write_back.core.receive_and_drain(snapshot(1, labels=["okr:KR-1", "okr:KR-2"]))
    write_back.write_now()
    assert write_back.noted_key_results() == ["KR-1", "KR-2"]


@pytest.mark.parametrize(
    ("error", "buried", "refused"),
    [
        (Unavailable("it is away"), False, False),
        (Refused("the key does not fit"), False, True),
        (Gone("there is no such issue", proven=False), True, False),
    ],
)
def test_each_kind_of_error_is_handled(
    write_back: FakeWriteBackHarness, error: Exception, *, buried: bool, refused: bool
) -> None:
    """As for fetches; the write slot is released in any case."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.tracker.before = error
    write_back.write_now()
    assert (write_back.row().buried_at is not None, write_back.row().due_at is not None) == (buried, not buried)
    assert (write_back.core.rows(tables.connection)[0].refused_at is not None) == refused
    with writing(write_back.core.engine) as tx:
        assert write_slots.acquire_writer(
            tx, write_back.core.connection_id, "pen/writes", most=timedelta(minutes=5)
        ) < timedelta(seconds=10)


def test_one_write_clears_the_refusal_of_a_connection(write_back: FakeWriteBackHarness) -> None:
    """Nothing else calls that tracker; the one permit per hour is not taken twice for one row."""
    core = write_back.core
    core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    with writing(core.engine) as tx:
        hours_ago = database_now(tx) - timedelta(hours=2)
        refused = {"refused_at": hours_ago, "refused_reason": "the key does not fit", "retried_at": hours_ago}
        tx.execute(sa.update(tables.connection).values(refused))
    until(lambda: core.connections.of(core.connection_id).refused is not None, "the refusal is known")
    write_back.write_now()
    assert write_back.noted_key_results() == ["KR-1"]
    assert core.rows(tables.connection)[0].refused_at is None


def test_an_issue_with_a_rate_limit_is_not_written(write_back: FakeWriteBackHarness) -> None:
    """The row waits as long as the limit, with the reason."""
    core, bucket = write_back.core, "pen/writes/501#1"
    core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    with writing(core.engine) as tx:
        rate_limits.block(tx, core.connection_id, bucket, wait=timedelta(hours=1))
    core.make_due(tables.write_back)
    core.drains.drain("write_back")
    assert (write_back.tracker.writes, write_back.row().outcome) == (
        0,
        f"waits until the tracker can answer ({bucket_words(bucket)})",
    )
    with writing(core.engine) as tx:
        assert write_back.row().due_at - database_now(tx) > timedelta(minutes=50)


def test_an_issue_that_is_gone_gets_no_note(write_back: FakeWriteBackHarness) -> None:
    """There is no call about it."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.core.receive_and_drain(Tombstone(identity="501#1", key="acme/checkout#1"))
    write_back.write_now()
    assert (write_back.row().outcome, write_back.tracker.writes) == ("the issue is gone", 0)


def test_without_credentials_nothing_is_written(write_back: FakeWriteBackHarness) -> None:
    """Credentials may be removed later."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    with writing(write_back.core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(sealed_token=None))
    until(lambda: not write_back.core.connections.of(write_back.core.connection_id).view.has_credentials, "it is known")
    write_back.write_now()
    assert "no credentials" in write_back.row().outcome


def test_a_row_without_a_free_slot_is_postponed(
    write_back: FakeWriteBackHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No slot is reserved days ahead."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    monkeypatch.setattr(write_slots, "reserve_slot", lambda *_arguments: None)
    write_back.write_now()
    assert "fewer notes" in write_back.row().outcome
    assert write_back.tracker.writes == 0


def test_a_row_that_meets_another_writer_retries_soon_and_keeps_its_slot(write_back: FakeWriteBackHarness) -> None:
    """The writer's lock lasts minutes in case the writer dies, but is released within seconds."""
    core = write_back.core
    core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    core.make_due(tables.write_back)
    with writing(core.engine) as tx:
        assert not write_slots.acquire_writer(tx, core.connection_id, "pen/writes", most=timedelta(minutes=3))
    core.drains.drain("write_back")
    assert (write_back.tracker.writes, write_back.row().outcome) == (0, "waits for another write: writes go one by one")
    with writing(core.engine) as tx:
        assert write_back.row().due_at - database_now(tx) <= 2 * write_slots.GAP
        write_slots.release_writer(tx, core.connection_id, "pen/writes")
    slot = write_back.row().slot_at
    assert slot is not None
    assert write_back.row().due_at - slot < write_slots.KEPT


def test_a_process_with_an_old_connection_cache_waits(write_back: FakeWriteBackHarness) -> None:
    """It reads connections from time to time, but the row is there at once."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.set_mark(None)
    write_back.write_now()
    assert write_back.row().due_at is not None
    assert (write_back.row().buried_at, write_back.tracker.writes) == (None, 0)
    write_back.set_mark("m")
    write_back.write_now()
    assert write_back.noted_key_results() == ["KR-1"]


def test_a_changed_target_is_written_without_a_new_value(write_back: FakeWriteBackHarness) -> None:
    """The note has the target beside the value."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    write_back.write_now()
    with writing(write_back.core.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(target=500, unit="tickets"))
        write_backs.request(tx, [NoteRequest(write_back.core.connection_id, "501#1", "acme/checkout#1")], urgent=False)
    write_back.write_now()
    assert write_back.tracker.notes["501#1"].key_results[0].target == "500\u202ftickets"


def test_a_locked_issue_waits_longer_each_time_and_stops_no_other(
    write_back: FakeWriteBackHarness,
) -> None:
    """It waits one, two, four, and then always six hours, and is no longer urgent."""
    write_back.core.receive_and_drain(snapshot(0, labels=["okr:KR-1"]))
    limit_end = write_back.core.now + timedelta(hours=1)
    write_back.tracker.before = Unavailable("the conversation is locked", limit_end, bucket="pen/writes/501#1")
    waits = []
    for _ in range(5):
        write_back.write_now()
        with writing(write_back.core.engine) as tx:
            waits.append(round((write_back.row().due_at - database_now(tx)) / timedelta(hours=1)))
    assert waits == [1, 2, 4, 6, 6]
    assert (write_back.row().urgent, write_back.row().buried_at, write_back.row().attempts) == (False, None, 5)
    assert write_back.row().outcome == "the conversation is locked"
