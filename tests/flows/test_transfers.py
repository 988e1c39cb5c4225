"""A manually linked issue is transferred on a simulated GitHub, and some deliveries are lost."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa

from simulator import GitHub
from simulator.github.model.issue import Issue
from sync_service.runtime.wiring import Services, utc_now
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.okrs.history import is_shown
from tests.faults.tracker_pair import receiving
from tests.flows.harness import GitHubHarness, clock_of
from tests.support.config_file import github, okrs

pytestmark = pytest.mark.slow

KEYS = ["acme/checkout#1", "acme/checkout#2"]


@dataclass
class TransferHarness(GitHubHarness):
    """Services that receive webhooks of two repositories; one has two linked issues, the second of them done."""

    issue: Issue

    def transfer(self, target: str, *, opened_first: bool, lost: int | None) -> Issue:
        """Transfer the first issue; `lost` is the delivery that is lost, 2 for both."""
        self.clock.step(60)
        self.hub.webhooks.hold()
        moved = self.issue.transfer(self.hub.repository(target), opened_first=opened_first)
        order = [number for number in range(len(self.hub.webhooks.held)) if lost not in (2, number)]
        self.hub.webhooks.release(order=order)
        self.drain()
        return moved

    def poll_after_a_day(self) -> None:
        """Poll, as if all issues had last been seen two days ago."""
        with writing(self.services.engine) as tx:
            tx.execute(sa.update(tables.issue).values(seen_at=utc_now() - timedelta(days=2)))
        self.poll_now()

    def history_reasons(self) -> list[str]:
        """Return the causes of each history entry, as one text."""
        return ["; ".join(cause["what"] for cause in row.causes) for row in self.rows(tables.history, is_shown)]


@pytest.fixture
def harness(services: Services) -> Iterator[TransferHarness]:
    """Yield the harness."""
    clock = clock_of(timedelta(hours=1))
    with receiving(services) as address, GitHub("acme", clock=clock, background=False) as hub:
        first, second = (hub.repository("checkout").create_issue(f"Pay {number}") for number in range(2))
        second.close()
        for name in ("payments", "attic"):
            hub.repository(name)
        for name in ("checkout", "payments"):
            hub.add_hook(hub.repository(name), url=f"{address}/hooks/gh", secret="hush-hush")
        connection = github(hub, scopes=["acme/checkout", "acme/payments"], earlier="import")
        made = TransferHarness(services, hub, clock, first)
        made.apply(okrs(connection, rules=[], links=[{"key_result": "KR-1", "issue": f"gh:{key}"} for key in KEYS]))
        made.drain()
        assert (made.value(), made.linked()) == (50, KEYS)
        yield made


ORDERS = pytest.mark.parametrize("opened_first", [False, True], ids=["transferred-opened", "opened-transferred"])


@ORDERS
@pytest.mark.parametrize("lost", [None, 0, 1, 2], ids=["none", "first", "second", "both"])
def test_a_manual_link_follows_a_transfer_between_watched_repositories(
    harness: TransferHarness, lost: int | None, *, opened_first: bool
) -> None:
    """The deliveries arrive in either order, and either may be lost; if both are, the next poll fetches the issue."""
    moved = harness.transfer("payments", opened_first=opened_first, lost=lost)
    if lost == 2:
        assert harness.linked() == KEYS
        harness.poll_after_a_day()
    assert harness.linked() == ["acme/checkout#2", "acme/payments#1"]
    harness.clock.step(60)
    moved.close()
    harness.drain()
    assert harness.value() == 100


@ORDERS
@pytest.mark.parametrize("lost", [False, True], ids=["told", "lost"])
def test_an_issue_transferred_to_an_unwatched_repository_no_longer_counts(
    harness: TransferHarness, *, lost: bool, opened_first: bool
) -> None:
    """The delivery of the other repository has no receiver. The history says where the issue went."""
    harness.transfer("attic", opened_first=opened_first, lost=2 if lost else None)
    if lost:
        assert harness.value() == 50
        harness.poll_after_a_day()
    assert harness.value() == 100
    assert harness.history_reasons()[-1] == "moved to acme/attic#1"
