"""Rules change while two workers apply deliveries: the result is as if the last rules had always been there."""

import threading
from pathlib import Path

import pytest

from sync_service.ingest.receive import Receipt
from sync_service.runtime.wiring import Services, utc_now
from tests.faults.conftest import LONG, SEED
from tests.faults.nemesis import end_leases
from tests.faults.oracle_check import check, furnish, receive
from tests.faults.workload import OKRS, Workload
from tests.support.migrated_database import prepare
from tests.support.run_scope import ALL
from tests.support.servers import Databases
from tests.support.services import build_services

pytestmark = [pytest.mark.slow, pytest.mark.both_databases]

EDITS = 60 if LONG else 4 if ALL else 3
DELIVERIES_BETWEEN = 15

EDITED = (
    OKRS.replace(b"{field: labels, has: bug}", b"{field: state, is: todo}"),
    OKRS.replace(b"slug: all, connection: jira, key_result: KR-3", b"slug: all, connection: jira, key_result: KR-1"),
    OKRS.replace(b"{field: labels, has: checkout}", b"{field: labels, has: chore}"),
    OKRS.replace(b"scopes: [SHOP, PAY]", b"scopes: [SHOP, PAY, ATTIC]"),
)


def test_rules_may_change_while_two_workers_apply_deliveries(
    databases: Databases, tmp_path: Path, oracle: Services
) -> None:
    """Each edit takes effect while deliveries arrive; the last one restores the rules of the oracle."""
    url = databases.prepared(prepare)
    receiver, *workers = (build_services(url, tmp_path, clock=utc_now) for _ in range(3))
    furnish(receiver)
    end, errors = threading.Event(), list[BaseException]()
    threads = [threading.Thread(target=work, args=(services, end, errors)) for services in workers]
    for thread in threads:
        thread.start()
    history, sent = Workload(SEED), []
    try:
        for edit in range(EDITS):
            for _ in range(DELIVERIES_BETWEEN):
                sent.append(history.next())
                assert receive(receiver, sent[-1]) is Receipt.STORED
            furnish(receiver, EDITED[edit % len(EDITED)])
        furnish(receiver)
    finally:
        end.set()
        for thread in threads:
            thread.join()
        history.close()
    assert errors == []
    end_leases(receiver.engine)
    receiver.drains.drain_everything()
    check(receiver.engine, oracle=oracle, sent=sent, acknowledged=[delivery.id for delivery in sent])
    for services in (receiver, *workers):
        services.engine.dispose()
        services.redis.close()


def work(services: Services, end: threading.Event, errors: list[BaseException]) -> None:
    """Drain due rows as a worker does, until the end."""
    try:
        while not end.is_set() or services.drains.due():
            for name in services.drains.due():
                services.drains.drain(name)
    except BaseException as error:
        errors.append(error)
        raise
