"""The first page: the objectives of a cycle, and what it says without any."""

import re
from datetime import date, timedelta
from html import unescape

import pytest
import sqlalchemy as sa
from flask import Flask

from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.web.objectives.index import example as example_file
from tests.support.example_okrs import NASTY, Example
from tests.support.services import Clock, add_cycle, add_person
from tests.web.session_client import SessionClient


def test_the_objectives_of_the_current_cycle_are_grouped_by_team(vera: SessionClient) -> None:
    """Teams are sorted by name; objectives without a team are last."""
    words = vera.words("/objectives")
    words = words[words.index("3 objectives, 6 key results") :]
    positions = [words.index(name) for name in ("Checkout", "Paying is effortless", "Platform", "Without a team")]
    assert positions == sorted(positions)
    assert "Q4 2026 · day 41 of 92" in vera.words("/objectives")


def test_an_objective_shows_its_progress_and_how_many_key_results_have_no_data(vera: SessionClient) -> None:
    """KR-1 has 29.63 % at weight 2, KR-2 40 % at weight 1, KR-3 no data: 33 %."""
    words = vera.words("/objectives")
    assert "3 key results 1 without data, not in the progress 33 %" in words


def test_a_key_result_shows_value_target_status_and_its_last_change(vera: SessionClient) -> None:
    """The change has its first cause."""
    words = vera.words("/objectives")
    assert "29.63 % → of target 100 % at risk" in words
    assert "2 days ago : acme/checkout#42 reopened" in words
    assert "8 bugs → of target 2 bugs on track" in words


def test_a_status_names_the_threshold_that_decided_it(vera: SessionClient) -> None:
    """In the list, as the title of the status."""
    text = unescape(vera.read("/objectives"))
    assert 'title="at risk (more than 10 points below the expected 44\u202f%)"' in text


def test_a_stale_value_is_marked(vera: SessionClient) -> None:
    """The page has the time and the reason."""
    text = vera.read("/objectives")
    assert "stale since" in text
    assert "acme-jira: the token is expired or was revoked (401)" in text


def test_a_key_result_without_data_shows_no_number(vera: SessionClient) -> None:
    """It shows neither 0 nor 100 %."""
    words = vera.words("/objectives")
    assert "no check-in has set a value yet no data → of target 68 % no data" in words


def test_aligned_objectives_are_shown_with_their_progress_and_whether_they_count(
    vera: SessionClient, services: Services
) -> None:
    """Below the objective that they serve."""
    with writing(services.engine) as tx:
        o = tables.objective
        rows = {row.slug: row for row in tx.execute(sa.select(o).order_by(o.c.id))}
        first, second, third = list(rows)[:3]
        tx.execute(sa.update(o).where(o.c.slug == second).values(parent_id=rows[first].id, counts=True, weight=2))
        tx.execute(sa.update(o).where(o.c.slug == third).values(parent_id=rows[first].id))
        cycles = {row.id: row.slug for row in tx.execute(sa.select(tables.cycle))}
    words = vera.words("/objectives")
    for slug, ending in ((second, "counts with weight 2"), (third, "does not count")):
        assert re.search(
            f"{re.escape(rows[slug].title)} {cycles[rows[slug].cycle_id]} · (no data|\\d+ %) · {ending}", words
        )


def test_titles_are_escaped(vera: SessionClient) -> None:
    """Trackers and files may send any title."""
    for path in ("/objectives", "/key-results/KR-6", "/key-results/KR-1"):
        text = vera.read(path)
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
        assert NASTY in vera.words(path)


def test_another_cycle_can_be_chosen(ana: SessionClient, vera: SessionClient) -> None:
    """Only admins see how to add objectives to an empty cycle."""
    words = vera.words("/objectives?cycle=2027-q1")
    assert "No objectives in Q1 2027" in words
    assert "okr-sync apply" not in words
    assert "cycle: 2027-q1" in ana.words("/objectives?cycle=2027-q1")


