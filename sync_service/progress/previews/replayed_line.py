"""The replayed line: what the line of a key result would have been, had a rule been in force since its cycle began.

It is reconstructed from the times of the issues that would be linked, as `progress/lines` does for days that were not
seen. What people set has no links: its line stays as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.measures.line import DayValue, cycle_days, reconstruct
from sync_service.progress.inputs import InputReader
from sync_service.progress.lines.key_result_line import key_result_line, line_inputs
from sync_service.store.okrs import contributions, past_inputs
from sync_service.store.okrs.key_results import KeyResult
from sync_service.store.okrs.linked_issues import PreviewLinks
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.okrs.team_settings import team_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedLine:
    """The line of a key result as it is, and as it would have been with an edited rule; the days are the same."""

    slug: str
    real: Sequence[DayValue]
    replayed: Sequence[DayValue]


def replayed_lines(
    tx: Connection,
    ruleset: Ruleset,
    touched: Sequence[KeyResult],
    supposed: PreviewLinks,
    *,
    now: datetime,
    values: Mapping[int, float | None],
) -> list[ReplayedLine]:
    """Return the lines of key results with the links that an edit would give; `ruleset` is that after the edit.

    `values` are the values of now, by key result, that would be applied. Final numbers of a cycle that is over have
    none; their lines are replayed too.
    """
    reader = InputReader(tx=tx, ruleset=ruleset, now=now, supposed=supposed, grace_days=team_settings(tx).grace_days)
    found = []
    for one in touched:
        real = key_result_line(tx, one.id, now)
        replayed = _replayed(reader, one, values.get(one.id)) if one.measure.reads else real
        found.append(ReplayedLine(slug=one.slug, real=real, replayed=replayed))
    return found


def _replayed(reader: InputReader, one: KeyResult, value: float | None) -> list[DayValue]:
    """Return the line of a key result with supposed links; the value of today is that of now."""
    tx, now = reader.tx, reader.now
    since = contributions.known_since(tx, [one.id], supposed=reader.supposed).get(one.id)
    inputs = replace(line_inputs(tx, one, now), known_since=since)
    days = cycle_days(inputs.calendar.zone, *one.days, now)
    present = reader.present([one], contributions.stored(tx, [one.id]))
    line = reconstruct(inputs, past_inputs.pasts_of(tx, present[one.id]), days)
    if line and days[-1].last == inputs.at:
        line[-1] = replace(line[-1], value=value)
    return line
