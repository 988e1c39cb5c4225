"""Changes of state are stored with the issues, in whatever order deliveries arrive."""

from collections.abc import Sequence
from itertools import permutations

import pytest

from sync_service.domain.trackers.observations import Snapshot, State
from sync_service.domain.trackers.state_changes import StateChange
from sync_service.store import tables
from sync_service.store.engine.database import reading
from sync_service.store.trackers import issue_states
from tests.domain.factories import at, snapshot
from tests.support.fake_tracker import CoreHarness

LIFE: Sequence[Snapshot] = (
    snapshot(0, created_at=at(0)),
    snapshot(10, created_at=at(0), state=State.DOING),
    snapshot(21, created_at=at(0), state=State.DONE, closed_at=at(20)),
    snapshot(30, created_at=at(0)),
)
CHANGES = (
    StateChange(at(0), State.TODO),
    StateChange(at(10), State.DOING),
    StateChange(at(20), State.DONE),
    StateChange(at(30), State.TODO),
)


def changes(core: CoreHarness) -> tuple[StateChange, ...]:
    """Return the stored changes of the only issue."""
    row = core.rows(tables.issue)[0]
    with reading(core.engine) as tx:
        return issue_states.read(tx, [row.id])[row.id].changes


@pytest.mark.parametrize("order", [LIFE, LIFE[::-1], (LIFE[3], LIFE[0], LIFE[2], LIFE[1])])
@pytest.mark.parametrize("batch", [1, 2, 4])
def test_the_changes_of_state_do_not_depend_on_the_order_of_deliveries(
    core: CoreHarness, order: Sequence[Snapshot], batch: int
) -> None:
    """In one batch, or one by one."""
    for count, one in enumerate(order, 1):
        core.post(one)
        if count % batch == 0:
            core.drain()
    assert changes(core) == CHANGES
    row = core.rows(tables.issue)[0]
    assert (row.started_at, row.reopened, row.states_known_since) == (at(10), 1, at(0))


def test_every_order_of_deliveries_gives_the_same_start_and_reopenings(core: CoreHarness) -> None:
    """Twenty-four orders, one issue each."""
    for number, order in enumerate(permutations(LIFE)):
        for one in order:
            core.post(_renumbered(one, number))
    core.drain()
    found = {(row.started_at, row.reopened, row.states_known_since) for row in core.rows(tables.issue)}
    assert found == {(at(10), 1, at(0))}


def _renumbered(one: Snapshot, number: int) -> Snapshot:
    return snapshot(
        (one.updated_at - at(0)).total_seconds(),
        identity=f"501#{number}",
        key=f"acme/checkout#{number}",
        state=one.state,
        created_at=one.created_at,
        closed_at=one.closed_at,
    )


def test_an_edit_that_does_not_change_the_state_stores_no_change(core: CoreHarness) -> None:
    """Titles and labels change often."""
    core.receive_and_drain(LIFE[0])
    core.receive_and_drain(snapshot(5, created_at=at(0), title="Pay by card, again"))
    assert len(core.rows(tables.issue_state)) == 1


def test_an_issue_first_seen_late_keeps_its_past_unknown(core: CoreHarness) -> None:
    """It was created long before."""
    core.receive_and_drain(snapshot(500, created_at=at(0)))
    row = core.rows(tables.issue)[0]
    assert (row.started_at, row.reopened, row.states_known_since) == (None, None, None)
    assert changes(core) == (StateChange(at(500), State.TODO),)


def test_a_late_snapshot_alone_changes_the_start_of_an_issue(core: CoreHarness) -> None:
    """The issue itself stays as it is."""
    for one in (LIFE[0], LIFE[2]):
        core.receive_and_drain(one)
    assert core.rows(tables.issue)[0].started_at is None
    core.receive_and_drain(LIFE[1])
    row = core.rows(tables.issue)[0]
    assert (row.state, row.started_at) == ("done", at(10))
