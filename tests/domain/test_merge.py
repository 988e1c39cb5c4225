"""Newest wins: any order of observations ends in the same issue."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.trackers.issue import Issue, TimedNumber
from sync_service.domain.trackers.merge import merge_parent, merge_snapshot, merge_tombstone
from sync_service.domain.trackers.observations import (
    CLOSED,
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


Observation = Snapshot | ParentSeen | Tombstone


def parent_seen(second: float, key: str | None) -> ParentSeen:
    """Return an observation of the parent of acme/checkout#1, made this many seconds after noon."""
    return ParentSeen(identity="501#1", key="acme/checkout#1", scope=CHECKOUT, parent=Parent(key), at=at(second))


def merged(*observations: Observation | tuple[Observation, int], issue: Issue | None = None) -> Issue:
    """Merge observations one after the other, each with the second in which it was received if that matters."""
    for item in observations:
        one, received_second = item if isinstance(item, tuple) else (item, None)
        received_at = None if received_second is None else at(received_second)
        if isinstance(one, Snapshot):
            issue = merge_snapshot(issue, one, received_at=received_at)
        elif isinstance(one, ParentSeen):
            issue = merge_parent(issue, one, received_at=received_at)
        else:
            issue = merge_tombstone(issue, one)
    assert issue is not None
    return issue


def test_the_newest_snapshot_wins_in_any_order() -> None:
    """An older one that comes late changes nothing."""
    closed = snapshot(10, state=State.DONE, closed_at=at(10))
    assert merged(closed, snapshot(0)) == merged(snapshot(0), closed)
    assert merged(closed, snapshot(0)).state is State.DONE


def test_a_repeat_gives_the_same_object() -> None:
    """Callers compare identity to see that nothing changed."""
    issue = merged(snapshot(0))
    assert merge_snapshot(issue, snapshot(0)) is issue
    assert merge_snapshot(issue, snapshot(-5)) is issue


def test_different_content_of_the_same_time_gives_one_result_and_doubt() -> None:
    """GitHub's times have a resolution of a second, so two changes may have the same time."""
    opened, closed = snapshot(0), snapshot(0, state=State.DONE, closed_at=at(0))
    assert merged(opened, closed) == merged(closed, opened)
    assert merged(opened, closed).in_doubt
    assert merged(opened, closed).state is State.DONE


def test_doubt_ends_with_the_next_change() -> None:
    """A newer observation leaves no doubt."""
    assert not merged(snapshot(0), snapshot(0, title="Other"), snapshot(1)).in_doubt


def test_a_fetch_beats_a_delivery_of_the_same_time() -> None:
    """A delivery of that time does not change what was fetched. A delivery with a later time does."""
    delivery, seen = snapshot(0, state=State.DONE, closed_at=at(0)), snapshot(0, title="As seen")
    fetched = merge_snapshot(merged(delivery), seen, fetched=True)
    assert fetched.title == "As seen"
    assert not fetched.in_doubt
    assert merge_snapshot(fetched, seen) is fetched
    assert merge_snapshot(fetched, delivery) == replace(fetched, in_doubt=True)


def test_a_deletion_is_final_for_deliveries() -> None:
    """It holds against a newer delivery, and also if it comes first."""
    assert merged(snapshot(0), DELETED, snapshot(50)).gone_reason == "deleted"
    assert merged(DELETED, snapshot(50)).gone_reason == "deleted"
    assert merged(DELETED).state is None


def test_only_a_successful_fetch_restores_a_deleted_issue() -> None:
    """Then the tracker itself shows the issue."""
    issue = merge_snapshot(merged(snapshot(0), DELETED), snapshot(0), fetched=True)
    assert issue.gone_reason is None
    assert issue.state is State.TODO


def test_a_transfer_names_the_new_issue_even_after_a_plain_deletion() -> None:
    """GitHub may send both, in any order."""
    assert merged(snapshot(0), DELETED, MOVED) == merged(snapshot(0), MOVED, DELETED)
    assert merged(snapshot(0), MOVED).gone_reason == "moved to acme/billing#9"


def test_an_unknown_parent_removes_nothing() -> None:
    """Unknown does not mean none."""
    with_parent = snapshot(0, parent=Parent("acme/checkout#7"))
    assert merged(with_parent, snapshot(5)).parent_key == "acme/checkout#7"
    assert merged(with_parent, snapshot(5, parent=Parent(None))).parent_key is None


