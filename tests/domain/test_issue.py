"""Newest wins, whatever the order."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.trackers.issue import Issue, TimedNumber, merge_parent, merge_snapshot, merge_tombstone
from sync_service.domain.trackers.observations import (
    Closing,
    Number,
    Parent,
    ParentSeen,
    Snapshot,
    State,
    Term,
    Tombstone,
)
from tests.domain.factories import CHECKOUT, at, snapshot

DELETED = Tombstone(identity="501#1", key="acme/checkout#1")
MOVED = Tombstone(identity="501#1", key="acme/checkout#1", successor="502#9", moved_to="acme/billing#9")


Told = Snapshot | ParentSeen | Tombstone


def parent_seen(second: float, key: str | None) -> ParentSeen:
    """Give the word on the parent of acme/checkout#1, so many seconds after noon."""
    return ParentSeen(identity="501#1", key="acme/checkout#1", scope=CHECKOUT, parent=Parent(key), at=at(second))


def taken(*observations: Told | tuple[Told, int], issue: Issue | None = None) -> Issue:
    """Take observations one after the other, each with the second in which it was told where that matters."""
    for given_one in observations:
        one, told = given_one if isinstance(given_one, tuple) else (given_one, None)
        received_at = None if told is None else at(told)
        if isinstance(one, Snapshot):
            issue = merge_snapshot(issue, one, received_at=received_at)
        elif isinstance(one, ParentSeen):
            issue = merge_parent(issue, one, received_at=received_at)
        else:
            issue = merge_tombstone(issue, one)
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
    assert merge_snapshot(issue, snapshot(0)) is issue
    assert merge_snapshot(issue, snapshot(-5)) is issue


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
    """A letter of that time no longer changes what was seen; but it may tell of a change after the look."""
    delivery, seen = snapshot(0, state=State.DONE, closed_at=at(0)), snapshot(0, title="As seen")
    fetched = merge_snapshot(taken(delivery), seen, fetched=True)
    assert fetched.title == "As seen"
    assert not fetched.in_doubt
    assert merge_snapshot(fetched, seen) is fetched
    assert merge_snapshot(fetched, delivery) == replace(fetched, in_doubt=True)


def test_a_deletion_is_final_for_letters() -> None:
    """Even for a newer one, and when it comes first."""
    assert taken(snapshot(0), DELETED, snapshot(50)).gone_reason == "deleted"
    assert taken(DELETED, snapshot(50)).gone_reason == "deleted"
    assert taken(DELETED).state is None


def test_only_a_successful_look_revives() -> None:
    """The tracker itself shows it."""
    issue = merge_snapshot(taken(snapshot(0), DELETED), snapshot(0), fetched=True)
    assert issue.gone_reason is None
    assert issue.state is State.TODO


def test_a_transfer_names_the_successor_also_after_a_plain_deletion() -> None:
    """GitHub may send both, in either order."""
    assert taken(snapshot(0), DELETED, MOVED) == taken(snapshot(0), MOVED, DELETED)
    assert taken(snapshot(0), MOVED).gone_reason == "moved to acme/billing#9"


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


def test_a_parent_may_be_told_before_and_after_everything_else() -> None:
    """The relation's own time decides, not the issue's."""
    assert taken(parent_seen(0, "a#1")).state is None
    assert taken(parent_seen(3, "a#1"), snapshot(1)) == taken(snapshot(1), parent_seen(3, "a#1"))
    assert taken(snapshot(5), parent_seen(3, "a#1")).parent_key == "a#1"
    assert taken(parent_seen(3, "a#1"), snapshot(5, parent=Parent("a#2"))).parent_key == "a#2"
    assert taken(parent_seen(3, "a#1"), parent_seen(2, None)).parent_key == "a#1"


def test_a_parent_that_changes_twice_at_one_time_is_the_one_told_last() -> None:
    """GitHub need not move the issue's time, so a removal may carry the time of what it takes away."""
    added, removed = (parent_seen(0, "a#1"), 10), (parent_seen(0, None), 20)
    assert taken(added, removed).parent_key is None
    assert taken(removed, added) == taken(added, removed)


def test_a_look_shows_the_parent_as_it_is_whatever_time_letters_gave_it() -> None:
    """A letter's time may be that of the parent, which changed later than the child."""
    fetched = merge_snapshot(taken(snapshot(0), (parent_seen(9, "a#1"), 9)), snapshot(0, parent=Parent(None)),
                           fetched=True, received_at=at(20))  # fmt: skip
    assert fetched.parent_key is None
    assert taken((parent_seen(9, "a#1"), 9), issue=fetched) is fetched
    assert taken((parent_seen(9, "a#2"), 30), issue=fetched).parent_key == "a#2"


def test_an_outdated_look_takes_no_parent_away() -> None:
    """A tracker's answer may lag behind its letters."""
    issue = taken(snapshot(5, parent=Parent("a#1")))
    assert merge_snapshot(issue, snapshot(0, parent=Parent(None)), fetched=True).parent_key == "a#1"


def test_unknown_closings_take_nothing_away() -> None:
    """A letter may leave out what a pull request closes; what it closes has a time of its own."""
    closing = snapshot(0, closes=(Closing("a#2"), Closing("a#1", "501#1")))
    assert taken(closing, snapshot(5)).closes == (Closing("a#1", "501#1"), Closing("a#2"))
    assert taken(snapshot(5), closing) == taken(closing, snapshot(5))
    assert taken(closing, snapshot(5, closes=())).closes == ()


