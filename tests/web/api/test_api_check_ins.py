"""Check-ins through the API."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.store import tables
from sync_service.store.engine.database import reading
from tests.web.api.fixture import ApiHarness

PATH = "/api/v1/key-results/KR-3/check-ins"


@pytest.fixture(autouse=True)
def manual(api: ApiHarness) -> int:
    """Add a manual key result."""
    return api.key_result("KR-3", measure={"kind": "manual"}, current=None, progress=None, start=0, target=50)


def items(api: ApiHarness, token: str, path: str = PATH) -> list[dict[str, Any]]:
    """Return the listed check-ins."""
    found: list[dict[str, Any]] = api.call(path, token=token).get_json()["items"]
    return found


@pytest.mark.slow
def test_an_admins_token_checks_in_a_value_and_is_its_author(api: ApiHarness, admin_token: str, token: str) -> None:
    """The value is computed soon after, and the confidence is the key result's."""
    body = {"confidence": 7, "value": 40, "note": "Survey\nof October", "blockers": None}
    response = api.call(PATH, token=admin_token, method="POST", body=body)
    assert response.status_code == 201
    entered = response.get_json()
    assert entered["author"].startswith("the API token token ")
    assert (entered["confidence"], entered["value"], entered["note"]) == (7, 40.0, "Survey of October")
    api.services.drains.by_table["recompute"]()
    shown = api.call("/api/v1/key-results/KR-3", token=token).get_json()
    assert (shown["current"], shown["confidence"]) == (40.0, 7)
    assert api.call("/api/v1/key-results/KR-1", token=token).get_json()["confidence"] is None
    assert items(api, token) == [entered]
    with reading(api.services.engine) as tx:
        assert "checked in on KR-3: confidence 7 of 10" in tx.scalars(sa.select(tables.audit.c.what)).all()[-1]


