"""Filters of the objectives page: by team, owner, status, confidence, words and what is the reader's own."""

import re

import pytest
import sqlalchemy as sa

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.web.objectives.filters import Confidence, ObjectiveFilter, confidence_range
from tests.support.example_okrs import Example
from tests.support.services import NOW, add
from tests.web.session_client import SessionClient

pytestmark = pytest.mark.slow


def shown(page: str) -> list[str]:
    """Return the key results on a page, in order."""
    return re.findall(r'id="key-result-([^"]+)"', page)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["KR-1", "KR-2", "KR-3", "KR-4", "KR-5", "KR-6"]),
        ("team=checkout", ["KR-1", "KR-2", "KR-3"]),
        ("owner=ben@example.com", ["KR-2", "KR-3", "KR-4", "KR-5", "KR-6"]),
        ("owner=BEN@example.com&team=checkout", ["KR-2", "KR-3"]),
        ("status=no_data", ["KR-3", "KR-6"]),
        ("status=nothing-known", ["KR-1", "KR-2", "KR-3", "KR-4", "KR-5", "KR-6"]),
        ("q=runbooks", ["KR-4"]),
        ("q=RUNBOOKS+finish", ["KR-4"]),
        ("q=effortless", ["KR-1", "KR-2", "KR-3"]),
        ("q=kr-5", ["KR-5"]),
        ("q=okafor&team=checkout", ["KR-2", "KR-3"]),
        ("q=no+such+words", []),
        ("confidence=none&q=kr-1", ["KR-1"]),
        ("confidence=high", []),
        ("team=~", []),
    ],
)
def test_a_filter_shows_what_matches(vera: SessionClient, query: str, expected: list[str]) -> None:
    """Words are those of key results, objectives, teams and owners, in any letter case; unknown values are ignored."""
    assert shown(vera.read(f"/objectives?{query}")) == expected


def test_objectives_without_key_results_are_found_by_words_and_team(vera: SessionClient) -> None:
    """A filter by status leaves them out, for they have none."""
    assert 'id="objective-nasty"' in vera.read("/objectives?team=~")
    assert 'id="objective-nasty"' in vera.read("/objectives?q=quotes")
    assert 'id="objective-nasty"' not in vera.read("/objectives?status=no_data")


def test_mine_shows_what_the_reader_owns(ben: SessionClient, vera: SessionClient) -> None:
    """Whoever owns nothing sees a way back."""
    assert shown(ben.read("/objectives?mine=1")) == ["KR-2", "KR-3", "KR-4", "KR-5", "KR-6"]
    assert "2 of 3 key results" in ben.words("/objectives?mine=1")
    assert "No matching objective" in vera.words("/objectives?mine=1")


def test_a_confidence_is_that_of_the_latest_check_in(vera: SessionClient, services: Services, example: Example) -> None:
    """An earlier one counts no longer."""
    with writing(services.engine) as tx:
        for confidence in (9, 5):
            add(
                tx,
                tables.check_in,
                key_result_id=example.key_results["KR-1"],
                person_id=example.ana,
                at=NOW,
                confidence=confidence,
            )
    assert shown(vera.read("/objectives?confidence=middle")) == ["KR-1"]
    assert shown(vera.read("/objectives?confidence=high")) == []


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [(None, "none"), (0, "low"), (3, "low"), (4, "middle"), (6, "middle"), (7, "high"), (10, "high")],
)
def test_each_confidence_is_in_one_range(confidence: int | None, expected: str) -> None:
    """From 0 to 10."""
    assert confidence_range(confidence) == Confidence(expected)


def test_the_filter_of_an_address_is_clipped_and_clean() -> None:
    """Blanks are one space, and the words are short."""
    choice = ObjectiveFilter.read({"q": "  a \n b" + "x" * 200, "mine": "1"}, me=None)
    assert choice.words == ("a b" + "x" * 200)[:100]
    assert choice.owner == ""


def test_the_counts_are_those_of_what_is_shown(vera: SessionClient) -> None:
    """Above the list, and beside each team."""
    words = vera.words("/objectives?team=checkout")
    assert "1 objective, 3 key results" in words
    assert "Show all" in words
    words = vera.words("/objectives")
    assert "3 objectives, 6 key results" in words
    assert "Show all" not in words


def test_only_the_open_teams_of_a_long_list_are_rendered(
    ben: SessionClient, vera: SessionClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are the reader's own, or those that the address names; the others have a link that opens them."""
    monkeypatch.setattr("sync_service.web.objectives.index.ALL_OPEN", 5)
    assert shown(ben.read("/objectives")) == ["KR-4", "KR-5", "KR-6"]
    page = vera.read("/objectives")
    assert shown(page) == []
    assert "/objectives?open=checkout" in page
    assert shown(vera.read("/objectives?open=checkout")) == ["KR-1", "KR-2", "KR-3"]
    assert len(shown(vera.read("/objectives?open=checkout,platform,~"))) == 6
    assert shown(ben.read("/objectives?open=")) == []
    assert shown(vera.read("/objectives?team=checkout")) == ["KR-1", "KR-2", "KR-3"]


def test_the_tree_shows_each_objective_below_the_one_that_it_serves(vera: SessionClient, services: Services) -> None:
    """Also where the other one comes later; a parent that a filter leaves out makes it a root."""
    o = tables.objective
    with writing(services.engine) as tx:
        ids = {row.slug: row.id for row in tx.execute(sa.select(o.c.slug, o.c.id))}
        tx.execute(sa.update(o).where(o.c.slug == "fast-checkout").values(parent_id=ids["steady-platform"]))
        tx.execute(sa.update(o).where(o.c.slug == "nasty").values(parent_id=ids["fast-checkout"]))

    def rows(query: str) -> list[tuple[str, str]]:
        found = re.findall(r'<li class="branch depth-(\d)"[^>]* id="objective-([^"]+)"', vera.read(query))
        return [(depth, slug) for depth, slug in found]

    assert rows("/objectives?view=tree") == [("0", "steady-platform"), ("1", "fast-checkout"), ("2", "nasty")]
    assert rows("/objectives?view=tree&team=checkout") == [("0", "fast-checkout")]
