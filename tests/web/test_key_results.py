"""The page of a key result: value, history, issues and check-ins."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.web.pages import key_results
from tests.support.example_okrs import Example, add_many
from tests.support.services import NOW, Clock, add_history
from tests.web.session_client import SessionClient

PATH = "/key-results/KR-3"
CHECK_IN = f"{PATH}/check-ins"


def check_ins(services: Services) -> list[tuple[float, str]]:
    """Return values and notes of the check-ins."""
    with reading(services.engine) as tx:
        c = tables.check_in
        return [(row.value, row.note) for row in tx.execute(sa.select(c.c.value, c.c.note).order_by(c.c.id))]


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
    words = vera.words("/")
    assert "99.99 % → of target 100 %" in words
    assert "5.01 bugs → of target 5 bugs" in words
    assert "100 % of the way" not in words


def test_the_link_back_to_the_objective_leads_to_it(vera: SessionClient) -> None:
    """Not to the top of the page of all objectives."""
    assert 'href="/?cycle=2026-q4#objective-fast-checkout"' in vera.read("/key-results/KR-1")
    assert 'id="objective-fast-checkout"' in vera.read("/?cycle=2026-q4")


def test_an_ended_cycle_without_a_value_says_one_thing(vera: SessionClient, services: Services, clock: Clock) -> None:
    """Its numbers are final, so nothing is computed in a moment."""
    k = tables.key_result
    with writing(services.engine) as tx:
        tx.execute(sa.update(k).where(k.c.slug == "KR-1").values(explanation="", current=None, progress=None))
    assert "Not computed yet; this takes a few seconds." in vera.words("/key-results/KR-1")
    ended = clock() - timedelta(days=10)
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.cycle).where(tables.cycle.c.slug == "2026-q4").values(ends_at=ended))
    words = vera.words("/key-results/KR-1")
    assert "The cycle is over. Its numbers are final." in words
    assert "The cycle ended before a value was computed." in words
    assert "computed yet" not in words + vera.words("/?cycle=2026-q4")


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


@pytest.mark.both_databases
def test_the_owner_checks_in_a_value_with_a_note(ben: SessionClient, services: Services) -> None:
    """The value is computed at once, and the history names person and note."""
    response = ben.submit(CHECK_IN, on=PATH, value=" 64,5 ", note="Dashboard of  Monday")
    assert (response.status_code, response.location) == (302, PATH)
    assert "Checked in. The value changes in a moment." in ben.words(PATH)
    services.drains.by_table["recompute"]()
    words = ben.words(PATH)
    assert "no data → to 64.5 % checked in: Dashboard of Monday by Ben Okafor" in words
    assert "Checked in. The value changes" not in words
    assert check_ins(services) == [(64.5, "Dashboard of Monday")]


def test_a_background_refresh_does_not_consume_a_message(ben: SessionClient) -> None:
    """The message is for the person, not for the script."""
    ben.submit(CHECK_IN, on=PATH, value="64")
    ben.client.get(PATH, headers={"X-Live": "1"})
    assert "Checked in. The value changes" in ben.words(PATH)


@pytest.mark.parametrize("value", ["many", "nan", "inf", "1e13", "1.2.3"])
def test_a_value_has_to_be_a_number(ben: SessionClient, services: Services, value: str) -> None:
    """The form comes back as it was typed, with the error."""
    response = ben.submit(CHECK_IN, on=PATH, value=value, note="my long note")
    assert response.status_code == 422
    assert 'aria-invalid="true"' in response.text
    assert 'value="my long note"' in response.text
    assert check_ins(services) == []


def test_a_check_in_of_nothing_is_refused_and_a_note_alone_is_enough_for_an_owner(
    ben: SessionClient, services: Services
) -> None:
    """It moves no value."""
    response = ben.submit(CHECK_IN, on=PATH, value=" ", note=" ")
    assert response.status_code == 422
    assert "at least one of them" in response.text
    assert ben.submit(CHECK_IN, on=PATH, note="The survey is late").status_code == 302
    services.drains.by_table["recompute"]()
    assert "Nothing has moved it yet" in ben.words(PATH)


def test_a_note_has_a_maximum_length(ben: SessionClient, services: Services) -> None:
    """The server checks it, whatever the browser allows."""
    assert ben.submit(CHECK_IN, on=PATH, value="64", note="a" * 501).status_code == 422
    assert check_ins(services) == []


def from_zero_to_hundred(services: Services) -> None:
    """Let KR-3 go from 0 to 100."""
    k = tables.key_result
    with writing(services.engine) as tx:
        tx.execute(sa.update(k).where(k.c.slug == "KR-3").values(start=0, target=100))


@pytest.mark.parametrize("value", ["1000", "5e3", "-1000"])
def test_a_value_ten_times_past_the_target_is_asked_about_first(
    ben: SessionClient, services: Services, value: str
) -> None:
    """A second click takes exactly that value; another unlikely one is asked about again."""
    from_zero_to_hundred(services)
    response = ben.submit(CHECK_IN, on=PATH, value=value, note="my note")
    assert response.status_code == 422
    assert "Yes, check in" in response.text
    where = "away from the target" if value.startswith("-") else "past the target"
    assert f"It is far {where}: " in response.text
    assert 'value="my note"' in response.text
    assert check_ins(services) == []
    assert ben.submit(CHECK_IN, on=PATH, value="7000", sure=value).status_code == 422
    assert check_ins(services) == []
    assert ben.submit(CHECK_IN, on=PATH, value=value, sure=value, note="my note").status_code == 302
    assert check_ins(services) == [(float(value), "my note")]


@pytest.mark.parametrize("value", ["999", "120", "-999", "0"])
def test_a_likely_value_is_not_asked_about(ben: SessionClient, services: Services, value: str) -> None:
    """Passing the target is good news."""
    from_zero_to_hundred(services)
    assert ben.submit(CHECK_IN, on=PATH, value=value).status_code == 302
    assert check_ins(services) == [(float(value), "")]


def test_almost_a_million_is_not_a_million(ben: SessionClient, services: Services) -> None:
    """The key result is neither completed nor shown as such, and one more makes it so."""
    k = tables.key_result
    with writing(services.engine) as tx:
        tx.execute(sa.update(k).where(k.c.slug == "KR-3").values(target=1e6, unit="carts"))
    for value, progress, completed in (("999999.6", 0.999999, False), ("1000000", 1.0, True)):
        ben.submit(CHECK_IN, on=PATH, value=value)
        services.drains.by_table["recompute"]()
        with reading(services.engine) as tx:
            row = tx.execute(sa.select(k.c.progress, k.c.status).where(k.c.slug == "KR-3")).one()
        assert (row.progress, row.status == "completed") == (progress, completed)
        assert ("The target is reached." in ben.words(PATH)) is completed


def test_a_check_in_is_withdrawn_by_its_author_and_stays_in_the_list(ben: SessionClient, services: Services) -> None:
    """The value before it returns, and the history says who withdrew what."""
    for value in ("40", "70"):
        ben.submit(CHECK_IN, on=PATH, value=value)
        services.drains.by_table["recompute"]()
    newest = f"{CHECK_IN}/2/withdraw"
    assert ben.submit(newest, on=PATH).status_code == 302
    services.drains.by_table["recompute"]()
    words = ben.words(PATH)
    assert "70 % → to 40 % check-in of 70 % withdrawn by Ben Okafor" in words
    assert "Check-ins 70 % by Ben Okafor · withdrawn just now" in words
    assert ben.submit(newest, on=PATH).status_code == 403
    assert ben.submit(f"{CHECK_IN}/1/withdraw", on=PATH).status_code == 302
    services.drains.by_table["recompute"]()
    assert "40 % → to no data" in ben.words(PATH)


def test_a_check_in_that_is_not_the_latest_is_withdrawn_without_moving_the_value(
    ben: SessionClient, services: Services
) -> None:
    """The list shows it."""
    for value in ("40", "70"):
        ben.submit(CHECK_IN, on=PATH, value=value)
        services.drains.by_table["recompute"]()
    ben.submit(f"{CHECK_IN}/1/withdraw", on=PATH)
    services.drains.by_table["recompute"]()
    words = ben.words(PATH)
    assert "40 % by Ben Okafor · withdrawn just now" in words
    assert "withdrawn by Ben Okafor" not in words


def test_nobody_else_withdraws_a_check_in(
    ana: SessionClient, ben: SessionClient, vera: SessionClient, services: Services
) -> None:
    """Not even an admin, and nobody on the page of another key result or without one."""
    ben.submit(CHECK_IN, on=PATH, value="40")
    for person in (ana, vera):
        assert f"{CHECK_IN}/1/withdraw" not in person.read(PATH)
        assert person.submit(f"{CHECK_IN}/1/withdraw", on="/").status_code == 403
    for missing in ("/key-results/KR-1/check-ins/1/withdraw", f"{CHECK_IN}/99/withdraw"):
        assert ben.submit(missing, on=PATH).status_code == 403
    with reading(services.engine) as tx:
        assert tx.scalars(sa.select(tables.check_in.c.withdrawn_at)).all() == [None]


def test_an_admin_may_check_in_for_the_owner(ana: SessionClient, services: Services) -> None:
    """The owner may be away."""
    assert ana.submit(CHECK_IN, on=PATH, value="65").status_code == 302
    assert check_ins(services) == [(65.0, "")]


def test_only_a_manual_key_result_takes_values(ana: SessionClient, services: Services) -> None:
    """The value of any other key result is computed from issues."""
    assert "check-in-value" not in ana.read("/key-results/KR-1")
    assert ana.submit("/key-results/KR-1/check-ins", on="/", value="65").status_code == 422
    assert check_ins(services) == []


def test_another_member_may_not_check_in(ben: SessionClient, services: Services, example: Example) -> None:
    """Only the owner and admins may."""
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(owner_id=example.ana))
    assert "check-in-value" not in ben.read(PATH)
    assert ben.submit(CHECK_IN, on="/", value="65").status_code == 403
    assert check_ins(services) == []


def test_a_check_in_needs_the_csrf_token(ben: SessionClient, services: Services) -> None:
    """Another site must not send it in a person's name."""
    assert ben.client.post(CHECK_IN, data={"value": "64"}).status_code == 400
    assert check_ins(services) == []


