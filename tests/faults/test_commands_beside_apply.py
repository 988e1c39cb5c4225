"""Commands right after an `apply` of many rules, beside a running service that gets deliveries: each waits its turn."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sync_service.runtime.wiring import Services
from sync_service.store.engine.migrate import migrate
from tests.faults.oracle_check import furnish
from tests.faults.service import Service
from tests.faults.workload import OKRS, Workload

pytestmark = [pytest.mark.slow, pytest.mark.only_in_test_all]

RULES, TOKENS = 300, 5
LOCKED = "database is locked"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Run the embedded service with two workers."""
    running = Service(tmp_path, {})
    services: Services = running.services()
    migrate(services.engine)
    furnish(services)
    services.engine.dispose()
    services.redis.close()
    running.start()
    yield running
    running.stop()


def rules() -> str:
    """Return the configuration with 300 rules more."""
    added = (
        f"  - {{slug: many-{number}, connection: gh, key_result: KR-1, when: {{field: labels, has: l{number}}}}}\n"
        for number in range(RULES)
    )
    return OKRS.decode() + "".join(added)


def test_a_command_right_after_an_apply_of_many_rules_waits_its_turn(service: Service, tmp_path: Path) -> None:
    """No command, no worker and no request finds the database locked."""
    (tmp_path / "many.yaml").write_text(rules())
    history, end = Workload(1), threading.Event()
    statuses: list[int] = []

    def deliver() -> None:
        while not end.is_set():
            delivery = history.next()
            url = f"{service.address}/hooks/{delivery.connection}"
            answer = requests.post(url, data=delivery.body, headers=dict(delivery.headers), timeout=30)
            statuses.append(answer.status_code)

    sender = threading.Thread(target=deliver)
    sender.start()
    try:
        commands = [service.run("apply", "many.yaml")]
        commands += [service.run("token", "create", "--name", f"t{n}", "--role", "viewer") for n in range(TOKENS)]
    finally:
        end.set()
        sender.join()
        history.close()
    assert [one.returncode for one in commands] == [0] * (TOKENS + 1), [one.stderr for one in commands]
    assert set(statuses) == {202}
    service.stop()
    assert not any(LOCKED in text for one in commands for text in (one.stdout, one.stderr))
    assert not any(LOCKED in line for line in service.log_lines)
