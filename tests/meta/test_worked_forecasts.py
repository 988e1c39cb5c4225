"""Every worked example of docs/forecasts.md comes out as it is written there."""

from collections import Counter
from dataclasses import fields
from datetime import date, timedelta

import pytest

from sync_service.domain.forecasts.convolution import covered
from sync_service.domain.forecasts.first_passage import weeks_to_target
from sync_service.domain.forecasts.forecast import Forecast, forecast
from sync_service.domain.forecasts.goal import KINDS, Goal, History, Position
from sync_service.domain.forecasts.samples import Week
from sync_service.domain.forecasts.track_record import TrackRecord, track_record
from sync_service.domain.text import NARROW_SPACE
from tests.meta.import_graph import ROOT
from tests.meta.worked_examples import Row, tables, written

PAGE = (ROOT / "docs" / "forecasts.md").read_text(encoding="utf-8")
TODAY = date(2026, 11, 15)
LEVELS = (50, 70, 85, 95)


def rows(*columns: str) -> list[Row]:
    """Return the rows of the tables that have these columns."""
    return [row for table in tables(PAGE) if set(columns) <= set(table.columns) for row in table.rows]


def made(goal: Goal, position: Position, weeks: list[Week], days: int) -> Forecast:
    """Return a forecast on the day of the page."""
    history = History(Position.of(0, 0), weeks)
    found = forecast(goal, position, history, today=TODAY, ends=TODAY + timedelta(days=days))
    assert found is not None
    return found


def after(day: date | None) -> str:
    """Return the weeks until a day, as the page writes them."""
    return "null" if day is None else str((day - TODAY).days // 7)


FORECASTS = rows("measure", "likely")


@pytest.mark.parametrize("row", FORECASTS, ids=[f"{row['measure']} {row['weeks']} {row['days']}" for row in FORECASTS])
def test_a_forecast_is_that_on_the_page(row: Row) -> None:
    """With its dates, its chance, its likely values and its pace."""
    goal = Goal(row["measure"].strip("`"), float(row["start"]), float(row["target"]))
    position = Position.of(float(row["done"]), float(row["scope"]))
    found = made(goal, position, [Week(*one) for one in written(row["weeks"])], int(row["days"]))
    assert found.enough
    assert found.likely is not None
    assert ", ".join(map(after, (found.on_50, found.on_70, found.on_85, found.on_95))) == row["reached after"]
    assert found.chance == pytest.approx(float(row["chance"]), abs=1e-12)
    assert [found.likely.with_15, found.likely.with_50, found.likely.with_85] == written(f"[{row['likely']}]")
    assert found.pace_needed == float(row["pace needed"])


@pytest.mark.parametrize("row", rows("known weeks", "reason"))
def test_what_is_enough_is_that_on_the_page(row: Row) -> None:
    """And the reason reads as it is written."""
    found = made(Goal("done-count", 0, 9), Position.of(1, 9), [Week(done=1)] * int(row["known weeks"]), 14)
    assert found.enough == (row["enough"] == "yes")
    assert found.reason.replace(NARROW_SPACE, " ") == row["reason"]


@pytest.mark.parametrize("row", rows("throughput", "backlog"))
def test_the_weeks_for_a_backlog_are_those_on_the_page(row: Row) -> None:
    """For each percent."""
    weeks = [Week(done=done) for done in written(row["throughput"])]
    goal = Goal("done-count", 0, float(row["backlog"]))
    found = weeks_to_target(goal, Position.of(0, 200), weeks)
    assert found == [int(row[f"{level} %"]) for level in LEVELS]


def test_the_example_by_hand_is_right() -> None:
    """9 of 25 pairs of weeks."""
    assert "9 / 25 = 36 %" in PAGE
    assert float(list(covered(Counter([1, 1, 1, 1, 3]), 4, 2))[2]) == 9 / 25


@pytest.mark.parametrize("row", rows("called", "came true"))
def test_a_track_record_is_that_on_the_page(row: Row) -> None:
    """Of dates that have passed."""
    history = History(Position.of(0, 30), [Week(done=done) for done in written(row["weeks done"])])
    expected = TrackRecord(called=int(row["called"]), came_true=int(row["came true"]))
    assert track_record(Goal("done-count", 0, float(row["target"])), history) == expected


def test_every_measure_and_field_of_a_forecast_is_on_the_page() -> None:
    """Each measure with an example."""
    assert {row["measure"].strip("`") for row in FORECASTS} == set(KINDS)
    described = " ".join(row["field"] for row in rows("field", "meaning"))
    assert [one.name for one in fields(Forecast) if f"`{one.name}`" not in described] == []
