"""The rules of check-ins: who may say what, and what is asked about first."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.people.check_in import (
    CONFIDENCE,
    Author,
    CheckIn,
    CheckInRefused,
    NotAllowed,
    Right,
    Subject,
    Unlikely,
    confidence_score,
    confidence_words,
    one_line,
    read_confidence,
    read_number,
    require_allowed,
)

OWNER = Author("Ben", "member", person_id=2, email="ben@example.com")
MEMBER = Author("Eve", "member", person_id=3, email="eve@example.com")
ADMIN = Author("the API token reports", "admin")
VIEWER = Author("Ben", "viewer", person_id=2, email="ben@example.com")


def subject(**changed: object) -> Subject:
    """Return a manual key result of Ben's, from 0 to 100."""
    fields = {"slug": "KR-3", "kind": "manual", "owner": "ben@example.com", "closed": False, "unit": "%"}
    return Subject(**{**fields, "start": 0.0, "target": 100.0, **changed})  # type: ignore[arg-type]


def check(entered: CheckIn, author: Author, *, confirmed: bool = False, **changed: object) -> None:
    """Check in as a person."""
    require_allowed(entered, subject(**changed), author, confirmed=confirmed)


@pytest.mark.parametrize(
    ("author", "right"),
    [(OWNER, Right.WHOLE), (MEMBER, Right.CONFIDENCE), (ADMIN, Right.WHOLE), (VIEWER, Right.NOTHING)],
)
def test_who_may_check_in_what(author: Author, right: Right) -> None:
    """An owner who is a viewer may not, and nobody owns what has no owner."""
    assert author.right("ben@example.com") is right
    assert Author("a token", "member").right(None) is Right.CONFIDENCE


def test_a_contributor_checks_in_with_a_confidence_and_sets_no_value() -> None:
    """With note and blockers, if they like."""
    check(CheckIn(confidence=0, note="waiting", blockers="legal"), MEMBER)
    with pytest.raises(NotAllowed, match="Only the owner or an admin can check in a value"):
        check(CheckIn(confidence=7, value=40.0), MEMBER)
    with pytest.raises(CheckInRefused, match="Choose a confidence"):
        check(CheckIn(note="waiting"), MEMBER)


@pytest.mark.parametrize("author", [OWNER, ADMIN])
def test_each_of_the_four_is_enough_for_an_owner_and_none_is_not(author: Author) -> None:
    """An admin too."""
    for entered in (CheckIn(confidence=0), CheckIn(value=0.0), CheckIn(note="x"), CheckIn(blockers="x")):
        check(entered, author)
    with pytest.raises(CheckInRefused, match="at least one"):
        check(CheckIn(), author)


def test_viewers_may_not_check_in_and_no_one_may_once_numbers_are_final() -> None:
    """Neither is a mistake in a field."""
    with pytest.raises(NotAllowed, match="Viewers"):
        check(CheckIn(confidence=5), VIEWER)
    with pytest.raises(NotAllowed, match="final"):
        check(CheckIn(confidence=5), ADMIN, closed=True)


def test_a_value_of_a_computed_key_result_is_refused_with_a_pointer_to_the_override() -> None:
    """Its confidence is taken."""
    check(CheckIn(confidence=5), OWNER, kind="done-share")
    with pytest.raises(CheckInRefused, match=r"computed \(done-share\).*override it") as refused:
        check(CheckIn(value=5.0), OWNER, kind="done-share")
    assert refused.value.field == "value"


@pytest.mark.parametrize("value", [1000.0, 5000.0, -1000.0])
def test_a_value_ten_times_the_way_to_the_target_is_asked_about_once(value: float) -> None:
    """A confirmed one is taken."""
    with pytest.raises(Unlikely, match=r"Is .* right"):
        check(CheckIn(value=value), OWNER)
    check(CheckIn(value=value), OWNER, confirmed=True)
    check(CheckIn(value=value), OWNER, start=None, target=None)


@pytest.mark.parametrize(
    ("entered", "field"),
    [
        (CheckIn(confidence=11), "confidence"),
        (CheckIn(confidence=-1), "confidence"),
        (CheckIn(value=math.nan), "value"),
        (CheckIn(value=math.inf), "value"),
        (CheckIn(value=1e13), "value"),
        (CheckIn(note="a" * 501), "note"),
        (CheckIn(confidence=1, blockers="a" * 501), "blockers"),
    ],
)
def test_a_mistake_names_its_field(entered: CheckIn, field: str) -> None:
    """So that a page can mark it."""
    with pytest.raises(CheckInRefused) as refused:
        check(entered, OWNER)
    assert refused.value.field == field


def test_typed_numbers_are_read_as_people_type_them() -> None:
    """A decimal comma and spaces, and nothing for nothing."""
    assert [read_number(one) for one in ("", " 64,5 ", "1 250", "-3e2")] == [None, 64.5, 1250.0, -300.0]
    assert [read_confidence(one) for one in ("", " 7 ", "10", "0")] == [None, 7, 10, 0]
    for wrong in ("many", "1.2.3"):
        with pytest.raises(CheckInRefused):
            read_number(wrong)


@given(st.text(max_size=4))
def test_a_confidence_is_read_from_digits_alone(typed: str) -> None:
    """Whatever else is typed is refused."""
    if typed.strip() == "":
        assert read_confidence(typed) is None
    elif typed.strip() in {str(one) for one in range(11)} | {f"0{one}" for one in range(10)}:
        assert read_confidence(typed) == int(typed)
    else:
        with pytest.raises(CheckInRefused):
            read_confidence(typed)


@given(st.text())
def test_a_note_is_one_line_that_every_database_can_store(typed: str) -> None:
    """Without NUL and line breaks."""
    line = one_line(typed)
    assert line.isprintable()
    assert one_line(line) == line


def test_every_confidence_has_a_sentence_of_its_own() -> None:
    """From 0 to 10."""
    assert len(set(CONFIDENCE)) == 11
    assert confidence_words(5) == "5 of 10. As likely as not."


@pytest.mark.parametrize("achieved", [True, False])
@pytest.mark.parametrize("confidence", range(11))
def test_the_score_of_a_confidence_is_best_when_it_was_certain_and_right(confidence: int, *, achieved: bool) -> None:
    """0 is best and 1 is worst; the opposite outcome mirrors it."""
    score = confidence_score(confidence, achieved=achieved)
    assert 0 <= score <= 1
    assert score == pytest.approx(confidence_score(10 - confidence, achieved=not achieved))
    assert (score == 0) == (confidence == 10 * achieved)
