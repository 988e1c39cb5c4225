"""Components, versions and sprints: kept by id, matched by the names they have now, unknown apart from none."""

import pytest

from sync_service.domain.trackers.observations import Number, State, Term, TermKind, TermSeen
from sync_service.store import tables
from sync_service.store.engine.database import reading
from sync_service.store.views.rules import suggestions
from tests.domain.factories import at, snapshot
from tests.support.fake_tracker import CoreHarness

V1, V2 = Term("901", "1.0"), Term("902", "2.0")
DONE = snapshot(0, state=State.DONE, closed_at=at(0), versions=(V1,), components=(Term("31", "App"),))


@pytest.fixture
def world(bare_world: CoreHarness) -> CoreHarness:
    """Give a world in which what is to be fixed in version 2.0 counts toward KR-1."""
    bare_world.rule("next-version", bare_world.key_result(), {"field": "versions", "has": "2.0"})
    return bare_world


def test_an_issue_that_enters_and_leaves_a_version_comes_and_goes(world: CoreHarness) -> None:
    """And the history says why."""
    world.receive_and_drain(DONE)
    assert world.value() is None
    world.receive_and_drain(snapshot(1, state=State.DONE, closed_at=at(0), versions=(V1, V2)))
    assert world.value() == 100
    assert world.reasons()[-1] == "added to version 2.0, now linked by rule next-version"
    world.receive_and_drain(snapshot(2, state=State.DONE, closed_at=at(0), versions=()))
    assert world.value() is None


def test_a_letter_that_leaves_the_versions_out_takes_none_away(world: CoreHarness) -> None:
    """Unknown is not none."""
    world.receive_and_drain(snapshot(1, state=State.DONE, closed_at=at(0), versions=(V2,)))
    world.receive_and_drain(snapshot(2, state=State.DONE, closed_at=at(0)))
    assert world.value() == 100


def test_a_version_that_is_renamed_is_matched_by_its_new_name(world: CoreHarness) -> None:
    """Whichever of two renames is told first: the tracker's time decides."""
    world.receive_and_drain(DONE)
    newest = TermSeen(kind=TermKind.VERSION, id="901", name="2.0", at=at(20))
    delivery = world.receive_and_drain(newest)
    assert (world.value(), world.outcome(delivery)) == (100, "version 2.0 noted")
    world.receive_and_drain(TermSeen(kind=TermKind.VERSION, id="901", name="1.1", at=at(10)))
    assert world.value() == 100


def test_a_version_that_is_merged_goes_by_the_other_s_name(world: CoreHarness) -> None:
    """No letter about its issues need come."""
    world.receive_and_drain(DONE, snapshot(0, identity="501#2", key="acme/checkout#2", versions=(V2,)))
    assert world.value() == 0
    delivery = world.receive_and_drain(
        TermSeen(kind=TermKind.VERSION, id="901", name=None, merged_into="902", at=at(9))
    )
    assert (world.value(), world.outcome(delivery)) == (50, "version 901 merged into 902")


def test_a_version_that_is_merged_into_one_nobody_knows_is_deleted(world: CoreHarness) -> None:
    """Until its issues tell what they are in now."""
    world.receive_and_drain(snapshot(1, state=State.DONE, closed_at=at(0), versions=(V2,)))
    world.receive_and_drain(TermSeen(kind=TermKind.VERSION, id="902", name=None, merged_into="77", at=at(9)))
    assert world.value() is None


def test_a_deleted_version_is_no_longer_there(world: CoreHarness) -> None:
    """Also where the tracker gives no time of it."""
    world.receive_and_drain(snapshot(1, state=State.DONE, closed_at=at(0), versions=(V2,)))
    assert (
        world.outcome(world.receive_and_drain(TermSeen(kind=TermKind.VERSION, id="902", name=None)))
        == "version 902 deleted"
    )
    assert world.value() is None


def test_ids_of_different_kinds_of_terms_are_told_apart(world: CoreHarness) -> None:
    """Jira counts versions and components each from their own beginning."""
    world.receive_and_drain(
        snapshot(1, versions=(Term("31", "2.0"),), components=(Term("31", "App"),), sprints=(Term("31", "S"),))
    )
    assert world.value() == 0
    with reading(world.engine) as tx:
        known = suggestions(tx, world.connection_id)
    assert (known["versions"], known["components"], known["sprint"]) == (["2.0"], ["App"], ["S"])


@pytest.mark.both_databases
def test_numbers_are_kept_with_their_times(world: CoreHarness) -> None:
    """None is kept, too: it is not unknown."""
    world.receive_and_drain(snapshot(1, numbers=(Number("Effort", 2.5), Number("Größe", None))))
    world.receive_and_drain(snapshot(2, numbers=(Number("Effort", 3.0),)))
    (row,) = world.rows(tables.issue)
    assert row.numbers == [["Effort", 3.0, at(2).isoformat()], ["Größe", None, at(1).isoformat()]]
