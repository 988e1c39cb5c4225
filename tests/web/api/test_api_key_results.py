"""Key results, their history and their issues in the API."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.web.api.fixture import CAUSE, ENDS, NOW, ApiHarness


def test_a_key_result_has_the_form_of_the_contract(api: ApiHarness, token: str) -> None:
    """A key result without an owner shows the owner of its objective."""
    response = api.call("/api/v1/key-results/KR-1", token=token)
    assert response.mimetype == "application/json"
    assert response.get_json() == {
        "slug": "KR-1",
        "title": "The title of KR-1",
        "owner": "ana@example.com",
        "objective": "fast-checkout",
        "cycle": "2026-q4",
        "weight": 2,
        "measure": {"kind": "done-share"},
        "start": 0,
        "target": 100,
        "stay": None,
        "thresholds": {"at_risk": 10, "behind": 25},
        "outcome": None,
        "confidence": None,
        "unit": "%",
        "current": 50,
        "computed": None,
        "proposed": None,
        "override": None,
        "progress": 0.5,
        "status": "on_track",
        "stale": None,
        "frozen": None,
        "updated_at": "2026-11-02T11:00:00.000Z",
        "explanation": "1 of 2 issues done",
        "forecast": None,
    }


def test_the_slug_is_case_insensitive(api: ApiHarness, token: str) -> None:
    """People type `kr-1`."""
    assert api.call("/api/v1/key-results/kr-1", token=token).get_json()["slug"] == "KR-1"


def test_without_data_the_value_is_null(api: ApiHarness, token: str) -> None:
    """The value is neither 0 nor 100."""
    body = api.call("/api/v1/key-results/KR-2", token=token).get_json()
    assert (body["current"], body["progress"], body["status"]) == (None, None, "no_data")


def test_progress_is_not_clamped(api: ApiHarness, token: str) -> None:
    """It may be above 1 and below 0."""
    for progress in (1.25, -0.5):
        api.change(tables.key_result, api.ids["KR-1"], progress=progress, current=100 * progress)
        assert api.call("/api/v1/key-results/KR-1", token=token).get_json()["progress"] == progress


def test_a_refused_connection_makes_its_key_results_stale(api: ApiHarness, token: str) -> None:
    """The response has the time and the reason."""
    api.issue("acme/checkout#1", api.ids["KR-1"])
    api.change(tables.connection, api.ids["connection"], refused_at=NOW, refused_reason="the token was refused (401)")
    stale = api.call("/api/v1/key-results/KR-1", token=token).get_json()["stale"]
    assert stale == {"since": "2026-11-02T12:00:00.000Z", "reason": "acme-github: the token was refused (401)"}


def test_the_list_is_filtered_by_cycle(api: ApiHarness, token: str) -> None:
    """An unknown cycle has no key results."""
    for query, slugs in (("", ["KR-1", "KR-2"]), ("?cycle=2026-q4", ["KR-1", "KR-2"]), ("?cycle=1999-q1", [])):
        body = api.call(f"/api/v1/key-results{query}", token=token).get_json()
        assert [one["slug"] for one in body["items"]] == slugs


def test_history_is_listed_newest_first_with_causes(api: ApiHarness, token: str) -> None:
    """Each entry has the value before and after, the time, the causes, and the parts of the change."""
    api.entry(api.ids["KR-1"], None, 0, hours=2)
    api.entry(api.ids["KR-1"], 0, 50)
    api.entry(api.ids["KR-2"], 5, 6)
    body = api.call("/api/v1/key-results/KR-1/history", token=token).get_json()
    assert body == {
        "items": [
            {
                "at": "2026-11-02T11:00:00.000Z",
                "from": 0,
                "to": 50,
                "causes": [CAUSE],
                "parts": [{"kind": "done", "change": 50}],
                "progress_from": 0.1,
                "progress_to": 0.5,
            },
            {
                "at": "2026-11-02T10:00:00.000Z",
                "from": None,
                "to": 0,
                "causes": [CAUSE],
                "parts": [],
                "progress_from": None,
                "progress_to": None,
            },
        ]
    }


@pytest.mark.slow
def test_issues_show_whether_they_count_and_why_not(api: ApiHarness, token: str) -> None:
    """The three issues are open, dropped, and linked manually but not yet fetched."""
    key_result_id = api.ids["KR-1"]
    api.issue("acme/checkout#1", key_result_id, points=2)
    api.issue("acme/checkout#2", key_result_id, state="dropped", resolution="not_planned", closed_at=NOW)
    waiting = {"connection_id": api.ids["connection"], "key": "acme/checkout#9", "weight": 1}
    api.add(tables.manual_link, key_result_id=key_result_id, **waiting)
    seen, dropped, unseen = api.call("/api/v1/key-results/KR-1/issues", token=token).get_json()["items"]
    assert seen == {
        "connection": "acme-github",
        "key": "acme/checkout#1",
        "title": "Pay by card",
        "url": "https://github.example/acme/checkout/issues/1",
        "kind": "issue",
        "type": None,
        "state": "todo",
        "resolution": None,
        "priority": None,
        "components": [],
        "versions": [],
        "sprints": [],
        "author": None,
        "assignees": ["anaruiz"],
        "points": 2,
        "numbers": {},
        "closed_at": None,
        "closed_at_source": None,
        "weight": 3,
        "origin": "manual",
        "rules": [],
        "counts": True,
        "why_not": None,
        "unreachable_since": None,
        "unreachable_reason": None,
    }
    assert (dropped["counts"], dropped["why_not"]) == (False, "dropped: not planned")
    assert dropped["closed_at"] == "2026-11-02T12:00:00.000Z"
    assert (unseen["counts"], unseen["state"], unseen["why_not"]) == (False, None, "not seen yet")


def test_an_unknown_key_result_answers_404_with_similar_slugs(api: ApiHarness, token: str) -> None:
    """Each address of a key result does so."""
    for suffix in ("", "/history", "/issues"):
        response = api.call(f"/api/v1/key-results/kr-3{suffix}", token=token)
        assert response.status_code == 404
        assert response.get_json()["detail"] == "There is no key result 'kr-3'. Did you mean KR-2 or KR-1?"


def test_any_unusual_slug_answers_404(api: ApiHarness, token: str) -> None:
    """Some of these texts would be an error in the database."""
    for slug in ("something-else", "%00", "KR-1%00", "%ff", "a" * 5000):
        response = api.call(f"/api/v1/key-results/{slug}", token=token)
        assert response.status_code == 404, slug
        assert response.get_json()["detail"].startswith("There is no key result ")
    assert response.get_json()["detail"].endswith("GET /api/v1/key-results lists all.")


def test_a_cycle_with_a_nul_character_has_no_key_results(api: ApiHarness, token: str) -> None:
    """PostgreSQL rejects NUL in texts."""
    assert api.call("/api/v1/key-results?cycle=%00", token=token).get_json() == {"items": []}


@pytest.mark.slow
def test_an_unchanged_response_is_304(api: ApiHarness, token: str) -> None:
    """A 304 has no body; the next change gives a new response with a new ETag."""
    api.entry(api.ids["KR-1"], 0, 50)
    for path in ("", "/KR-1", "/KR-1/history", "/KR-1/issues"):
        first = api.call(f"/api/v1/key-results{path}", token=token)
        known = {"If-None-Match": first.headers["ETag"]}
        again = api.call(f"/api/v1/key-results{path}", token=token, headers=known)
        assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
        api.change(tables.key_result, api.ids["KR-1"], title="Another title")
        changed = api.call(f"/api/v1/key-results{path}", token=token, headers=known)
        assert changed.status_code == 200
        assert changed.headers["ETag"] != first.headers["ETag"]


def test_a_cycle_that_closes_changes_the_etag(api: ApiHarness, token: str) -> None:
    """No row changes then, only the time."""
    api.clock.now = ENDS + timedelta(days=3, microseconds=-1)
    open_still = api.call("/api/v1/key-results/KR-1", token=token)
    api.clock.now += timedelta(microseconds=1)
    known = {"If-None-Match": open_still.headers["ETag"]}
    frozen = api.call("/api/v1/key-results/KR-1", token=token, headers=known)
    assert (open_still.get_json()["status"], frozen.get_json()["status"]) == ("on_track", "closed")


def test_an_explanation_has_the_whole_sum_at_any_past_time(api: ApiHarness, token: str) -> None:
    """Nothing is recorded before the first computation."""
    api.entry(api.ids["KR-1"], None, 50, hours=2)
    with writing(api.services.engine) as tx:
        basis = {"measure": {"kind": "done-share"}, "start": 0, "target": 100, "at": NOW.isoformat()}
        columns = {"computed_from": basis | {"checked_in": None, "steps_done": []}}
        tx.execute(sa.update(tables.history).values(columns | {"contributions": [[1, None, {"state": "done"}]]}))
    path = "/api/v1/key-results/KR-1/explanation"
    body = api.call(path, token=token).get_json()
    assert (body["value"], body["start"], body["target"]) == (50, 0, 100)
    assert body["sum"][0] == {"issue": None, "connection": None, "adds": 1, "text": body["sum"][0]["text"]}
    assert body["last_change"]["to"] == 50
    assert api.call(f"{path}?at=2026-01-01T00:00:00Z", token=token).status_code == 404
    for wrong in ("yesterday", "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"):
        assert api.call(f"{path}?at={wrong}", token=token).status_code == 422