def test_a_closed_cycle_takes_no_check_ins(ana: SessionClient, services: Services, clock: Clock) -> None:
    """Its numbers are final."""
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.cycle).values(ends_at=clock.at - timedelta(days=3)))
    words = ana.words(PATH)
    assert "The cycle is over. Its numbers are final." in words
    assert "check-in-value" not in ana.read(PATH)
    assert "/withdraw" not in ana.read(PATH)


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
    assert "2 days stay within 1 and 2.5 days" in vera.words("/")


def test_a_value_that_became_final_stale_or_partly_seen_is_marked_so(
    vera: SessionClient, services: Services, clock: Clock
) -> None:
    """As it was then, whatever the connection does now."""
    stale = {"since": (clock() - timedelta(days=12)).isoformat(), "reason": "acme-jira: 401"}
    frozen = {"at": clock().isoformat(), "partial": "not imported yet: SHOP", "stale": stale, "refrozen": None}
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.cycle).values(ends_at=clock() - timedelta(days=10)))
        tx.execute(sa.update(tables.key_result).where(tables.key_result.c.slug == "KR-2").values(frozen=frozen))
    words = vera.words("/key-results/KR-2")
    assert "acme-jira: 401. It became final as it was." in words
    assert "This value became final partly seen : not imported yet: SHOP." in words


