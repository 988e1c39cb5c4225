"""The burn-up of a key result: its full weeks, seen where inputs were recorded, else reconstructed, as its line is."""

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from sync_service.domain.durations import DAY
from sync_service.domain.forecasts.burn_up.amounts import WeekChanges, position_of
from sync_service.domain.forecasts.goal import History, Position, exact, net_done
from sync_service.domain.forecasts.samples import MOST_WEEKS as SAMPLED
from sync_service.domain.forecasts.samples import WEEK, Week, by_week, full_weeks
from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.line import CycleDay, Happening, PastIssue, cycle_days, happenings
from sync_service.progress.lines.key_result_line import line_inputs
from sync_service.progress.lines.seen_days import Recorded
from sync_service.store.okrs import history, past_inputs
from sync_service.store.okrs.history import RecordedEntry
from sync_service.store.okrs.key_results import KeyResult
from sync_service.store.okrs.team_settings import team_settings

MOST_WEEKS = 26
"""Full weeks that are read: twelve that a forecast looks back to, and fourteen in which earlier ones were made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnUp:
    """Where a key result is on a day of its team's time zone, what happened in the full weeks before, and its issues.

    `starts` are the first days of these weeks.
    """

    now: datetime
    today: date
    position: Position
    history: History
    starts: Sequence[date]
    issues: dict[int, PastIssue]


def read_burn_up(tx: Connection, one: KeyResult, now: datetime) -> BurnUp:
    """Return the burn-up of a key result: of the full weeks that are wholly known, the last ones."""
    inputs = line_inputs(tx, one, now)
    zone = inputs.calendar.zone
    today, issues = now.astimezone(zone).date(), past_inputs.past_issues(tx, one.id)
    past = [each for each in happenings(inputs, issues) if each[0] <= now]
    seen = _Seen.read(tx, one, inputs, cycle_days(zone, today - MOST_WEEKS * WEEK - 6 * DAY, today, now))
    since = _known_since(inputs, past, seen, zone)
    first_weekday = team_settings(tx).week_starts
    known = [] if since is None else full_weeks(since, today, first_weekday=first_weekday)
    starts = known[-MOST_WEEKS:]
    changes = [(at.astimezone(zone).date(), week) for at, week in _changes(one, past, seen)]
    weeks = by_week(changes, starts)
    # A forecast that was made when more weeks were known can't be made again of fewer.
    fewest = SAMPLED if len(known) > MOST_WEEKS else 0
    position = position_of(one.measure, (each.now for each in issues.values()), one.span)
    first = _before(position, [week for day, week in changes if starts and day >= starts[0]])
    return BurnUp(
        now=now,
        today=today,
        position=position,
        history=History(first, weeks, counts_from=max(_counts_from(one, starts, zone), fewest)),
        starts=starts,
        issues=issues,
    )


def _before(position: Position, changes: Sequence[Week]) -> Position:
    """Return the position before some changes."""
    done = sum((net_done(one) for one in changes), exact(0))
    return Position(position.done - done, position.scope - sum((exact(one.added) for one in changes), exact(0)))


def _counts_from(one: KeyResult, starts: Sequence[date], zone: ZoneInfo) -> int:
    """Return how many of the weeks begin before the cycle, where only work within it counts."""
    if one.measure.within != "cycle":
        return 0
    begins = (datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC) for day in starts)
    return sum(at < one.span.starts_at for at in begins)


def _known_since(inputs: Inputs, past: Sequence[Happening], seen: "_Seen", zone: ZoneInfo) -> date | None:
    """Return the first day that is wholly known: of the first issue, or after the import where it ignores the past."""
    times = [at for at, *_ in past[:1]] + [at for at, *_ in seen.changes[:1]]
    if not times:
        return None
    first = min(times).astimezone(zone).date()
    if inputs.known_since is None:
        return first
    return max(first, inputs.known_since.astimezone(zone).date() + DAY)


def _changes(one: KeyResult, past: Sequence[Happening], seen: "_Seen") -> Iterator[tuple[datetime, Week]]:
    """Yield what each change of an issue was in numbers: from the first seen day on as recorded."""
    count = WeekChanges(one.measure, one.span)
    present: dict[int, Contribution | None] = {}
    for at, id_, after in past:
        if seen.since is None or at <= seen.since:
            yield at, count.of(present.get(id_), after, at)
            present[id_] = after
    present = dict(seen.before)
    for at, id_, recorded in seen.changes:
        yield at, count.of(present.get(id_), recorded, at)
        present[id_] = recorded


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was recorded: since when, what issues contributed before, and each change after. None: nothing was seen."""

    since: datetime | None
    before: dict[int, Contribution]
    changes: Sequence[tuple[datetime, int, Contribution | None]]

    @classmethod
    def read(cls, tx: Connection, one: KeyResult, inputs: Inputs, days: Sequence[CycleDay]) -> "_Seen":
        """Read what was recorded from the first of the days that is wholly covered, with the measure of today."""
        entries = history.recorded_entries(tx, one.id)
        if not entries:
            return cls(None, {}, ())
        late = past_inputs.not_imported_until(tx, one.id, entries[0].at)
        recorded, measured_since = Recorded(inputs, deque(entries), late), _measured_since(one, entries)
        for day in days:
            recorded.advance_to(day.begins)
            if day.begins >= measured_since and recorded.covers(day.begins):
                rest = [(entry.at, *change) for entry in recorded.entries for change in entry.changed]
                return cls(day.begins, dict(recorded.present.each), rest)
        return cls(None, {}, ())


def _measured_since(one: KeyResult, entries: Sequence[RecordedEntry]) -> datetime:
    """Return when the measure got the settings of today: before, other numbers were recorded."""
    since = entries[0].at
    for before, after in itertools.pairwise(entries):
        if before.computed_from["measure"] != after.computed_from["measure"]:
            since = after.at
    return since if entries[-1].computed_from["measure"] == one.settings else datetime.max.replace(tzinfo=UTC)
