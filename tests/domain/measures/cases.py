"""Random cases for each kind of measure: settings, issues, times, calendars. A seed gives one case.

Hypothesis chooses the seeds. The draws themselves are even: its own prefer few issues and the first choice of each.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.domain.measures.oracle import Case, PlainIssue

ZONES = ["UTC", "Europe/Madrid", "America/Santiago", "Pacific/Auckland", "Asia/Kathmandu"]
FIRST, AFTER = date(2026, 10, 1), date(2027, 1, 1)
NEAR = [timedelta(hours=-1), timedelta(microseconds=-1), timedelta(0), timedelta(hours=20)]


def quarter(random: Random, most: int = 40) -> float:
    """Return a number of quarters: sums of them are exact."""
    return random.randint(0, most) / 4


def moment(random: Random) -> datetime:
    """Return a full or half hour in the cycle, or some weeks before or after it."""
    return datetime(2026, 10, 1, tzinfo=UTC) + random.randint(-90 * 48, 130 * 48) * timedelta(hours=0.5)


def sometimes(random: Random, value: Any) -> Any:
    """Return the value; None in a quarter of the cases."""
    return None if random.random() < 0.25 else value


def _field(random: Random) -> str:
    return random.choice(["points", "Revenue"])


def _within(random: Random) -> str:
    return random.choice(["cycle", "ever"])


def _take(random: Random) -> str:
    return random.choice(["median", f"p{random.randint(1, 99)}"])


def _days(random: Random) -> str:
    return random.choice(["calendar", "working", "elapsed"])


def _window(random: Random) -> str:
    return random.choice(["cycle", "30d", f"{random.randint(1, 120)}d"])


def _condition(random: Random, depth: int = 0) -> dict[str, Any]:
    """Return a condition on numbers and labels, with groups in groups."""
    if depth and random.random() < 0.3:
        return {"field": "labels", "has": random.choice("ab")}
    if depth == 2 or random.random() < 0.4:
        name = random.choice(["lead_time", "cycle_time", "reopened"])
        limit = random.randint(0, 3) if name == "reopened" else random.randint(0, 60)
        return {"field": name, random.choice(["at_most", "at_least"]): limit}
    names = random.sample(["all", "any", "none"], random.choice([1, 1, 1, 2]))
    return {name: [_condition(random, depth + 1) for _ in range(random.randint(1, 3))] for name in names}


def _steps(random: Random) -> list[dict[str, Any]]:
    names = random.sample("ABCDE", random.randint(1, 5))
    return [{"name": name} | ({"weight": 0.25 + quarter(random)} if random.random() < 0.5 else {}) for name in names]


Draw = Callable[[Random], Any]

DURATIONS: Mapping[str, Draw] = {"take": _take, "days": _days, "window": _window}
SETTINGS: Mapping[str, Mapping[str, Draw]] = {
    "done-share": {
        "weight": lambda random: random.choice(["count", "points", "Revenue"]),
        "unestimated": quarter,
        "doing": lambda random: random.choice([0, 0.25, 0.5, 1]),
        "dropped": lambda random: random.choice(["leave", "done", "open"]),
        "within": _within,
    },
    "done-count": {"within": _within},
    "done-sum": {"within": _within, "field": _field, "unestimated": quarter},
    "open-count": {},
    "open-sum": {"field": _field, "unestimated": quarter},
    "field": {"field": _field, "take": lambda random: random.choice(["sum", "average", "min", "max", "latest"])},
    "lead-time": DURATIONS,
    "cycle-time": DURATIONS,
    "throughput": {"window": lambda random: f"{random.randint(1, 20)}w"},
    "share-meeting": {"meets": _condition, "days": _days},
    "steps": {"steps": _steps},
    "manual": {},
}
REQUIRED = {("field", "field"), ("share-meeting", "meets"), ("steps", "steps")}


def settings_of(kind: str, random: Random) -> dict[str, Any]:
    """Return settings as in the file; each that has a default is left out in a quarter of the cases."""
    drawn = {name: draw(random) for name, draw in SETTINGS[kind].items()}
    kept = {name: value for name, value in drawn.items() if (kind, name) in REQUIRED or random.random() < 0.75}
    return {"kind": kind, **kept}


def edges(case: Case) -> list[datetime]:
    """Return moments around the first moments of the cycle, of the time after it, and of the window."""
    length = str(case.settings.get("window", {"throughput": "4w"}.get(case.settings["kind"], "30d")))
    days = 1 if length == "cycle" else int(length[:-1]) * (7 if length[-1] == "w" else 1)
    window = datetime.combine(case.day(case.at) - timedelta(days=days - 1), datetime.min.time(), tzinfo=case.zone)
    return [first + near for first in (case.starts_at, case.ends_at, window.astimezone(UTC)) for near in NEAR]


def issue(random: Random, closings: list[datetime]) -> PlainIssue:
    """Return an issue, closed at one of these moments or another."""
    return PlainIssue(
        state=random.choice(["todo", "doing", "done", "done", "done", "dropped"]),
        weight=0.25 + quarter(random, 12),
        number=sometimes(random, quarter(random)),
        number_at=sometimes(random, moment(random)),
        created_at=sometimes(random, moment(random)),
        started_at=sometimes(random, moment(random)),
        closed_at=sometimes(random, random.choice([moment(random), random.choice(closings)])),
        reopened=sometimes(random, random.randint(0, 4)),
        labels=frozenset(label for label in "ab" if random.random() < 0.5),
    )


def case_of(kind: str, seed: int) -> Case:
    """Return the case of a kind of measure that the seed gives."""
    random = Random(f"{kind} {seed}")  # noqa: S311 - not for secrets
    zone = ZoneInfo(random.choice(ZONES))
    starts_at, ends_at = (datetime.combine(day, datetime.min.time(), tzinfo=zone) for day in (FIRST, AFTER))
    odd_week = frozenset(day for day in range(7) if random.random() < 0.6)
    case = Case(
        settings=settings_of(kind, random),
        issues=[],
        start=quarter(random),
        starts_at=starts_at.astimezone(UTC),
        ends_at=ends_at.astimezone(UTC),
        at=moment(random),
        zone=zone,
        working=random.choice([frozenset(range(5)), odd_week]),
        holidays=frozenset(FIRST + timedelta(days=random.randint(-90, 140)) for _ in range(random.randint(0, 25))),
        ever_linked=random.random() < 0.5,
        known_since=None,
        ticked=frozenset(name for name in "ABCDEF" if random.random() < 0.5),
        checked_in=sometimes(random, quarter(random)),
    )
    closings = edges(case)
    issues = [issue(random, closings) for _ in range(random.choice([0, 2, 5, 10, 15]))]
    return replace(case, issues=issues, known_since=sometimes(random, random.choice([moment(random), *closings[-4:]])))