def test_any_member_checks_in_with_a_confidence_on_a_computed_key_result(
    ben: SessionClient, vera: SessionClient, services: Services
) -> None:
    """It moves no value, and makes no entry of the history."""
    path = "/key-results/KR-1"
    before = ben.words(path)
    assert 'name="value"' not in ben.read(path)
    response = ben.submit(f"{path}/check-ins", on=path, confidence="7", note="Going well", blockers="Legal is slow")
    assert response.status_code == 302
    services.drains.by_table["recompute"]()
    words = vera.words(path)
    assert "Confidence 7 of 10. Likely: there are open questions" in words
    assert "Check-ins confidence 7 Going well Blockers: Legal is slow by Ben Okafor" in words
    assert "checked in" not in words
    assert before.partition("changes")[0][-3:] == words.partition("changes")[0][-3:]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"confidence": "11"}, "Confidence is a whole number from 0 to 10."),
        ({"confidence": "7.5"}, "Confidence is a whole number from 0 to 10."),
        ({"note": "only a note"}, "Choose a confidence from 0 to 10."),
        ({}, "Choose a confidence from 0 to 10."),
    ],
)
def test_a_wrong_check_in_of_a_contributor_is_explained(
    ben: SessionClient, services: Services, fields: dict[str, str], words: str
) -> None:
    """The form comes back."""
    response = ben.submit("/key-results/KR-1/check-ins", on="/key-results/KR-1", **fields)
    assert response.status_code == 422
    assert words in response.text
    assert 'aria-invalid="true"' in response.text
    assert check_ins(services) == []


def test_a_value_of_a_computed_key_result_is_refused_with_a_pointer(
    ana: SessionClient, ben: SessionClient, services: Services
) -> None:
    """Even an admin overrides it instead; a contributor may not set one at all."""
    path = "/key-results/KR-1"
    response = ana.submit(f"{path}/check-ins", on=path, value="40")
    assert response.status_code == 422
    assert "KR-1 is computed (done-share), so a check-in cannot set its value." in response.text
    assert ben.submit(f"{path}/check-ins", on=path, value="40", confidence="3").status_code == 403
    assert check_ins(services) == []


