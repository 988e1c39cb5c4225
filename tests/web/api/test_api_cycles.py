"""A cycle in the API: scores and outcomes, closing, settling, refreezing."""

from datetime import date, timedelta

import pytest
from werkzeug.test import TestResponse

from sync_service.store import tables
from tests.web.api.fixture import ENDS, ApiHarness

CYCLE = "/api/v1/cycles/2026-q4"


@pytest.fixture
def over(api: ApiHarness) -> ApiHarness:
    """Let the days of grace pass; KR-1 is ten percent short of its target."""
    api.change(tables.key_result, api.ids["KR-1"], measure={"kind": "manual"})
    api.add(tables.check_in, key_result_id=api.ids["KR-1"], at=ENDS, value=90)
    api.clock.now = ENDS + timedelta(days=4)
    return api


def test_a_cycle_shows_its_key_results_before_and_after_it_is_closed(over: ApiHarness, admin_token: str) -> None:
    """A preview changes nothing."""
    body = over.call(CYCLE.replace("q4", "Q4"), token=admin_token).get_json()
    assert (body["slug"], body["closed"], body["settled_at"]) == ("2026-q4", True, None)
    assert body["key_results"][0]["frozen"] is None
    for preview in (True, False):
        closed = over.call(f"{CYCLE}/close", token=admin_token, method="POST", body={"preview": preview}).get_json()
        assert (closed["key_results"][0]["frozen"] is None) is preview
    line = closed["key_results"][0]
    assert (line["slug"], line["current"], line["score"], line["outcome"], line["settled"]) == (
        "KR-1",
        90,
        0.9,
        "missed",
        False,
    )


def test_outcomes_are_settled(over: ApiHarness, admin_token: str) -> None:
    """One with an outcome of its own, then all that are proposed."""
    over.call(f"{CYCLE}/close", token=admin_token, method="POST", body={})
    one = {"key_result": "kr-1", "outcome": "dropped"}
    settled = over.call(f"{CYCLE}/settle", token=admin_token, method="POST", body=one).get_json()
    assert (settled["key_results"][0]["outcome"], settled["key_results"][0]["settled"]) == ("dropped", True)
    assert over.call(f"{CYCLE}/settle", token=admin_token, method="POST", body={}).status_code == 200
    shown = over.call("/api/v1/key-results/KR-1", token=admin_token).get_json()
    assert shown["outcome"] == "dropped"


@pytest.mark.slow
def test_what_can_not_be_done_is_refused(api: ApiHarness, admin_token: str, token: str) -> None:
    """Before the freeze, by others than admins, and for what does not exist."""

    def post(path: str, body: dict[str, object], as_token: str = admin_token) -> int:
        return api.call(path, token=as_token, method="POST", body=body).status_code

    assert post(f"{CYCLE}/close", {}) == 409
    assert post(f"{CYCLE}/refreeze", {}) == 409
    assert post(f"{CYCLE}/settle", {"key_result": "KR-1"}) == 409
    assert post(f"{CYCLE}/settle", {"outcome": "missed"}) == 422
    assert post(f"{CYCLE}/settle", {"key_result": "KR-99"}) == 404
    assert post("/api/v1/cycles/2030-q1/close", {}) == 404
    assert post(f"{CYCLE}/close", {}, token) == 403


def test_a_key_result_is_carried_over_after_a_preview(over: ApiHarness, admin_token: str) -> None:
    """Into a cycle that exists; twice is refused."""
    days = {"starts": date(2027, 1, 1), "ends": date(2027, 3, 31)}
    over.add(tables.cycle, slug="2027-q1", name="Q1", starts_at=ENDS, ends_at=ENDS + timedelta(days=90), **days)
    over.change(tables.key_result, over.ids["KR-1"], current=90, progress=0.9, outcome="missed")

    def carry_over(**body: object) -> TestResponse:
        return over.call(f"{CYCLE}/carry-over", token=admin_token, method="POST", body={"into": "2027-q1", **body})

    previewed = carry_over(preview=True).get_json()
    assert "+ key result KR-1-q1" in previewed["changes"]
    assert over.call("/api/v1/key-results/KR-1-q1", token=admin_token).status_code == 404
    assert carry_over(rules=True, links=True).status_code == 200
    successor = over.call("/api/v1/key-results/KR-1-q1", token=admin_token).get_json()
    assert (successor["cycle"], successor["start"], successor["target"]) == ("2027-q1", 90, 100)
    refused = carry_over(key_results=["KR-1"])
    assert refused.status_code == 409
    assert refused.get_json()["detail"] == "KR-1 has the successor KR-1-q1 already."


def test_half_a_surrogate_pair_in_a_name_is_no_server_error(over: ApiHarness, admin_token: str) -> None:
    """JSON may have one as an escape, which UTF-8 lacks; the detail repeats it."""
    body = {"into": "\ud800", "preview": True}
    refused = over.call(f"{CYCLE}/carry-over", token=admin_token, method="POST", body=body)
    assert refused.status_code == 409
    assert "\ud800" in refused.get_json()["detail"]
