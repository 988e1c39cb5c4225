"""An issue that is linked by hand is transferred on a simulated GitHub, and not all of it is told."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from simulator import GitHub, SteppedClock
from simulator.github.issue import Issue
from sync_service.store import polls, tables
from sync_service.store.database import reading, writing
from sync_service.wiring import House, utc_now
from tests.faults.checking import furnish
from tests.faults.town import receiving
from tests.house import build_house

pytestmark = pytest.mark.slow

OKRS = """\
people:
  - {{email: ana@example.com, name: Ana Ruiz, role: admin}}
cycles:
  - {{slug: ever, name: Ever, starts: 2020-01-01, ends: 2199-12-31}}
connections:
  - slug: gh
    kind: github
    site: {site}
    webhook_secrets: [hush]
    token: {token}
    scopes: [acme/checkout, acme/payments]
    earlier: import
objectives:
  - slug: fast
    title: Fast
    cycle: ever
    owner: ana@example.com
    key_results:
      - {{slug: KR-1, title: Ship it, owner: ana@example.com, measure: {{kind: done-share}}}}
links:
  - {{key_result: KR-1, issue: "gh:acme/checkout#1"}}
  - {{key_result: KR-1, issue: "gh:acme/checkout#2"}}
"""


@dataclass
class Stage:
    """A house that hears of two repositories, of which one has two linked issues; the second is done."""

    house: House
    hub: GitHub
    clock: SteppedClock
    issue: Issue

    def rows(self, table: sa.Table) -> list[Row[Any]]:
        """Read a table."""
        with reading(self.house.engine) as tx:
            return list(tx.execute(sa.select(table).order_by(table.c.id)))

    def transfer(self, target: str, *, opened_first: bool, lost: int | None) -> Issue:
        """Transfer the first issue, and let one of the two messages, or both (2), be lost on the way."""
        self.clock.step(60)
        self.hub.webhooks.hold()
        moved = self.issue.transfer(self.hub.repository(target), opened_first=opened_first)
        order = [place for place in range(len(self.hub.webhooks.held)) if lost not in (2, place)]
        self.hub.webhooks.release(order=order)
        self.house.drains.drain_everything()
        return moved

    def reconcile(self) -> None:
        """Let a day pass in which nothing more was told, and ask."""
        with writing(self.house.engine) as tx:
            tx.execute(sa.update(tables.issue).values(seen_at=utc_now() - timedelta(days=2)))
            polls.hurry(tx)
        self.house.drains.drain_everything()

    def linked(self) -> set[str]:
        """Give the keys of the issues that count."""
        keys = {row.id: row.key for row in self.rows(tables.issue) if not row.gone}
        return {keys[row.issue_id] for row in self.rows(tables.link) if row.issue_id in keys}

    def current(self) -> float:
        """Give the value of the key result."""
        found: float = self.rows(tables.key_result)[0].current
        return found

    def reasons(self) -> list[str]:
        """Say what moved it, for each entry of the history."""
        return ["; ".join(cause["what"] for cause in row.causes) for row in self.rows(tables.history)]


@pytest.fixture
def stage(migrated_url: str, tmp_path: Path) -> Iterator[Stage]:
    """Set the stage on either database."""
    clock = SteppedClock(datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1))
    with ExitStack() as ending:
        house = build_house(migrated_url, tmp_path, clock=utc_now)
        ending.callback(house.engine.dispose)
        ending.callback(house.redis.close)
        address = ending.enter_context(receiving(house))
        hub = ending.enter_context(GitHub("acme", clock=clock, background=False))
        first, second = (hub.repository("checkout").create_issue(f"Pay {number}") for number in range(2))
        second.close()
        for name in ("payments", "attic"):
            hub.repository(name)
        for name in ("checkout", "payments"):
            hub.add_hook(hub.repository(name), url=f"{address}/hooks/gh", secret="hush")
        furnish(house, OKRS.format(site=hub.url, token=hub.token).encode())
        house.drains.drain_everything()
        made = Stage(house, hub, clock, first)
        assert (made.current(), made.linked()) == (50, {"acme/checkout#1", "acme/checkout#2"})
        yield made


ORDERS = pytest.mark.parametrize("opened_first", [False, True], ids=["transferred-opened", "opened-transferred"])


@ORDERS
@pytest.mark.parametrize("lost", [None, 0, 1, 2], ids=["none", "first", "second", "both"])
def test_between_two_watched_repositories_the_link_follows(
    stage: Stage, lost: int | None, *, opened_first: bool
) -> None:
    """In each order, with either message lost, and with both: then once the old place is looked at."""
    moved = stage.transfer("payments", opened_first=opened_first, lost=lost)
    if lost == 2:
        assert stage.linked() == {"acme/checkout#1", "acme/checkout#2"}
        stage.reconcile()
    assert stage.linked() == {"acme/payments#1", "acme/checkout#2"}
    stage.clock.step(60)
    moved.close()
    stage.house.drains.drain_everything()
    assert stage.current() == 100


@ORDERS
@pytest.mark.parametrize("lost", [False, True], ids=["told", "lost"])
def test_to_an_unwatched_repository_it_stops_counting_and_the_history_says_why(
    stage: Stage, *, lost: bool, opened_first: bool
) -> None:
    """The message of the other repository reaches nobody here."""
    stage.transfer("attic", opened_first=opened_first, lost=2 if lost else None)
    if lost:
        assert stage.current() == 50
        stage.reconcile()
    assert stage.current() == 100
    assert stage.reasons()[-1] == "moved to acme/attic#1"