def test_closings_that_were_looked_at_beat_those_of_a_letter_at_the_same_time() -> None:
    """Only the tracker knows of links made by hand."""
    read, seen = snapshot(0, closes=(Closing("b#1"),)), snapshot(0, closes=(Closing("a#1"),))
    fetched = merge_snapshot(taken(read), seen, fetched=True)
    assert fetched.closes == (Closing("a#1"),)
    assert merge_snapshot(fetched, read) is fetched
    assert merge_snapshot(fetched, replace(read, updated_at=at(1))).closes == (Closing("b#1"),)


def test_unknown_points_take_nothing_away() -> None:
    """Jira names the field of the estimate by id only, which a letter may not tell."""
    issue = taken(snapshot(0, points=5), snapshot(5, points_known=False))
    assert issue.points == 5
    assert taken(snapshot(5, points_known=False), snapshot(0, points=5)).points == 5


def test_a_look_settles_details_of_the_same_time() -> None:
    """Whatever letters said at that time, before or after: the greater content would be a guess."""
    delivery = snapshot(0, points=5, versions=(Term("9", "v9"),), numbers=(Number("Effort", 5),))
    seen = replace(delivery, points=3, versions=(Term("1", "v1"),), numbers=(Number("Effort", None),))
    fetched = merge_snapshot(taken(delivery), seen, fetched=True)
    assert (fetched.points, fetched.versions) == (3, ("1",))
    assert fetched.numbers == (TimedNumber("Effort", None, at(0)),)
    assert merge_snapshot(fetched, delivery) is fetched
    assert merge_snapshot(fetched, seen, fetched=True) == fetched


def test_components_versions_and_sprints_have_times_of_their_own() -> None:
    """What a letter leaves out stays as it was told last; none is not unknown."""
    planned = snapshot(0, components=(Term("2", "B"), Term("1", "A")), versions=(), sprints=(Term("7", "S"),))
    issue = taken(planned, snapshot(5))
    assert (issue.components, issue.versions, issue.sprints) == (("1", "2"), (), ("7",))
    assert (issue.components_at, issue.versions_at, taken(snapshot(5)).versions_at) == (at(0), at(0), None)
    assert taken(snapshot(5), planned) == issue
    assert taken(planned, snapshot(5, components=())).components == ()


def test_each_number_has_a_time_of_its_own() -> None:
    """A letter may tell one of them and not the other."""
    both = snapshot(0, numbers=(Number("Effort", 3), Number("Customers", 1)))
    issue = taken(both, snapshot(5, numbers=(Number("Effort", None),)))
    assert issue.numbers == (TimedNumber("Customers", 1, at(0)), TimedNumber("Effort", None, at(5)))
    assert taken(snapshot(5, numbers=(Number("Effort", None),)), both) == issue


states = st.sampled_from(list(State))
parents = st.one_of(st.none(), st.just(Parent(None)), st.builds(Parent, st.sampled_from(["a#1", "a#2"])))
closings = st.one_of(st.none(), st.lists(st.builds(Closing, st.sampled_from(["a#1", "a#2"])), max_size=2).map(tuple))
plans = st.one_of(st.none(), st.lists(st.sampled_from([Term("1", "A"), Term("2", "B")]), max_size=2).map(tuple))
numbers = st.dictionaries(st.sampled_from(["E", "F"]), st.sampled_from([None, 1.0, 2.0])).map(
    lambda found: tuple(Number(name, value) for name, value in found.items())
)
snapshots = st.builds(
    lambda second, state, title, parent, points, closes, plan, told: snapshot(
        second,
        components=plan,
        sprints=plan,
        numbers=told,
        closes=closes,
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
    closings,
    plans,
    numbers,
)
words = st.builds(parent_seen, st.integers(0, 3), st.sampled_from([None, "a#1", "a#2"]))
histories = st.lists(
    st.tuples(st.one_of(snapshots, words, st.just(DELETED), st.just(MOVED)), st.integers(0, 3)), min_size=1, max_size=7
)


@given(histories.flatmap(lambda history: st.tuples(st.just(history), st.permutations([*history, *history[:2]]))))
def test_any_order_and_any_repeat_end_in_the_same_issue(
    orders: tuple[list[tuple[Told, int]], list[tuple[Told, int]]],
) -> None:
    """The single-threaded reading in order is the oracle."""
    in_order, shuffled = orders
    assert taken(*shuffled) == taken(*in_order)


@given(snapshots)
def test_content_that_differs_has_another_digest(one: Snapshot) -> None:
    """And what is no content has none."""
    assert replace(one, title="C").digest() != one.digest()
    assert replace(one, parent=Parent("x#1"), closes=(Closing("x#1"),)).digest() == one.digest()
    planned = replace(one, components=(), versions=(), sprints=(), numbers=(Number("E", 9),))
    assert planned.digest() == one.digest()


def test_the_digest_of_what_was_held_before_an_upgrade_stays() -> None:
    """Else every issue would be in doubt once its next letter came."""
    held = "87a96703f5ccd56b1b81b058a9b56daea408b7df236dd421835fcbcf51223eb4"
    assert snapshot(0, labels=["checkout"], type="Bug", priority="High").digest() == held
