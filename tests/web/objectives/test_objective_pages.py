"""The page of one objective, and that of a team."""

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.causes import Cause
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.support.example_okrs import NASTY, Example
from tests.support.services import add_history
from tests.web.session_client import SessionClient

pytestmark = pytest.mark.slow


def test_an_objective_has_a_page(vera: SessionClient) -> None:
    """It has the owner, the team, how its progress is computed, and its key results."""
    words = vera.words("/objectives/FAST-checkout")
    assert "Paying is effortless" in words
    assert "Checkout" in words
    assert "the weighted mean of its key results; 1 without data, not in the progress" in words
    assert "KR-1" in words
    assert "KR-4" not in words


def test_an_objective_shows_what_it_serves_and_what_serves_it(vera: SessionClient, services: Services) -> None:
    """Both are links."""
    o = tables.objective
    with writing(services.engine) as tx:
        ids = {row.slug: row.id for row in tx.execute(sa.select(o.c.slug, o.c.id))}
        tx.execute(sa.update(o).where(o.c.slug == "fast-checkout").values(parent_id=ids["steady-platform"]))
    assert 'href="/objectives/steady-platform"' in vera.read("/objectives/fast-checkout")
    assert 'href="/objectives/fast-checkout"' in vera.read("/objectives/steady-platform")


def test_what_moved_an_objective_is_on_its_page(vera: SessionClient, services: Services, example: Example) -> None:
    """And on its team's, but not on that of another team."""
    cause = Cause(what="closed as done", issue="acme/checkout#7")
    with writing(services.engine) as tx:
        add_history(tx, example.key_results["KR-2"], services.now(), before=8.0, after=7.0, causes=[cause])
    for path in ("/objectives/fast-checkout", "/teams/checkout"):
        assert "8 bugs → to 7 bugs Open payment bugs down from 12 to 2 acme/checkout#7 closed as done" in vera.words(
            path
        )
    assert "acme/checkout#7" not in vera.words("/teams/platform")


@pytest.mark.parametrize("path", ["/objectives/no-such", "/teams/no-such", "/teams/checkout?cycle=no-such"])
def test_what_is_unknown_is_not_found(vera: SessionClient, path: str) -> None:
    """The page names it."""
    response = vera.open(path)
    assert response.status_code == 404
    assert "no-such" in response.text


def test_a_team_has_a_page(vera: SessionClient, services: Services) -> None:
    """It has its objectives, its members, its parent team and those below it."""
    t = tables.team
    with writing(services.engine) as tx:
        platform = tx.execute(sa.select(t.c.id).where(t.c.slug == "platform")).scalar_one()
        tx.execute(sa.update(t).where(t.c.slug == "checkout").values(parent_id=platform))
    words = vera.words("/teams/Checkout")
    assert "1 objective, 3 key results" in words
    assert "Paying is effortless" in words
    assert "Ana Ruiz" in words
    assert "Ben Okafor" not in words.partition("Members")[2]
    assert 'href="/teams/platform"' in vera.read("/teams/checkout")
    assert 'href="/teams/checkout"' in vera.read("/teams/platform")


def test_a_team_without_objectives_in_a_cycle_says_so(vera: SessionClient) -> None:
    """It stays a page with members."""
    words = vera.words("/teams/checkout?cycle=2027-q1")
    assert "No objectives in Q1 2027" in words
    assert "Ana Ruiz" in words


def test_texts_are_escaped(vera: SessionClient) -> None:
    """Files and people may send any title."""
    for path in ("/objectives/nasty", "/objectives/steady-platform", "/teams/platform"):
        assert "<script>alert" not in vera.read(path)
    assert NASTY in vera.words("/objectives/nasty")


def test_the_pages_take_a_fixed_number_of_queries(vera: SessionClient, services: Services, example: Example) -> None:
    """However many key results there are."""
    counted: list[str] = []
    sa.event.listen(services.engine, "before_cursor_execute", lambda *given: counted.append(given[2]))
    paths = ("/", "/objectives", "/objectives/steady-platform", "/teams/platform")
    for path in paths:
        vera.read(path)
    counted.clear()
    before = [len(counted) for path in paths if vera.read(path)]
    k = tables.key_result
    with writing(services.engine) as tx:
        columns = [column for column in k.c if column is not k.c.id]
        row = tx.execute(sa.select(*columns).where(k.c.id == example.key_results["KR-5"])).one()._mapping
        for number in range(20):
            tx.execute(sa.insert(k).values({**row, "slug": f"KR-1{number}"}))
    counted.clear()
    assert [len(counted) for path in paths if vera.read(path)] == before
