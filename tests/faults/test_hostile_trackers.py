"""All faults of deliveries and calls at random and at once, and rotated secrets: the values are right in the end."""

import hashlib
import hmac
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from simulator.base_tracker import BaseTracker
from simulator.rest_server import RestServer
from simulator.webhook_delivery import Fault
from simulator.webhook_sender import WebhookSender
from sync_service.runtime.wiring import Services, utc_now
from sync_service.store import tables
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.queue import due
from sync_service.store.trackers.connections import FRESH_SECONDS
from tests.faults.conftest import LONG, SEED
from tests.faults.oracle_check import broken_entries, furnish
from tests.faults.tracker_pair import TrackerPair, close, draining, receiving
from tests.support.migrated_database import prepare
from tests.support.run_scope import ALL
from tests.support.servers import Databases
from tests.support.services import build_services
from tests.support.wait_until import until

pytestmark = [pytest.mark.slow, pytest.mark.both_databases]

CHANGES = 400 if LONG else 60 if ALL else 40
MISHAPS: tuple[Callable[[WebhookSender], None], ...] = (
    lambda webhooks: webhooks.delay_next(0.2),
    lambda webhooks: webhooks.delay_next(0.4, count=3),
    WebhookSender.lose_next,
    WebhookSender.duplicate_next,
    WebhookSender.truncate_next,
    WebhookSender.forge_next,
    WebhookSender.unsign_next,
)
BREAKDOWNS: tuple[Callable[[RestServer], None], ...] = (
    lambda rest: rest.answer_next(429, retry_after=1),
    lambda rest: rest.answer_next(429),
    lambda rest: rest.answer_next(500),
    lambda rest: rest.answer_next(503, times=2),
)
SLOWNESS: tuple[Callable[[RestServer], None], ...] = (lambda rest: rest.slow_down(0.1), lambda rest: rest.slow_down(0))
REFUSED = (Fault.FORGED, Fault.UNSIGNED, Fault.TRUNCATED)


@pytest.fixture
def all_services(databases: Databases, tmp_path: Path) -> Iterator[list[Services]]:
    """Yield services that receive and two that drain, on one database."""
    url = databases.prepared(prepare)
    made = [build_services(url, tmp_path, clock=utc_now) for _ in range(3)]
    yield made
    close(made)


@pytest.mark.parametrize("seed", range(SEED, SEED + (10 if LONG else 1)))
def test_all_faults_of_both_trackers_at_once_end_in_the_right_numbers(all_services: list[Services], seed: int) -> None:
    """Deliveries get all faults: lost, doubled, forged, cut short and more; REST calls are refused, broken and slow."""
    receiver, *workers = all_services
    with ExitStack() as ending:
        pair = ending.enter_context(TrackerPair(seed))
        furnish(receiver, pair.okrs("the-old-secret"))
        pair.open_hooks(ending.enter_context(receiving(receiver)))
        ending.enter_context(draining(workers))
        for tracker in pair.trackers:
            for webhook_fault in MISHAPS:
                webhook_fault(tracker.webhooks)
            for rest_fault in BREAKDOWNS:
                rest_fault(tracker.rest)
        for _ in range(CHANGES):
            inject_webhook_fault(pair)
            inject_rest_fault(pair)
            pair.work(changes=pair.chance.choice([1, 1, 2]))
        for tracker in pair.trackers:
            tracker.webhooks.release(seed=seed)
            tracker.webhooks.retry_now()
            tracker.flush(timeout=60)
            tracker.rest.slow_down(0)
        for delivery in pair.deliveries():
            statuses = {attempt.status for attempt in delivery.attempts}
            assert statuses <= ({401} if delivery.fault in REFUSED else {202}), delivery.fault
        faults_seen = {delivery.fault for delivery in pair.deliveries()}
        assert pair.redeliver_what_was_not_taken() > 0
        until(lambda: is_quiet(receiver), "all is applied and fetched", seconds=60)
        for tracker in pair.trackers:
            assert {call.status for call in tracker.rest.calls} == {200, 429, 500, 503}
    assert faults_seen == set(Fault)
    assert values(receiver) == pytest.approx(pair.numbers())
    assert broken_entries(receiver.engine) == []


def inject_webhook_fault(pair: TrackerPair) -> None:
    """Sometimes inject a fault into the next deliveries of one tracker."""
    chance, webhooks = pair.chance, pair.chance.choice(pair.trackers).webhooks
    if webhooks.held and chance.random() < 0.3:
        webhooks.release(seed=chance.randrange(100))
    if chance.random() < 0.5:
        chance.choice([*MISHAPS, WebhookSender.hold])(webhooks)


