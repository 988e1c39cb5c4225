"""How much memory the whole service takes, and whether that grows while it works.

Summed over all its processes as proportional set size: memory that processes share is counted once.
https://docs.kernel.org/filesystems/proc.html
"""

import contextlib
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from bench.applying import Work
from bench.clients import post_all
from bench.findings import Finding
from bench.furnishing import Size, furnish
from bench.stage import Stage, answers, free_port
from sync_service.store import tables
from sync_service.store.database import reading
from sync_service.wiring import House
from tests.waiting import until

DELIVERIES = 100_000
WARM = 20_000
STEP = 10_000
BOUND_MB = 400.0
GROWTH = 1.05
"""What the last step may take over the memory after the first 20,000 deliveries: allocators breathe."""

PLACE = Size(scopes=10)


def measure(stage: Stage) -> Iterator[Finding]:
    """Post 100,000 deliveries about 10,000 issues to `okr-sync up` with one web process and two workers."""
    house = stage.house()
    furnish(house, PLACE)
    port = free_port()
    service = stage.start(
        "sync_service.cli", "up", "--port", str(port), "--workers", "2", OKR_SYNC_SETTLE_SECONDS="600"
    )
    until(lambda: answers(port), "the service answers", seconds=60)
    settle()
    taken = {0: used(service.pid)}
    letters = Work(house, PLACE).letters()
    for sent in range(STEP, DELIVERIES + 1, STEP):
        post_all(port, list(islice(letters, STEP)))
        until(lambda: not _waits(house), "all are applied", seconds=300)
        settle()
        taken[sent] = used(service.pid)
    house.engine.dispose()
    stage.end_all()
    yield Finding(
        what="memory of up, 1 web process and 2 workers",
        database=stage.database,
        figure=max(taken.values()),
        unit="MB",
        bound=BOUND_MB,
        at_least=False,
        parts={f"after {sent:,}": megabytes for sent, megabytes in taken.items() if sent in (0, WARM, DELIVERIES)},
    )
    yield Finding(
        what="memory after 100,000 deliveries ÷ after 20,000",
        database=stage.database,
        figure=taken[DELIVERIES] / taken[WARM],
        bound=GROWTH,
        at_least=False,
    )


def settle() -> None:
    """Let the parts come to rest."""
    time.sleep(2)


def used(pid: int) -> float:
    """Sum the proportional set sizes of a process and all below it, in MB."""
    total = 0.0
    for one in below(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in (Path("/proc") / str(one) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) / 1000
    return total


def below(pid: int) -> list[int]:
    """Give a process and all its descendants."""
    found = [pid]
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for child in (Path("/proc") / str(pid) / "task" / str(pid) / "children").read_text().split():
            found += below(int(child))
    return found


def _waits(house: House) -> bool:
    with reading(house.engine) as tx:
        return bool(tx.scalar(sa.select(sa.literal(1)).where(tables.delivery.c.due_at.isnot(None)).limit(1)))
