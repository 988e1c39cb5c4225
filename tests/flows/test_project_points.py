"""Points in a project of a simulated GitHub; the organization's webhook posts their changes."""

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
from sync_service.store.okrs.history import is_shown
from tests.faults.tracker_pair import receiving
from tests.flows.harness import GitHubHarness, clock_of
from tests.support.config_file import github, okrs

pytestmark = pytest.mark.slow

BY_POINTS = {"slug": "KR-1", "measure": {"kind": "done-share", "weight": "points", "unestimated": 1}}
PERMISSIONS = {"metadata": "read", "issues": "read", "pull_requests": "read"}


@dataclass
class ProjectHarness(GitHubHarness):
    """Services that receive an organization's webhooks. Two linked issues are in a project, and the second is done."""

    items: list[ProjectItem] = field(default_factory=list)

    def configure(self, *, token: str | None, earlier: str = "ignore") -> None:
        """Apply the configuration."""
        connection = github(self.hub, token=token, earlier=earlier, points_field="Points")
        self.apply(okrs(connection, key_results=[BY_POINTS]))

    def set_up(self, *, token: str | None) -> None:
        """Apply the configuration, and open two issues, each with an item of the project."""
        self.configure(token=token)
        self.drain()
        issues = self.open_issues(2)
        issues[1].close()
        self.items = [self.hub.project("Roadmap").add(issue) for issue in issues]
        self.drain()

    def estimate(self, item: ProjectItem, points: float | None) -> None:
        """Set the points of an item, and drain all that follows."""
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

    def fetch_outcomes(self) -> dict[str, str]:
        """Return the outcomes of fetches by identity."""
        return {row.identity: row.outcome for row in self.rows(tables.fetch_request)}


@pytest.fixture
def harness(services: Services) -> Iterator[ProjectHarness]:
    """Yield the harness."""
    clock = clock_of(timedelta(hours=1))
    with receiving(services) as address, GitHub("acme", clock=clock, background=False) as hub:
        hub.add_hook(url=f"{address}/hooks/gh", secret="hush-hush")
        yield ProjectHarness(services, hub, clock)


@pytest.fixture
def harness_with_token(harness: ProjectHarness) -> ProjectHarness:
    """Return the harness with a token that may read everything."""
    harness.set_up(token=harness.hub.token)
    assert harness.current == 50
    return harness


def test_setting_changing_and_clearing_points_changes_the_key_result(harness_with_token: ProjectHarness) -> None:
    """It takes effect at once, although the issue does not change. The history has the number of points."""
    harness_with_token.estimate(harness_with_token.items[1], 3)
    assert (harness_with_token.current, harness_with_token.points) == (75, [None, 3])
    harness_with_token.estimate(harness_with_token.items[0], 2)
    assert harness_with_token.current == 60
    harness_with_token.estimate(harness_with_token.items[0], 7)
    assert harness_with_token.current == 30
    harness_with_token.estimate(harness_with_token.items[0], None)
    assert (harness_with_token.current, harness_with_token.points) == (75, [None, 3])
    assert [entry.causes[0]["what"] for entry in harness_with_token.rows(tables.history, is_shown)[-2:]] == [
        "points 2 → 7",
        "points 7 → none",
    ]
    assert all(entry.causes[0]["delivery"] for entry in harness_with_token.rows(tables.history, is_shown))


def test_removing_an_item_removes_its_points(harness_with_token: ProjectHarness) -> None:
    """An archived item keeps them."""
    harness_with_token.estimate(harness_with_token.items[1], 3)
    harness_with_token.items[1].archive()
    harness_with_token.drain()
    assert harness_with_token.current == 75
    harness_with_token.items[1].delete()
    harness_with_token.drain()
    assert (harness_with_token.current, harness_with_token.points) == (50, [None, None])


def test_the_project_with_the_highest_number_wins(harness_with_token: ProjectHarness) -> None:
    """An archived item no longer wins."""
    harness_with_token.estimate(harness_with_token.items[1], 3)
    second = harness_with_token.hub.project("Next year").add(harness_with_token.items[1].issue)
    harness_with_token.estimate(second, 9)
    assert harness_with_token.current == 90
    second.archive()
    harness_with_token.drain()
    assert harness_with_token.current == 75
    second.restore()
    harness_with_token.drain()
    assert harness_with_token.current == 90


def test_deliveries_about_the_issue_do_not_remove_points(harness_with_token: ProjectHarness) -> None:
    """They do not have the project's points."""
    harness_with_token.estimate(harness_with_token.items[0], 4)
    harness_with_token.clock.step(5)
    harness_with_token.items[0].issue.edit(title="Pay at once")
    harness_with_token.drain()
    assert harness_with_token.points == [4, None]
    harness_with_token.items[0].issue.close()
    harness_with_token.drain()
    assert (harness_with_token.points, harness_with_token.current) == ([4, None], 100)


