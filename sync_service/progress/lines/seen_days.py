"""Seen days of a line: the values that were recorded, from the first day that is wholly covered."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.measures.compute import compute
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.line import CycleDay, DayValue, Present, Source
from sync_service.store.okrs import history, past_inputs
from sync_service.store.okrs.history import RecordedEntry
from sync_service.store.okrs.key_results import KeyResult


def seen_days(tx: Connection, one: KeyResult, inputs: Inputs, days: Sequence[CycleDay]) -> list[DayValue]:
    """Return those of the days that were seen: the last ones, from the first day that is wholly covered.

    At its beginning a value was recorded: of at least one issue, where the measure reads issues, and of none whose
    scope was still being imported.
    """
    entries = history.recorded_entries(tx, one.id) if days else []
    if not entries:
        return []
    recorded = Recorded(inputs, deque(entries), past_inputs.not_imported_until(tx, one.id, entries[0].at))
    recorded.advance_to(days[0].begins)
    line: list[DayValue] = []
    for day in days:
        covered = bool(line) or recorded.covers(day.begins)
        # What was recorded after the cycle is its value as of its end.
        is_last = day.last < inputs.at and day is days[-1]
        recorded.advance_to(inputs.at if is_last else day.last)
        if covered:
            line.append(recorded.day_value(day))
    return line


@dataclass(slots=True)
class Recorded:
    """What was recorded until a time; `entries` are those after it, `late` says until when issues were imported."""

    settings: Inputs
    entries: deque[RecordedEntry]
    late: Mapping[int, datetime | None]
    last: RecordedEntry | None = None
    present: Present = field(init=False)

    def __post_init__(self) -> None:
        self.present = Present(self.settings.span, tallied=False)

    def advance_to(self, at: datetime) -> None:
        """Apply the entries until a time."""
        while self.entries and self.entries[0].at <= at:
            self.last = self.entries.popleft()
            for id_, after in self.last.changed:
                self.present.put(id_, after)

    def covers(self, at: datetime) -> bool:
        """Return whether what is recorded now covers a day that begins at a time."""
        if self.last is None or (self.settings.measure.reads and not self.present.each):
            return False
        late = (self.late[id_] for id_ in self.present.each if id_ in self.late)
        return all(until is not None and until <= at for until in late)

    def day_value(self, day: CycleDay) -> DayValue:
        """Return the value of a day."""
        assert self.last is not None
        value = self.last.value
        if self.last.basis.measure.reads_time and self._computed(self.last, self.last.basis.at) == value:
            value = self._computed(self.last, day.last)
        return DayValue(day.day, value, self.present.scope, self.present.done, Source.SEEN)

    def _computed(self, entry: RecordedEntry, at: datetime) -> float | None:
        """Return the value of the recorded inputs at a time: of some measures it depends on the day."""
        each = tuple(self.present.each.values())
        basis = entry.basis
        return compute(
            replace(
                self.settings,
                measure=basis.measure,
                start=basis.start,
                target=basis.target,
                at=at,
                contributions=each,
                ever_linked=bool(each) or entry.value is not None,
            )
        ).current
