"""The first page: what it shows, and what it says when there is nothing to show."""

from datetime import date, timedelta

import pytest
from flask import Flask

from sync_service.runtime.wiring import Services
from sync_service.store.engine.database import writing
from tests.support.example_okrs import NASTY, Example
from tests.support.services import Clock, add_cycle, add_person
from tests.web.session_client import Visitor


def test_the_objectives_of_the_current_cycle_are_grouped_by_team(vera: Visitor) -> None:
    """Teams by name, what has no team last."""
    words = vera.words("/")
    places = [words.index(name) for name in ("Checkout", "Paying is effortless", "Platform", "Without a team")]
    assert places == sorted(places)
    assert "Q4 2026 · day 41 of 92" in words


def test_an_objective_rolls_up_and_says_how_many_are_without_data(vera: Visitor) -> None:
    """KR-1 has 29.63 % at weight 2, KR-2 40 % at weight 1, KR-3 no data: 33 %."""
    words = vera.words("/")
    assert "3 key results 1 without data, not in the progress 33 %" in words


def test_a_key_result_shows_value_target_status_and_what_moved_it_last(vera: Visitor) -> None:
    """In half a sentence."""
    words = vera.words("/")
    assert "29.63 % → of target 100 % at risk" in words
    assert "2 days ago : acme/checkout#42 reopened" in words
    assert "8 bugs → of target 2 bugs on track" in words


def test_a_value_that_may_be_out_of_date_says_so(vera: Visitor) -> None:
    """With the reason on hover."""
    text = vera.read("/")
    assert "stale since" in text
    assert "acme-jira: the token is expired or was revoked (401)" in text


def test_no_data_is_a_word_and_not_a_number(vera: Visitor) -> None:
    """Neither 0 nor 100 %."""
    assert "no data → of target 68 % no data no check-in has set a value yet" in vera.words("/")


def test_titles_are_text_and_never_markup(vera: Visitor) -> None:
    """Whatever a tracker or a file calls things."""
    for path in ("/", "/key-results/KR-6", "/key-results/KR-1"):
        text = vera.read(path)
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
        assert NASTY in vera.words(path)


def test_another_cycle_can_be_chosen(ana: Visitor, vera: Visitor) -> None:
    """One without objectives tells admins, and nobody else, how to add some."""
    words = vera.words("/?cycle=2027-q1")
    assert "No objectives in Q1 2027" in words
    assert "okr-sync apply" not in words
    assert "cycle: 2027-q1" in ana.words("/?cycle=2027-q1")


def test_an_unknown_cycle_is_not_found(vera: Visitor) -> None:
    """The page names it."""
    answer = vera.open("/?cycle=2020-q1")
    assert answer.status_code == 404
    assert "There is no cycle 2020-q1" in answer.text


@pytest.mark.parametrize(
    ("passed", "shown"), [(timedelta(0), "Q4 2026"), (timedelta(days=60), "Q1 2027"), (timedelta(days=29), "Q4 2026")]
)
def test_the_current_cycle_follows_the_date(
    app: Flask, services: Services, example: Example, clock: Clock, *, passed: timedelta, shown: str
) -> None:
    """Sessions last 30 days, so the visitor comes in anew."""
    clock.pass_(passed)
    page = Visitor.signed_in(app, services, example.vera).read("/")
    assert f"selected>{shown}</option>" in page


def test_an_empty_house_says_what_to_do(app: Flask, services: Services) -> None:
    """Admins get an example to copy; commands are not shown to anybody else."""
    with writing(services.engine) as tx:
        first = add_person(tx, "first@example.com", "First Admin", role="admin")
        second = add_person(tx, "second@example.com", "Second", role="member")
    words = Visitor.signed_in(app, services, first).words("/")
    assert "No objectives yet" in words
    assert "okr-sync apply okrs.yaml" in words
    words = Visitor.signed_in(app, services, second).words("/")
    assert "An admin adds them" in words
    assert "okr-sync apply" not in words


@pytest.mark.both_databases
def test_before_the_first_cycle_the_next_one_is_shown(app: Flask, services: Services) -> None:
    """Plans can be looked at before they begin."""
    with writing(services.engine) as tx:
        first = add_person(tx, "first@example.com", "First Admin", role="admin")
        add_cycle(tx, "2028-q1", "Q1 2028", starts=date(2028, 1, 1), ends=date(2028, 3, 31))
        add_cycle(tx, "2028-q2", "Q2 2028", starts=date(2028, 4, 1), ends=date(2028, 6, 30))
    assert "No objectives in Q1 2028" in Visitor.signed_in(app, services, first).words("/")
