"""Two edits of one form: nobody's change is lost without being shown."""

from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.okrs.merge import Fields, merge

TEXTS = st.sampled_from(["", "a", "b", "c"])
FORMS = st.fixed_dictionaries({"title": TEXTS, "target": TEXTS, "owner": TEXTS})


def test_changes_of_different_fields_are_both_kept() -> None:
    """Nobody is asked."""
    merged = merge({"title": "a", "target": "1"}, {"title": "b", "target": "1"}, {"title": "a", "target": "2"})
    assert (merged.fields, merged.conflicts) == ({"title": "b", "target": "2"}, {})


def test_different_changes_of_one_field_are_a_conflict() -> None:
    """What was typed stays in the form, beside what the other person saved."""
    merged = merge({"title": "a"}, {"title": "b"}, {"title": "c"})
    assert (merged.fields, merged.conflicts) == ({"title": "b"}, {"title": "c"})


@given(FORMS, FORMS, FORMS)
def test_every_change_is_kept_or_shown(base: Fields, typed: Fields, current: Fields) -> None:
    """Each field is as the one who changed it wants, or is in conflict, or both agree."""
    merged = merge(base, typed, current)
    for name in base:
        mine, theirs = typed[name] != base[name], current[name] != base[name]
        if mine and theirs and typed[name] != current[name]:
            assert (merged.fields[name], merged.conflicts[name]) == (typed[name], current[name])
        else:
            assert name not in merged.conflicts
            assert merged.fields[name] == (typed[name] if mine else current[name])


@given(FORMS, FORMS, FORMS)
def test_a_conflict_is_over_once_the_person_has_seen_it(base: Fields, typed: Fields, current: Fields) -> None:
    """Saving again from what is now saves what is in the form."""
    merged = merge(base, typed, current)
    assert merge(current, merged.fields, current) == type(merged)(merged.fields, {})
