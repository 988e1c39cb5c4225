"""Inputs: read what key results are computed from, and what of it changed since the last time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from sync_service.domain.cycles.as_of import contribution_as_of, time_of_value
from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.contributions import Tally, tally
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.parts import Basis, Change, ContributionChange
from sync_service.domain.measures.settings import Measure
from sync_service.domain.measures.status import GRACE_DAYS
from sync_service.progress.calendars import build_calendar
from sync_service.progress.met_conditions import met
from sync_service.progress.steps_done import WithSteps, read_steps
from sync_service.store.cycles import issue_pasts
from sync_service.store.okrs import check_ins, contributions
from sync_service.store.okrs.contributions import Contributions
from sync_service.store.okrs.key_results import KeyResult
from sync_service.store.okrs.linked_issues import PreviewLinks
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.okrs.team_settings import team_settings

_UTC = Calendar(ZoneInfo("UTC"))

Changes = dict[int, ContributionChange]
"""The changed contributions of one key result, by issue id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputReader:
    """Reads the inputs of key results at a time. With `supposed` links nothing is stored: it is a preview.

    `by_rule`: what is linked now and was not before is linked by a changed rule. Check-ins and ticks count until
    `grace_days` after the end of the cycle.
    """

    tx: Connection
    ruleset: Ruleset
    now: datetime
    supposed: PreviewLinks | None = None
    by_rule: bool = False
    grace_days: int = GRACE_DAYS

    def read(self, found: Sequence[KeyResult], issue_ids: Collection[int] | None) -> dict[int, Change]:
        """Return the inputs of key results and how they changed; read only some issues, where others did not change."""
        whole = [one for one in found if issue_ids is None or self.supposed or _reads_anew(one, self.now)]
        partly = [one for one in found if one not in whole]
        changes: dict[int, Changes] = {}
        present: dict[int, Contributions] = {}
        for some, ids in ((whole, None), (partly, issue_ids)):
            if some:
                self._read_contributions(some, ids, changes, present)
        if self.supposed is None:
            contributions.save(self.tx, changes)
        read = _Read.of(self.tx, found, self.now, self.grace_days, self.supposed)
        return {one.id: self._change(one, changes[one.id], present.get(one.id, {}), read) for one in found}

    def _read_contributions(
        self,
        found: Sequence[KeyResult],
        issue_ids: Collection[int] | None,
        changes: dict[int, Changes],
        present: dict[int, Contributions],
    ) -> None:
        """Compare current with stored contributions; keep all of them if the measure needs them one by one."""
        before = contributions.stored(self.tx, [one.id for one in found], issue_ids=issue_ids)
        after = self.present(found, before, issue_ids)
        for one in found:
            changes[one.id] = contributions.changes(before[one.id], after.get(one.id, {}), by_rule=self.by_rule)
        if issue_ids is None:
            present |= after
            return
        single = [one.id for one in found if one.measure.reads and not one.measure.tallied]
        for id_, stored in contributions.stored(self.tx, single).items() if single else ():
            kept = {issue: each for issue, each in stored.items() if issue not in before[id_]}
            present[id_] = kept | after[id_]

    def present(
        self, found: Sequence[KeyResult], before: Mapping[int, Contributions], issue_ids: Collection[int] | None = None
    ) -> dict[int, Contributions]:
        """Return what linked issues contribute now, or as of the end of their cycle; `before` is what is stored."""
        measures = {one.id: one.measure for one in found if one.measure.reads}
        after = contributions.present(
            self.tx, measures, test=self._meets_condition, supposed=self.supposed, issue_ids=issue_ids
        )
        for one in found:
            if one.span.ends_at <= self.now:
                after[one.id] = _as_of_end(self.tx, one, after.get(one.id, {}), before[one.id])
        return after

    def _change(self, one: KeyResult, changes: Changes, present: Contributions, read: "_Read") -> Change:
        """Return the inputs of one key result and how they changed; `present` are its contributions, if read."""
        tallies: Sequence[Tally] = read.tallies.get(one.id, ())
        if self.supposed is not None and one.measure.tallied:
            tallies = tally(present.values(), one.span)
        single = () if one.measure.tallied else tuple(present.values())
        basis = Basis(
            measure=one.measure,
            start=one.start,
            target=one.target,
            at=time_of_value(one.span, self.now),
            checked_in=read.checked_in.get(one.id),
            steps_done=read.steps_done.get(one.id, frozenset()),
        )
        inputs = Inputs(
            measure=one.measure,
            start=one.start,
            target=one.target,
            span=one.span,
            at=basis.at,
            calendar=calendar_for(self.tx, one),
            tallies=tuple(tallies),
            contributions=single,
            checked_in=basis.checked_in,
            steps_done=basis.steps_done,
            ever_linked=bool(tallies or single) or one.computed is not None,
            known_since=read.known_since.get(one.id),
            stay=one.stay,
        )
        unchanged = () if one.measure.tallied else tuple(each for id_, each in present.items() if id_ not in changes)
        return Change(before=one.basis, after=basis, inputs=inputs, contributions=changes, unchanged=unchanged)

    def _meets_condition(
        self, tx: Connection, measure: Measure, issue_ids: Collection[int]
    ) -> Mapping[int, bool | None]:
        return met(tx, self.ruleset, measure, issue_ids)