def test_an_issue_s_own_field_wins_until_it_is_removed(harness_with_token: ProjectHarness) -> None:
    """Then the project's points apply again."""
    harness_with_token.estimate(harness_with_token.items[1], 3)
    issue = harness_with_token.items[1].issue
    harness_with_token.clock.step(5)
    issue.set_field("Points", 9)
    harness_with_token.drain()
    assert harness_with_token.current == 90
    harness_with_token.estimate(harness_with_token.items[1], 4)
    assert harness_with_token.current == 90
    harness_with_token.clock.step(5)
    issue.clear_field("Points")
    harness_with_token.drain()
    assert (harness_with_token.current, harness_with_token.points) == (80, [None, 4])


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_deliveries_does_not_matter(harness_with_token: ProjectHarness, order: tuple[int, ...]) -> None:
    """A repeat does not matter either: a fetch returns the current state."""
    harness_with_token.hub.webhooks.hold()
    harness_with_token.items[1].set("Points", 3, type="number")
    harness_with_token.clock.step(5)
    harness_with_token.items[1].issue.edit(title="Pay at once")
    harness_with_token.items[1].set("Points", 4, type="number")
    harness_with_token.hub.webhooks.release(order=order)
    harness_with_token.drain()
    assert (harness_with_token.current, harness_with_token.points) == (80, [None, 4])
    harness_with_token.hub.redeliver(harness_with_token.hub.webhooks.deliveries[-1])
    harness_with_token.drain()
    assert harness_with_token.current == 80


def test_many_changes_are_fetched_with_few_calls(harness_with_token: ProjectHarness) -> None:
    """An issue with several deliveries has one fetch request."""
    items = [
        harness_with_token.hub.project("Roadmap").add(harness_with_token.repository.create_issue(f"Step {number}"))
        for number in range(30)
    ]
    harness_with_token.drain()
    harness_with_token.hub.rest.calls.clear()
    for item in items:
        item.set("Points", 1, type="number")
        item.set("Points", 2, type="number")
    harness_with_token.drain()
    assert harness_with_token.points[2:] == [2] * 30
    assert len(harness_with_token.hub.rest.calls) <= 10
    assert len(harness_with_token.fetch_outcomes()) == 2 * 32


def test_issues_of_an_unwatched_repository_are_not_fetched(harness_with_token: ProjectHarness) -> None:
    """An organization's webhook posts changes of all its projects."""
    issue = harness_with_token.hub.repository("elsewhere").create_issue("Secret")
    harness_with_token.estimate(harness_with_token.hub.project("Roadmap").add(issue), 5)
    assert len(harness_with_token.points) == 2
    (outcome,) = [
        outcome for identity, outcome in harness_with_token.fetch_outcomes().items() if issue.node_id in identity
    ]
    assert "ignored, because acme/elsewhere is not watched" in outcome
    assert not any(
        "/issues/" in call.path and str(issue.repository.id) in call.path for call in harness_with_token.hub.rest.calls
    )


def test_a_missing_issue_is_unreachable_and_changes_nothing(harness_with_token: ProjectHarness) -> None:
    """A node id that is not found does not prove a deletion."""
    item = harness_with_token.items[1]
    harness_with_token.hub.webhooks.hold()
    item.set("Points", 3, type="number")
    item.issue.delete()
    harness_with_token.hub.webhooks.release(order=[0])
    harness_with_token.drain()
    (outcome,) = [
        outcome for identity, outcome in harness_with_token.fetch_outcomes().items() if item.issue.node_id in identity
    ]
    assert outcome.startswith("unreachable, so nothing changes")
    assert harness_with_token.current == 50


def test_without_the_permission_points_are_unknown_and_the_rest_goes_on(harness: ProjectHarness) -> None:
    """The connection is not refused."""
    harness.set_up(token=harness.hub.add_token("ana", permissions=PERMISSIONS).text)
    harness.estimate(harness.items[1], 3)
    assert (harness.current, harness.points) == (50, [None, None])
    harness.items[0].issue.close()
    harness.drain()
    assert harness.current == 100
    assert harness.rows(tables.connection)[0].refused_reason is None


def test_known_points_stay_without_the_permission(harness_with_token: ProjectHarness) -> None:
    """Unknown is not none."""
    harness_with_token.estimate(harness_with_token.items[1], 3)
    token = harness_with_token.hub.add_token("ana", permissions=PERMISSIONS).text
    harness_with_token.configure(token=token)
    harness_with_token.estimate(harness_with_token.items[1], 8)
    assert (harness_with_token.current, harness_with_token.points) == (75, [None, 3])


def test_without_credentials_the_outcome_says_what_is_needed(harness: ProjectHarness) -> None:
    """An issue's own fields still count."""
    harness.set_up(token=None)
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
    """The list has the points, so no issue is fetched."""
    issues = harness.open_issues(2)
    issues[1].close()
    harness.hub.project("Roadmap").add(issues[1]).set("Points", 9, type="number")
    harness.configure(token=harness.hub.token, earlier="import")
    with writing(harness.services.engine) as tx:
        tx.execute(sa.delete(tables.delivery))
        tx.execute(sa.delete(tables.fetch_request))
    harness.drain()
    assert (harness.current, harness.fetch_outcomes()) == (90, {})
