"""Benchmark of the memory of the whole service, and of its growth under load.

The figure is the proportional set size (PSS) of all processes: memory that processes share counts once.
https://docs.kernel.org/filesystems/proc.html
"""

import contextlib
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from bench.apply_updates import Work
from bench.harness import Harness, answers, free_port
from bench.load import post_all
from bench.report import Finding
from bench.seed import Size, seed
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading
from tests.support.wait_until import until

DELIVERIES = 100_000
WARM = 20_000
STEP = 10_000
BOUND_MB = 400.0
GROWTH = 1.05
"""Bound of the memory at the end over the memory after 20,000 deliveries; allocators fluctuate."""

SIZE = Size(scopes=10)


def measure(harness: Harness) -> Iterator[Finding]:
    """Post 100,000 deliveries about 10,000 issues to `okr-sync up` with one web process and two workers."""
    services = harness.services()
    seed(services, SIZE)
    port = free_port()
    service = harness.start(
        "sync_service.cli", "up", "--port", str(port), "--workers", "2", OKR_SYNC_SETTLE_SECONDS="600"
    )
    until(lambda: answers(port), "the service answers", seconds=60)
    settle()
    memory = {0: used(service.pid)}
    deliveries = Work(services, SIZE).payloads()
    for sent in range(STEP, DELIVERIES + 1, STEP):
        post_all(port, list(islice(deliveries, STEP)))
        until(lambda: not _has_due_rows(services), "all are applied", seconds=300)
        settle()
        memory[sent] = used(service.pid)
    services.engine.dispose()
    harness.end_all()
    yield Finding(
        what="memory of up, 1 web process and 2 workers",
        database=harness.database,
        figure=max(memory.values()),
        unit="MB",
        bound=BOUND_MB,
        at_least=False,
        parts={f"after {sent:,}": megabytes for sent, megabytes in memory.items() if sent in (0, WARM, DELIVERIES)},
    )
    yield Finding(
        what="memory after 100,000 deliveries ÷ after 20,000",
        database=harness.database,
        figure=memory[DELIVERIES] / memory[WARM],
        bound=GROWTH,
        at_least=False,
    )


def settle() -> None:
    """Wait until the processes are idle."""
    time.sleep(2)


def used(pid: int) -> float:
    """Return the proportional set size of a process and its descendants, in MB."""
    total = 0.0
    for one in below(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in (Path("/proc") / str(one) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) / 1000
    return total


def below(pid: int) -> list[int]:
    """Return the ids of a process and its descendants."""
    found = [pid]
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for child in (Path("/proc") / str(pid) / "task" / str(pid) / "children").read_text().split():
            found += below(int(child))
    return found


def _has_due_rows(services: Services) -> bool:
    with reading(services.engine) as tx:
        return bool(tx.scalar(sa.select(sa.literal(1)).where(tables.delivery.c.due_at.isnot(None)).limit(1)))
