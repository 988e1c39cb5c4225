"""Decisions about values in the API: proposals and overrides."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import key_results
from tests.web.api.fixture import NOW, ApiHarness

KEY_RESULT = "/api/v1/key-results/KR-1"


def compute(api: ApiHarness) -> None:
    """Compute the key results from their issues."""
    with writing(api.services.engine) as tx:
        key_results.recompute(tx, api.ids.values())
    api.services.drains.drain("recompute")


@pytest.fixture
def proposed(api: ApiHarness) -> ApiHarness:
    """Propose 50 where 0 was accepted."""
    api.change(tables.key_result, api.ids["KR-1"], current=0, computed=0, progress=0, apply="propose")
    api.issue("acme/checkout#1", api.ids["KR-1"], state="done", closed_at=NOW)
    api.issue("acme/checkout#2", api.ids["KR-1"])
    compute(api)
    return api


def decide(api: ApiHarness, token: str, **body: Any) -> TestResponse:
    """Decide about the proposed value."""
    return api.call(f"{KEY_RESULT}/proposal", token=token, method="POST", body=body)


def audited(api: ApiHarness) -> list[tuple[str, str]]:
    """Return who decided what."""
    with reading(api.services.engine) as tx:
        a = tables.audit.c
        return [(row.actor, row.what) for row in tx.execute(sa.select(a.actor, a.what).order_by(a.id))]


def test_a_proposed_value_is_shown_and_accepted(proposed: ApiHarness, admin_token: str) -> None:
    """With its causes; the accepted value applies at once, and the history says who accepted it."""
    body = proposed.call(KEY_RESULT, token=admin_token).get_json()
    assert (body["current"], body["computed"], body["progress"], body["override"]) == (0, 50, 0, None)
    assert (body["proposed"]["value"], body["proposed"]["lapsed"]) == (50, False)
    assert body["proposed"]["since"] == "2026-11-02T12:00:00.000Z"
    answer = decide(proposed, admin_token, decision="accept", word="agreed", value=50)
    assert answer.status_code == 200
    accepted = answer.get_json()
    assert (accepted["current"], accepted["progress"], accepted["proposed"]) == (50, 0.5, None)
    entry = proposed.call(f"{KEY_RESULT}/history", token=admin_token).get_json()["items"][0]
    assert (entry["from"], entry["to"]) == (0, 50)
    assert entry["causes"][-1]["what"] == "proposed value 50 accepted: agreed"
    assert entry["causes"][-1]["actor"].startswith("the API token")
    assert audited(proposed)[-1][1] == "KR-1: proposed value 50 accepted: agreed"


def test_a_declined_value_is_no_longer_proposed(proposed: ApiHarness, admin_token: str) -> None:
    """The one that was accepted last stays."""
    declined = decide(proposed, admin_token, decision="decline").get_json()
    assert (declined["current"], declined["computed"], declined["proposed"]) == (0, 50, None)
    again = decide(proposed, admin_token, decision="accept")
    assert again.status_code == 409
    assert again.get_json()["detail"] == "KR-1 has no proposed value that waits."


def test_a_value_that_was_superseded_is_not_accepted(proposed: ApiHarness, admin_token: str) -> None:
    """Who names the value that they saw is asked to decide again."""
    refused = decide(proposed, admin_token, decision="accept", value=25)
    assert refused.status_code == 409
    assert refused.get_json()["detail"] == "The proposed value of KR-1 is 50 now; decide again."


def test_an_override_applies_until_it_is_ended(proposed: ApiHarness, admin_token: str) -> None:
    """It is shown with who made it, its end, and the computed value at that time."""
    until = (NOW + timedelta(days=2)).isoformat()
    put = proposed.call(f"{KEY_RESULT}/override", token=admin_token, method="PUT", body={"value": 80, "until": until})
    assert put.status_code == 200
    made = put.get_json()
    assert (made["current"], made["computed"], made["progress"]) == (80, 50, 0.8)
    override = made["override"]
    assert (override["value"], override["until"], override["computed"]) == (80, "2026-11-04T12:00:00.000Z", 50)
    assert override["by"].startswith("the API token")
    ended = proposed.call(f"{KEY_RESULT}/override", token=admin_token, method="DELETE")
    assert (ended.get_json()["current"], ended.get_json()["override"]) == (0, None)
    again = proposed.call(f"{KEY_RESULT}/override", token=admin_token, method="DELETE")
    assert again.status_code == 409


def test_an_override_may_end_with_the_next_change(proposed: ApiHarness, admin_token: str) -> None:
    """Its end is the word `change`."""
    body = {"value": 80, "until": "change"}
    put = proposed.call(f"{KEY_RESULT}/override", token=admin_token, method="PUT", body=body)
    assert put.get_json()["override"]["until"] == "change"
    explained = proposed.call(f"{KEY_RESULT}/explanation", token=admin_token).get_json()
    assert (explained["value"], explained["computed"]) == (80, 50)
    assert explained["differs"].startswith("overridden with 80 by the API token")
    assert explained["sum"][-1]["text"].startswith("applies: overridden with 80")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"value": 80, "until": "2026-11-01T12:00:00Z"}, "would end in the past"),
        ({"value": 1e13}, "too large"),
        ({"value": True}, "value: Input should be a valid number"),
        ({"value": "80"}, "value: Input should be a valid number"),
        ({"value": 80, "until": 1_800_000_000}, "write the time as a text"),
        ({"value": 80, "until": "9999-12-31T23:59:59-12:00"}, "more than ten years from now"),
        ({"value": 80, "until": "0001-01-01T00:00:00+12:00"}, "would end in the past"),
        ({"value": 80, "until": "2026-11-09T12:00:00"}, "until"),
        ({"value": 80, "til": "change"}, "til"),
        ({"until": "change"}, "value"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused(
    proposed: ApiHarness, admin_token: str, body: dict[str, Any], detail: str
) -> None:
    """The answer names what is wrong."""
    refused = proposed.call(f"{KEY_RESULT}/override", token=admin_token, method="PUT", body=body)
    assert refused.status_code == 422
    assert detail in refused.get_json()["detail"]
    assert proposed.call(KEY_RESULT, token=admin_token).get_json()["override"] is None


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"{", "body: it has to be a JSON object, sent as application/json"),
        (b"[80]", "body: it has to be a JSON object, sent as application/json"),
        (b"", "body: it has to be a JSON object, sent as application/json"),
        (b"[" * 100_000, "body: it has to be a JSON object, sent as application/json"),
        (b'{"value": NaN}', "value: Input should be a finite number"),
    ],
    ids=["broken", "a list", "empty", "deep", "no number"],
)
def test_a_body_that_is_no_json_object_is_refused(api: ApiHarness, admin_token: str, data: bytes, detail: str) -> None:
    """Deep ones too, which no parser of ours reads."""
    headers = {"Authorization": f"Bearer {admin_token}", "Content-Type": "application/json"}
    answer = api.app.test_client().put(f"{KEY_RESULT}/override", data=data, headers=headers)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.get_json()["detail"] == detail


def test_only_the_token_of_an_admin_decides(proposed: ApiHarness) -> None:
    """A token has no person, so a member's token owns nothing."""
    for role in ("viewer", "member"):
        token = proposed.token(role)
        assert decide(proposed, token, decision="accept").status_code == 403
        for method in ("PUT", "DELETE"):
            answer = proposed.call(f"{KEY_RESULT}/override", token=token, method=method, body={"value": 80})
            assert answer.status_code == 403
    assert audited(proposed) == []


def test_final_numbers_take_no_decision(proposed: ApiHarness, admin_token: str) -> None:
    """The answer says so."""
    proposed.clock.now += timedelta(days=90)
    refused = decide(proposed, admin_token, decision="accept")
    assert refused.status_code == 409
    assert refused.get_json()["detail"] == "The numbers of KR-1 are final."


def test_an_unknown_key_result_has_no_override(api: ApiHarness, admin_token: str) -> None:
    """The answer names similar ones."""
    missing = api.call("/api/v1/key-results/KR-11/override", token=admin_token, method="PUT", body={"value": 1})
    assert missing.status_code == 404
    assert "KR-1" in missing.get_json()["detail"]
