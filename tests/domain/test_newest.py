"""Newest wins, whatever the order."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.issues import Parent, Snapshot, State, Tombstone
from sync_service.domain.newest import Issue, take_snapshot, take_tombstone
from tests.domain.making import at, snapshot

DELETED = Tombstone(identity="501#1", key="acme/checkout#1")
MOVED = Tombstone(identity="501#1", key="acme/checkout#1", successor="502#9", moved_to="acme/billing#9")


def taken(*observations: Snapshot | Tombstone, issue: Issue | None = None) -> Issue:
    """Take observations one after the other."""
    for one in observations:
        issue = take_snapshot(issue, one) if isinstance(one, Snapshot) else take_tombstone(issue, one)
    assert issue is not None
    return issue


def test_the_newest_snapshot_wins_whatever_comes_last() -> None:
    """An older one that comes late changes nothing."""
    closed = snapshot(10, state=State.DONE, closed_at=at(10))
    assert taken(closed, snapshot(0)) == taken(snapshot(0), closed)
    assert taken(closed, snapshot(0)).state is State.DONE


def test_a_repeat_gives_the_same_object() -> None:
    """So that callers can tell by identity that nothing changed."""
    issue = taken(snapshot(0))
    assert take_snapshot(issue, snapshot(0)) is issue
    assert take_snapshot(issue, snapshot(-5)) is issue


def test_equal_times_with_other_content_end_alike_and_in_doubt() -> None:
    """GitHub's times have a resolution of a second."""
    opened, closed = snapshot(0), snapshot(0, state=State.DONE, closed_at=at(0))
    assert taken(opened, closed) == taken(closed, opened)
    assert taken(opened, closed).in_doubt
    assert taken(opened, closed).state is State.DONE


def test_doubt_ends_with_the_next_change() -> None:
    """Something newer is known for sure."""
    assert not taken(snapshot(0), snapshot(0, title="Other"), snapshot(1)).in_doubt


def test_a_look_beats_a_letter_of_the_same_time() -> None:
    """And a letter of that time no longer changes what was seen."""
    letter, seen = snapshot(0, state=State.DONE, closed_at=at(0)), snapshot(0, title="As seen")
    looked = take_snapshot(taken(letter), seen, looked=True)
    assert looked.title == "As seen"
    assert not looked.in_doubt
    assert take_snapshot(looked, letter) is looked


def test_a_deletion_is_final_for_letters() -> None:
    """Even for a newer one, and when it comes first."""
    assert taken(snapshot(0), DELETED, snapshot(50)).gone == "deleted"
    assert taken(DELETED, snapshot(50)).gone == "deleted"
    assert taken(DELETED).state is None


def test_only_a_successful_look_revives() -> None:
    """The tracker itself shows it."""
    issue = take_snapshot(taken(snapshot(0), DELETED), snapshot(0), looked=True)
    assert issue.gone is None
    assert issue.state is State.TODO


def test_a_transfer_names_the_successor_also_after_a_plain_deletion() -> None:
    """GitHub may send both, in either order."""
    assert taken(snapshot(0), DELETED, MOVED) == taken(snapshot(0), MOVED, DELETED)
    assert taken(snapshot(0), MOVED).gone == "moved to acme/billing#9"


def test_an_unknown_parent_takes_nothing_away() -> None:
    """Unknown is not none."""
    with_parent = snapshot(0, parent=Parent("acme/checkout#7"))
    assert taken(with_parent, snapshot(5)).parent_key == "acme/checkout#7"
    assert taken(with_parent, snapshot(5, parent=Parent(None))).parent_key is None


def test_an_older_letter_may_still_tell_a_parent_nobody_knew() -> None:
    """Relations have times of their own."""
    issue = taken(snapshot(5), snapshot(0, parent=Parent("acme/checkout#7")))
    assert issue.parent_key == "acme/checkout#7"
    assert issue.updated_at == at(5)


def test_unknown_points_take_nothing_away() -> None:
    """Jira names the field of the estimate by id only, which a letter may not tell."""
    issue = taken(snapshot(0, points=5), snapshot(5, points_known=False))
    assert issue.points == 5
    assert taken(snapshot(5, points_known=False), snapshot(0, points=5)).points == 5


states = st.sampled_from(list(State))
parents = st.one_of(st.none(), st.just(Parent(None)), st.builds(Parent, st.sampled_from(["a#1", "a#2"])))
snapshots = st.builds(
    lambda second, state, title, parent, points: snapshot(
        second,
        points=points,
        points_known=points != 0,
        state=state,
        title=title,
        parent=parent,
        closed_at=at(second) if state in (State.DONE, State.DROPPED) else None,
    ),
    st.integers(0, 3),
    states,
    st.sampled_from(["A", "B"]),
    parents,
    st.sampled_from([None, 0, 1, 5]),
)
histories = st.lists(st.one_of(snapshots, st.just(DELETED), st.just(MOVED)), min_size=1, max_size=7)


@given(histories.flatmap(lambda history: st.tuples(st.just(history), st.permutations([*history, *history[:2]]))))
def test_any_order_and_any_repeat_end_in_the_same_issue(
    orders: tuple[list[Snapshot | Tombstone], list[Snapshot | Tombstone]],
) -> None:
    """The single-threaded reading in order is the oracle."""
    in_order, shuffled = orders
    assert taken(*shuffled) == taken(*in_order)


@given(snapshots)
def test_content_that_differs_has_another_digest(one: Snapshot) -> None:
    """And what is no content has none."""
    assert replace(one, title="C").digest() != one.digest()
    assert replace(one, parent=Parent("x#1")).digest() == one.digest()
