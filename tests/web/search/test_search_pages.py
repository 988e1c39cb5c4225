"""The search page and the results in the palette: groups, links, what is escaped, who may search."""

import re

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from sync_service.runtime.wiring import Services
from sync_service.store.engine.database import writing
from sync_service.store.tables import scope
from tests.support.example_okrs import NASTY, Example, add_many
from tests.support.services import add_issue
from tests.web.rules_seed import add_rule
from tests.web.session_client import SessionClient, seen_words

pytestmark = pytest.mark.slow

LINK = re.compile(r'<a class="(?:found-title|palette-option)[^>]*href="([^"]+)"')


def links(page: str) -> list[str]:
    """Return the addresses of the results on a page or in the palette, in order."""
    return LINK.findall(page)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("kr-1", "/key-results/KR-1"),
        ("effortless", "/objectives/fast-checkout"),
        ("network-label", "/rules/network-label"),
        ("Ben Okafor", "/objectives?owner=ben@example.com"),
        ("Platform", "/teams/platform"),
        ("shop-3", "/rules/try?issue=acme-jira:SHOP-3"),
        ("https://acme-github.example.com/acme/checkout/issues/14", "/rules/try?issue=acme-github:acme/checkout%2314"),
    ],
)
def test_the_best_result_leads_to_its_page(
    vera: SessionClient, services: Services, example: Example, query: str, first: str
) -> None:
    """On the page and in the palette, for viewers too."""
    add_rule(services, example, "network-label")
    for path in ("/search", "/search/palette"):
        response = vera.client.get(path, query_string={"q": query})
        assert response.status_code == 200
        assert links(response.text)[0] == first
        assert vera.open(first).status_code == 200


def test_an_issue_says_what_it_counts_toward(vera: SessionClient) -> None:
    """It leads to the reasons, and to its tracker."""
    page = vera.read("/search?q=shop-3")
    assert "Counts toward KR-2" in seen_words(page)
    assert 'href="https://tracker.example.com/SHOP-3"' in page
    assert "counts toward KR-2" in vera.words("/search/palette?q=shop-3")


def test_an_unknown_issue_says_where_it_is_not_known(vera: SessionClient) -> None:
    """It leads to what may be the reason."""
    page = vera.read("/search?q=acme/checkout%239999")
    assert "acme/checkout#9999 is not known at acme-github." in seen_words(page)
    assert 'href="/rules/try?issue=acme-github:acme/checkout%239999"' in page
    assert "Nothing matches" in vera.words("/search?q=no+such+words")
    assert "Nothing matches" in vera.words("/search/palette?q=no+such+words")


def test_all_results_of_a_kind_are_one_link_away(vera: SessionClient, services: Services, example: Example) -> None:
    """Of rules in their list, which has the same filter; an unknown kind shows all."""
    add_many(services, example.key_results["KR-4"], example.github, issues=120, entries=0)
    for number in range(12):
        add_rule(services, example, f"piece-{number}")
    page = vera.read("/search?q=piece")
    assert 'href="/search?q=piece&amp;in=issues"' in page
    assert 'href="/rules?q=piece"' in page
    assert len(links(page)) == 20
    only = vera.read("/search?q=piece&in=issues")
    assert len(links(only)) == 100
    assert "the first 100" in seen_words(only)
    assert len(links(vera.read("/search?q=piece&in=nothing"))) == 20


def test_without_words_the_page_says_what_can_be_found(vera: SessionClient) -> None:
    """The palette offers the main pages that the reader may open."""
    assert "Objectives, key results, rules, teams, people and issues" in vera.words("/search")
    assert links(vera.read("/search/palette")) == ["/", "/objectives", "/rules", "/connections"]
    assert links(vera.read("/search/palette?q=obj"))[0] == "/objectives"


def test_texts_are_escaped(vera: SessionClient, services: Services, example: Example) -> None:
    """Titles of people and trackers, and what is typed."""
    with writing(services.engine) as tx:
        scope_id = tx.scalars(sa.select(scope.c.id).where(scope.c.connection_id == example.github)).one()
        add_issue(tx, example.github, scope_id, "a/b#1", NASTY, url="javascript:alert(1)")
    for path in ("/search?q=alert", "/search/palette?q=alert", "/search?q=<script>alert", '/search?q="><img src=x>'):
        page = vera.read(path)
        assert "<script>alert" not in page
        assert "<img src=x>" not in page
        assert "javascript:" not in page
    assert NASTY in vera.words("/search?q=alert")


@pytest.mark.parametrize("path", ["/search", "/search/palette"])
def test_long_texts_are_answered(vera: SessionClient, path: str) -> None:
    """Only their beginning is compared."""
    for text in ("x" * 6000, "% " * 3000, "\u202e" * 900):
        assert vera.client.get(path, query_string={"q": text}).status_code == 200


@pytest.mark.parametrize("path", ["/search?q=kr", "/search/palette?q=kr"])
def test_search_is_for_people_who_are_signed_in(anonymous: FlaskClient, example: Example, path: str) -> None:
    """After signing in the results are shown."""
    assert example
    assert anonymous.get(path).headers["Location"].startswith("/sign-in?next=/search")


@pytest.mark.parametrize("path", ["/search", "/search/palette"])
def test_the_page_takes_a_fixed_number_of_queries(
    vera: SessionClient, services: Services, example: Example, path: str
) -> None:
    """However many results there are."""
    counted: list[str] = []
    sa.event.listen(services.engine, "before_cursor_execute", lambda *given: counted.append(given[2]))

    def queries() -> int:
        counted.clear()
        vera.read(f"{path}?q=piece")
        return len(counted)

    add_many(services, example.key_results["KR-4"], example.github, issues=1, entries=0)
    add_rule(services, example, "piece")
    queries()
    before = queries()
    for number in range(5):
        add_rule(services, example, f"piece-{number}")
    with writing(services.engine) as tx:
        scope_id = tx.scalars(sa.select(scope.c.id).where(scope.c.connection_id == example.github)).one()
        for number in range(20):
            add_issue(tx, example.github, scope_id, f"a/b#{number}", "Another piece")
    assert queries() == before
