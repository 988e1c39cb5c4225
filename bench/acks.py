"""How many deliveries are acknowledged in a second, each stored durably before, against a bare application.

The three servers run at the same time and are loaded in turn, so that all see the same machine.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from statistics import median

import sqlalchemy as sa

from bench.clients import Load, post_all
from bench.findings import Finding
from bench.letters import SECRET, Letter, Templates
from bench.stage import Stage
from sync_service.store import counters, tables
from sync_service.store.database import writing

ROUNDS = 5
LETTERS = 1500
BOUND = 0.7


def measure(stage: Stage) -> Iterator[Finding]:
    """Load ours and the two bare applications in turn, and compare the medians of the rounds."""
    _connect(stage)
    ports = {
        "bare": stage.serve("bench.bare", "core"),
        "driver": stage.serve("bench.bare", "raw"),
        "ours": stage.serve("sync_service.cli", "web", "--port"),
    }
    templates = Templates()
    letter = templates.closing(repository=0, number=1, label="r0", second=0)
    loads: dict[str, list[Load]] = {name: [] for name in ports}
    for turn in range(ROUNDS + 1):
        for name, port in ports.items():
            load = post_all(port, list(islice(templates.copies(letter, prefix=f"{name}-{turn}"), LETTERS)))
            if turn:  # the first round warms up
                loads[name].append(load)
    _count(stage)
    yield from _compare(stage, {name: median(load.rate for load in found) for name, found in loads.items()}, letter)
    for share in (0.5, 0.99):
        waits = {name: median(load.wait(share) for load in found) for name, found in loads.items()}
        yield Finding(
            what=f"acknowledged within, p{share * 100:g}",
            database=stage.database,
            figure=waits["ours"],
            unit="ms",
            parts={f"{name} ms": waits[name] for name in ("bare", "driver")},
        )


def _compare(stage: Stage, rates: Mapping[str, float], letter: Letter) -> Iterator[Finding]:
    yield Finding(
        what="durable acks/s ÷ bare Flask's by SQLAlchemy",
        database=stage.database,
        figure=rates["ours"] / rates["bare"],
        bound=BOUND,
        parts={"ours/s": rates["ours"], "bare/s": rates["bare"], "bytes": len(letter.body)},
    )
    yield Finding(
        what="durable acks/s ÷ bare Flask's by the driver",
        database=stage.database,
        figure=rates["ours"] / rates["driver"],
        parts={"ours/s": rates["ours"], "driver/s": rates["driver"]},
    )


def _connect(stage: Stage) -> None:
    """Configure one connection whose letters are signed with our secret."""
    house = stage.house()
    columns = {
        "slug": "gh",
        "kind": "github",
        "site": "https://api.github.com",
        "options": {},
        "sealed_secrets": [house.sealer.seal(SECRET)],
        "earlier": "ignore",
    }
    with writing(house.engine) as tx:
        tx.execute(sa.insert(tables.connection).values(columns))
        counters.bump(tx, counters.RULES)
    house.engine.dispose()


def _count(stage: Stage) -> None:
    """Check that what was acknowledged is stored."""
    house = stage.house()
    with writing(house.engine) as tx:
        kept = tx.scalar(sa.select(sa.func.count()).select_from(tables.delivery))
    house.engine.dispose()
    if kept != (ROUNDS + 1) * LETTERS:
        raise RuntimeError(f"{(ROUNDS + 1) * LETTERS} deliveries were acknowledged, {kept} are stored")
