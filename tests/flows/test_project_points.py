"""Points that stand in a project of a simulated GitHub, whose organization's webhook leads to us."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from simulator import GitHub, SteppedClock
from simulator.github.projects import ProjectItem
from sync_service.store import tables
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
    {token}
    scopes: [acme/checkout]
    earlier: ignore
    points_field: Points
objectives:
  - slug: fast
    title: Fast
    cycle: ever
    owner: ana@example.com
    key_results:
      - slug: KR-1
        title: Ship it
        owner: ana@example.com
        measure: {{kind: done-share, weight: points, unestimated: 1}}
rules:
  - {{slug: labelled, connection: gh, key_result: KR-1, when: {{field: labels, has: checkout}}}}
"""
RIGHTS = {"metadata": "read", "issues": "read", "pull_requests": "read"}


@dataclass
class Stage:
    """A house that hears of an organization: of two linked issues in a project, and the second is done."""

    house: House
    hub: GitHub
    clock: SteppedClock
    items: list[ProjectItem] = field(default_factory=list)

    def furnish(self, *, token: str) -> None:
        """Apply the configuration, and let two issues come, each with an item of the project."""
        furnish(self.house, OKRS.format(site=self.hub.url, token=token and f"token: {token}").encode())
        self.drain()
        place = self.hub.repository("checkout")
        works = [place.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(2)]
        works[1].close()
        self.items = [self.hub.project("Roadmap").add(work) for work in works]
        self.drain()

    def drain(self) -> None:
        """Drain until nothing is due."""
        self.house.drains.drain_everything()

    def estimate(self, item: ProjectItem, points: float | None) -> None:
        """Set points, and let all that follows happen."""
        self.clock.step(5)
        item.set("Points", points, type="number")
        self.drain()

    def rows(self, table: sa.Table) -> list[Row[Any]]:
        """Read a table."""
        with reading(self.house.engine) as tx:
            return list(tx.execute(sa.select(table).order_by(table.c.id)))

    @property
    def current(self) -> float:
        """Give the value of the key result, in %."""
        found: float = self.rows(tables.key_result)[0].current
        return round(found, 1)

    @property
    def points(self) -> list[float | None]:
        """Give the points of the issues."""
        return [row.points for row in self.rows(tables.issue)]

    def looks(self) -> dict[str, str]:
        """Give the outcomes of looks by whom they were at."""
        return {row.identity: row.outcome for row in self.rows(tables.look)}


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
        hub.add_hook(url=f"{address}/hooks/gh", secret="hush")
        yield Stage(house, hub, clock)


@pytest.fixture
def told(stage: Stage) -> Stage:
    """Give the stage with a token that may read everything."""
    stage.furnish(token=stage.hub.token)
    assert stage.current == 50
    return stage


def test_points_that_are_set_changed_and_cleared_move_the_key_result(told: Stage) -> None:
    """Each at once, though the issue itself does not change; the history says how many there are now."""
    told.estimate(told.items[1], 3)
    assert (told.current, told.points) == (75, [None, 3])
    told.estimate(told.items[0], 2)
    assert told.current == 60
    told.estimate(told.items[0], 7)
    assert told.current == 30
    told.estimate(told.items[0], None)
    assert (told.current, told.points) == (75, [None, 3])
    assert [entry.causes[0]["what"] for entry in told.rows(tables.history)[-2:]] == [
        "points 2 → 7",
        "points 7 → none",
    ]
    assert all(entry.causes[0]["delivery"] for entry in told.rows(tables.history))


def test_an_item_that_is_removed_takes_its_points_along(told: Stage) -> None:
    """One that is archived keeps them."""
    told.estimate(told.items[1], 3)
    told.items[1].archive()
    told.drain()
    assert told.current == 75
    told.items[1].delete()
    told.drain()
    assert (told.current, told.points) == (50, [None, None])


def test_the_project_of_the_highest_number_goes_first(told: Stage) -> None:
    """Until its item is archived."""
    told.estimate(told.items[1], 3)
    second = told.hub.project("Next year").add(told.items[1].issue)
    told.estimate(second, 9)
    assert told.current == 90
    second.archive()
    told.drain()
    assert told.current == 75
    second.restore()
    told.drain()
    assert told.current == 90


def test_letters_of_the_issue_do_not_take_points_away(told: Stage) -> None:
    """They do not tell them."""
    told.estimate(told.items[0], 4)
    told.clock.step(5)
    told.items[0].issue.edit(title="Pay at once")
    told.drain()
    assert told.points == [4, None]
    told.items[0].issue.close()
    told.drain()
    assert (told.points, told.current) == ([4, None], 100)


