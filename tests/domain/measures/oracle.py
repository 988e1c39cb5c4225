"""The value of a measure as a person would compute it: with fractions, issue by issue and day by day.

It knows the settings as the file has them and shares no code with the product.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True, kw_only=True)
class PlainIssue:
    """A linked issue. Times None are unknown."""

    state: str
    weight: float = 1.0
    number: float | None = None
    number_at: datetime | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    closed_at: datetime | None = None
    reopened: int | None = None
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Case:
    """Settings as in the file, and all that the value follows from."""

    settings: Mapping[str, Any]
    issues: Sequence[PlainIssue]
    start: float
    starts_at: datetime
    ends_at: datetime
    at: datetime
    zone: ZoneInfo
    working: frozenset[int]
    holidays: frozenset[date]
    ever_linked: bool
    known_since: datetime | None
    ticked: frozenset[str]
    checked_in: float | None

    def get(self, name: str, default: Any) -> Any:
        """Return a setting."""
        return self.settings.get(name, default)

    def day(self, at: datetime) -> date:
        """Return the day of a moment in the team's zone."""
        return at.astimezone(self.zone).date()


def value(case: Case) -> Fraction | None:
    """Return the exact value; None without data."""
    kinds: Mapping[str, Callable[[Case], Fraction | None]] = {
        "done-share": done_share,
        "done-count": lambda case: done(case, counts=True),
        "done-sum": lambda case: done(case, counts=False),
        "open-count": lambda case: still_open(case, counts=True),
        "open-sum": lambda case: still_open(case, counts=False),
        "field": number_field,
        "lead-time": durations,
        "cycle-time": durations,
        "throughput": throughput,
        "share-meeting": share_meeting,
        "steps": steps,
        "manual": lambda case: None if case.checked_in is None else Fraction(case.checked_in),
    }
    return kinds[case.settings["kind"]](case)


def size(issue: PlainIssue, unestimated: float) -> Fraction:
    """Return the number of an issue, or what stands for it."""
    return Fraction(unestimated if issue.number is None else issue.number)


def done_share(case: Case) -> Fraction | None:
    """Return 100 times the credit of the issues by their whole."""
    reached = whole = Fraction(0)
    for issue in case.issues:
        state = issue.state
        if state == "dropped":
            state = {"leave": "", "done": "done", "open": "todo"}[case.get("dropped", "leave")]
        closed_before = issue.state in ("done", "dropped") and issue.closed_at and issue.closed_at < case.starts_at
        if not state or (case.get("within", "ever") == "cycle" and closed_before):
            continue
        weight = Fraction(issue.weight)
        if case.get("weight", "count") != "count":
            weight *= size(issue, case.get("unestimated", 1))
        whole += weight
        reached += weight * {"done": Fraction(1), "doing": Fraction(case.get("doing", 0)), "todo": Fraction(0)}[state]
    return 100 * reached / whole if whole > 0 else None


def done(case: Case, *, counts: bool) -> Fraction | None:
    """Return the start and one, or the number, for each done issue."""
    if not case.issues:
        return None
    found = Fraction(case.start)
    for issue in case.issues:
        in_cycle = issue.closed_at is not None and case.starts_at <= issue.closed_at < case.ends_at
        if issue.state == "done" and (in_cycle or case.get("within", "cycle") == "ever"):
            found += 1 if counts else size(issue, case.get("unestimated", 0))
    return found


def still_open(case: Case, *, counts: bool) -> Fraction | None:
    """Return one, or the number, for each issue that is neither done nor dropped."""
    if not case.issues and not case.ever_linked:
        return None
    left = [issue for issue in case.issues if issue.state in ("todo", "doing")]
    return sum((Fraction(1) if counts else size(issue, case.get("unestimated", 0)) for issue in left), Fraction(0))


def number_field(case: Case) -> Fraction | None:
    """Return what `take` says of the numbers."""
    take = case.get("take", "sum")
    have = [issue for issue in case.issues if issue.state != "dropped" and issue.number is not None]
    if take == "latest":
        dated = [(issue.number_at, issue.number) for issue in have if issue.number_at is not None]
        newest = max((at for at, _ in dated), default=None)
        return max((Fraction(number or 0) for at, number in dated if at == newest), default=None)
    numbers = [Fraction(issue.number or 0) for issue in have]
    if not numbers:
        return None
    total = sum(numbers, Fraction(0))
    return {"sum": total, "average": total / len(numbers), "min": min(numbers), "max": max(numbers)}[take]


def days_between(case: Case, begin: datetime, end: datetime) -> Fraction:
    """Return a duration by walking over the days."""
    days = case.get("days", "calendar")
    if days == "elapsed":
        seconds = Fraction(end.timestamp()) - Fraction(begin.timestamp())
        return max(seconds / 86400, Fraction(0))
    count, day = 0, case.day(begin)
    while day <= case.day(end):
        free = day.weekday() not in case.working or day in case.holidays
        count += 0 if days == "working" and free else 1
        day += timedelta(days=1)
    return Fraction(max(count, 1))


