"""The page of a key result: value, chart, history and issues."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.web.pages import key_results
from tests.support.example_okrs import Example, add_many
from tests.support.services import NOW, Clock, add_history
from tests.web.session_client import SessionClient


def test_the_page_explains_value_and_status(vera: SessionClient) -> None:
    """The explanations are sentences."""
    words = vera.words("/key-results/KR-1")
    assert "How it is computed 2 of 5 issues done, 8 of 27 points; 1 dropped left out." in words
    assert "30 % done on day 41 of 92, 44 % expected: 14 percentage points behind." in words
    assert "Behind by more than 10 is “at risk”, by more than 25 “behind”." in words


def test_no_face_of_a_page_shows_the_target_before_it_is_reached(vera: SessionClient, services: Services) -> None:
    """Neither as a value, nor in percents, nor as the length of a bar, nor in the chart."""
    k = tables.key_result
    with writing(services.engine) as tx:
        nearly = {"current": 99.9996, "progress": 0.999996, "status": "on_track"}
        tx.execute(sa.update(k).where(k.c.slug == "KR-1").values(nearly))
        nearly = {"current": 5.001, "start": 40, "target": 5, "unit": "bugs", "progress": 0.999971}
        tx.execute(sa.update(k).where(k.c.slug == "KR-2").values(nearly))
        add_history(tx, 2, services.now(), before=40.0, after=5.001, causes=[])
    text, words = vera.read("/key-results/KR-1"), vera.words("/key-results/KR-1")
    assert "99\u202f% of the way" in text
    assert "99 % done on day 41" in words
    assert 'aria-valuenow="99.99"' in text
    assert "now 99.99\u202f%, from 0\u202f% at the start to a target of 100\u202f%." in text
    text = vera.read("/key-results/KR-2")
    assert "now 5.01\u202fbugs, from 40\u202fbugs at the start to a target of 5\u202fbugs." in text
    assert "5.01\\u202fbugs" in text
    assert "99\u202f% of the way" in text
    words = vera.words("/objectives")
    assert "99.99 % → of target 100 %" in words
    assert "5.01 bugs → of target 5 bugs" in words
    assert "100 % of the way" not in words


def test_the_link_back_to_the_objective_leads_to_it(vera: SessionClient) -> None:
    """Not to the top of the page of all objectives."""
    assert 'href="/objectives/fast-checkout"' in vera.read("/key-results/KR-1")
    assert 'id="objective-fast-checkout"' in vera.read("/objectives?cycle=2026-q4")


def test_an_ended_cycle_without_a_value_says_one_thing(vera: SessionClient, services: Services, clock: Clock) -> None:
    """Its numbers are final, so nothing is computed in a moment."""
    k = tables.key_result
    with writing(services.engine) as tx:
        tx.execute(sa.update(k).where(k.c.slug == "KR-1").values(explanation="", current=None, progress=None))
    assert "Not computed yet; this takes a few seconds." in vera.words("/key-results/KR-1")
    ended = clock() - timedelta(days=10)
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.cycle).where(tables.cycle.c.slug == "2026-q4").values(ends=ended.date()))
    words = vera.words("/key-results/KR-1")
    assert "The cycle is over. Its numbers are final." in words
    assert "The cycle ended before a value was computed." in words
    assert "computed yet" not in words + vera.words("/objectives?cycle=2026-q4")


def test_the_slug_is_case_insensitive(vera: SessionClient) -> None:
    """People type it in lower case."""
    assert "Ship the new checkout" in vera.words("/key-results/kr-1")


def test_an_unknown_key_result_is_not_found(vera: SessionClient) -> None:
    """The page names it."""
    response = vera.open("/key-results/KR-99")
    assert response.status_code == 404
    assert "There is no key result KR-99" in response.text


def test_the_history_lists_every_change_with_issue_and_actor(vera: SessionClient) -> None:
    """The newest is first, and each issue has its link."""
    text, words = vera.read("/key-results/KR-1"), vera.words("/key-results/KR-1")
    assert "31.6 % → to 29.63 % acme/checkout#42 Card form in one step reopened by anaruiz 2 days ago" in words
    assert 'href="https://github.example.com/acme/checkout/issues/42"' in text
    assert words.index("acme/checkout#42") < words.index("acme/checkout#36")


def test_an_inaccessible_issue_shows_since_when(vera: SessionClient, services: Services, clock: Clock) -> None:
    """It still counts with its last known state."""
    i = tables.issue
    with writing(services.engine) as tx:
        mine = i.c.key == "acme/checkout#14"
        tx.execute(sa.update(i).where(mine).values(seen_at=clock() - timedelta(days=5)))
        found = tx.execute(sa.select(i.c.connection_id, i.c.identity, i.c.key).where(mine)).one()
        outcome = "unreachable, so nothing changes: issues are switched off"
        values = {**found._mapping, "reason": "not seen for long", "outcome": outcome}
        tx.execute(sa.insert(tables.fetch_request).values(**values, settled_at=clock() - timedelta(days=1)))
    words = vera.words("/key-results/KR-1")
    line = "acme/checkout#14 in progress yes not accessible: issues are switched off, last seen 5 days ago"
    assert words.count(line) == 1


def test_a_long_list_of_causes_is_folded(vera: SessionClient) -> None:
    """Of thirteen causes five are visible and eight are folded."""
    assert "8 more" in vera.words("/key-results/KR-1")


def test_a_stale_value_shows_since_when_and_why(vera: SessionClient) -> None:
    """The last value stays."""
    words = vera.words("/key-results/KR-2")
    assert "This value may be out of date since 2 days ago : acme-jira: the token is expired or was revoked" in words


def test_the_chart_has_an_alternative_text(vera: SessionClient) -> None:
    """Screen readers read it."""
    assert "Chart: the value over the cycle, 6 changes, now 29.63\u202f%" in vera.read("/key-results/KR-1")


def figures_of(text: str) -> dict[str, Any]:
    """Return the figures of the chart on a page."""
    found = re.search(r"data-figures='([^']*)'", text)
    assert found
    figures: dict[str, Any] = json.loads(unescape(found[1]))
    return figures


def test_the_chart_begins_with_the_reconstructed_days_of_the_cycle(vera: SessionClient) -> None:
    """KR-5 was first computed today; its issues are thirty days old, and one was done yesterday."""
    text = vera.read("/key-results/KR-5")
    figures = figures_of(text)
    shown = [(datetime.fromtimestamp(at, UTC), value, text) for at, value, text in figures["reconstructed"]]
    first = figures["points"][0][0]
    created = NOW - timedelta(days=30)
    assert shown[0] == (created.replace(hour=0, minute=0) + timedelta(days=1), 0, "0\u202f%")
    assert shown[-1][0].timestamp() == first
    assert [value for _, value, _ in shown] == sorted(value for _, value, _ in shown)
    assert f"Before {NOW.day} {NOW:%b %Y} it is reconstructed from the times of its issues." in text


def test_what_was_seen_is_not_shown_as_reconstructed(vera: SessionClient, services: Services) -> None:
    """A value that was there before the cycle began."""
    with writing(services.engine) as tx:
        add_history(tx, 5, NOW - timedelta(days=60), before=None, after=10.0, causes=[])
    text = vera.read("/key-results/KR-5")
    assert figures_of(text)["reconstructed"] == []
    assert "it is reconstructed" not in text


def test_the_value_of_each_day_is_in_a_table(vera: SessionClient) -> None:
    """The newest day first."""
    words = vera.words("/key-results/KR-5")
    days = (NOW.date() - date(2026, 10, 1)).days + 1
    assert f"The value of each day {days} days are reconstructed from when the issues were created" in words
    assert f"{NOW.day} {NOW:%b %Y} 25 % 1 of 4 reconstructed" in words
    assert "1 Oct 2026 no data 0 of 0 reconstructed" in words


def test_the_table_of_a_very_long_cycle_has_its_last_days(vera: SessionClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so."""
    monkeypatch.setattr(key_results, "LINE_DAYS", 3)
    words, days = vera.words("/key-results/KR-5"), (NOW.date() - date(2026, 10, 1)).days + 1
    assert f"These are the last 3 days of {days}; the API and okr-sync explain KR-5 --line have all." in words
    shown = [NOW - timedelta(days=number) for number in range(4)]
    assert [f"{one.day} {one:%b %Y} 25 %" in words or f"{one.day} {one:%b %Y} 0 %" in words for one in shown] == [
        *[True] * 3,
        False,
    ]


