"""Split the change between two computations into its parts."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.compute import Inputs, compute
from sync_service.domain.measures.contributions import Contribution, tally
from sync_service.domain.measures.parts import Basis, Change, ContributionChange, split
from sync_service.domain.measures.settings import Measure, parse_measure
from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.observations import State

DAY = timedelta(days=1)
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
SPAN = Span(BEGIN, BEGIN + 90 * DAY)
AT = BEGIN + 30 * DAY
SHARE = parse_measure({"kind": "done-share"})
TODO, DONE, DROPPED = Contribution(state=State.TODO), Contribution(state=State.DONE), Contribution(state=State.DROPPED)

Contributions = Mapping[int, Contribution]


def inputs_of(measure: Measure, present: Contributions, *, start: float = 0.0, at: datetime = AT) -> Inputs:
    """Return inputs in both forms; the measure chooses."""
    each = tuple(present.values())
    return Inputs(
        measure=measure,
        start=start,
        target=100.0,
        span=SPAN,
        at=at,
        calendar=Calendar(ZoneInfo("UTC")),
        tallies=tuple(tally(each, SPAN)) if measure.tallied else (),
        contributions=() if measure.tallied else each,
    )


def split_between(before: Inputs, had: Contributions, after: Inputs, has: Contributions) -> dict[str, float]:
    """Split the change between two computations; return the parts by kind."""
    changes = {
        one: ContributionChange(had.get(one), has.get(one))
        for one in had.keys() | has.keys()
        if had.get(one) != has.get(one)
    }
    first, second = (
        Basis(measure=one.measure, start=one.start, target=one.target, at=one.at) for one in (before, after)
    )
    unchanged = [one for id_, one in has.items() if id_ not in changes]
    change = Change(before=first, after=second, inputs=after, contributions=changes, unchanged=unchanged)
    parts = split(change, value_before=compute(before).current, value_after=compute(after).current)
    return {part.kind.value: part.change for part in parts}


def split_share(had: Contributions, has: Contributions) -> dict[str, float]:
    """Split a change of a share of done issues."""
    return split_between(inputs_of(SHARE, had), had, inputs_of(SHARE, has), has)
