"""Benchmark of one worker: deliveries applied per second, against empty RQ jobs; and the cost of a large database."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, islice

import sqlalchemy as sa
from rq import Queue
from rq.serializers import JSONSerializer

from bench.harness import Harness
from bench.payloads import Payload, Templates
from bench.report import Finding
from bench.seed import ISSUES, Size, label_of, seed
from sync_service.domain.trackers.connector import WebhookRequest
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading
from sync_service.store.trackers import inbox
from sync_service.store.trackers.inbox import ReceivedDelivery
from tests.support.wait_until import until

DELIVERIES = 4000
JOBS = 1000
TIMES = 5.0
GROWTH = 1.5
SMALL, MEDIUM, LARGE = Size(scopes=1), Size(scopes=10), Size(scopes=100)
NOTHING = "operator.not_"


def measure(harness: Harness) -> Iterator[Finding]:
    """Measure how fast a worker applies deliveries on a medium database, and how fast RQ runs empty jobs."""
    services = harness.services()
    seed(services, MEDIUM)
    work = Work(services, MEDIUM)
    harness.start("sync_service.cli", "worker")
    work.apply(DELIVERIES // 10)  # warms up the worker and its caches
    applied = sorted(work.apply(DELIVERIES) for _ in range(3))[1]
    harness.end_all()
    jobs = do_nothing(harness, services)
    services.engine.dispose()
    yield Finding(
        what="applied/s by one worker ÷ RQ's jobs that do nothing",
        database=harness.database,
        figure=applied / jobs,
        bound=TIMES,
        parts={"deliveries/s": applied, "jobs/s": jobs, "issues": MEDIUM.issues},
    )


def grow(small: Harness, large: Harness) -> Iterator[Finding]:
    """Compare a worker's cost of a delivery on a small and a large database, measured alternately."""
    works: dict[str, Work] = {}
    for name, harness, size in (("small", small, SMALL), ("large", large, LARGE)):
        services = harness.services()
        seed(services, size)
        works[name] = Work(services, size)
        harness.start("sync_service.cli", "worker")
        works[name].apply(DELIVERIES // 10)
    costs: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(3):
        for name, work in works.items():
            costs[name].append(1000 / work.apply(DELIVERIES))
    medians = {name: sorted(found)[1] for name, found in costs.items()}
    yield Finding(
        what="cost of a delivery on a database 100 times as large",
        database=small.database,
        figure=medians["large"] / medians["small"],
        bound=GROWTH,
        at_least=False,
        parts={f"{name} ms": cost for name, cost in medians.items()},
    )
    for work in works.values():
        work.services.engine.dispose()


class Work:
    """Generates deliveries about random issues, each later than the one before, and lets the worker apply them."""

    def __init__(self, services: Services, size: Size) -> None:
        self.services = services
        self._size = size
        self._random = random.Random(1)  # noqa: S311 - a seed makes it repeatable
        self._templates = Templates()
        self._second = count(1)

    def apply(self, number: int) -> float:
        """Store deliveries, wake the worker once, and wait until all are applied; return deliveries per second."""
        self.store(list(islice(self.payloads(), number)))
        began = time.perf_counter()
        self.services.wakeup.wake(["delivery"])
        until(lambda: not self._waiting(), "all are applied", seconds=300)
        return number / (time.perf_counter() - began)

    def payloads(self) -> Iterator[Payload]:
        """Yield deliveries endlessly."""
        while True:
            number = self._random.randrange(ISSUES)
            yield self._templates.closing(
                repository=self._random.randrange(self._size.scopes),
                number=number + 1,
                label=label_of(number),
                second=next(self._second),
                done=self._random.random() < 0.5,
            )

    def store(self, payloads: list[Payload]) -> None:
        """Store deliveries, as if they had been received."""
        connection = self.services.connections.named("gh")
        if connection is None:
            raise RuntimeError("there is no connection")
        connector = self.services.connectors["github"]
        rows = []
        for payload in payloads:
            post = WebhookRequest({name.lower(): value for name, value in payload.headers.items()}, payload.body)
            if not connector.verify(post, connection.secrets, connection.view.client):
                raise RuntimeError("a delivery is not signed")
            rows.append(
                ReceivedDelivery(
                    connection_id=connection.id,
                    delivery_id=connector.delivery_id(post),
                    received_at=datetime.now(UTC),
                    headers={name: post.headers[name] for name in connector.stored_headers if name in post.headers},
                    body=post.body,
                )
            )
        for first in range(0, len(rows), 500):
            inbox.store(self.services.engine, rows[first : first + 500])

    def _waiting(self) -> bool:
        with reading(self.services.engine) as tx:
            buried = tx.scalar(sa.select(tables.delivery.c.outcome).where(tables.delivery.c.buried_at.isnot(None)))
            if buried is not None:
                raise RuntimeError(f"a delivery was buried: {buried}")
            return bool(tx.scalar(sa.select(sa.literal(1)).where(tables.delivery.c.due_at.isnot(None)).limit(1)))


def do_nothing(harness: Harness, services: Services) -> float:
    """Run empty jobs by one RQ `SimpleWorker` on the same Valkey; return jobs per second."""
    queue = Queue("nothing", connection=services.redis, serializer=JSONSerializer)
    harness.start(
        "rq.cli", "worker", "--quiet", "--url", services.settings.redis_url or "",
        "--worker-class", "rq.worker.SimpleWorker", "--serializer", "json", "nothing",
    )  # fmt: skip
    rates = []
    for round_ in range(4):
        for _ in range(JOBS if round_ else 20):  # the first round warms up
            queue.enqueue(NOTHING, 1, result_ttl=0)
        began, waiting = time.perf_counter(), queue.count
        until(lambda: not queue.count, "all jobs are done", seconds=60)
        rates.append(waiting / (time.perf_counter() - began))
    harness.end_all()
    return sorted(rates[1:])[1]
