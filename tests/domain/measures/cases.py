"""Random cases for each kind of measure: settings, issues, times, calendars."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.domain.measures.oracle import Case, PlainIssue

ZONES = ["UTC", "Europe/Madrid", "America/Santiago", "Pacific/Auckland", "Asia/Kathmandu"]
FIRST, AFTER = date(2026, 10, 1), date(2027, 1, 1)

quarters = st.integers(0, 40).map(lambda count: count / 4)
weights = st.integers(1, 12).map(lambda count: count / 4)
moments = st.integers(-90 * 48, 130 * 48).map(
    lambda half: datetime(2026, 10, 1, tzinfo=UTC) + half * timedelta(hours=0.5)
)
maybe_moments = st.none() | moments | moments | moments


def _settings(kind: str, required: Mapping[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> Any:
    return st.fixed_dictionaries({"kind": st.just(kind), **required}, optional=optional)


fields = st.sampled_from(["points", "Revenue"])
percentiles = st.just("median") | st.integers(1, 99).map("p{}".format)
windows = st.just("cycle") | st.integers(1, 120).map("{}d".format)
ways_to_count_days = st.sampled_from(["calendar", "working", "elapsed"])
within = st.sampled_from(["cycle", "ever"])

durations: Mapping[str, st.SearchStrategy[Any]] = {"take": percentiles, "days": ways_to_count_days, "window": windows}

limits = st.builds(
    lambda field, operator, limit: {"field": field, operator: limit},
    st.sampled_from(["lead_time", "cycle_time", "reopened"]),
    st.sampled_from(["at_most", "at_least"]),
    st.integers(0, 60).map(float) | st.integers(0, 3).map(float),
)
labels = st.sampled_from("ab").map(lambda label: {"field": "labels", "has": label})


def _groups(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(members, min_size=1, max_size=3)
    return st.dictionaries(st.sampled_from(["all", "any", "none"]), lists, min_size=1, max_size=2)


conditions = limits | st.recursive(limits | labels, _groups, max_leaves=6)

step_lists = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("ABCDE")}, optional={"weight": weights}),
    min_size=1,
    max_size=5,
    unique_by=lambda step: step["name"],
)

SETTINGS: Mapping[str, st.SearchStrategy[dict[str, Any]]] = {
    "done-share": _settings(
        "done-share",
        {},
        weight=st.just("count") | fields,
        unestimated=quarters,
        doing=st.sampled_from([0, 0.25, 0.5, 1]),
        dropped=st.sampled_from(["leave", "done", "open"]),
        within=within,
    ),
    "done-count": _settings("done-count", {}, within=within),
    "done-sum": _settings("done-sum", {}, within=within, field=fields, unestimated=quarters),
    "open-count": _settings("open-count", {}),
    "open-sum": _settings("open-sum", {}, field=fields, unestimated=quarters),
    "field": _settings("field", {"field": fields}, take=st.sampled_from(["sum", "average", "min", "max", "latest"])),
    "lead-time": _settings("lead-time", {}, **durations),
    "cycle-time": _settings("cycle-time", {}, **durations),
    "throughput": _settings("throughput", {}, window=st.integers(1, 20).map("{}w".format)),
    "share-meeting": _settings("share-meeting", {"meets": conditions}, days=ways_to_count_days),
    "steps": _settings("steps", {"steps": step_lists}),
    "manual": _settings("manual", {}),
}


def edges(case: Case) -> st.SearchStrategy[datetime]:
    """Draw moments just before, at, and after the first moments of the cycle, of the time after it, of the window."""
    length = str(case.settings.get("window", {"throughput": "4w"}.get(case.settings["kind"], "30d")))
    days = 1 if length == "cycle" else int(length[:-1]) * (7 if length[-1] == "w" else 1)
    window = datetime.combine(case.day(case.at) - timedelta(days=days - 1), datetime.min.time(), tzinfo=case.zone)
    firsts = [case.starts_at, case.ends_at, window.astimezone(UTC)]
    offsets = [timedelta(hours=-1), timedelta(microseconds=-1), timedelta(0), timedelta(hours=20)]
    return st.sampled_from([first + offset for first in firsts for offset in offsets])


def issues(closings: st.SearchStrategy[datetime]) -> st.SearchStrategy[PlainIssue]:
    """Draw issues that were closed at such moments."""
    return st.builds(
        PlainIssue,
        state=st.sampled_from(["todo", "doing", "done", "done", "done", "dropped"]),
        weight=weights,
        number=st.none() | quarters | quarters,
        number_at=maybe_moments,
        created_at=maybe_moments,
        started_at=maybe_moments,
        closed_at=st.none() | closings | closings | moments,
        reopened=st.none() | st.integers(0, 4) | st.integers(0, 4),
        labels=st.frozensets(st.sampled_from("ab")),
    )


@st.composite
def cases(draw: st.DrawFn, kind: str) -> Case:
    """Draw a case of a kind of measure."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    starts_at, ends_at = (datetime.combine(day, datetime.min.time(), tzinfo=zone) for day in (FIRST, AFTER))
    case = Case(
        settings=draw(SETTINGS[kind]),
        issues=[],
        start=draw(quarters),
        starts_at=starts_at.astimezone(UTC),
        ends_at=ends_at.astimezone(UTC),
        at=draw(moments),
        zone=zone,
        working=draw(st.just(frozenset(range(5))) | st.frozensets(st.integers(0, 6))),
        holidays=draw(st.frozensets(st.dates(FIRST - timedelta(days=90), AFTER + timedelta(days=60)), max_size=20)),
        ever_linked=draw(st.booleans()),
        known_since=None,
        ticked=draw(st.frozensets(st.sampled_from("ABCDEF"))),
        checked_in=draw(st.none() | quarters),
    )
    closings = edges(case)
    known_since = draw(st.none() | closings | moments)
    return replace(case, issues=draw(st.lists(issues(closings), max_size=9)), known_since=known_since)
