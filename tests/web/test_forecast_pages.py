"""The forecast on the page of a key result: stored, in plain sentences."""

from datetime import date
from typing import NoReturn

import pytest
import sqlalchemy as sa

from sync_service.domain.forecasts.at_end import AtEnd
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.support.example_okrs import Example
from tests.support.stored_forecast import save_forecast
from tests.web.session_client import SessionClient


def refuse(*_: object, **__: object) -> NoReturn:
    """Raise: this is not for requests."""
    raise AssertionError("a request computes a forecast")


def test_the_page_says_the_stored_forecast_and_computes_none(
    vera: SessionClient, services: Services, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With chance, dates, likely values, pace, track record, and what decides it."""
    monkeypatch.setattr(AtEnd, "__init__", refuse)
    monkeypatch.setattr("sync_service.progress.forecasts.compute_forecast.read_burn_up", refuse)
    with writing(services.engine) as tx:
        save_forecast(tx, example.key_results["KR-1"], today=date(2026, 11, 10))
    words = vera.words("/key-results/KR-1").replace("\u202f", " ")
    assert "The target is reached at the end of the cycle, on 24 November 2026, with a chance of 36 %." in words
    assert "It is reached by 10 December 2026 with 50 %, by 17 December 2026 with 70 %" in words
    assert "later than in two years, or never, with 95 %." in words
    assert "75 % or more (85 in 100), 87.5 % or more (50 in 100), 100 % or more (15 in 100)." in words
    assert "From now on it needs 2 % a week." in words
    assert "This is made of the last 5 full weeks; 2 weeks left." in words
    assert "Of 6 earlier dates called with 85 %, 5 came true." in words
    assert "acme/checkout#3 Pay blocked; done now, the chance rises by 12 percentage points" in words


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"position": 0}, "Its forecast is computed within two minutes."),
        ({"measure": {"kind": "manual"}}, "The measure manual has no forecast."),
        (
            {"start": None, "target": None, "stay": {"above": 99}},
            "It has to stay in a range, which has no forecast.",
        ),
    ],
)
def test_the_page_says_why_there_is_none(
    vera: SessionClient, services: Services, columns: dict[str, object], why: str
) -> None:
    """In one sentence."""
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.key_result).where(tables.key_result.c.slug == "KR-1").values(columns))
    assert f"Forecast {why}" in vera.words("/key-results/KR-1")