def test_issues_show_state_weight_origin_and_why_they_do_not_count(vera: SessionClient) -> None:
    """Each issue has one row."""
    words = vera.words("/key-results/KR-1")
    assert "6 issues, 5 count" in words
    assert "Pay by bank transfer acme/checkout#14 in progress yes weight 2 · 8 points okr:KR-1 label" in words
    assert "Gift cards acme/checkout#16 dropped 3 days ago dropped: not planned" in words


@pytest.mark.parametrize(
    ("origin", "expected"), [("comment", "/okr KR-1 comment"), ("label", "okr:KR-1 label"), ("manual", "manual")]
)
def test_each_issue_shows_the_origin_of_its_link(
    vera: SessionClient, services: Services, origin: str, expected: str
) -> None:
    """The origin is a comment, a label or a manual link."""
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.link).values(origin=origin))
    assert f"Pay by bank transfer acme/checkout#14 in progress yes weight 2 · 8 points {expected}" in vera.words(
        "/key-results/KR-1"
    )


def test_the_address_of_an_issue_is_a_link_only_with_http(vera: SessionClient, services: Services) -> None:
    """The URL of a crafted issue must not run as a script."""
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.issue).values(url="javascript:alert(1)"))
    assert "javascript:" not in vera.read("/key-results/KR-1")


