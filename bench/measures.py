"""Benchmark of a key result with ten thousand links: its value, its parts, its line over a cycle of 90 days.

Each is measured with a tenth of the links too: the time may not grow faster than they do.
"""

import gc
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bench.apply_updates import Work
from bench.harness import Harness
from bench.report import Finding
from bench.seed import Size, add_row, seed
from sync_service.domain.durations import DAY, MICROSECOND
from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.compute import compute
from sync_service.domain.measures.contributions import Contribution, tally
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.parts import Basis, Change, ContributionChange, split
from sync_service.domain.measures.settings import parse_measure
from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.observations import State
from sync_service.progress.compute import compute_key_results
from sync_service.progress.lines.key_result_line import key_result_line
from sync_service.progress.lines.line_cache import cache_of
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs.ruleset import RulesetCache

LINKS = 10_000
DAYS = 90
ROUNDS = 5
DELIVERIES = 1000
GROWTH = 12.0
"""Ten times the links may take that many times as long."""

STARTS = datetime(2026, 10, 1, tzinfo=UTC)
ENDS = STARTS + DAYS * DAY
NOW = ENDS - MICROSECOND
POINTS = {"kind": "done-share", "weight": "points"}
TIMES = {"kind": "cycle-time"}

StateRows = list[tuple[datetime, State]]


def measure(harness: Harness) -> Iterator[Finding]:
    """Measure key results with many links, and how many deliveries are applied in this process."""
    services = harness.services()
    seed(services, Size(scopes=1))
    applied = _applied(services)
    bench = Bench.seeded(services)
    found = [*bench.findings(harness.database)]
    services.engine.dispose()
    yield from found
    yield Finding(
        what="deliveries applied in one process",
        database=harness.database,
        figure=applied,
        unit="/s",
        parts={"deliveries": DELIVERIES},
    )