def test_an_unknown_cycle_is_not_found(vera: SessionClient) -> None:
    """The page names it."""
    response = vera.open("/objectives?cycle=2020-q1")
    assert response.status_code == 404
    assert "There is no cycle 2020-q1" in response.text


@pytest.mark.parametrize(
    ("passed", "shown"), [(timedelta(0), "Q4 2026"), (timedelta(days=60), "Q1 2027"), (timedelta(days=29), "Q4 2026")]
)
def test_the_current_cycle_follows_the_date(
    app: Flask, services: Services, example: Example, clock: Clock, *, passed: timedelta, shown: str
) -> None:
    """Sessions last 30 days, so the test signs in again."""
    clock.advance(passed)
    page = SessionClient.signed_in(app, services, example.vera).read("/objectives")
    assert f"selected>{shown}</option>" in page


def test_an_empty_database_shows_how_to_begin(app: Flask, services: Services) -> None:
    """Admins get an example to copy; others see no commands."""
    with writing(services.engine) as tx:
        first = add_person(tx, "first@example.com", "First Admin", role="admin")
        second = add_person(tx, "second@example.com", "Second", role="member")
    words = SessionClient.signed_in(app, services, first).words("/objectives")
    assert "No objectives yet" in words
    assert "okr-sync apply okrs.yaml" in words
    words = SessionClient.signed_in(app, services, second).words("/objectives")
    assert "An admin adds them" in words
    assert "okr-sync apply" not in words


@pytest.mark.parametrize("email", ["first@example.com", "o'neil+okr@example.com"])
def test_the_example_of_the_empty_page_works_when_copied(app: Flask, services: Services, email: str) -> None:
    """Applied as it is, its cycle runs now, and its key result is on the page with the reader as owner."""
    with writing(services.engine) as tx:
        first = add_person(tx, email, "First Admin", role="admin")
    reader = SessionClient.signed_in(app, services, first)
    page = reader.read("/objectives")
    found = re.search(r'<pre class="example" id="example"[^>]*><code>(.*?)</code></pre>', page, re.DOTALL)
    assert found is not None
    applier = ConfigApplier(
        engine=services.engine,
        sealer=services.sealer,
        connectors=services.connectors,
        environment={},
        zone=services.settings.zone,
        now=services.now,
        actor="the tests",
    )
    plan = applier.apply([("okrs.yaml", unescape(found[1]).encode())], prune=False)
    assert plan.warnings == ()
    words = reader.words("/objectives")
    assert "Q4 2026 · day 41 of 92" in words
    assert "Ship the new checkout KR-1" in words


@pytest.mark.parametrize(
    ("today", "starts", "ends"),
    [
        (date(2027, 1, 1), "2027-01-01", "2027-03-31"),
        (date(2026, 6, 30), "2026-04-01", "2026-06-30"),
        (date(2026, 8, 15), "2026-07-01", "2026-09-30"),
        (date(2026, 12, 31), "2026-10-01", "2026-12-31"),
    ],
)
def test_the_example_has_the_quarter_of_today(today: date, starts: str, ends: str) -> None:
    """So that its key result has a status at once."""
    assert f"starts: {starts}, ends: {ends}" in example_file(today, None)


@pytest.mark.both_databases
def test_before_the_first_cycle_the_next_one_is_shown(app: Flask, services: Services) -> None:
    """People read plans before they begin."""
    with writing(services.engine) as tx:
        first = add_person(tx, "first@example.com", "First Admin", role="admin")
        add_cycle(tx, "2028-q1", "Q1 2028", starts=date(2028, 1, 1), ends=date(2028, 3, 31))
        add_cycle(tx, "2028-q2", "Q2 2028", starts=date(2028, 4, 1), ends=date(2028, 6, 30))
    assert "No objectives in Q1 2028" in SessionClient.signed_in(app, services, first).words("/objectives")
