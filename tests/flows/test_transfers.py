"""An issue that is linked by hand is transferred on a simulated GitHub, and not all of it is told."""

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
from tests.faults.tracker_pair import receiving
from tests.flows.harness import GitHubHarness, clock_of
from tests.support.config_file import github, okrs

pytestmark = pytest.mark.slow

HERE = ["acme/checkout#1", "acme/checkout#2"]


@dataclass
class TransferHarness(GitHubHarness):
    """A house that hears of two repositories, of which one has two linked issues; the second is done."""

    issue: Issue

    def transfer(self, target: str, *, opened_first: bool, lost: int | None) -> Issue:
        """Transfer the first issue, and let one of the two messages, or both (2), be lost on the way."""
        self.clock.step(60)
        self.hub.webhooks.hold()
        moved = self.issue.transfer(self.hub.repository(target), opened_first=opened_first)
        order = [place for place in range(len(self.hub.webhooks.held)) if lost not in (2, place)]
        self.hub.webhooks.release(order=order)
        self.drain()
        return moved

    def reconcile(self) -> None:
        """Let a day pass in which nothing more was told, and ask."""
        with writing(self.services.engine) as tx:
            tx.execute(sa.update(tables.issue).values(seen_at=utc_now() - timedelta(days=2)))
        self.poll_now()

    def reasons(self) -> list[str]:
        """Say what moved it, for each entry of the history."""
        return ["; ".join(cause["what"] for cause in row.causes) for row in self.rows(tables.history)]


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
            hub.add_hook(hub.repository(name), url=f"{address}/hooks/gh", secret="hush")
        connection = github(hub, scopes=["acme/checkout", "acme/payments"], earlier="import")
        made = TransferHarness(services, hub, clock, first)
        made.apply(okrs(connection, rules=[], links=[{"key_result": "KR-1", "issue": f"gh:{key}"} for key in HERE]))
        made.drain()
        assert (made.value(), made.linked()) == (50, HERE)
        yield made


ORDERS = pytest.mark.parametrize("opened_first", [False, True], ids=["transferred-opened", "opened-transferred"])


@ORDERS
@pytest.mark.parametrize("lost", [None, 0, 1, 2], ids=["none", "first", "second", "both"])
def test_between_two_watched_repositories_the_link_follows(
    harness: TransferHarness, lost: int | None, *, opened_first: bool
) -> None:
    """In each order, with either message lost, and with both: then once the old place is looked at."""
    moved = harness.transfer("payments", opened_first=opened_first, lost=lost)
    if lost == 2:
        assert harness.linked() == HERE
        harness.reconcile()
    assert harness.linked() == ["acme/checkout#2", "acme/payments#1"]
    harness.clock.step(60)
    moved.close()
    harness.drain()
    assert harness.value() == 100


@ORDERS
@pytest.mark.parametrize("lost", [False, True], ids=["told", "lost"])
def test_to_an_unwatched_repository_it_stops_counting_and_the_history_says_why(
    harness: TransferHarness, *, lost: bool, opened_first: bool
) -> None:
    """The message of the other repository reaches nobody here."""
    harness.transfer("attic", opened_first=opened_first, lost=2 if lost else None)
    if lost:
        assert harness.value() == 50
        harness.reconcile()
    assert harness.value() == 100
    assert harness.reasons()[-1] == "moved to acme/attic#1"
