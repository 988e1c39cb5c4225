"""A poison delivery among many (a thousand in long runs) is buried alone; replay works after the fix."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import ParsedDelivery, State
from sync_service.store import tables
from sync_service.store.engine.database import database_now, writing
from sync_service.store.queue.retry import MOST_ATTEMPTS
from sync_service.store.trackers import inbox
from tests.domain.factories import at, snapshot
from tests.faults.conftest import LONG
from tests.support.fake_tracker import ANA, CoreHarness, open_core_harness

pytestmark = [pytest.mark.slow, pytest.mark.both_databases]

MANY = 1000 if LONG else 40
POISON = MANY // 2 + 7


@pytest.fixture
def core(migrated_url: str) -> Iterator[CoreHarness]:
    """Yield a harness in which every issue counts toward KR-1."""
    opened = open_core_harness(migrated_url)
    opened.rule("all", opened.key_result(), {"field": "kind", "is": "issue"})
    yield opened
    opened.engine.dispose()


def parsed_delivery(number: int, title: str = "Pay by card") -> ParsedDelivery:
    """Return a parsed delivery in which an issue is done."""
    done = snapshot(
        number,
        identity=f"501#{number}",
        key=f"acme/checkout#{number}",
        title=title,
        state=State.DONE,
        closed_at=at(number),
    )
    return ParsedDelivery(name="paper.slip", observations=(done,), actor=ANA)


def let_backoff_pass(core: CoreHarness) -> None:
    """Make waiting deliveries due now."""
    d = tables.delivery
    with writing(core.engine) as tx:
        tx.execute(sa.update(d).where(d.c.due_at.isnot(None)).values(due_at=database_now(tx)))


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (ZeroDivisionError("a bug in reading"), "ZeroDivisionError: a bug in reading"),
        (parsed_delivery(POISON, title="half a \ud800 character"), "UnicodeEncodeError: "),
    ],
    ids=["in reading", "in applying"],
)
def test_a_poison_delivery_among_many_is_buried_alone(
    core: CoreHarness, poison: ParsedDelivery | Exception, reason: str
) -> None:
    """All others count after the first drain; the poison delivery is retried, buried, fixed and replayed."""
    for number in range(MANY):
        core.post(*parsed_delivery(number).observations, delivery_id=f"d{number}")
    core.tracker.parsed_deliveries[POISON] = poison
    core.drain()
    settled = core.rows(tables.delivery, tables.delivery.c.settled_at.isnot(None))
    assert len(settled) == MANY - 1
    for _ in range(MOST_ATTEMPTS - 1):
        let_backoff_pass(core)
        core.drain()
    (buried,) = core.rows(tables.delivery, tables.delivery.c.settled_at.is_(None))
    assert buried.delivery_id == f"d{POISON}"
    assert buried.buried_at is not None
    assert buried.outcome.startswith(f"failed {MOST_ATTEMPTS} times, last error: {reason}")
    assert len(core.rows(tables.link)) == MANY - 1

    core.tracker.parsed_deliveries[POISON] = parsed_delivery(POISON)
    assert inbox.replay_buried(core.engine) == 1
    core.drain()
    assert core.outcome(f"d{POISON}").startswith(f"acme/checkout#{POISON}: applied")
    assert len(core.rows(tables.link)) == MANY
    assert core.value() == 100
