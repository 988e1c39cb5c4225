"""What the demo must end with: values, statuses and mails, computed by the demo itself.

Nothing here is read from the product. The trackers' issues are counted as the product's documentation says they count.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from simulator.github import GitHub
from simulator.jira import Jira

NOT_DONE = ("not_planned", "duplicate", "Won't Do", "Duplicate")
"""Reasons and resolutions of work that ended without being done."""


@dataclass(frozen=True, kw_only=True)
class TrackedIssue:
    """The present state of an issue in its tracker; `state` is `open`, `done` or `dropped`."""

    key: str
    scope: str
    type: str
    state: str
    labels: frozenset[str]
    points: float | None = None


def tracked_issues(hub: GitHub, jira: Jira) -> list[TrackedIssue]:
    """List all issues of both trackers."""
    with hub.reading(), jira.reading():
        found = [
            TrackedIssue(
                key=f"{scope.full_name}#{issue.number}",
                scope=scope.full_name,
                type=issue.type.name if issue.type else "",
                state=_ended(issue.state_reason) if issue.closed else "open",
                labels=frozenset(label.name for label in issue.labels),
            )
            for scope in hub.repositories
            for issue in scope.issues.values()
        ]
        found += [
            TrackedIssue(
                key=one.key,
                scope=one.project.key,
                type=one.type.name,
                state=_ended(one.resolution.name if one.resolution else None)
                if one.status.category.key == "done"
                else "open",
                labels=frozenset(one.labels),
                points=one.points,
            )
            for one in jira.issues.values()
        ]
    return found


def _ended(reason: str | None) -> str:
    return "dropped" if reason in NOT_DONE else "done"


@dataclass(frozen=True, kw_only=True)
class KeyResult:
    """A key result. `counts` says which issues it counts; `when` says the same as a mapping rule of the product."""

    slug: str
    title: str
    objective: str
    owner: str
    measure: Mapping[str, Any]
    counts: Callable[[TrackedIssue], bool] = lambda _work: False
    start: float = 0
    target: float = 100
    unit: str = "%"
    connection: str = ""
    when: Mapping[str, Any] | None = None

    def value(self, work: Iterable[TrackedIssue], checked_in: float | None) -> float | None:
        """Compute the current value; None without linked issues."""
        kind = self.measure["kind"]
        if kind == "manual":
            return checked_in
        linked = [one for one in work if self.counts(one)]
        done = [one for one in linked if one.state == "done"]
        still = [one for one in linked if one.state == "open"]
        if not linked:
            return None
        if kind == "open-count":
            return len(still)
        if kind == "done-count":
            return self.start + len(done)
        whole = self._size(done) + self._size(still)
        return 100 * self._size(done) / whole if whole else None

    def _size(self, work: Iterable[TrackedIssue]) -> float:
        if self.measure.get("weight") != "points":
            return len(list(work))
        return sum(self.measure["unestimated"] if one.points is None else one.points for one in work)

    def progress(self, value: float | None) -> float | None:
        """Return the progress from start to target as a fraction."""
        return None if value is None else (value - self.start) / (self.target - self.start)


PAST_WEEKS, WEEKS = 9, 13
"""Whole weeks of the cycle that are over when the demo begins, and all of its weeks."""


@dataclass(frozen=True)
class Cycle:
    """The cycle, in UTC: thirteen weeks from a Monday, of which nine are over."""

    starts: date

    @classmethod
    def around(cls, day: date) -> "Cycle":
        """Return the cycle whose tenth week a day is in."""
        return cls(day - timedelta(days=day.weekday(), weeks=PAST_WEEKS))

    @property
    def ends(self) -> date:
        """The last day."""
        return self.starts + timedelta(weeks=WEEKS, days=-1)

    @property
    def slug(self) -> str:
        """Its year and first week: `2026-w39`."""
        year, week, _ = self.starts.isocalendar()
        return f"{year}-w{week:02}"

    @property
    def name(self) -> str:
        """Its weeks: `Weeks 39 to 51, 2026`."""
        first, last = self.starts.isocalendar(), self.ends.isocalendar()
        return f"Weeks {first.week} to {last.week}, {last.year}"

    def elapsed(self, now: datetime) -> float:
        """Return the part of the cycle that has passed, 0 to 1."""
        begins = datetime.combine(self.starts, datetime.min.time(), UTC)
        return (now - begins) / timedelta(weeks=WEEKS)


def status(progress: float | None, elapsed: float) -> str:
    """Return the status: progress compared with the elapsed part of the cycle."""
    if progress is None:
        return "no_data"
    if progress >= 1:
        return "completed"
    behind_by = elapsed - progress
    return "behind" if behind_by > 0.25 else "at_risk" if behind_by > 0.10 else "on_track"


@dataclass(frozen=True)
class ValueChange:
    """A change of a key result's value."""

    key_result: KeyResult
    before: float | None
    after: float | None

    def mail(self, elapsed: float, *, reopened: bool) -> str | None:
        """Return the kind of mail that the owner must get at once: completed, fell back, changed; or None."""
        was, now = self.key_result.progress(self.before), self.key_result.progress(self.after)
        status_was, status_now = status(was, elapsed), status(now, elapsed)
        fell = was is not None and now is not None and now < was and (reopened or was >= 1)
        if status_now == status_was:
            return "fell back" if fell else None
        if status_now == "completed":
            return "completed"
        if was is None:
            return None
        return "fell back" if fell else "changed"
