"""Components, versions and sprints are stored by id and matched by their current names; unknown differs from none."""

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
def core(empty_core: CoreHarness) -> CoreHarness:
    """Return a harness in which issues with the fix version 2.0 count toward KR-1."""
    empty_core.rule("next-version", empty_core.key_result(), {"field": "versions", "has": "2.0"})
    return empty_core


def test_adding_and_removing_a_version_links_and_unlinks_the_issue(core: CoreHarness) -> None:
    """The history says why."""
    core.receive_and_drain(DONE)
    assert core.value() is None
    core.receive_and_drain(snapshot(1, state=State.DONE, closed_at=at(0), versions=(V1, V2)))
    assert core.value() == 100
    assert core.reasons()[-1] == "added to version 2.0, now linked by rule next-version"
    core.receive_and_drain(snapshot(2, state=State.DONE, closed_at=at(0), versions=()))
    assert core.value() is None


def test_a_delivery_without_versions_removes_none(core: CoreHarness) -> None:
    """Unknown is not none."""
    core.receive_and_drain(snapshot(1, state=State.DONE, closed_at=at(0), versions=(V2,)))
    core.receive_and_drain(snapshot(2, state=State.DONE, closed_at=at(0)))
    assert core.value() == 100


def test_a_renamed_version_is_matched_by_its_new_name(core: CoreHarness) -> None:
    """Of two renames, the tracker's times decide, in any order."""
    core.receive_and_drain(DONE)
    newest = TermSeen(kind=TermKind.VERSION, id="901", name="2.0", at=at(20))
    delivery = core.receive_and_drain(newest)
    assert (core.value(), core.outcome(delivery)) == (100, "version 2.0 noted")
    core.receive_and_drain(TermSeen(kind=TermKind.VERSION, id="901", name="1.1", at=at(10)))
    assert core.value() == 100


def test_a_merged_version_has_the_name_of_its_target(core: CoreHarness) -> None:
    """No delivery about its issues is needed."""
    core.receive_and_drain(DONE, snapshot(0, identity="501#2", key="acme/checkout#2", versions=(V2,)))
    assert core.value() == 0
    delivery = core.receive_and_drain(TermSeen(kind=TermKind.VERSION, id="901", name=None, merged_into="902", at=at(9)))
    assert (core.value(), core.outcome(delivery)) == (50, "version 901 merged into 902")


def test_a_version_merged_into_an_unknown_one_is_deleted(core: CoreHarness) -> None:
    """Deliveries about its issues will have the new version."""
    core.receive_and_drain(snapshot(1, state=State.DONE, closed_at=at(0), versions=(V2,)))
    core.receive_and_drain(TermSeen(kind=TermKind.VERSION, id="902", name=None, merged_into="77", at=at(9)))
    assert core.value() is None


def test_a_deleted_version_no_longer_matches(core: CoreHarness) -> None:
    """The tracker may not send the time of a deletion."""
    core.receive_and_drain(snapshot(1, state=State.DONE, closed_at=at(0), versions=(V2,)))
    assert (
        core.outcome(core.receive_and_drain(TermSeen(kind=TermKind.VERSION, id="902", name=None)))
        == "version 902 deleted"
    )
    assert core.value() is None


def test_versions_components_and_sprints_may_have_the_same_id(core: CoreHarness) -> None:
    """Jira counts each kind from its own start."""
    core.receive_and_drain(
        snapshot(1, versions=(Term("31", "2.0"),), components=(Term("31", "App"),), sprints=(Term("31", "S"),))
    )
    assert core.value() == 0
    with reading(core.engine) as tx:
        known = suggestions(tx, core.connection_id)
    assert (known["versions"], known["components"], known["sprint"]) == (["2.0"], ["App"], ["S"])


def test_numbers_are_stored_with_their_times(core: CoreHarness) -> None:
    """None is stored too: it is not unknown."""
    core.receive_and_drain(snapshot(1, numbers=(Number("Effort", 2.5), Number("Größe", None))))
    core.receive_and_drain(snapshot(2, numbers=(Number("Effort", 3.0),)))
    (row,) = core.rows(tables.issue)
    assert row.numbers == [["Effort", 3.0, at(2).isoformat()], ["Größe", None, at(1).isoformat()]]