@pytest.mark.parametrize(
    ("role", "path", "body", "status", "words"),
    [
        ("viewer", "KR-3", {"confidence": 7}, 403, "role"),
        ("member", "KR-3", {"value": 7}, 403, "Only the owner or an admin"),
        ("member", "KR-3", {"note": "only"}, 422, "Choose a confidence"),
        ("admin", "KR-3", {}, 422, "at least one"),
        ("admin", "KR-3", {"confidence": 11}, 422, "0 to 10"),
        ("admin", "KR-3", {"confidence": 7.5}, 422, "confidence"),
        ("admin", "KR-3", {"confidence": True}, 422, "confidence"),
        ("admin", "KR-3", {"confidnce": 7}, 422, "confidnce"),
        ("admin", "KR-3", {"value": "7"}, 422, "value"),
        ("admin", "KR-1", {"value": 7}, 422, "override it"),
        ("admin", "KR-9", {"confidence": 7}, 404, "no key result"),
    ],
)
def test_what_cannot_be_checked_in_is_a_problem(
    api: ApiHarness, role: str, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    """Nothing is stored."""
    address = f"/api/v1/key-results/{path}/check-ins"
    response = api.call(address, token=api.token(role), method="POST", body=body)
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert words in response.get_json()["detail"]
    assert items(api, api.token("viewer")) == []


def test_a_member_checks_in_with_a_confidence_anywhere(api: ApiHarness, token: str) -> None:
    """As a contributor."""
    path = "/api/v1/key-results/KR-1/check-ins"
    assert api.call(path, token=api.token("member"), method="POST", body={"confidence": 3}).status_code == 201
    assert items(api, token, path)[0]["confidence"] == 3


def test_an_unlikely_value_is_a_conflict_until_it_is_confirmed(api: ApiHarness, admin_token: str) -> None:
    """Its problem has `confirm`."""
    asked = api.call(PATH, token=admin_token, method="POST", body={"value": 5000})
    assert (asked.status_code, asked.get_json()["confirm"]) == (409, True)
    sure = api.call(PATH, token=admin_token, method="POST", body={"value": 5000, "confirm": True})
    assert sure.status_code == 201


@pytest.mark.slow
def test_a_token_corrects_and_withdraws_its_own_check_ins(api: ApiHarness, admin_token: str, token: str) -> None:
    """What is not sent stays, null empties a field, and the time is that of what is corrected."""
    body = {"confidence": 7, "value": 40, "note": "a guess"}
    first = api.call(PATH, token=admin_token, method="POST", body=body).get_json()
    api.clock.now += timedelta(days=1)
    one = f"{PATH}/{first['id']}"
    other = api.token("admin")
    assert api.call(one, token=other, method="PATCH", body={"value": 1}).status_code == 403
    assert api.call(one, token=other, method="DELETE").status_code == 403
    second = api.call(one, token=admin_token, method="PATCH", body={"value": 41, "note": None}).get_json()
    assert (second["confidence"], second["value"], second["note"]) == (7, 41.0, "")
    assert (second["corrects"], second["at"]) == (first["id"], first["at"])
    assert api.call(one, token=admin_token, method="PATCH", body={"value": 1}).status_code == 409
    assert api.call(f"{PATH}/{second['id']}", token=admin_token, method="DELETE").status_code == 200
    assert api.call(f"{PATH}/{second['id']}", token=admin_token, method="DELETE").status_code == 409
    assert api.call(f"{PATH}/99", token=admin_token, method="DELETE").status_code == 404
    assert api.call(f"{PATH}/99", token=admin_token, method="PATCH", body={"value": 1}).status_code == 404
    newest, oldest = items(api, token)
    assert newest["withdrawn_at"] == oldest["withdrawn_at"] == "2026-11-03T12:00:00.000Z"
    assert (newest["corrected_by"], oldest["corrected_by"]) == (None, second["id"])
    assert api.call("/api/v1/key-results/KR-3", token=token).get_json()["confidence"] is None


@pytest.mark.slow
def test_check_ins_come_in_pages_and_with_an_etag(api: ApiHarness, admin_token: str) -> None:
    """A new one changes it, even without a value."""
    for confidence in range(3):
        api.call(PATH, token=admin_token, method="POST", body={"confidence": confidence})
    first = api.call(f"{PATH}?limit=2", token=admin_token)
    assert [one["confidence"] for one in first.get_json()["items"]] == [2, 1]
    following = first.headers["Link"].partition(">")[0].strip("<").removeprefix(api.services.settings.base_url)
    assert [one["confidence"] for one in items(api, admin_token, following)] == [0]
    headers = {"If-None-Match": first.headers["ETag"]}
    assert api.call(f"{PATH}?limit=2", token=admin_token, headers=headers).status_code == 304
    api.call(PATH, token=admin_token, method="POST", body={"confidence": 9})
    assert api.call(f"{PATH}?limit=2", token=admin_token, headers=headers).status_code == 200


STEPS = "/api/v1/key-results/KR-S/steps"


@pytest.fixture
def steps(api: ApiHarness) -> int:
    """Add a key result with two steps, of which the second one is done with an issue."""
    named = [{"name": "Contract signed", "weight": 3}, {"name": "Pilot live", "issue": "acme-github:acme/checkout#12"}]
    id_ = api.key_result("KR-S", measure={"kind": "steps", "steps": named}, current=0, progress=0)
    api.issue("acme/checkout#12", id_, state="done", folded_key="acme/checkout#12")
    return id_


@pytest.mark.slow
def test_an_admins_token_ticks_a_step_and_opens_it_again(
    api: ApiHarness, steps: int, admin_token: str, token: str
) -> None:
    """By its number or its name; the value follows, with the reason."""
    assert [(one["ticked"], one["done"]) for one in items(api, token, STEPS)] == [(False, False), (False, True)]
    for step, method, value in (("1", "PUT", 100.0), ("contract signed", "PUT", 100.0), ("1", "DELETE", 25.0)):
        answer = api.call(f"{STEPS}/{step}", token=admin_token, method=method)
        assert (answer.status_code, answer.get_json()["ticked"]) == (200, method == "PUT")
        api.services.drains.by_table["recompute"]()
        assert api.call("/api/v1/key-results/KR-S", token=token).get_json()["current"] == value
    history = api.call("/api/v1/key-results/KR-S/history", token=token).get_json()["items"]
    whats = [one["causes"][0]["what"] for one in history]
    assert whats == ["step “Contract signed” open again", "step “Contract signed” done"]
    assert {part["kind"] for one in history for part in one["parts"]} == {"check_in"}
    with reading(api.services.engine) as tx:
        noted = tx.scalars(sa.select(tables.audit.c.what)).all()[-2:]
    assert noted == ["KR-S: step “Contract signed” done", "KR-S: step “Contract signed” open again"]


@pytest.mark.parametrize(
    ("role", "step", "method", "status"),
    [
        ("viewer", "1", "PUT", 403),
        ("member", "1", "PUT", 403),
        ("admin", "3", "PUT", 404),
        ("admin", "nothing", "DELETE", 404),
        ("admin", "2", "DELETE", 409),
    ],
)
def test_a_step_that_cannot_be_ticked_is_a_problem(
    api: ApiHarness, steps: int, role: str, step: str, method: str, status: int
) -> None:
    """Not by another one, not one that does not exist, and not one that its issue has done."""
    answer = api.call(f"{STEPS}/{step}", token=api.token(role), method=method)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "1" + "0" * 400, "9" * 5000, '"NaN"'])
def test_a_value_that_is_no_finite_number_is_refused(api: ApiHarness, admin_token: str, value: str) -> None:
    """Python's decoder takes most of them."""
    headers = {"Authorization": f"Bearer {admin_token}", "Content-Type": "application/json"}
    response = api.app.test_client().post(PATH, headers=headers, data=f'{{"value": {value}}}')
    assert response.status_code == 422
    assert items(api, admin_token) == []