@pytest.mark.both_databases
def test_a_correction_keeps_the_time_of_what_it_corrects(ben: SessionClient, services: Services, clock: Clock) -> None:
    """So an older check-in that is corrected does not become the latest one; both stay in the list."""
    for value in ("62", "64"):
        ben.submit(CHECK_IN, on=PATH, value=value, confidence="4")
        services.drains.by_table["recompute"]()
        clock.at += timedelta(days=1)
    assert 'value="62"' in ben.read(f"{PATH}?correct=1")
    response = ben.submit(f"{CHECK_IN}/1/correct", on=PATH, value="63", confidence="9")
    assert response.status_code == 302
    services.drains.by_table["recompute"]()
    words = ben.words(PATH)
    assert "64 %" in words.partition("Over the cycle")[0]
    assert "Confidence 4 of 10" in words
    assert "63 % confidence 9 by Ben Okafor · corrects an earlier entry" in words
    assert "62 % confidence 4 by Ben Okafor · corrected just now" in words
    assert ben.submit(f"{CHECK_IN}/2/correct", on=PATH, value="65").status_code == 302
    services.drains.by_table["recompute"]()
    assert "64 % → to 65 % check-in of 64 % corrected to 65 % by Ben Okafor" in ben.words(PATH)


def test_only_its_author_corrects_a_check_in_and_only_once(ana: SessionClient, ben: SessionClient) -> None:
    """An admin neither; what does not exist is refused as well."""
    ben.submit(CHECK_IN, on=PATH, value="62")
    assert "Correct a check-in" not in ana.read(f"{PATH}?correct=1")
    assert ana.submit(f"{CHECK_IN}/1/correct", on=PATH, value="63").status_code == 403
    assert ben.submit(f"{CHECK_IN}/9/correct", on=PATH, value="63").status_code == 403
    assert ben.submit(f"{CHECK_IN}/1/correct", on=PATH, value="many").status_code == 422
    assert ben.submit(f"{CHECK_IN}/1/correct", on=PATH, value="63").status_code == 302
    assert ben.submit(f"{CHECK_IN}/1/correct", on=PATH, value="64").status_code == 403
    assert ben.submit(f"{CHECK_IN}/1/withdraw", on=PATH).status_code == 403


def test_check_ins_are_in_the_audit_log(ben: SessionClient, ana: SessionClient) -> None:
    """With what was entered, before and after."""
    ben.submit(CHECK_IN, on=PATH, value="62", confidence="4")
    ben.submit(f"{CHECK_IN}/1/correct", on=PATH, confidence="5", note="better")
    ben.submit(f"{CHECK_IN}/2/withdraw", on=PATH)
    words = ana.words("/audit")
    assert "checked in on KR-3: confidence 4 of 10, value 62 %" in words
    assert "corrected check-in 1 on KR-3: confidence 4 of 10, value 62 % → confidence 5 of 10, note better" in words
    assert "withdrew check-in 2 on KR-3: confidence 5 of 10, note better" in words


def test_the_page_says_how_often_check_ins_are_due(ben: SessionClient, services: Services, clock: Clock) -> None:
    """Its own cadence wins over the team's."""
    team, k = tables.team, tables.key_result
    with writing(services.engine) as tx:
        tx.execute(sa.update(team).where(team.c.slug == "checkout").values(cadence="monthly"))
        tx.execute(sa.update(k).where(k.c.slug == "KR-3").values(cadence="weekly"))
    ben.submit(CHECK_IN, on=PATH, value="62")
    clock.at += timedelta(days=9)
    assert "Checked in weekly; last 9 days ago: due." in ben.words(PATH)
    assert "Checked in monthly; no check-in yet: due." in ben.words("/key-results/KR-1")


def test_an_owner_ticks_steps_and_others_see_them(ben: SessionClient, vera: SessionClient, services: Services) -> None:
    """A button is a checkbox; the history names who ticked."""
    k, path = tables.key_result, "/key-results/KR-4"
    measure = {"kind": "steps", "steps": [{"name": "Contract signed"}, {"name": "Pilot live"}]}
    with writing(services.engine) as tx:
        tx.execute(sa.update(k).where(k.c.slug == "KR-4").values(measure=measure, target=100, unit="%"))
    assert ben.submit(f"{path}/steps/1", on=path, done="yes").status_code == 302
    services.drains.by_table["recompute"]()
    assert 'role="checkbox" aria-checked="true" aria-label="Contract signed"' in ben.read(path)
    assert "to 50 % step “Contract signed” done by Ben Okafor" in vera.words(path)
    assert 'role="checkbox"' not in vera.read(path)
    assert vera.submit(f"{path}/steps/2", on="/", done="yes").status_code == 403
    assert ben.submit(f"{path}/steps/1", on=path, done="no").status_code == 302
    services.drains.by_table["recompute"]()
    assert "50 % → to 0 % step “Contract signed” open again by Ben Okafor" in ben.words(path)
    assert ben.submit(f"{path}/steps/9", on=path, done="yes").status_code == 404
