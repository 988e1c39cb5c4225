"""Places in a list change only when the order does."""

from hypothesis import given
from hypothesis import strategies as st

from sync_service.config_file.plan.diff import positions

names = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(wanted=names, stored=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 5)))
def test_the_wanted_order_is_what_is_stored_then_and_asking_again_changes_nothing(
    wanted: list[str], stored: dict[str, int]
) -> None:
    """For any list and any positions before."""
    before = dict(sorted(stored.items(), key=lambda item: item[1]))
    found = positions(wanted, before)
    after = before | found
    ordered = dict(sorted(after.items(), key=lambda item: item[1]))
    assert sorted(found, key=lambda one: found[one]) == wanted or len(set(found.values())) < len(found)
    assert positions([one for one in ordered if one in found], ordered) == {one: ordered[one] for one in found}


def test_new_ones_at_the_end_leave_the_others_alone() -> None:
    """Even where others, which this file does not name, are between."""
    assert positions(["a", "b", "new"], {"a": 0, "other": 1, "b": 3}) == {"a": 0, "b": 3, "new": 4}


def test_a_changed_order_numbers_all_anew() -> None:
    """So does a new one in the middle."""
    assert positions(["b", "a"], {"a": 0, "b": 3}) == {"b": 0, "a": 1}
    assert positions(["a", "new", "b"], {"a": 0, "b": 3}) == {"a": 0, "new": 1, "b": 2}
