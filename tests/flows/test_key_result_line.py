"""The line of a key result from the database: what was seen equals what is reconstructed of the same happenings."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_service.domain.measures.line import DayValue, Source
from sync_service.domain.trackers.observations import CLOSED, Snapshot, State, Term
from sync_service.progress.applying.proposals import Decider
from sync_service.progress.lines.key_result_line import key_result_line
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import key_results
from tests.domain.factories import snapshot
from tests.support.fake_tracker import CoreHarness, open_core_harness
from tests.support.run_scope import ALL, LONG

STARTS = datetime(2026, 10, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 20, 13, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MEASURES: Sequence[dict[str, Any]] = [
    {"kind": "done-share"},
    {"kind": "done-share", "weight": "points", "doing": 0.5, "within": "cycle"},
    {"kind": "done-share", "dropped": "done"},
    {"kind": "done-count"},
    {"kind": "done-sum", "within": "ever"},
    {"kind": "open-count"},
    {"kind": "open-sum", "unestimated": 2},
    {"kind": "field", "field": "points", "take": "max"},
    {"kind": "lead-time", "window": "10d"},
    {"kind": "cycle-time", "take": "p85", "days": "elapsed"},
    {"kind": "throughput", "window": "1w"},
    {"kind": "share-meeting", "meets": {"field": "cycle_time", "at_most": 3}},
    {"kind": "share-meeting", "meets": {"field": "reopened", "at_most": 0}},
]

Happening = tuple[int, int, State]
"""The hour of the cycle, the number of the issue, and its state from then on."""

happenings = st.lists(
    st.tuples(st.integers(-48, 500), st.integers(1, 3), st.sampled_from(State)),
    min_size=1,
    max_size=7,
    unique_by=lambda one: one[0],
).map(sorted)


@pytest.fixture
def empty_core(migrated_url: str) -> Iterator[CoreHarness]:
    """Yield a harness a week before the cycle, on either database."""
    made = open_core_harness(migrated_url, now=STARTS - 7 * DAY)
    yield made
    made.engine.dispose()


def line_of(core: CoreHarness, key_result_id: int) -> list[DayValue]:
    """Return the line of a key result."""
    with reading(core.engine) as tx:
        return key_result_line(tx, key_result_id, core.now)


def forget_history(core: CoreHarness) -> None:
    """Delete all history entries, as if nothing had been seen."""
    with writing(core.engine) as tx:
        tx.execute(sa.delete(tables.history))


def snapshots(slug: str, done: Sequence[Happening]) -> Iterator[tuple[datetime, Snapshot]]:
    """Yield the snapshots of happenings, each with its time; the first one of an issue is its creation."""
    created: dict[int, datetime] = {}
    for hour, number, state in done:
        at = STARTS + hour * HOUR
        if number not in created:
            created[number], state = at, State.TODO  # noqa: PLW2901 - it begins to be done
        yield at, _snapshot(slug, number, at, state, created[number])


def _snapshot(slug: str, number: int, at: datetime, state: State, created: datetime) -> Snapshot:
    found = snapshot(identity=f"{slug}#{number}", key=f"{slug}#{number}", labels=[Term(slug, f"okr:{slug}")])
    points, closed = [None, 0.1, 5.0][number - 1], at if state in CLOSED else None
    return replace(found, state=state, points=points, updated_at=at, created_at=created, closed_at=closed)


@pytest.mark.slow
@pytest.mark.only_in_test_all(databases="postgresql")
def test_the_reconstructed_line_equals_the_seen_one(empty_core: CoreHarness) -> None:
    """Random happenings are received as they happen; then what was recorded is forgotten."""
    core, numbers = empty_core, count(1)

    @settings(max_examples=500 if LONG else 50 if ALL else 20, suppress_health_check=list(HealthCheck), deadline=None)
    @given(measure=st.sampled_from(MEASURES), done=happenings, later=st.integers(1, 700))
    def compare(measure: dict[str, Any], done: Sequence[Happening], later: int) -> None:
        core.now = STARTS - 7 * DAY
        slug = f"KR-{next(numbers)}"
        key_result_id = core.key_result(slug, **measure)
        for at, one in snapshots(slug, done):
            core.now = at
            core.post(one)
            core.drains.drain("delivery")
        core.now += later * HOUR
        seen = line_of(core, key_result_id)
        forget_history(core)
        reconstructed = line_of(core, key_result_id)
        assert {one.source for one in reconstructed} <= {Source.RECONSTRUCTED}
        assert [replace(one, source=Source.RECONSTRUCTED) for one in seen] == reconstructed
        if done[0][0] < 0 and seen:
            assert {one.source for one in seen} == {Source.SEEN}

    compare()


# First day that was seen


def sources(core: CoreHarness, key_result_id: int) -> dict[Source, list[str]]:
    """Return the days of a line by their source."""
    line = line_of(core, key_result_id)
    return {source: [f"{one.day:%b %d}" for one in line if one.source is source] for source in Source}


def test_days_are_seen_from_the_first_one_that_is_wholly_covered(empty_core: CoreHarness) -> None:
    """The key result was made on 20 November at 13:00: that day is not."""
    core = empty_core
    core.now = NOON
    key_result_id = core.key_result()
    core.receive_and_drain(old_and_done("KR-1"))
    core.now += 2 * DAY
    found = sources(core, key_result_id)
    assert found[Source.SEEN] == ["Nov 21", "Nov 22"]
    assert found[Source.RECONSTRUCTED][0] == "Oct 01"
    assert found[Source.RECONSTRUCTED][-1] == "Nov 20"


def test_days_before_anything_was_linked_are_not_seen(empty_core: CoreHarness) -> None:
    """The key result was made on 20 November; apart from a label by mistake, issues were linked on the 24th."""
    core = empty_core
    core.now = NOON
    key_result_id = core.key_result()
    mistaken = replace(old_and_done("KR-1"), identity="501#8", key="acme/checkout#8")
    core.receive_and_drain(mistaken)
    core.receive_and_drain(replace(mistaken, labels=(), updated_at=core.now))
    core.now += 4 * DAY
    core.receive_and_drain(old_and_done("KR-1"))
    core.now += 2 * DAY
    assert sources(core, key_result_id)[Source.SEEN] == ["Nov 25", "Nov 26"]
    assert changes_of(line_of(core, key_result_id)) == [("Oct 01", None), ("Oct 05", 0), ("Nov 02", 100)]


def test_an_issue_whose_past_is_unknown_is_reconstructed_from_creation_and_closing(empty_core: CoreHarness) -> None:
    """Nothing was received about it before it was done; when work on it started is unknown."""
    core = empty_core
    core.now = NOON
    key_result_id = core.key_result(kind="done-share", doing=0.5)
    core.receive_and_drain(old_and_done("KR-1"))
    found = {f"{one.day:%b %d}": one.value for one in line_of(core, key_result_id)}
    assert found == {
        **{f"Oct {day:02}": None for day in range(1, 5)},
        **{f"Oct {day:02}": 0 for day in range(5, 32)},
        "Nov 01": 0,
        **{f"Nov {day:02}": 100 for day in range(2, 21)},
    }


def old_and_done(slug: str) -> Snapshot:
    """Return a snapshot of an issue that was created on 5 October and done on 2 November."""
    found = snapshot(identity="501#9", key="acme/checkout#9", labels=[Term(slug, f"okr:{slug}")])
    created, closed = STARTS + 4 * DAY, STARTS + 32 * DAY
    return replace(found, state=State.DONE, created_at=created, closed_at=closed, updated_at=closed)


def test_days_of_an_import_are_not_seen_before_it_is_complete(empty_core: CoreHarness) -> None:
    """It goes on past midnight: the values of the second day were partly seen."""
    core = empty_core
    core.now = NOON
    key_result_id = core.key_result()
    core.receive_and_drain(old_and_done("KR-1"))
    core.now += 3 * DAY
    for covered_at, first in ((NOON + DAY, "Nov 22"), (None, None)):
        with writing(core.engine) as tx:
            tx.execute(sa.update(tables.scope).values(covered_at=covered_at))
        assert sources(core, key_result_id)[Source.SEEN][:1] == ([first] if first else [])


def test_a_cycle_that_has_not_begun_has_no_line(empty_core: CoreHarness) -> None:
    """Also where issues are linked."""
    key_result_id = empty_core.key_result()
    assert line_of(empty_core, key_result_id) == []


def test_what_was_received_after_the_cycle_belongs_to_its_last_day(empty_core: CoreHarness) -> None:
    """The grace after a cycle is for work that was done in it."""
    core = empty_core
    key_result_id = core.key_result()
    one = snapshot(identity="501#9", key="acme/checkout#9", labels=[Term("KR-1", "okr:KR-1")])
    core.receive_and_drain(replace(one, created_at=core.now, updated_at=core.now))
    core.now = datetime(2027, 1, 2, tzinfo=UTC)
    closed = datetime(2026, 12, 31, 23, tzinfo=UTC)
    core.receive_and_drain(replace(one, state=State.DONE, updated_at=closed, closed_at=closed))
    assert [(f"{one.day:%b %d}", one.value) for one in line_of(core, key_result_id)[-2:]] == [
        ("Dec 30", 0),
        ("Dec 31", 100),
    ]


@pytest.mark.both_databases
def test_days_are_those_of_the_team(empty_core: CoreHarness) -> None:
    """In Auckland 2 November begins thirteen hours earlier."""
    core = empty_core
    core.now = NOON
    key_result_id = core.key_result()
    core.receive_and_drain(replace(old_and_done("KR-1"), closed_at=STARTS + 31 * DAY + 12 * HOUR))
    with writing(core.engine) as tx:
        tx.execute(sa.insert(tables.organisation).values(timezone="Pacific/Auckland"))
    found = {f"{one.day:%b %d}": one.value for one in line_of(core, key_result_id)}
    assert (found["Nov 01"], found["Nov 02"], list(found)[-1]) == (0, 100, "Nov 21")


@pytest.mark.both_databases
def test_check_ins_and_steps_have_their_days(empty_core: CoreHarness) -> None:
    """Nothing of them was recorded; withdrawn ones and ticks that were taken away are left out."""
    core = empty_core
    steps = [{"name": "Contract signed"}, {"name": "Pilot live", "issue": "paper:acme/checkout#9"}]
    manual, stepped = core.key_result("KR-1", kind="manual"), core.key_result("KR-2", kind="steps", steps=steps)
    core.now = NOON
    core.receive_and_drain(old_and_done("KR-3"))
    check_ins = [(3, 5.0, None), (7, 8.0, None), (9, 99.0, STARTS + 10 * DAY)]
    with writing(core.engine) as tx:
        for day, value, withdrawn_at in check_ins:
            columns = {"key_result_id": manual, "at": STARTS + day * DAY, "value": value, "withdrawn_at": withdrawn_at}
            tx.execute(sa.insert(tables.check_in).values(columns))
        tick = {"step": "Contract signed", "at": STARTS + DAY, "undone_at": STARTS + 40 * DAY}
        tx.execute(sa.insert(tables.step_tick).values(key_result_id=stepped, **tick))
        key_results.recompute(tx, [manual, stepped])
    core.drain()
    forget_history(core)
    assert changes_of(line_of(core, manual)) == [("Oct 01", None), ("Oct 04", 5), ("Oct 08", 8)]
    assert changes_of(line_of(core, stepped)) == [("Oct 01", 0), ("Oct 02", 50), ("Nov 02", 100), ("Nov 10", 50)]


def changes_of(line: Sequence[DayValue]) -> list[tuple[str, float | None]]:
    """Return the days on which the value is another one than on the day before."""
    before = [object(), *(one.value for one in line)]
    return [(f"{one.day:%b %d}", one.value) for last, one in zip(before, line, strict=False) if one.value != last]


@pytest.mark.parametrize(
    "measure",
    [{"kind": "done-count", "within": "ever"}, {"kind": "throughput", "window": "1w"}],
    ids=lambda one: one["kind"],
)
def test_a_seen_day_has_the_value_that_was_applied(empty_core: CoreHarness, measure: dict[str, Any]) -> None:
    """An override applies from 10 to 14 October, whatever the issues and the days are meanwhile."""
    core = empty_core
    key_result_id = core.key_result(**measure)
    core.receive_and_drain(snapshot_at(core.now, State.TODO))
    core.now = STARTS + 8 * DAY
    core.receive_and_drain(snapshot_at(core.now, State.DONE))
    for day, act, values in ((9, "override", [80.0]), (14, "resume", [])):
        core.now = STARTS + day * DAY
        with writing(core.engine) as tx:
            decider = Decider.begin(tx, by="Ana", actor="ana@example.com", now=core.now, settle=HOUR)
            getattr(decider, act)(key_result_id, *values)
        core.drain()
    core.now = STARTS + 20 * DAY
    line = line_of(core, key_result_id)
    assert {one.source for one in line} == {Source.SEEN}
    applied = [("Oct 01", 0), ("Oct 09", 1), ("Oct 10", 80), ("Oct 15", 1)]
    left_window = [] if measure["kind"] == "done-count" else [("Oct 16", 0)]
    assert changes_of(line[:-1]) == applied + left_window


def snapshot_at(at: datetime, state: State) -> Snapshot:
    """Return a snapshot of an issue of KR-1 that was created a week before the cycle."""
    found = snapshot(identity="501#9", key="acme/checkout#9", labels=[Term("KR-1", "okr:KR-1")])
    closed = at if state in CLOSED else None
    return replace(found, state=state, created_at=STARTS - 7 * DAY, updated_at=at, closed_at=closed)


# The cache


@pytest.mark.both_databases
def test_a_line_follows_what_the_tracker_says_of_the_past(empty_core: CoreHarness) -> None:
    """No value changes when a history is read, and the line does. A line that is computed again is the same."""
    core = empty_core
    core.now = NOON
    key_result_id = core.key_result(kind="done-count", within="ever")
    core.receive_and_drain(old_and_done("KR-1"))
    assert changes_of(line_of(core, key_result_id))[1:] == [("Oct 05", 0), ("Nov 02", 1)]
    with writing(core.engine) as tx:
        early = {"at": STARTS + 5 * DAY, "state": "done", "source": "history"}
        tx.execute(sa.insert(tables.issue_state).values(issue_id=core.rows(tables.issue)[0].id, **early))
    assert changes_of(line_of(core, key_result_id))[1:] == [("Oct 05", 0), ("Oct 06", 1)]
    assert line_of(core, key_result_id) == line_of(core, key_result_id)


@pytest.mark.both_databases
def test_todays_value_is_the_present_one(empty_core: CoreHarness) -> None:
    """Also where a person decides on it; the days before are what follows from the issues."""
    core = empty_core
    core.now = NOON
    key_result_id = core.key_result()
    core.receive_and_drain(old_and_done("KR-1"))
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(current=70.0))
    assert [one.value for one in line_of(core, key_result_id)[-2:]] == [100, 70]
