"""Points that stand in a project of a simulated GitHub, whose organization's webhook leads to us."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import permutations

import pytest
import sqlalchemy as sa

from simulator import GitHub
from simulator.github.model.projects import ProjectItem
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.faults.tracker_pair import receiving
from tests.flows.harness import GitHubHarness, clock_of
from tests.support.config_file import github, okrs

pytestmark = pytest.mark.slow

BY_POINTS = {"slug": "KR-1", "measure": {"kind": "done-share", "weight": "points", "unestimated": 1}}
RIGHTS = {"metadata": "read", "issues": "read", "pull_requests": "read"}


@dataclass
class ProjectHarness(GitHubHarness):
    """A house that hears of an organization: of two linked issues in a project, and the second is done."""

    items: list[ProjectItem] = field(default_factory=list)

    def configure(self, *, token: str | None, earlier: str = "ignore") -> None:
        """Apply the configuration."""
        connection = github(self.hub, token=token, earlier=earlier, points_field="Points")
        self.apply(okrs(connection, key_results=[BY_POINTS]))

    def furnish(self, *, token: str | None) -> None:
        """Apply the configuration, and let two issues come, each with an item of the project."""
        self.configure(token=token)
        self.drain()
        works = self.open_issues(2)
        works[1].close()
        self.items = [self.hub.project("Roadmap").add(work) for work in works]
        self.drain()

    def estimate(self, item: ProjectItem, points: float | None) -> None:
        """Set points, and let all that follows happen."""
        self.clock.step(5)
        item.set("Points", points, type="number")
        self.drain()

    @property
    def current(self) -> float:
        """Return the value of the key result, in %."""
        found: float = self.key_result().current
        return round(found, 1)

    @property
    def points(self) -> list[float | None]:
        """Return the points of the issues."""
        return [row.points for row in self.rows(tables.issue)]

    def looks(self) -> dict[str, str]:
        """Return the outcomes of looks by whom they were at."""
        return {row.identity: row.outcome for row in self.rows(tables.fetch_request)}


@pytest.fixture
def harness(services: Services) -> Iterator[ProjectHarness]:
    """Yield the harness."""
    clock = clock_of(timedelta(hours=1))
    with receiving(services) as address, GitHub("acme", clock=clock, background=False) as hub:
        hub.add_hook(url=f"{address}/hooks/gh", secret="hush")
        yield ProjectHarness(services, hub, clock)


@pytest.fixture
def told(harness: ProjectHarness) -> ProjectHarness:
    """Return the stage with a token that may read everything."""
    harness.furnish(token=harness.hub.token)
    assert harness.current == 50
    return harness


def test_points_that_are_set_changed_and_cleared_move_the_key_result(told: ProjectHarness) -> None:
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


def test_an_item_that_is_removed_takes_its_points_along(told: ProjectHarness) -> None:
    """One that is archived keeps them."""
    told.estimate(told.items[1], 3)
    told.items[1].archive()
    told.drain()
    assert told.current == 75
    told.items[1].delete()
    told.drain()
    assert (told.current, told.points) == (50, [None, None])


def test_the_project_of_the_highest_number_goes_first(told: ProjectHarness) -> None:
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


def test_letters_of_the_issue_do_not_take_points_away(told: ProjectHarness) -> None:
    """They do not tell them."""
    told.estimate(told.items[0], 4)
    told.clock.step(5)
    told.items[0].issue.edit(title="Pay at once")
    told.drain()
    assert told.points == [4, None]
    told.items[0].issue.close()
    told.drain()
    assert (told.points, told.current) == ([4, None], 100)


def test_an_issue_s_own_field_wins_until_it_is_removed(told: ProjectHarness) -> None:
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
def test_the_order_of_deliveries_does_not_matter(told: ProjectHarness, order: tuple[int, ...]) -> None:
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


def test_many_changes_are_found_and_looked_at_with_few_calls(told: ProjectHarness) -> None:
    """However often one issue is told of, and without a row of its own for each delivery."""
    items = [told.hub.project("Roadmap").add(told.repository.create_issue(f"Step {number}")) for number in range(30)]
    told.drain()
    told.hub.rest.calls.clear()
    for item in items:
        item.set("Points", 1, type="number")
        item.set("Points", 2, type="number")
    told.drain()
    assert told.points[2:] == [2] * 30
    assert len(told.hub.rest.calls) <= 10
    assert len(told.looks()) == 2 * 32


def test_a_repository_that_is_not_watched_is_left_alone(told: ProjectHarness) -> None:
    """An organization's webhook tells of all its projects; no issue of it is fetched."""
    work = told.hub.repository("elsewhere").create_issue("Secret")
    told.estimate(told.hub.project("Roadmap").add(work), 5)
    assert len(told.points) == 2
    (outcome,) = [said for name, said in told.looks().items() if work.node_id in name]
    assert "ignored, because acme/elsewhere is not watched" in outcome
    assert not any("/issues/" in call.path and str(work.repository.id) in call.path for call in told.hub.rest.calls)


def test_an_issue_that_vanished_is_unreachable_and_changes_nothing(told: ProjectHarness) -> None:
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


def test_without_the_permission_points_are_unknown_and_the_rest_goes_on(harness: ProjectHarness) -> None:
    """The connection is not refused."""
    harness.furnish(token=harness.hub.add_token("ana", permissions=RIGHTS).text)
    harness.estimate(harness.items[1], 3)
    assert (harness.current, harness.points) == (50, [None, None])
    harness.items[0].issue.close()
    harness.drain()
    assert harness.current == 100
    assert harness.rows(tables.connection)[0].refused_reason is None


def test_points_that_are_known_stay_when_the_permission_goes(told: ProjectHarness) -> None:
    """Unknown is not none."""
    told.estimate(told.items[1], 3)
    token = told.hub.add_token("ana", permissions=RIGHTS).text
    told.configure(token=token)
    told.estimate(told.items[1], 8)
    assert (told.current, told.points) == (75, [None, 3])


def test_without_credentials_the_delivery_says_what_it_would_take(harness: ProjectHarness) -> None:
    """And an issue's own fields count as ever."""
    harness.furnish(token=None)
    harness.estimate(harness.items[1], 3)
    assert "needs a token or an app" in harness.rows(tables.delivery)[-1].outcome
    harness.items[1].issue.set_field("Points", 3)
    harness.drain()
    assert harness.current == 75
    harness.clock.step(5)
    harness.items[1].issue.clear_field("Points")
    harness.drain()
    assert harness.current == 50


def test_an_import_brings_points_of_projects(harness: ProjectHarness) -> None:
    """With the list itself: no issue is looked at."""
    works = harness.open_issues(2)
    works[1].close()
    harness.hub.project("Roadmap").add(works[1]).set("Points", 9, type="number")
    harness.configure(token=harness.hub.token, earlier="import")
    with writing(harness.services.engine) as tx:
        tx.execute(sa.delete(tables.delivery))
        tx.execute(sa.delete(tables.fetch_request))
    harness.drain()
    assert (harness.current, harness.looks()) == (90, {})