def calendar_for(tx: Connection, one: KeyResult) -> Calendar:
    """Return the calendar of a key result's team. Sums of issues need none: it is not read for them."""
    if one.measure.tallied:
        return _UTC
    settings = team_settings(tx).of(one.team_id)
    return build_calendar(settings.calendar, settings.zone)


def _as_of_end(tx: Connection, one: KeyResult, present: Contributions, before: Contributions) -> Contributions:
    """Return what issues contributed to a key result as of the end of its cycle."""
    field, last = one.measure.number_field, one.basis.measure if one.basis else None
    held = before if last is not None and (last.number_field, last.meets) == (field, one.measure.meets) else {}
    pasts = issue_pasts.read(tx, present, number_field=field)
    found = {
        id_: contribution_as_of(each, pasts[id_], one.span.ends_at, reads=one.measure.reads, before=held.get(id_))
        for id_, each in present.items()
    }
    return {id_: each for id_, each in found.items() if each is not None}


def _reads_anew(one: KeyResult, now: datetime) -> bool:
    """Return whether all contributions are read.

    The measure reads other fields than before, none were stored, or the cycle ended since.
    """
    if one.basis is None or one.basis.measure != one.measure:
        return True
    return one.basis.at < time_of_value(one.span, now) == time_of_value(one.span, one.span.ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """Inputs of key results, by id, that are read for all of them together."""

    tallies: Mapping[int, Sequence[Tally]]
    checked_in: Mapping[int, float]
    steps_done: Mapping[int, frozenset[str]]
    known_since: Mapping[int, datetime]

    @classmethod
    def of(
        cls,
        tx: Connection,
        found: Sequence[KeyResult],
        now: datetime,
        grace_days: int,
        supposed: PreviewLinks | None,
    ) -> "_Read":
        """Read what the measures of key results need."""
        measures = {one.id: one.measure for one in found}
        with_steps = [
            WithSteps(id=one.id, measure=one.measure, span=one.span) for one in found if one.measure.kind == "steps"
        ]
        return cls(
            tallies=contributions.tallies(tx, {one.id: one.span for one in found if one.measure.tallied}),
            checked_in=check_ins.latest_values(
                tx, {one.id: one.span.freezes_at(grace_days) for one in found if one.measure.kind == "manual"}
            ),
            steps_done={id_: one.done for id_, one in read_steps(tx, with_steps, now, grace_days).items()},
            known_since=contributions.known_since(
                tx, [id_ for id_, one in measures.items() if one.kind == "throughput"], supposed=supposed
            ),
        )