def _applied(services: Services) -> float:
    """Return how many deliveries are applied each second, without a worker."""
    work = Work(services, Size(scopes=1))
    rates = []
    for number in (DELIVERIES // 10, DELIVERIES, DELIVERIES, DELIVERIES):  # the first warms up
        work.store(list(islice(work.payloads(), number)))
        rates.append(number / _seconds(lambda: services.drains.drain("delivery")))
    return sorted(rates[1:])[1]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def states_of(number: int) -> StateRows:
    """Return when an issue was created, started, done and, one of ten, reopened."""
    created = STARTS + timedelta(hours=number * 37 % (24 * DAYS) - 24 * 20)
    rows = [(created, State.TODO), (created + 2 * DAY, State.DOING), (created + (3 + number % 17) * DAY, State.DONE)]
    if number % 10 == 0:
        rows += [(rows[-1][0] + DAY, State.TODO), (rows[-1][0] + 4 * DAY, State.DONE)]
    return [one for one in rows if one[0] <= NOW]


@dataclass(slots=True)
class Bench:
    """A database with key results of a cycle; `seen` are computed day by day, the others at its end for the first time.

    Each list has the key result with a tenth of the links first.
    """

    services: Services
    seen: list[int]
    imported: list[int]
    times: list[int]
    issues: Mapping[int, StateRows]
    cache: RulesetCache = field(default_factory=RulesetCache)

    @classmethod
    def seeded(cls, services: Services) -> "Bench":
        """Add the key results with their issues, and let the cycle pass."""
        with writing(services.engine) as tx:
            objective = _add_objective(tx)
            seen, imported, times = (
                [_add_key_result(tx, objective, f"{name}-{links}", settings) for links in (LINKS // 10, LINKS)]
                for name, settings in (("seen", POINTS), ("imported", POINTS), ("times", TIMES))
            )
        bench = cls(services, seen, imported, times, {})
        with writing(services.engine) as tx:
            bench.issues = _add_issues(tx, ((small, large) for small, large in (seen, imported, times)))
        bench._let_pass()
        return bench

    def _let_pass(self) -> None:
        by_day: dict[int, list[tuple[int, datetime, State]]] = defaultdict(list)
        for id_, rows in self.issues.items():
            for at, state in rows:
                by_day[max((at - STARTS) // DAY, -1)].append((id_, at, state))
        for day in range(-1, DAYS):
            self._change(by_day[day])
            self.compute(self.seen, STARTS + (day + 1) * DAY - MICROSECOND, [id_ for id_, _, _ in by_day[day]])
        self.compute([*self.imported, *self.times], NOW)

    def _change(self, changes: Sequence[tuple[int, datetime, State]]) -> None:
        rows = [
            {"of": id_, "new": state.value, "at": at, "closed": at if state is State.DONE else None}
            for id_, at, state in changes
        ]
        i = tables.issue
        statement = sa.update(i).where(i.c.id == sa.bindparam("of"))
        values = {
            "state": sa.bindparam("new"),
            "updated_at": sa.bindparam("at", type_=i.c.updated_at.type),
            "closed_at": sa.bindparam("closed", type_=i.c.closed_at.type),
        }
        if rows:
            with writing(self.services.engine) as tx:
                tx.execute(statement.values(values), rows)

    def compute(self, ids: Sequence[int], now: datetime, issue_ids: Sequence[int] | None = None) -> None:
        """Compute key results."""
        with writing(self.services.engine) as tx:
            ruleset = self.cache.current(tx)
            causes: dict[int, tuple[()]] = dict.fromkeys(ids, ())
            compute_key_results(tx, ruleset, causes, now=now, settle=DAY, issue_ids=issue_ids)

    def line(self, key_result_id: int, *, cached: bool = False) -> None:
        """Read a line."""
        with reading(self.services.engine) as tx:
            if not cached:
                cache_of(tx).clear()
            days = key_result_line(tx, key_result_id, NOW)
        if len(days) != DAYS:
            raise RuntimeError(f"the line has {len(days)} days")

    def findings(self, database: str) -> Iterator[Finding]:
        """Yield how long each takes, and how much longer than with a tenth of the links."""
        works: Mapping[str, tuple[Sequence[int], Callable[[int], object]]] = {
            "the value of": (self.imported, lambda one: self.compute([one], NOW)),
            "the value after one change of an issue of": (self.seen, self._compute_one),
            "the parts of a change of all issues of": ([LINKS // 10, LINKS], _split),
            "the line, reconstructed, of": (self.imported, self.line),
            "the line, seen, of": (self.seen, self.line),
            "the line of cycle times, reconstructed, of": (self.times, self.line),
            "a line that is cached, of": (self.imported, lambda one: self.line(one, cached=True)),
        }
        gc.collect()
        gc.freeze()  # what the benchmark itself holds, a service does not
        for name, (ids, work) in works.items():
            small, large = _medians(work, ids)
            yield Finding(
                what=f"{name} {LINKS:,} links, to a tenth of them",
                database=database,
                figure=large / small,
                bound=GROWTH,
                at_least=False,
                parts={f"{LINKS:,} links ms": 1000 * large, f"{LINKS // 10:,} links ms": 1000 * small},
            )
        gc.unfreeze()

    def _compute_one(self, key_result_id: int) -> None:
        self.compute([key_result_id], NOW, [next(iter(self.issues))])


def _medians(work: Callable[[int], object], ids: Sequence[int]) -> Iterator[float]:
    """Yield the median of the seconds that a work takes with each, measured alternately."""
    rounds = [[_seconds(partial(work, one)) for one in ids] for _ in range(ROUNDS)]
    for times in zip(*rounds, strict=True):
        yield sorted(times)[ROUNDS // 2]


def _split(links: int) -> None:
    """Split a change in which all issues of a key result became done."""
    change = _change_of(links)
    split(change, value_before=0.0, value_after=compute(change.inputs).current)


@cache
def _change_of(links: int) -> Change:
    span = Span(STARTS, ENDS)
    after = [Contribution(State.DONE, number=float(number % 9)) for number in range(links)]
    measure = parse_measure(POINTS)
    basis = Basis(measure=measure, start=0, target=100, at=NOW)
    inputs = Inputs(
        measure=measure,
        start=0,
        target=100,
        span=span,
        at=NOW,
        calendar=Calendar(ZoneInfo("UTC")),
        tallies=tally(after, span),
    )
    changed = {id_: ContributionChange(replace(one, state=State.TODO), one) for id_, one in enumerate(after)}
    return Change(before=basis, after=basis, inputs=inputs, contributions=changed)


def _add_objective(tx: Connection) -> int:
    columns = {"slug": "q4", "name": "Q4", "starts_at": STARTS, "ends_at": ENDS}
    cycle = add_row(tx, tables.cycle, starts=STARTS.date(), ends=NOW.date(), **columns)
    return add_row(tx, tables.objective, slug="many", title="Many", cycle_id=cycle, position=9999)


def _add_key_result(tx: Connection, objective: int, slug: str, settings: Mapping[str, Any]) -> int:
    columns = {"start": 0.0, "target": 100.0, "measure": dict(settings)}
    return add_row(tx, tables.key_result, objective_id=objective, slug=slug, title=slug, **columns)


def _add_issues(tx: Connection, key_results: Iterator[tuple[int, int]]) -> dict[int, StateRows]:
    """Add issues with their past; link a tenth of them to the first of each pair of key results, all to the second."""
    scope = tx.execute(sa.select(tables.scope.c.id, tables.scope.c.connection_id).limit(1)).one()
    last = tx.scalar(sa.select(sa.func.max(tables.issue.c.id))) or 0
    issues = {last + 1 + number: states_of(number) for number in range(LINKS)}
    tx.execute(sa.insert(tables.issue), [_issue(id_, rows, scope) for id_, rows in issues.items()])
    states = [
        {"issue_id": id_, "at": at, "state": state.value, "source": "history"}
        for id_, rows in issues.items()
        for at, state in rows
    ]
    tx.execute(sa.insert(tables.issue_state), states)
    links = [
        {"key_result_id": one, "issue_id": id_, "origin": "manual", "source": number, "weight": 1.0}
        for small, large in key_results
        for one, ids in ((small, list(issues)[: LINKS // 10]), (large, list(issues)))
        for number, id_ in enumerate(ids)
    ]
    tx.execute(sa.insert(tables.link), links)
    return issues


def _issue(id_: int, rows: StateRows, scope: Any) -> dict[str, Any]:
    created = rows[0][0]
    return {
        "id": id_,
        "connection_id": scope.connection_id,
        "scope_id": scope.id,
        "identity": f"many#{id_}",
        "key": f"acme/many#{id_}",
        "folded_key": f"acme/many#{id_}",
        "kind": "issue",
        "state": State.TODO.value,
        "labels": [],
        "assignees": [],
        "points": float(id_ % 9),
        "created_at": created,
        "started_at": next((at for at, state in rows if state is State.DOING), None),
        "reopened": max(sum(state is State.TODO for _, state in rows) - 1, 0),
        "states_known_since": created,
        "updated_at": created,
    }
