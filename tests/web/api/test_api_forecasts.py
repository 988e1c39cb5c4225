"""Forecasts, and what closing an issue is worth, in the API."""

from datetime import date
from typing import NoReturn

import pytest
import sqlalchemy as sa

from sync_service.domain.forecasts.at_end import AtEnd
from sync_service.domain.forecasts.forecast import Forecast
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.support.stored_forecast import save_forecast
from tests.web.api.fixture import NOW, ApiHarness

TODAY = date(2026, 11, 2)


def refuse(*_: object, **__: object) -> NoReturn:
    """Raise: this is not for requests."""
    raise AssertionError("a request computes a forecast")


def test_a_key_result_has_its_stored_forecast(api: ApiHarness, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the form of the contract; a request computes none."""
    monkeypatch.setattr(AtEnd, "__init__", refuse)
    monkeypatch.setattr("sync_service.progress.forecasts.compute_forecast.read_burn_up", refuse)
    with writing(api.services.engine) as tx:
        save_forecast(tx, api.ids["KR-1"], today=TODAY)
        api.bump(tx)
    assert api.call("/api/v1/key-results/KR-1", token=token).get_json()["forecast"] == {
        "chance": 0.36,
        "on_50": "2026-12-10",
        "on_70": "2026-12-17",
        "on_85": "2026-12-24",
        "on_95": None,
        "likely": {"with_15": 100, "with_50": 87.5, "with_85": 75},
        "pace_needed": 2,
        "weeks": 5,
        "enough": True,
        "reason": "",
        "track_record": {"called": 6, "came_true": 5},
    }


def test_too_little_to_say_has_its_reason(api: ApiHarness, token: str) -> None:
    """And no numbers."""
    few = Forecast(weeks=3, enough=False, reason="3 full weeks are known, a forecast needs 5")
    with writing(api.services.engine) as tx:
        save_forecast(tx, api.ids["KR-1"], found=few, today=TODAY)
        api.bump(tx)
    found = api.call("/api/v1/key-results/KR-1", token=token).get_json()["forecast"]
    assert (found["enough"], found["weeks"], found["chance"]) == (False, 3, None)
    assert found["reason"] == "3 full weeks are known, a forecast needs 5"


def test_an_issue_says_what_it_serves_and_what_closing_it_is_worth(api: ApiHarness, token: str) -> None:
    """By its key in any letter case."""
    one, other = (api.issue(f"acme/checkout#{number}", api.ids["KR-1"]) for number in (1, 2))
    basis = {"measure": {"kind": "done-share"}, "start": 0, "target": 100, "at": NOW.isoformat()}
    basis |= {"checked_in": None, "steps_done": [], "entries": 0}
    with writing(api.services.engine) as tx:
        rows = [{"key_result_id": api.ids["KR-1"], "issue_id": id_, "weight": 3} for id_ in (one, other)]
        tx.execute(sa.insert(tables.contribution).values(state="todo"), rows)
        manual = [
            {"connection_id": api.ids["connection"], "key": f"acme/checkout#{number}", "weight": 3, "issue_id": id_}
            for number, id_ in ((1, one), (2, other))
        ]
        tx.execute(sa.insert(tables.manual_link).values(key_result_id=api.ids["KR-1"]), manual)
        tx.execute(sa.update(tables.issue).values(scope_external_id="501", scope_name="acme/checkout", updated_at=NOW))
    api.change(tables.key_result, api.ids["KR-1"], computed=0, current=0, progress=0, computed_from=basis)
    with writing(api.services.engine) as tx:
        save_forecast(tx, api.ids["KR-1"], today=TODAY)
    body = api.call("/api/v1/issues/ACME-github:Acme/checkout%231", token=token).get_json()
    assert (body["connection"], body["key"], body["state"], body["closes"]) == (
        "acme-github",
        "acme/checkout#1",
        "todo",
        [],
    )
    assert [(each["slug"], each["link"]["origin"], each["link"]["counts"]) for each in body["serves"]] == [
        ("KR-1", "manual", True)
    ]
    (worth,) = body["worth"]
    assert (worth["slug"], worth["before"], worth["after"]) == ("KR-1", 0, 50)
    assert (worth["progress_before"], worth["progress_after"], worth["applies"]) == (0, 0.5, True)
    assert worth["chance_before"] == 0.36
    assert 0 < worth["chance_after"] <= 1


def test_an_issue_that_serves_none_says_why(api: ApiHarness, token: str) -> None:
    """Its scope is not watched."""
    id_ = api.issue("acme/checkout#1", api.ids["KR-1"])
    with writing(api.services.engine) as tx:
        tx.execute(sa.delete(tables.link).where(tables.link.c.issue_id == id_))
        api.bump(tx)
    body = api.call("/api/v1/issues/acme-github:acme/checkout%231", token=token).get_json()
    assert (body["serves"], body["worth"], body["why_none"]) == ([], [], "its scope is not watched")


@pytest.mark.parametrize("reference", ["acme-github:acme/checkout%2399", "nobody:acme/checkout%231", "acme", "%00:1"])
def test_an_unknown_issue_is_a_404(api: ApiHarness, token: str, reference: str) -> None:
    """With how to write it."""
    response = api.call(f"/api/v1/issues/{reference}", token=token)
    assert response.status_code == 404
    assert "CONNECTION:KEY" in response.get_json()["detail"]
