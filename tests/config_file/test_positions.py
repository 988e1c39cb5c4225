"""Positions in a list change only if the order changes."""

from hypothesis import given
from hypothesis import strategies as st

from sync_service.config_file.plan.diff import positions

names = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(desired=names, stored=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 5)))
def test_the_stored_order_is_the_desired_one_and_is_stable(desired: list[str], stored: dict[str, int]) -> None:
    """For any list and any earlier positions. A second call changes nothing."""
    before = dict(sorted(stored.items(), key=lambda item: item[1]))
    found = positions(desired, before)
    after = before | found
    ordered = dict(sorted(after.items(), key=lambda item: item[1]))
    assert sorted(found, key=lambda one: found[one]) == desired or len(set(found.values())) < len(found)
    assert positions([one for one in ordered if one in found], ordered) == {one: ordered[one] for one in found}


def test_new_items_at_the_end_leave_the_others_alone() -> None:
    """Even if items that this file does not name are between them."""
    assert positions(["a", "b", "new"], {"a": 0, "other": 1, "b": 3}) == {"a": 0, "b": 3, "new": 4}


def test_a_changed_order_renumbers_all() -> None:
    """A new item in the middle does the same."""
    assert positions(["b", "a"], {"a": 0, "b": 3}) == {"b": 0, "a": 1}
    assert positions(["a", "new", "b"], {"a": 0, "b": 3}) == {"a": 0, "new": 1, "b": 2}