def test_an_older_delivery_may_still_add_an_unknown_parent() -> None:
    """Relations have times of their own."""
    issue = merged(snapshot(5), snapshot(0, parent=Parent("acme/checkout#7")))
    assert issue.parent_key == "acme/checkout#7"
    assert issue.updated_at == at(5)


def test_a_parent_may_arrive_before_or_after_everything_else() -> None:
    """The relation's own time decides, not the issue's."""
    assert merged(parent_seen(0, "a#1")).state is None
    assert merged(parent_seen(3, "a#1"), snapshot(1)) == merged(snapshot(1), parent_seen(3, "a#1"))
    assert merged(snapshot(5), parent_seen(3, "a#1")).parent_key == "a#1"
    assert merged(parent_seen(3, "a#1"), snapshot(5, parent=Parent("a#2"))).parent_key == "a#2"
    assert merged(parent_seen(3, "a#1"), parent_seen(2, None)).parent_key == "a#1"


def test_of_two_parents_of_the_same_time_the_last_received_wins() -> None:
    """GitHub need not change the issue's time, so a removal may have the same time as the relation that it removes."""
    added, removed = (parent_seen(0, "a#1"), 10), (parent_seen(0, None), 20)
    assert merged(added, removed).parent_key is None
    assert merged(removed, added) == merged(added, removed)


def test_a_fetch_sets_the_parent_whatever_time_deliveries_gave_it() -> None:
    """A delivery may carry the time of the parent, which changed later than the child."""
    fetched = merge_snapshot(merged(snapshot(0), (parent_seen(9, "a#1"), 9)), snapshot(0, parent=Parent(None)),
                           fetched=True, received_at=at(20))  # fmt: skip
    assert fetched.parent_key is None
    assert merged((parent_seen(9, "a#1"), 9), issue=fetched) is fetched
    assert merged((parent_seen(9, "a#2"), 30), issue=fetched).parent_key == "a#2"


def test_an_outdated_fetch_removes_no_parent() -> None:
    """A tracker's API may lag behind its webhooks."""
    issue = merged(snapshot(5, parent=Parent("a#1")))
    assert merge_snapshot(issue, snapshot(0, parent=Parent(None)), fetched=True).parent_key == "a#1"


def test_unknown_closing_links_remove_nothing() -> None:
    """A delivery may leave out what a pull request closes. Closing links have a time of their own."""
    closing = snapshot(0, closes=(Closing("a#2"), Closing("a#1", "501#1")))
    assert merged(closing, snapshot(5)).closes == (Closing("a#1", "501#1"), Closing("a#2"))
    assert merged(snapshot(5), closing) == merged(closing, snapshot(5))
    assert merged(closing, snapshot(5, closes=())).closes == ()


def test_fetched_closing_links_beat_those_of_a_delivery_of_the_same_time() -> None:
    """Only the tracker's API knows links that people added manually."""
    read, seen = snapshot(0, closes=(Closing("b#1"),)), snapshot(0, closes=(Closing("a#1"),))
    fetched = merge_snapshot(merged(read), seen, fetched=True)
    assert fetched.closes == (Closing("a#1"),)
    assert merge_snapshot(fetched, read) is fetched
    assert merge_snapshot(fetched, replace(read, updated_at=at(1))).closes == (Closing("b#1"),)


def test_unknown_points_remove_nothing() -> None:
    """Jira names the estimate's field by id only, so a delivery alone may not show which field it is."""
    issue = merged(snapshot(0, points=5), snapshot(5, points_known=False))
    assert issue.points == 5
    assert merged(snapshot(5, points_known=False), snapshot(0, points=5)).points == 5


def test_a_fetch_settles_details_of_the_same_time() -> None:
    """It wins over deliveries of that time, before or after it. Choosing the greater content would be a guess."""
    delivery = snapshot(0, points=5, versions=(Term("9", "v9"),), numbers=(Number("Effort", 5),))
    seen = replace(delivery, points=3, versions=(Term("1", "v1"),), numbers=(Number("Effort", None),))
    fetched = merge_snapshot(merged(delivery), seen, fetched=True)
    assert (fetched.points, fetched.versions) == (3, ("1",))
    assert fetched.numbers == (TimedNumber("Effort", None, at(0)),)
    assert merge_snapshot(fetched, delivery) is fetched
    assert merge_snapshot(fetched, seen, fetched=True) == fetched


