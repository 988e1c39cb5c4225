"""What a first import of 100,000 issues costs, whose worker is killed half-way: calls, memory of the worker, time."""

import contextlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bench.findings import Finding
from bench.memory import used
from bench.stage import Stage
from simulator import GitHub, Jira
from sync_service.apply.applying import Applying
from sync_service.store import tables
from sync_service.store.database import DatabaseNow, reading, writing
from sync_service.wiring import House
from tests.waiting import until

ISSUES = 100_000
CALLS = 0.02
MEGABYTES = 100.0

OKRS = """\
people:
  - {{email: ana@example.com, name: Ana Ruiz, role: admin}}
cycles:
  - {{slug: ever, name: Ever, starts: 2020-01-01, ends: 2199-12-31}}
connections:
  - slug: tracker
    kind: {kind}
    site: {site}
    owner: ana@example.com
    webhook_secrets: [hush]
    token: {token}
    {more}
    scopes: [{scope}]
    earlier: import
objectives:
  - slug: fast
    title: Fast
    cycle: ever
    owner: ana@example.com
    key_results:
      - {{slug: KR-1, title: Ship it, owner: ana@example.com, measure: {{kind: done-share}}}}
rules:
  - {{slug: all, connection: tracker, key_result: KR-1, when: {{field: scope, is: {scope}}}}}
"""


@dataclass(frozen=True, slots=True)
class _Town:
    """A simulated tracker that runs and is full of issues, and how a connection to it is written."""

    tracker: GitHub | Jira
    okrs: str


@contextlib.contextmanager
def _github() -> Iterator[_Town]:
    with GitHub("acme") as hub:
        hub.repository("checkout").create_issues(ISSUES)
        written = OKRS.format(kind="github", site=hub.url, token=hub.token, more="", scope="acme/checkout")
        yield _Town(hub, written)


@contextlib.contextmanager
def _jira() -> Iterator[_Town]:
    with Jira() as jira:
        jira.project("SHOP").create_issues(ISSUES)
        email = f"email: {jira.email}"
        yield _Town(jira, OKRS.format(kind="jira", site=jira.url, token=jira.token, more=email, scope="SHOP"))


def measure_github(stage: Stage) -> Iterator[Finding]:
    """Let one worker and the clock import a simulated repository."""
    yield from _measure(stage, "GitHub", _github())


def measure_jira(stage: Stage) -> Iterator[Finding]:
    """Let one worker and the clock import a simulated project."""
    yield from _measure(stage, "Jira", _jira())


def _measure(stage: Stage, title: str, town: AbstractContextManager[_Town]) -> Iterator[Finding]:
    house = stage.house()
    with town as place:
        _apply(house, place.okrs)
        began = time.monotonic()
        added = [_memory_added(stage, house, issues=ISSUES // 2), _memory_added(stage, house, issues=ISSUES)]
        until(lambda: _covered(house), "the import is complete", seconds=600)
        seconds = time.monotonic() - began
        calls = len(place.tracker.rest.calls)
    known = _known(house)
    house.engine.dispose()
    if known != ISSUES:
        raise RuntimeError(f"{known} of {ISSUES} issues were imported")
    stage.end_all()
    yield Finding(
        what=f"memory that an import of 100,000 issues from {title} adds",
        database=stage.database,
        figure=max(added),
        unit="MB",
        bound=MEGABYTES,
        at_least=False,
        parts={"until the kill MB": added[0], "after it MB": added[1]},
    )
    yield Finding(
        what=f"calls for each issue imported from {title}",
        database=stage.database,
        figure=calls / ISSUES,
        unit="",
        bound=CALLS,
        at_least=False,
        parts={"calls": calls, "seconds": seconds, "issues/s": ISSUES / seconds},
    )


def _memory_added(stage: Stage, house: House, *, issues: int) -> float:
    """Let a worker import until so many issues are known, kill it, and give by how many MB it grew."""
    worker = stage.start("sync_service.cli", "worker")
    until(lambda: house.redis.keys("rq:worker:*"), "the worker is there", seconds=60)
    time.sleep(2)
    before, most = used(worker.pid), 0.0
    clock = stage.start("sync_service.cli", "clock")
    while _known(house) < issues:
        time.sleep(0.5)
        most = max(most, used(worker.pid))
    if issues < ISSUES:
        for process in (clock, worker):
            process.kill()
            process.wait()
        house.redis.delete(*house.redis.keys("rq:worker*"))
        with writing(house.engine) as tx:  # its lease ends at once, and not in three minutes: speed is measured
            tx.execute(sa.update(tables.poll).values(due_at=DatabaseNow()))
    return most - before


def _known(house: House) -> int:
    with reading(house.engine) as tx:
        return tx.scalar(sa.select(sa.func.count()).select_from(tables.issue)) or 0


def _apply(house: House, okrs: str) -> None:
    applying = Applying(
        engine=house.engine,
        sealer=house.sealer,
        connectors=house.connectors,
        environment={},
        zone=ZoneInfo("UTC"),
        now=lambda: datetime.now(UTC),
        actor="the benchmarks",
    )
    applying.apply([("okrs.yaml", okrs.encode())], prune=False)


def _covered(house: House) -> bool:
    with reading(house.engine) as tx:
        return bool(tx.scalar(sa.select(sa.literal(1)).where(tables.scope.c.covered_at.isnot(None))))
