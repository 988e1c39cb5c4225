"""Benchmark of webhook latency and throughput: durable acknowledgements per second, against a minimal application.

The three servers run at the same time and get load one after the other, so that machine noise hits all of them.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from statistics import median

import sqlalchemy as sa

from bench.harness import Harness
from bench.load import Load, post_all
from bench.payloads import SECRET, Payload, Templates
from bench.report import Finding
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import writing

ROUNDS = 5
DELIVERIES = 1500
BOUND = 0.7


def measure(harness: Harness) -> Iterator[Finding]:
    """Load our server and the two baselines one after the other; compare the medians of the rounds."""
    _insert_connection(harness)
    ports = {
        "bare": harness.serve("bench.baseline_app", "core"),
        "driver": harness.serve("bench.baseline_app", "raw"),
        "ours": harness.serve("sync_service.cli", "web", "--port"),
    }
    templates = Templates()
    payload = templates.closing(repository=0, number=1, label="r0", second=0)
    loads: dict[str, list[Load]] = {name: [] for name in ports}
    for round_ in range(ROUNDS + 1):
        for name, port in ports.items():
            load = post_all(port, list(islice(templates.copies(payload, prefix=f"{name}-{round_}"), DELIVERIES)))
            if round_:  # the first round warms up
                loads[name].append(load)
    _check_stored(harness)
    yield from _compare(harness, {name: median(load.rate for load in found) for name, found in loads.items()}, payload)
    for share in (0.5, 0.99):
        waits = {name: median(load.wait(share) for load in found) for name, found in loads.items()}
        yield Finding(
            what=f"acknowledged within, p{share * 100:g}",
            database=harness.database,
            figure=waits["ours"],
            unit="ms",
            parts={f"{name} ms": waits[name] for name in ("bare", "driver")},
        )


def _compare(harness: Harness, rates: Mapping[str, float], payload: Payload) -> Iterator[Finding]:
    yield Finding(
        what="durable acks/s ÷ bare Flask's by SQLAlchemy",
        database=harness.database,
        figure=rates["ours"] / rates["bare"],
        bound=BOUND,
        parts={"ours/s": rates["ours"], "bare/s": rates["bare"], "bytes": len(payload.body)},
    )
    yield Finding(
        what="durable acks/s ÷ bare Flask's by the driver",
        database=harness.database,
        figure=rates["ours"] / rates["driver"],
        parts={"ours/s": rates["ours"], "driver/s": rates["driver"]},
    )


def _insert_connection(harness: Harness) -> None:
    """Insert one connection with the webhook secret of the benchmarks."""
    services = harness.services()
    columns = {
        "slug": "gh",
        "kind": "github",
        "site": "https://api.github.com",
        "options": {},
        "sealed_secrets": [services.sealer.encrypt(SECRET)],
        "earlier": "ignore",
    }
    with writing(services.engine) as tx:
        tx.execute(sa.insert(tables.connection).values(columns))
        versions.bump(tx, versions.RULES)
    services.engine.dispose()


def _check_stored(harness: Harness) -> None:
    """Check that every acknowledged delivery is stored."""
    services = harness.services()
    with writing(services.engine) as tx:
        stored = tx.scalar(sa.select(sa.func.count()).select_from(tables.delivery))
    services.engine.dispose()
    if stored != (ROUNDS + 1) * DELIVERIES:
        raise RuntimeError(f"{(ROUNDS + 1) * DELIVERIES} deliveries were acknowledged, {stored} are stored")