def test_components_versions_and_sprints_have_times_of_their_own() -> None:
    """A part that a delivery leaves out keeps its last value. An empty list is a value, not unknown."""
    planned = snapshot(0, components=(Term("2", "B"), Term("1", "A")), versions=(), sprints=(Term("7", "S"),))
    issue = merged(planned, snapshot(5))
    assert (issue.components, issue.versions, issue.sprints) == (("1", "2"), (), ("7",))
    assert (issue.components_at, issue.versions_at, merged(snapshot(5)).versions_at) == (at(0), at(0), None)
    assert merged(snapshot(5), planned) == issue
    assert merged(planned, snapshot(5, components=())).components == ()


def test_each_number_has_a_time_of_its_own() -> None:
    """A delivery may carry one number and not the other."""
    both = snapshot(0, numbers=(Number("Effort", 3), Number("Customers", 1)))
    issue = merged(both, snapshot(5, numbers=(Number("Effort", None),)))
    assert issue.numbers == (TimedNumber("Customers", 1, at(0)), TimedNumber("Effort", None, at(5)))
    assert merged(snapshot(5, numbers=(Number("Effort", None),)), both) == issue


states = st.sampled_from(list(State))
parents = st.one_of(st.none(), st.just(Parent(None)), st.builds(Parent, st.sampled_from(["a#1", "a#2"])))
closings = st.one_of(st.none(), st.lists(st.builds(Closing, st.sampled_from(["a#1", "a#2"])), max_size=2).map(tuple))
plans = st.one_of(st.none(), st.lists(st.sampled_from([Term("1", "A"), Term("2", "B")]), max_size=2).map(tuple))
numbers = st.dictionaries(st.sampled_from(["E", "F"]), st.sampled_from([None, 1.0, 2.0])).map(
    lambda found: tuple(Number(name, value) for name, value in found.items())
)
snapshots = st.builds(
    lambda second, state, title, parent, points, closes, plan, number, dates: snapshot(
        second,
        components=plan,
        sprints=plan,
        numbers=number,
        closes=closes,
        points=points,
        points_known=points != 0,
        state=state,
        title=title,
        parent=parent,
        closed_at=dates[0] if state in CLOSED else None,
        entered_category_at=dates[1] if state in CLOSED else None,
    ),
    st.integers(0, 5),
    states,
    st.sampled_from(["A", "B"]),
    parents,
    st.sampled_from([None, 0, 1, 5]),
    closings,
    plans,
    numbers,
    st.tuples(*[st.one_of(st.none(), st.integers(0, 5).map(at))] * 2),
)
words = st.builds(parent_seen, st.integers(0, 3), st.sampled_from([None, "a#1", "a#2"]))
histories = st.lists(
    st.tuples(st.one_of(snapshots, words, st.just(DELETED), st.just(MOVED)), st.integers(0, 3)), min_size=1, max_size=7
)


@given(histories.flatmap(lambda history: st.tuples(st.just(history), st.permutations([*history, *history[:2]]))))
def test_any_order_and_any_repeat_end_in_the_same_issue(
    orders: tuple[list[tuple[Observation, int]], list[tuple[Observation, int]]],
) -> None:
    """Merging in order, in one thread, is the reference."""
    in_order, shuffled = orders
    assert merged(*shuffled) == merged(*in_order)


@given(snapshots)
def test_different_content_has_a_different_digest(one: Snapshot) -> None:
    """Fields that are not content do not change the digest."""
    assert replace(one, title="C").digest() != one.digest()
    assert replace(one, parent=Parent("x#1"), closes=(Closing("x#1"),)).digest() == one.digest()
    planned = replace(one, components=(), versions=(), sprints=(), numbers=(Number("E", 9),))
    assert planned.digest() == one.digest()


def test_the_digest_of_an_issue_stored_before_an_upgrade_stays() -> None:
    """Otherwise every issue would be in doubt at its next delivery."""
    held = "87a96703f5ccd56b1b81b058a9b56daea408b7df236dd421835fcbcf51223eb4"
    assert snapshot(0, labels=["checkout"], type="Bug", priority="High").digest() == held
