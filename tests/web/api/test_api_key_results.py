"""Key results, their history and their issues, as programs see them."""

from datetime import timedelta

from sync_service.store import tables
from tests.web.api.fixture import CAUSE, ENDS, NOW, Town


def test_a_key_result_has_the_form_of_the_contract(town: Town, token: str) -> None:
    """The owner is the objective's where the key result names none."""
    response = town.call("/api/v1/key-results/KR-1", token=token)
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
        "unit": "%",
        "current": 50,
        "progress": 0.5,
        "status": "on_track",
        "stale": None,
        "updated_at": "2026-11-02T11:00:00.000Z",
        "explanation": "1 of 2 issues done",
    }


def test_a_slug_is_found_in_any_case_of_letters(town: Town, token: str) -> None:
    """People type `kr-1`."""
    assert town.call("/api/v1/key-results/kr-1", token=token).get_json()["slug"] == "KR-1"


def test_without_data_there_is_no_value(town: Town, token: str) -> None:
    """Neither 0 nor 100."""
    said = town.call("/api/v1/key-results/KR-2", token=token).get_json()
    assert (said["current"], said["progress"], said["status"]) == (None, None, "no_data")


def test_progress_is_not_clamped(town: Town, token: str) -> None:
    """More than done and worse than at the start are both said."""
    for progress in (1.25, -0.5):
        town.change(tables.key_result, town.ids["KR-1"], progress=progress, current=100 * progress)
        assert town.call("/api/v1/key-results/KR-1", token=token).get_json()["progress"] == progress


def test_a_refused_connection_makes_its_key_results_stale(town: Town, token: str) -> None:
    """With the moment and the reason."""
    town.issue("acme/checkout#1", town.ids["KR-1"])
    town.change(tables.connection, town.ids["connection"], refused_at=NOW, refused_reason="the token was refused (401)")
    stale = town.call("/api/v1/key-results/KR-1", token=token).get_json()["stale"]
    assert stale == {"since": "2026-11-02T12:00:00.000Z", "reason": "acme-github: the token was refused (401)"}


def test_the_list_has_every_key_result_or_those_of_a_cycle(town: Town, token: str) -> None:
    """An unknown cycle has none."""
    for query, slugs in (("", ["KR-1", "KR-2"]), ("?cycle=2026-q4", ["KR-1", "KR-2"]), ("?cycle=1999-q1", [])):
        said = town.call(f"/api/v1/key-results{query}", token=token).get_json()
        assert [one["slug"] for one in said["items"]] == slugs


def test_history_comes_newest_first_with_its_causes(town: Town, token: str) -> None:
    """Each entry says from what to what, when, and why."""
    town.entry(town.ids["KR-1"], None, 0, hours=2)
    town.entry(town.ids["KR-1"], 0, 50)
    town.entry(town.ids["KR-2"], 5, 6)
    said = town.call("/api/v1/key-results/KR-1/history", token=token).get_json()
    assert said == {
        "items": [
            {"at": "2026-11-02T11:00:00.000Z", "from": 0, "to": 50, "causes": [CAUSE]},
            {"at": "2026-11-02T10:00:00.000Z", "from": None, "to": 0, "causes": [CAUSE]},
        ]
    }


def test_issues_tell_whether_they_count_and_why_not(town: Town, token: str) -> None:
    """One that is open, one that was dropped, one that was linked by name and not seen yet."""
    key_result_id = town.ids["KR-1"]
    town.issue("acme/checkout#1", key_result_id, points=2)
    town.issue("acme/checkout#2", key_result_id, state="dropped", resolution="not_planned", closed_at=NOW)
    waiting = {"connection_id": town.ids["connection"], "key": "acme/checkout#9", "weight": 1}
    town.add(tables.manual_link, key_result_id=key_result_id, **waiting)
    seen, dropped, unseen = town.call("/api/v1/key-results/KR-1/issues", token=token).get_json()["items"]
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
        "weight": 3,
        "origin": "manual",
        "rules": [],
        "counts": True,
        "why_not": None,
        "unreachable_since": None,
    }
    assert (dropped["counts"], dropped["why_not"]) == (False, "dropped: not planned")
    assert dropped["closed_at"] == "2026-11-02T12:00:00.000Z"
    assert (unseen["counts"], unseen["state"], unseen["why_not"]) == (False, None, "not seen yet")


def test_an_unknown_key_result_is_answered_with_those_that_look_like_it(town: Town, token: str) -> None:
    """For each of its addresses."""
    for below in ("", "/history", "/issues"):
        response = town.call(f"/api/v1/key-results/kr-3{below}", token=token)
        assert response.status_code == 404
        assert response.get_json()["detail"] == "There is no key result 'kr-3'. Did you mean KR-2 or KR-1?"


def test_any_other_slug_is_not_found_either(town: Town, token: str) -> None:
    """Also where a database would stumble."""
    for slug in ("something-else", "%00", "KR-1%00", "%ff", "a" * 5000):
        response = town.call(f"/api/v1/key-results/{slug}", token=token)
        assert response.status_code == 404, slug
        assert response.get_json()["detail"].startswith("There is no key result ")
    assert response.get_json()["detail"].endswith("GET /api/v1/key-results lists all.")


def test_a_cycle_that_no_text_can_name_has_no_key_results(town: Town, token: str) -> None:
    """PostgreSQL takes no NUL."""
    assert town.call("/api/v1/key-results?cycle=%00", token=token).get_json() == {"items": []}


def test_asking_again_costs_nothing_until_something_changed(town: Town, token: str) -> None:
    """A 304 has no body; the next change gives a new answer and a new tag."""
    town.entry(town.ids["KR-1"], 0, 50)
    for path in ("", "/KR-1", "/KR-1/history", "/KR-1/issues"):
        first = town.call(f"/api/v1/key-results{path}", token=token)
        known = {"If-None-Match": first.headers["ETag"]}
        again = town.call(f"/api/v1/key-results{path}", token=token, headers=known)
        assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
        town.change(tables.key_result, town.ids["KR-1"], title="Another title")
        changed = town.call(f"/api/v1/key-results{path}", token=token, headers=known)
        assert changed.status_code == 200
        assert changed.headers["ETag"] != first.headers["ETag"]


def test_a_cycle_that_freezes_is_told_to_who_asks_again(town: Town, token: str) -> None:
    """No row changes at that moment, only the time."""
    town.clock.now = ENDS + timedelta(days=3, microseconds=-1)
    open_still = town.call("/api/v1/key-results/KR-1", token=token)
    town.clock.now += timedelta(microseconds=1)
    known = {"If-None-Match": open_still.headers["ETag"]}
    frozen = town.call("/api/v1/key-results/KR-1", token=token, headers=known)
    assert (open_still.get_json()["status"], frozen.get_json()["status"]) == ("on_track", "closed")