def in_window(case: Case, at: datetime | None) -> bool:
    """Return whether a closing time is in the window: its day is one of the last ones, or the cycle's."""
    window = case.get("window", "4w" if case.settings["kind"] == "throughput" else "30d")
    if at is None:
        return False
    if window == "cycle":
        return case.starts_at <= at < case.ends_at
    first = case.day(case.at) - timedelta(days=int(window[:-1]) * {"d": 1, "w": 7}[window[-1]] - 1)
    return case.day(at) >= first


def durations(case: Case) -> Fraction | None:
    """Return the percentile: the first of the sorted durations that so many percent do not exceed."""
    found = []
    for issue in case.issues:
        begin = issue.created_at if case.settings["kind"] == "lead-time" else issue.started_at
        if issue.state == "done" and issue.closed_at and begin and in_window(case, issue.closed_at):
            found.append(days_between(case, begin, issue.closed_at))
    take = case.get("take", "median")
    percent = 50 if take == "median" else int(take[1:])
    for one in sorted(found):
        if Fraction(sum(other <= one for other in found), len(found)) >= Fraction(percent, 100):
            return one
    return None


def throughput(case: Case) -> Fraction | None:
    """Return the issues done in the window by its weeks."""
    weeks = int(case.get("window", "4w")[:-1])
    if not case.issues and not case.ever_linked:
        return None
    first = case.day(case.at) - timedelta(days=7 * weeks - 1)
    if case.known_since is not None and case.day(case.known_since - timedelta(microseconds=1)) >= first:
        return None
    return Fraction(sum(one.state == "done" and in_window(case, one.closed_at) for one in case.issues), weeks)


NO, MAYBE, YES = 0.0, 0.5, 1.0
"""Truths; of several, all hold as far as the least of them, one of them as far as the greatest."""


def share_meeting(case: Case) -> Fraction | None:
    """Return the weight of those that meet the condition by that of those that take part."""
    met = whole = Fraction(0)
    for issue in case.issues:
        truth = truth_of(case, issue, case.settings["meets"])
        timed = any(name in str(case.settings["meets"]) for name in ("lead_time", "cycle_time"))
        is_open = issue.state in ("todo", "doing")
        if issue.state == "dropped" or truth == MAYBE:
            continue
        if timed and is_open and (truth == YES or not passed(case, issue, case.settings["meets"], good=YES)):
            continue
        whole += Fraction(issue.weight)
        met += Fraction(issue.weight) if truth == YES else 0
    return 100 * met / whole if whole > 0 else None


def truth_of(case: Case, issue: PlainIssue, condition: Mapping[str, Any]) -> float:
    """Return how far a condition holds."""
    if "field" in condition:
        return leaf(case, issue, condition)
    groups = []
    for name, members in condition.items():
        truths = [truth_of(case, issue, member) for member in members]
        groups.append({"all": min(truths), "any": max(truths), "none": 1 - max(truths)}[name])
    return min(groups)


def leaf(case: Case, issue: PlainIssue, condition: Mapping[str, Any]) -> float:
    """Return how far a condition on one field holds, now and for good."""
    if condition["field"] == "labels":
        return YES if condition["has"] in issue.labels else NO
    if condition["field"] == "reopened":
        if issue.reopened is None:
            return MAYBE
        return YES if within(condition, Fraction(issue.reopened)) else NO
    begin = issue.created_at if condition["field"] == "lead_time" else issue.started_at
    end = issue.closed_at if issue.state == "done" else case.at
    if begin is None or end is None:
        return MAYBE
    holds = within(condition, days_between(case, begin, end))
    if issue.state != "done" and holds == ("at_most" in condition):
        return MAYBE  # it may still get longer
    return YES if holds else NO


def within(condition: Mapping[str, Any], number: Fraction) -> bool:
    """Return whether a number keeps a limit."""
    return bool(number <= condition["at_most"] if "at_most" in condition else number >= condition["at_least"])


def passed(case: Case, issue: PlainIssue, condition: Mapping[str, Any], *, good: float) -> bool:
    """Return whether some duration in the condition is decided against it."""
    if "field" in condition:
        timed = condition["field"] in ("lead_time", "cycle_time")
        return timed and leaf(case, issue, condition) == 1 - good
    return any(
        passed(case, issue, member, good=1 - good if name == "none" else good)
        for name, members in condition.items()
        for member in members
    )


def steps(case: Case) -> Fraction | None:
    """Return the weight of the ticked steps by that of all."""
    written = case.settings["steps"]
    whole = sum((Fraction(step.get("weight", 1)) for step in written), Fraction(0))
    reached = sum((Fraction(step.get("weight", 1)) for step in written if step["name"] in case.ticked), Fraction(0))
    return 100 * reached / whole