def inject_rest_fault(pair: TrackerPair) -> None:
    """Sometimes inject a fault into the REST calls of one tracker."""
    chance, rest = pair.chance, pair.chance.choice(pair.trackers).rest
    if chance.random() < 0.2:
        chance.choice([*BREAKDOWNS, *SLOWNESS])(rest)


def is_quiet(services: Services) -> bool:
    """Make waiting fetches due; return whether no delivery and no fetch waits."""
    waiting = 0
    with writing(services.engine) as tx:
        tx.execute(sa.delete(tables.rate_limit))
        for table in (tables.delivery, tables.fetch_request):
            waits = sa.and_(table.c.due_at.isnot(None), table.c.lease.is_(None))
            tx.execute(sa.update(table).where(waits).values(due_at=database_now(tx)))
            waiting += tx.scalar(sa.select(sa.func.count()).where(table.c.due_at.isnot(None))) or 0
        return waiting == 0 and not due.tables_with_due_rows(tx)


def values(services: Services) -> dict[str, float | None]:
    """Return the values of the key results."""
    k = tables.key_result
    with reading(services.engine) as tx:
        return {row.slug: row.current for row in tx.execute(sa.select(k.c.slug, k.c.current))}


@pytest.mark.parametrize("databases", ["sqlite", "postgresql"] if ALL else ["sqlite"], indirect=True)
def test_a_rotated_secret_rejects_no_delivery_and_then_the_old_one_is_rejected(
    all_services: list[Services],
) -> None:
    """Both secrets are valid while old deliveries are in flight; then the old one is not."""
    receiver, *workers = all_services
    with ExitStack() as ending:
        pair = ending.enter_context(TrackerPair(SEED))
        furnish(receiver, pair.okrs("the-old-secret"))
        address = ending.enter_context(receiving(receiver))
        pair.open_hooks(address)
        ending.enter_context(draining(workers))
        with changing_issues(pair):
            until(lambda: len(pair.deliveries()) > 20, "deliveries flow")
            assert answers(address, "the-new-secret") == {401}
            furnish(receiver, pair.okrs("the-new-secret", "kept"))
            until(lambda: answers(address, "the-new-secret") == {202}, "the new secret is good")
            for tracker in pair.trackers:
                tracker.webhooks.delay_next(2 * FRESH_SECONDS, count=5)
            until(lambda: all(map(delayed_five, pair.trackers)), "five of each have left with the old secret")
            pair.rotate("the-new-secret")
            count = len(pair.deliveries())
            until(lambda: len(pair.deliveries()) > count + 20, "deliveries flow on")
        until(lambda: all(one.attempts for one in pair.deliveries()), "all have arrived")
        assert answers(address, "the-old-secret") == {202}
        furnish(receiver, pair.okrs("the-new-secret"))
        until(lambda: answers(address, "the-old-secret") == {401}, "the old secret is good no more")
        pair.work()
        for tracker in pair.trackers:
            tracker.flush()
        assert {one.status for one in pair.deliveries()} == {202}

        pair.rotate("the-old-secret")
        before = len(pair.deliveries())
        for _ in range(8):
            pair.work()
        for tracker in pair.trackers:
            tracker.flush()
        refused = len(pair.deliveries()) - before
        assert refused > 0
        assert Counter(one.status for one in pair.deliveries()) == {202: before, 401: refused}
        pair.rotate("the-new-secret")
        assert pair.redeliver_what_was_not_taken() == refused
        until(lambda: is_quiet(receiver), "all is applied", seconds=60)
    assert values(receiver) == pytest.approx(pair.numbers())


@contextmanager
def changing_issues(pair: TrackerPair) -> Iterator[None]:
    """Change issues all the time, until the end of the block."""
    end = threading.Event()

    def work() -> None:
        while not end.wait(0.02):
            pair.work()

    thread = threading.Thread(target=work, name="people at work")
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def delayed_five(tracker: BaseTracker) -> bool:
    """Return whether five deliveries were delayed."""
    return sum(one.fault is Fault.DELAYED for one in tracker.deliveries) == 5


def answers(address: str, secret: str) -> set[int]:
    """Return the statuses of both connections for a ping that is signed with a secret."""
    body = b'{"webhookEvent": "nothing"}'
    signed = "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()
    own = {
        "gh": {"X-GitHub-Event": "ping", "X-GitHub-Delivery": str(uuid.uuid4()), "X-Hub-Signature-256": signed},
        "jira": {"X-Atlassian-Webhook-Identifier": str(uuid.uuid4()), "X-Hub-Signature": signed},
    }
    return {
        requests.post(f"{address}/hooks/{slug}", data=body, headers=headers, timeout=10).status_code
        for slug, headers in own.items()
    }
