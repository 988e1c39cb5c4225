"""Views of key results and their history. The command line, the pages and the API all read them here, so they agree."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.cycles.frozen import Frozen
from sync_service.domain.measures.applying.applied import Applied, Override, Proposal
from sync_service.domain.measures.parts import Part, PartKind
from sync_service.domain.measures.status import STATUS_TEXT, Span, Status, Thresholds, proposed_outcome
from sync_service.domain.measures.status_text import threshold_clause
from sync_service.domain.people.cadence import NEVER, cadence_text, next_due, parse_cadence
from sync_service.domain.text import goal
from sync_service.domain.trackers.causes import Cause
from sync_service.store import tables
from sync_service.store.okrs import check_ins
from sync_service.store.okrs.applying.applied import read as read_applied
from sync_service.store.okrs.applying.causes import from_columns
from sync_service.store.okrs.check_ins import Latest
from sync_service.store.okrs.frozen import read as read_frozen
from sync_service.store.okrs.history import is_shown
from sync_service.store.okrs.staleness import Stale, stale
from sync_service.store.okrs.team_settings import TeamSettings, team_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyResultView:
    """A key result with its state. `owner` is an e-mail address; it defaults to `objective_owner`.

    `current`, `start` and `target` are in `unit`; `progress` is an unclamped fraction; `current` and `progress` are
    None when there is no data. Where the value has to `stay` in a range, `start` and `target` are None. `explanation`
    says how the value was computed; `updated_at` is when it last changed. `thresholds`, `span` (the
    cycle in the time zone of the team) and `expected`, the progress expected by now, decide the status. `outcome` of a
    closed key result is proposed until a person settles it. `current` is the value that is applied, `computed` what
    linked issues and check-ins give; `applied` says what is proposed or overridden. `confidence` is that of the latest
    check-in that has one; `cadence` says how often check-ins are due, and when next: empty where nobody is asked.
    `check_in_due_on` is that day, in the team's time zone.
    """

    id: int
    slug: str
    title: str
    owner: str | None
    owner_name: str | None
    objective: str
    objective_title: str
    objective_owner: str | None
    cycle: str
    weight: float
    measure: Mapping[str, Any]
    start: float | None
    target: float | None
    stay: Mapping[str, Any] | None
    unit: str
    current: float | None
    computed: float | None
    applied: Applied
    progress: float | None
    status: Status
    thresholds: Thresholds
    outcome: str | None
    rolls_up: bool
    span: Span
    expected: float | None
    stale: Stale | None
    frozen: Frozen | None
    updated_at: datetime | None
    explanation: str
    confidence: int | None = None
    cadence: str = ""
    check_in_due_on: date | None = None

    @property
    def goal(self) -> str:
        """The target with its unit, or the range: `stay above 99.5 %`."""
        return goal(self.target, self.stay, self.unit)

    @property
    def status_text(self) -> str:
        """The status in words, with the threshold that decided it."""
        by_target = self.stay is None and self.progress is not None and self.progress < 1
        expected = self.expected if by_target else None
        return STATUS_TEXT[self.status] + threshold_clause(self.status, self.thresholds, expected)

    @property
    def proposed(self) -> Proposal | None:
        """The proposal that waits for the owner, or that lapsed."""
        lapsed = self.applied.proposal if self.applied.proposal and self.applied.proposal.lapsed else None
        return self.applied.waiting or lapsed

    @property
    def override(self) -> Override | None:
        """The override that applies."""
        return self.applied.override

    @property
    def closed(self) -> bool:
        """Whether its numbers are final."""
        return self.status is Status.CLOSED

    @property
    def reason(self) -> str:
        """The explanation; where there is none, why."""
        if self.closed:
            return self.explanation or "the cycle ended before a value was computed"
        return self.explanation or "not computed yet; this takes a few seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryView:
    """One change of the value or of its goal, with its causes. Pass `id` as `before` to get older ones.

    `parts` add up to the change of the value; there are none without a value before or after, or in entries that were
    made before parts were recorded.
    """

    id: int
    at: datetime
    before: float | None
    after: float | None
    causes: tuple[Cause, ...]
    parts: tuple[Part, ...] = ()
    progress_before: float | None = None
    progress_after: float | None = None


def key_result_view(tx: Transaction, slug: str, now: datetime) -> KeyResultView | None:
    """Return a key result by its slug, in any letter case; None when there is none."""
    k = tables.live_key_result
    found = _key_results(tx, sa.func.lower(k.c.slug) == slug.lower(), now)
    return found[0] if found else None


def key_result_views(
    tx: Transaction, now: datetime, *, cycle: str | None = None, objective_ids: Collection[int] | None = None
) -> list[KeyResultView]:
    """Return the key results of a cycle (by its slug) or of objectives (by their row ids), or all, in order."""
    of_cycle = sa.true() if cycle is None else tables.live_cycle.c.slug == cycle
    of_objectives = sa.true() if objective_ids is None else tables.live_objective.c.id.in_(objective_ids)
    return _key_results(tx, sa.and_(of_cycle, of_objectives), now)


def _key_results(tx: Transaction, where: sa.ColumnElement[bool], now: datetime) -> list[KeyResultView]:
    k, o, c, p = tables.live_key_result, tables.live_objective, tables.live_cycle, tables.person
    of_objective = p.alias("of_objective")
    statement = (
        sa.select(
            k,
            o.c.slug.label("objective"),
            o.c.title.label("objective_title"),
            of_objective.c.email.label("objective_owner"),
            c.c.slug.label("cycle"),
            *(c.c.starts, c.c.ends, o.c.team_id),
            p.c.email,
            p.c.name,
        )
        .join(o, o.c.id == k.c.objective_id)
        .join(c, c.c.id == o.c.cycle_id)
        .outerjoin(p, p.c.id == sa.func.coalesce(k.c.owner_id, o.c.owner_id))
        .outerjoin(of_objective, of_objective.c.id == o.c.owner_id)
        .where(where)
        .order_by(o.c.position, o.c.id, k.c.position, k.c.id)
    )
    rows = tx.execute(statement).all()
    found = stale(tx, [row.id for row in rows])
    settings, latest = team_settings(tx), check_ins.latest(tx, [row.id for row in rows])
    return [_key_result(row, found.get(row.id), latest.get(row.id, Latest()), settings, now) for row in rows]


def _key_result(
    row: Row[Any], out_of_date: Stale | None, latest: Latest, settings: TeamSettings, now: datetime
) -> KeyResultView:
    of_team = settings.of(row.team_id)
    span = of_team.span(row.starts, row.ends)
    frozen = span.frozen(now, settings.grace_days)
    final = read_frozen(row.frozen) if frozen else None
    last_day = None if latest.at is None else latest.at.astimezone(of_team.zone).date()
    cadence = NEVER if frozen else parse_cadence(row.cadence) if row.cadence else of_team.cadence
    return KeyResultView(
        id=row.id,
        slug=row.slug,
        title=row.title,
        owner=row.email,
        owner_name=row.name,
        objective=row.objective,
        objective_title=row.objective_title,
        objective_owner=row.objective_owner,
        cycle=row.cycle,
        weight=row.weight,
        measure=row.measure,
        start=row.start,
        target=row.target,
        stay=row.stay,
        unit=row.unit,
        current=row.current,
        computed=row.computed,
        applied=read_applied(row.current, row.proposed, row.override),
        progress=row.progress,
        status=Status.CLOSED if frozen else Status(row.status),
        thresholds=of_team.thresholds,
        outcome=(row.outcome or proposed_outcome(row.progress)) if frozen else None,
        rolls_up=row.rolls_up,
        span=span,
        expected=None if frozen else span.elapsed(now),
        stale=_stale_at_freeze(final) if frozen else out_of_date,
        frozen=final,
        updated_at=row.updated_at,
        explanation=row.explanation,
        confidence=latest.confidence,
        cadence=cadence_text(cadence, last_day, starts=row.starts, today=now.astimezone(of_team.zone).date()),
        check_in_due_on=next_due(cadence, last_day, starts=row.starts),
    )


def _stale_at_freeze(frozen: Frozen | None) -> Stale | None:
    return Stale(frozen.stale.since, frozen.stale.reason) if frozen and frozen.stale else None


def history_view(
    tx: Transaction, key_result_id: int, *, before: int | None = None, limit: int = 50
) -> list[HistoryView]:
    """Return changes of a key result's value, newest first: those with an id below `before`, if given."""
    h = tables.history
    older = sa.true() if before is None else h.c.id < before
    names = ("id", "at", "causes", "progress_from", "progress_to", "parts")
    columns = sa.select(h.c["from"].label("before"), h.c.to.label("after"), *(h.c[name] for name in names))
    found = columns.where(h.c.key_result_id == key_result_id, older, is_shown).order_by(h.c.id.desc()).limit(limit)
    return [
        HistoryView(
            id=row.id,
            at=row.at,
            before=row.before,
            after=row.after,
            causes=tuple(from_columns(columns) for columns in row.causes),
            parts=tuple(Part(PartKind(one["kind"]), one["change"]) for one in row.parts),
            progress_before=row.progress_from,
            progress_after=row.progress_to,
        )
        for row in tx.execute(found)
    ]