def test_an_issue_s_own_field_wins_until_it_is_removed(told: Stage) -> None:
    """Then the project's number is in force again."""
    told.estimate(told.items[1], 3)
    issue = told.items[1].issue
    told.clock.step(5)
    issue.set_field("Points", 9)
    told.drain()
    assert told.current == 90
    told.estimate(told.items[1], 4)
    assert told.current == 90
    told.clock.step(5)
    issue.clear_field("Points")
    told.drain()
    assert (told.current, told.points) == (80, [None, 4])


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_deliveries_does_not_matter(told: Stage, order: tuple[int, ...]) -> None:
    """Nor that one comes twice: a look shows what is so now."""
    told.hub.webhooks.hold()
    told.items[1].set("Points", 3, type="number")
    told.clock.step(5)
    told.items[1].issue.edit(title="Pay at once")
    told.items[1].set("Points", 4, type="number")
    told.hub.webhooks.release(order=order)
    told.drain()
    assert (told.current, told.points) == (80, [None, 4])
    told.hub.redeliver(told.hub.webhooks.deliveries[-1])
    told.drain()
    assert told.current == 80


def test_many_changes_are_found_and_looked_at_with_few_calls(told: Stage) -> None:
    """However often one issue is told of, and without a row of its own for each delivery."""
    place = told.hub.repository("checkout")
    items = [told.hub.project("Roadmap").add(place.create_issue(f"Step {number}")) for number in range(30)]
    told.drain()
    told.hub.rest.calls.clear()
    for item in items:
        item.set("Points", 1, type="number")
        item.set("Points", 2, type="number")
    told.drain()
    assert told.points[2:] == [2] * 30
    assert len(told.hub.rest.calls) <= 10
    assert len(told.looks()) == 2 * 32


def test_a_repository_that_is_not_watched_is_left_alone(told: Stage) -> None:
    """An organization's webhook tells of all its projects; no issue of it is fetched."""
    work = told.hub.repository("elsewhere").create_issue("Secret")
    told.estimate(told.hub.project("Roadmap").add(work), 5)
    assert len(told.points) == 2
    (outcome,) = [said for name, said in told.looks().items() if work.node_id in name]
    assert "ignored, because acme/elsewhere is not watched" in outcome
    assert not any("/issues/" in call.path and str(work.repository.id) in call.path for call in told.hub.rest.calls)


def test_an_issue_that_vanished_is_unreachable_and_changes_nothing(told: Stage) -> None:
    """A node tells no proof."""
    item = told.items[1]
    told.hub.webhooks.hold()
    item.set("Points", 3, type="number")
    item.issue.delete()
    told.hub.webhooks.release(order=[0])
    told.drain()
    (outcome,) = [said for name, said in told.looks().items() if item.issue.node_id in name]
    assert outcome.startswith("unreachable, so nothing changes")
    assert told.current == 50


def test_without_the_permission_points_are_unknown_and_the_rest_goes_on(stage: Stage) -> None:
    """The connection is not refused."""
    stage.furnish(token=stage.hub.add_token("ana", permissions=RIGHTS).text)
    stage.estimate(stage.items[1], 3)
    assert (stage.current, stage.points) == (50, [None, None])
    stage.items[0].issue.close()
    stage.drain()
    assert stage.current == 100
    assert stage.rows(tables.connection)[0].refused_reason is None


def test_points_that_are_known_stay_when_the_permission_goes(told: Stage) -> None:
    """Unknown is not none."""
    told.estimate(told.items[1], 3)
    token = told.hub.add_token("ana", permissions=RIGHTS).text
    furnish(told.house, OKRS.format(site=told.hub.url, token=f"token: {token}").encode())
    told.house.connections.forget()
    told.estimate(told.items[1], 8)
    assert (told.current, told.points) == (75, [None, 3])


def test_without_credentials_the_delivery_says_what_it_would_take(stage: Stage) -> None:
    """And an issue's own fields count as ever."""
    stage.furnish(token="")
    stage.estimate(stage.items[1], 3)
    assert "takes a token or an app" in stage.rows(tables.delivery)[-1].outcome
    stage.items[1].issue.set_field("Points", 3)
    stage.drain()
    assert stage.current == 75
    stage.clock.step(5)
    stage.items[1].issue.clear_field("Points")
    stage.drain()
    assert stage.current == 50


def test_an_import_brings_points_of_projects(stage: Stage) -> None:
    """With the list itself: no issue is looked at."""
    place = stage.hub.repository("checkout")
    works = [place.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(2)]
    works[1].close()
    stage.hub.project("Roadmap").add(works[1]).set("Points", 9, type="number")
    file = OKRS.format(site=stage.hub.url, token=f"token: {stage.hub.token}").replace("ignore", "import")
    furnish(stage.house, file.encode())
    with writing(stage.house.engine) as tx:
        tx.execute(sa.delete(tables.delivery))
        tx.execute(sa.delete(tables.look))
    stage.drain()
    assert (stage.current, stage.looks()) == (90, {})
