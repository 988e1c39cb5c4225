"""The worked examples of docs/measures.md: tables of issues, and tables of what follows from them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.compute import Inputs, Value, compute
from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.measures.kinds.steps import done_steps
from sync_service.domain.measures.line import PastIssue, cycle_days, reconstruct
from sync_service.domain.measures.progress import progress
from sync_service.domain.measures.roll_up import Member
from sync_service.domain.measures.settings import Measure, parse_measure
from sync_service.domain.measures.status import Span
from sync_service.domain.rules.conditions import Subject
from sync_service.domain.trackers.observations import State
from sync_service.domain.trackers.state_changes import StateChange, started_at

MADRID = ZoneInfo("Europe/Madrid")
CALENDAR = Calendar(MADRID)
SPAN = Span(datetime(2026, 10, 1, tzinfo=MADRID), datetime(2027, 1, 1, tzinfo=MADRID))
NOW = datetime(2026, 11, 15, 12, tzinfo=MADRID)
TIMES = {"created": "created_at", "started": "started_at", "closed": "closed_at", "changed": "number_at"}

Row = Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """A table of a page: its heading, its columns, its rows, and the issues of the last table of issues before it."""

    heading: str
    columns: Sequence[str]
    rows: list[Row] = field(default_factory=list)
    issues: Sequence[Row] = ()


def tables(text: str) -> Iterator[Table]:
    """Yield the tables of a page. Issues belong to the tables below them, until the next heading."""
    heading, issues = "", Table("", ())
    for block in re.split(r"\n\s*\n", text):
        if block.startswith("#"):
            heading, issues = block.lstrip("# "), Table("", ())
        if not block.startswith("| "):
            continue
        columns, _, *cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        rows: list[Row] = [dict(zip(columns, row, strict=True)) for row in cells]
        table = Table(heading, columns, rows, issues.rows)
        issues = table if columns[0] == "issue" else issues
        yield table


def written(cell: str) -> Any:
    """Return the YAML of a cell."""
    return yaml.safe_load(cell.strip("`"))


def moment(cell: str) -> datetime | None:
    """Return the time of a cell in Madrid; a day alone is its first moment."""
    return datetime.fromisoformat(cell).replace(tzinfo=MADRID).astimezone(UTC) if cell else None


def number(cell: str) -> float | None:
    """Return the number of a cell; None where there is no data."""
    return None if cell == "no data" else float(cell)


def contribution_of(measure: Measure, row: Row) -> Contribution:
    """Return what an issue of a table brings to a key result."""
    subject = Subject(scope="", kind="issue", state=row["state"], labels=frozenset(row.get("labels", "").split()))
    met = measure.meets.other(subject) if measure.meets and measure.meets.other else None
    fields: dict[str, Any] = {name: moment(row[column]) for column, name in TIMES.items() if column in row}
    if row.get(measure.number_field or ""):
        fields["number"] = float(row[measure.number_field or ""])
    if row.get("reopened"):
        fields["reopened"] = int(row["reopened"])
    return Contribution(State(row["state"]), weight=float(row.get("weight", 1)), met=met, **fields)


HAPPENED = {"started": State.DOING, "done": State.DONE, "reopened": State.TODO, "dropped": State.DROPPED}


def changes_of(row: Row) -> list[StateChange]:
    """Return what happened to an issue of a table, at noon of each day."""
    found = (one.split() for one in row["happened"].split(", "))
    return [StateChange(_noon(day), HAPPENED[word]) for word, day in found]


def _noon(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(hour=12, tzinfo=MADRID).astimezone(UTC)


def line_example(table: Table, row: Row) -> float | None:
    """Return the value of the line in a row of a table."""
    measure = parse_measure(written(row["measure of the line"]))
    inputs = Inputs(measure=measure, start=0, target=100, span=SPAN, at=NOW, calendar=CALENDAR)
    issues = {}
    for number_, issue in enumerate(table.issues):
        changes = changes_of(issue)
        now = replace(contribution_of(measure, issue), started_at=started_at(changes))
        issues[number_] = PastIssue(now, moment(issue["created"]), changes)
    line = reconstruct(inputs, issues, cycle_days(MADRID, date(2026, 10, 1), date(2026, 12, 31), NOW))
    return next(one.value for one in line if f"{one.day}" == row["day"])


def compute_example(table: Table, row: Row) -> Value:
    """Compute the example in a row of a table."""
    measure = parse_measure(written(row["measure"]))
    states = {issue["issue"]: State(issue["state"]) for issue in table.issues}
    ticked = [name for name in row.get("ticked", "").split(", ") if name]
    return compute(
        Inputs(
            measure=measure,
            start=float(row.get("start") or 0),
            target=100,
            span=SPAN,
            at=NOW,
            calendar=CALENDAR,
            contributions=[contribution_of(measure, issue) for issue in table.issues],
            checked_in=float(row["checked in"]) if row.get("checked in") else None,
            steps_done=done_steps(measure, ticked=ticked, states=states),
            ever_linked=row.get("linked before", "yes") == "yes",
            known_since=moment(row.get("known since", "")),
        )
    )


def member(written_member: Mapping[str, Any]) -> Member:
    """Return a member of a roll-up: a key result, or an aligned objective by its progress."""
    defaults = {"start": 0, "target": 100, "current": None, "weight": 1, "rolls_up": True}
    fields = SimpleNamespace(**{**defaults, **written_member})
    if "progress" not in written_member:
        fields.progress = progress(fields.current, start=fields.start, target=fields.target)
    return Member.of(fields)


def issues_before_and_after(cell: str) -> tuple[dict[int, Contribution], dict[int, Contribution]]:
    """Return the issues of `done, todo → done`, by number, before and after; `none` is not linked."""
    had: dict[int, Contribution] = {}
    has: dict[int, Contribution] = {}
    for issue, states in enumerate(cell.split(", ")):
        before, _, after = states.partition(" → ")
        had |= {} if before == "none" else {issue: Contribution(State(before))}
        has |= {} if (after or before) == "none" else {issue: Contribution(State(after or before))}
    return had, has
