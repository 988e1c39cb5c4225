"""Benchmark of a first import of 100,000 issues with the worker killed half-way: calls, worker memory, time."""

import contextlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bench.harness import Harness
from bench.memory import used
from bench.report import Finding
from simulator import GitHub, Jira
from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import DatabaseNow, reading, writing
from tests.support.wait_until import until

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
    webhook_secrets: [hush-hush]
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
class _Tracker:
    """A running simulated tracker full of issues, and the configuration file of a connection to it."""

    tracker: GitHub | Jira
    okrs: str


@contextlib.contextmanager
def _github() -> Iterator[_Tracker]:
    with GitHub("acme") as github:
        github.repository("checkout").create_issues(ISSUES)
        okrs = OKRS.format(kind="github", site=github.url, token=github.token, more="", scope="acme/checkout")
        yield _Tracker(github, okrs)


@contextlib.contextmanager
def _jira() -> Iterator[_Tracker]:
    with Jira() as jira:
        jira.project("SHOP").create_issues(ISSUES)
        email = f"email: {jira.email}"
        yield _Tracker(jira, OKRS.format(kind="jira", site=jira.url, token=jira.token, more=email, scope="SHOP"))


def measure_github(harness: Harness) -> Iterator[Finding]:
    """Measure the import of a simulated repository by one worker and the scheduler."""
    yield from _measure(harness, "GitHub", _github())


def measure_jira(harness: Harness) -> Iterator[Finding]:
    """Measure the import of a simulated project by one worker and the scheduler."""
    yield from _measure(harness, "Jira", _jira())


def _measure(harness: Harness, title: str, simulated: AbstractContextManager[_Tracker]) -> Iterator[Finding]:
    services = harness.services()
    with simulated as tracker:
        _apply(services, tracker.okrs)
        began = time.monotonic()
        added = [_memory_added(harness, services, issues=ISSUES // 2), _memory_added(harness, services, issues=ISSUES)]
        until(lambda: _is_complete(services), "the import is complete", seconds=600)
        seconds = time.monotonic() - began
        calls = len(tracker.tracker.rest.calls)
    stored = _issues_stored(services)
    services.engine.dispose()
    if stored != ISSUES:
        raise RuntimeError(f"{stored} of {ISSUES} issues were imported")
    harness.end_all()
    yield Finding(
        what=f"memory that an import of 100,000 issues from {title} adds",
        database=harness.database,
        figure=max(added),
        unit="MB",
        bound=MEGABYTES,
        at_least=False,
        parts={"until the kill MB": added[0], "after it MB": added[1]},
    )
    yield Finding(
        what=f"calls for each issue imported from {title}",
        database=harness.database,
        figure=calls / ISSUES,
        unit="",
        bound=CALLS,
        at_least=False,
        parts={"calls": calls, "seconds": seconds, "issues/s": ISSUES / seconds},
    )


def _memory_added(harness: Harness, services: Services, *, issues: int) -> float:
    """Let a worker import until so many issues are stored, kill it, and return by how many MB it grew."""
    worker = harness.start("sync_service.cli", "worker")
    until(lambda: services.redis.keys("rq:worker:*"), "the worker has started", seconds=60)
    time.sleep(2)
    before, most = used(worker.pid), 0.0
    scheduler = harness.start("sync_service.cli", "clock")
    while _issues_stored(services) < issues:
        time.sleep(0.5)
        most = max(most, used(worker.pid))
    if issues < ISSUES:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
        services.redis.delete(*services.redis.keys("rq:worker*"))
        with writing(
            services.engine
        ) as tx:  # end its lease now, not in three minutes, which would spoil the measured time
            tx.execute(sa.update(tables.poll).values(due_at=DatabaseNow()))
    return most - before


def _issues_stored(services: Services) -> int:
    with reading(services.engine) as tx:
        return tx.scalar(sa.select(sa.func.count()).select_from(tables.issue)) or 0


def _apply(services: Services, okrs: str) -> None:
    applying = ConfigApplier(
        engine=services.engine,
        sealer=services.sealer,
        connectors=services.connectors,
        environment={},
        zone=ZoneInfo("UTC"),
        now=lambda: datetime.now(UTC),
        actor="the benchmarks",
    )
    applying.apply([("okrs.yaml", okrs.encode())], prune=False)


def _is_complete(services: Services) -> bool:
    with reading(services.engine) as tx:
        return bool(tx.scalar(sa.select(sa.literal(1)).where(tables.scope.c.covered_at.isnot(None))))
