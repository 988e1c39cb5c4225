"""What a first import of 100,000 issues costs: calls, memory of the worker, time."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bench.findings import Finding
from bench.memory import used
from bench.stage import Stage
from simulator import GitHub
from sync_service.apply.applying import Applying
from sync_service.store import tables
from sync_service.store.database import reading
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
  - slug: gh
    kind: github
    site: {site}
    owner: ana@example.com
    webhook_secrets: [hush]
    token: {token}
    scopes: [acme/checkout]
    earlier: import
objectives:
  - slug: fast
    title: Fast
    cycle: ever
    owner: ana@example.com
    key_results:
      - {{slug: KR-1, title: Ship it, owner: ana@example.com, measure: {{kind: done-share}}}}
rules:
  - {{slug: all, connection: gh, key_result: KR-1, when: {{field: scope, is: acme/checkout}}}}
"""


def measure(stage: Stage) -> Iterator[Finding]:
    """Let one worker and the clock import a simulated repository."""
    house = stage.house()
    with GitHub("acme") as hub:
        hub.repository("checkout").create_issues(ISSUES)
        _apply(house, OKRS.format(site=hub.url, token=hub.token))
        worker = stage.start("sync_service.cli", "worker")
        until(lambda: house.redis.keys("rq:worker:*"), "the worker is there", seconds=60)
        time.sleep(2)
        before, began, most = used(worker.pid), time.monotonic(), 0.0
        stage.start("sync_service.cli", "clock")
        while not _covered(house):
            time.sleep(0.5)
            most = max(most, used(worker.pid))
        seconds = time.monotonic() - began
        calls = len(hub.rest.calls)
    with reading(house.engine) as tx:
        known = tx.scalar(sa.select(sa.func.count()).select_from(tables.issue))
    house.engine.dispose()
    if known != ISSUES:
        raise RuntimeError(f"{known} of {ISSUES} issues were imported")
    stage.end_all()
    yield Finding(
        what="memory that an import of 100,000 issues adds",
        database=stage.database,
        figure=most - before,
        unit="MB",
        bound=MEGABYTES,
        at_least=False,
        parts={"before MB": before, "most MB": most},
    )
    yield Finding(
        what="calls for each issue imported",
        database=stage.database,
        figure=calls / ISSUES,
        unit="",
        bound=CALLS,
        at_least=False,
        parts={"calls": calls, "seconds": seconds, "issues/s": ISSUES / seconds},
    )


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
