"""The JSON of forecasts. The command line prints it too, so this module imports no Flask."""

from datetime import date
from typing import Any

from pydantic import Field

from sync_service.store.views.forecasts.forecast_view import ForecastView
from sync_service.web.api.models import FromView, KeyResult

_BY = "the day by which the target is reached with {} %; null: not within two years, or there is not enough"


class Likely(FromView):
    """The values at the end of the cycle that are reached, or passed toward the target, with so many percent."""

    with_15: float = Field(examples=[100])
    with_50: float = Field(examples=[87.5])
    with_85: float = Field(examples=[75])


class TrackRecord(FromView):
    """What came of the forecasts that would have been made at the end of each past week."""

    called: int = Field(description="how many dates were called with 85 % and have passed", examples=[6])
    came_true: int = Field(description="by how many of them the target was reached", examples=[5])


class Forecast(FromView):
    """What is likely to come if the next weeks are like the last ones. It is computed after changes and each night."""

    chance: float | None = Field(
        description="the chance, as a fraction, that the value is at the target or past it at the end of the cycle",
        examples=[0.36],
    )
    on_50: date | None = Field(description=_BY.format(50), examples=["2026-12-10"])
    on_70: date | None = Field(description=_BY.format(70), examples=["2026-12-17"])
    on_85: date | None = Field(description=_BY.format(85), examples=["2026-12-24"])
    on_95: date | None = Field(description=_BY.format(95), examples=["2027-01-07"])
    likely: Likely | None
    pace_needed: float | None = Field(
        description="how much nearer to the target the value has to come in each week that is left, in its unit; null: "
        "none is left",
        examples=[2],
    )
    weeks: int = Field(description="of how many full weeks it is made", examples=[12])
    enough: bool = Field(description="false: there is too little to say; `reason` says why")
    reason: str = Field(examples=["3 full weeks are known, a forecast needs 5"])
    track_record: TrackRecord | None


class KeyResultDetail(KeyResult):
    """A key result with its forecast."""

    forecast: Forecast | None = Field(
        description="null: its measure has none, it has to stay in a range, its numbers are final, or none was "
        "computed yet"
    )


class DecidingIssue(FromView):
    """An open issue that decides a forecast."""

    connection: str
    key: str
    title: str
    reasons: list[str]
    effect: float = Field(description="by how much the chance would rise, as a fraction, if it were done now")


def forecast_json(found: ForecastView) -> dict[str, Any]:
    """Return the field of a key result that has its forecast, or null."""
    return {"forecast": None if found.forecast is None else Forecast.json_of(found.forecast)}


def forecast_words_json(found: ForecastView) -> dict[str, Any]:
    """Return the forecast in sentences, and what decides it, as `explain --json` has them beside the API's fields."""
    deciding = [DecidingIssue.json_of(one) for one in found.deciding]
    return forecast_json(found) | {"forecast_says": list(found.sentences), "forecast_decided_by": deciding}