def test_a_key_result_without_issues_says_how_to_link_some(vera: SessionClient) -> None:
    """The page names the label of the key result."""
    words = vera.words("/key-results/KR-6")
    assert "No issue is linked" in words
    assert "okr:KR-6" in words
    assert "Nothing has moved it yet" in words


@pytest.mark.slow
def test_a_thousand_issues_are_shown_in_pages_of_a_hundred(
    vera: SessionClient, services: Services, example: Example
) -> None:
    """They can be searched and filtered."""
    add_many(services, example.key_results["KR-5"], example.github, issues=1000, entries=500)
    first = vera.words("/key-results/KR-5")
    assert "1 to 100 of 1 004 issues" in first
    assert "1 001 to 1 004 of 1 004 issues" in vera.words("/key-results/KR-5?page=99")
    assert "1 to 100 of 251 issues" in vera.words("/key-results/KR-5?state=done")
    assert vera.read("/key-results/KR-5?q=piece+777&state=doing").count('<tr id="issue-') == 1
    aside = vera.read("/key-results/KR-5?state=aside")
    assert aside.count('<tr id="issue-') == aside.count("does-not-count") == 100
    words = vera.words("/key-results/KR-5?q=nowhere")
    assert "No matching issue None of the linked issues matches “nowhere”. Show all 1 004 issues" in words
    assert "501 changes" in first


@pytest.mark.slow
def test_a_long_history_has_pages(vera: SessionClient, services: Services, example: Example) -> None:
    """Each change is on exactly one page."""
    key_result_id = example.key_results["KR-6"]
    with writing(services.engine) as tx:
        ids = [
            add_history(tx, key_result_id, services.now(), before=float(n), after=n + 1.0, causes=[]) for n in range(60)
        ]
    seen: list[int] = []
    path: str | None = "/key-results/KR-6"
    while path:
        text = vera.read(path)
        seen += [number for number in ids if f'id="history-{number}"' in text]
        older = text.partition("?older=")[2].partition("#")[0]
        path = f"/key-results/KR-6?older={older}" if older else None
    assert sorted(seen) == ids


@pytest.mark.parametrize("query", ["page=0", "page=-3", "page=x", "page=99999999", "state=odd", "older=x", "q="])
def test_invalid_query_parameters_are_ignored(vera: SessionClient, query: str) -> None:
    """The page shows its default."""
    assert "Ship the new checkout" in vera.words(f"/key-results/KR-1?{query}")


def test_an_issue_whose_points_are_unknown_says_so(vera: SessionClient, services: Services) -> None:
    """It counts as an issue without points; one that has none says nothing."""
    says = "points unknown, counted as unestimated"
    for points_at, shown in ((services.now(), False), (None, True)):
        with writing(services.engine) as tx:
            tx.execute(sa.update(tables.issue).values(points=None, points_at=points_at))
        assert (says in vera.words("/key-results/KR-1")) is shown
    with writing(services.engine) as tx:
        by_count = {"kind": "done-share", "weight": "count"}
        tx.execute(sa.update(tables.key_result).values(measure=by_count))
    assert says not in vera.words("/key-results/KR-1")


def test_a_range_is_shown_in_place_of_start_and_target(vera: SessionClient, services: Services) -> None:
    """On its page, in the list of objectives, in the chart and in the API."""
    k = tables.key_result
    with writing(services.engine) as tx:
        staying = {"start": None, "target": None, "stay": {"within": [1, 2.5]}, "current": 2.0, "progress": 1.0}
        tx.execute(sa.update(k).where(k.c.slug == "KR-2").values({**staying, "unit": "days", "status": "on_track"}))
        add_history(tx, 2, services.now(), before=3.0, after=2.0, causes=[])
    words = vera.words("/key-results/KR-2")
    assert "stay within 1 and 2.5 days" in words
    assert "The value is in its range." in words
    assert "of the way" not in words
    assert "now 2\u202fdays, to stay within 1 and 2.5\u202fdays." in vera.read("/key-results/KR-2")
    assert "2 days stay within 1 and 2.5 days" in vera.words("/objectives")


def test_a_value_that_became_final_stale_or_partly_seen_is_marked_so(
    vera: SessionClient, services: Services, clock: Clock
) -> None:
    """As it was then, whatever the connection does now."""
    stale = {"since": (clock() - timedelta(days=12)).isoformat(), "reason": "acme-jira: 401"}
    frozen = {"at": clock().isoformat(), "partial": "not imported yet: SHOP", "stale": stale, "refrozen": None}
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.cycle).values(ends=(clock() - timedelta(days=10)).date()))
        tx.execute(sa.update(tables.key_result).where(tables.key_result.c.slug == "KR-2").values(frozen=frozen))
    words = vera.words("/key-results/KR-2")
    assert "acme-jira: 401. It became final with this value." in words
    assert "This value became final while it was partly seen : not imported yet: SHOP." in words
