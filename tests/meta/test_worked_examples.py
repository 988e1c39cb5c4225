"""Every worked example of docs/measures.md comes out as it is written there, and every setting has one."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest

from sync_service.domain.cycles.outcomes import score
from sync_service.domain.cycles.succession import successor_start
from sync_service.domain.measures.compute import compute
from sync_service.domain.measures.progress import STAYS, parse_stay, progress, progress_in_range, round_value
from sync_service.domain.measures.roll_up import roll_up
from sync_service.domain.measures.setting_values import CHOICES, TAKES
from sync_service.domain.measures.settings import SETTINGS, parse_measure
from sync_service.domain.measures.status import STATUS_TEXT, Pace, Span, Thresholds, proposed_outcome, status
from sync_service.domain.people.cadence import next_due, parse_cadence
from sync_service.domain.people.check_in import confidence_score
from sync_service.progress.calendars import build_calendar
from tests.domain.measures.splits import SHARE, inputs_of, split_share
from tests.meta.import_graph import ROOT
from tests.meta.worked_examples import (
    MADRID,
    Row,
    Table,
    compute_example,
    issues_before_and_after,
    line_example,
    member,
    moment,
    number,
    tables,
    written,
)

TABLES = list(tables((ROOT / "docs" / "measures.md").read_text(encoding="utf-8")))


def rows(*columns: str) -> list[tuple[Table, Row]]:
    """Return the rows of the tables that have these columns, each with its table."""
    return [(table, row) for table in TABLES if set(columns) <= set(table.columns) for row in table.rows]


MEASURES = [(table, row) for table, row in rows("measure", "value") if row["measure"].startswith("`{")]


@pytest.mark.parametrize(
    ("table", "row"), MEASURES, ids=[f"{table.heading}: {row['measure']}" for table, row in MEASURES]
)
def test_a_measure_has_the_value_on_the_page(table: Table, row: Row) -> None:
    """With the issues of the table above it."""
    value = compute_example(table, row)
    assert value.current == number(row["value"]), value.explanation


@pytest.mark.parametrize(("table", "row"), rows("measure of the line", "day"))
def test_a_line_has_the_value_on_the_page(table: Table, row: Row) -> None:
    """Reconstructed from what happened to the issues of the table above it."""
    assert line_example(table, row) == number(row["value at its end"])


@pytest.mark.parametrize(("table", "row"), rows("from", "to", "duration"))
def test_a_duration_is_that_on_the_page(table: Table, row: Row) -> None:
    """With the calendar of its row."""
    begin, end = moment(row["from"]), moment(row["to"])
    assert isinstance(begin, datetime)
    assert isinstance(end, datetime)
    calendar = build_calendar(written(row["calendar"]), MADRID)
    assert round_value(calendar.duration(begin, end, row["days"])) == number(row["duration"])


@pytest.mark.parametrize(("table", "row"), rows("start", "target", "progress"))
def test_progress_is_that_on_the_page(table: Table, row: Row) -> None:
    """Of rising and falling values."""
    start, target = float(row["start"]), float(row["target"])
    assert progress(number(row["current"]), start=start, target=target) == number(row["progress"])


@pytest.mark.parametrize(("table", "row"), rows("stay", "progress"))
def test_progress_in_a_range_is_that_on_the_page(table: Table, row: Row) -> None:
    """Bounds included."""
    assert progress_in_range(number(row["current"]), parse_stay(written(row["stay"]))) == number(row["progress"])


@pytest.mark.parametrize(("table", "row"), rows("expected", "thresholds"))
def test_a_status_is_that_on_the_page(table: Table, row: Row) -> None:
    """In a cycle of a hundred days."""
    begin = datetime(2026, 10, 1, tzinfo=UTC)
    now = begin + timedelta(days=100 * float(row["expected"]))
    pace = Pace(
        span=Span(begin, begin + timedelta(days=100)), now=now, thresholds=Thresholds(**written(row["thresholds"]))
    )
    assert STATUS_TEXT[status(number(row["done"]), pace)] == row["status by pace"]


@pytest.mark.parametrize(("table", "row"), rows("stay", "days outside"))
def test_a_status_in_a_range_is_that_on_the_page(table: Table, row: Row) -> None:
    """By the days outside, not by the pace."""
    begin = datetime(2026, 10, 1, tzinfo=UTC)
    span = Span(begin, begin + timedelta(days=100))
    pace = Pace(span=span, now=span.ends_at - timedelta(days=1), stays=True, days_outside=int(row["days outside"]))
    share = progress_in_range(number(row["current"]), parse_stay(written(row["stay"])))
    assert STATUS_TEXT[status(share, pace)] == row["status in a range"]


@pytest.mark.parametrize(("table", "row"), rows("done", "outcome"))
def test_a_proposed_outcome_is_that_on_the_page(table: Table, row: Row) -> None:
    """Nothing is proposed without data."""
    assert (proposed_outcome(number(row["done"])) or "none") == row["outcome"]


@pytest.mark.parametrize(("table", "row"), rows("done", "score"))
def test_a_score_is_that_on_the_page(table: Table, row: Row) -> None:
    """Progress within 0…1, not rounded."""
    assert score(number(row["done"])) == number(row["score"])


@pytest.mark.parametrize(("table", "row"), rows("settled", "start of the successor"))
def test_a_successor_starts_as_on_the_page(table: Table, row: Row) -> None:
    """With the settled value, or where it did."""
    measure = parse_measure(written(row["measure"]))
    expected = number(row["start of the successor"])
    assert successor_start(measure, number(row["start"]), number(row["settled"])) == expected


@pytest.mark.parametrize(("table", "row"), rows("confidence", "score"))
def test_the_score_of_a_confidence_is_that_on_the_page(table: Table, row: Row) -> None:
    """Rounded as all values are."""
    score = confidence_score(int(row["confidence"]), achieved=row["outcome known"] == "achieved")
    assert round_value(score) == number(row["score"])


@pytest.mark.parametrize(("table", "row"), rows("cadence", "next due"))
def test_the_next_check_in_is_due_on_the_day_on_the_page(table: Table, row: Row) -> None:
    """After the last one, or the first day."""
    last = None if row["last check-in"] == "none" else date.fromisoformat(row["last check-in"])
    due = next_due(parse_cadence(row["cadence"]), last, starts=date.fromisoformat(row["first day"]))
    assert (due.isoformat() if due else "never") == row["next due"]


@pytest.mark.parametrize(("table", "row"), rows("members", "roll_up"))
def test_a_roll_up_is_that_on_the_page(table: Table, row: Row) -> None:
    """Of key results and aligned objectives."""
    share, without_data = roll_up(map(member, written(row["members"])), row["roll_up"])
    assert (share, without_data) == (number(row["progress of the objective"]), int(row["without data"]))


@pytest.mark.parametrize(("table", "row"), rows("issues", "parts"))
def test_the_parts_of_a_change_are_those_on_the_page(table: Table, row: Row) -> None:
    """They add up to the change."""
    had, has = issues_before_and_after(row["issues"])
    values = [compute(inputs_of(SHARE, issues)).current for issues in (had, has)]
    assert values == [float(row["value before"]), float(row["value after"])]
    assert split_share(had, has) == written(row["parts"])


def test_every_setting_has_a_worked_example() -> None:
    """Each kind, each of its settings, and each word that a setting may be."""
    used: dict[tuple[str, str], set[str]] = defaultdict(set)
    for _, row in MEASURES:
        settings = written(row["measure"])
        for name, value in settings.items():
            used[settings["kind"], name].add(str(value))
    assert {(kind, name) for kind, names in SETTINGS.items() for name in ("kind", *names)} - set(used) == set()
    words = {name: frozenset(choices) for name, choices in CHOICES.items()}
    missing = {name: words[name] - set().union(*(used[key] for key in used if key[1] == name)) for name in words}
    assert missing == dict.fromkeys(words, frozenset())
    assert used["field", "take"] == set(TAKES)
    stays = {name for _, row in rows("stay", "progress") for name in written(row["stay"])}
    assert stays == set(STAYS)


def test_every_measure_shows_when_it_has_no_data() -> None:
    """But `steps`, which always has."""
    without = {written(row["measure"])["kind"] for _, row in MEASURES if number(row["value"]) is None}
    assert without == set(SETTINGS) - {"steps"}
