"""Scenarios: the same six changes of an issue, made in a simulated GitHub, Jira Cloud or Jira Data Center."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from simulator import GitHub, Jira, SteppedClock
from simulator.github.model.issue import Issue as GitHubIssue
from simulator.jira.model.issue import Issue as JiraIssue
from simulator.webhook_delivery import Delivery
from tests.support.config_file import github, jira, okrs

CHANGES = ("closed", "cancelled", "reopened", "unlabelled", "moved", "deleted")
TRACKERS = ("github", "jira-cloud", "jira-data-center")
SECRET = "hush-hush"


class TrackerScenarios(Protocol):
    """A tracker with two watched scopes. The test chooses a name for each issue."""

    connection: str
    first: str
    second: str
    actor: str
    dropped: str

    def create(self, name: str, label: str) -> None:
        """Open an issue with a label in the first scope."""

    def key(self, name: str) -> str:
        """Return an issue's key."""

    def finish(self, name: str) -> None:
        """Close an issue as done."""

    def make_change(self, what: str, name: str, label: str) -> None:
        """Make one of the six changes."""

    @property
    def deliveries(self) -> list[Delivery]:
        """The tracker's delivery log."""


@dataclass(slots=True)
class GitHubScenarios:
    """The scenarios on GitHub."""

    hub: GitHub
    connection: str = "github"
    first: str = "acme/first"
    second: str = "acme/second"
    actor: str = "anaruiz"
    dropped: str = "closed as not planned, dropped"
    issues: dict[str, GitHubIssue] = field(default_factory=dict)

    def create(self, name: str, label: str) -> None:
        """Open an issue with a label."""
        self.issues[name] = self.hub.repository("first").create_issue(name, labels=[label])

    def key(self, name: str) -> str:
        """Return `owner/repository#number`."""
        issue = self.issues[name]
        return f"{issue.repository.full_name}#{issue.number}"

    def finish(self, name: str) -> None:
        """Close it as completed."""
        self.issues[name].close()

    def make_change(self, what: str, name: str, label: str) -> None:
        """Make the change; a transfer keeps labels only if the target repository has a label of that name."""
        issue = self.issues[name]
        match what:
            case "closed":
                issue.close()
            case "cancelled":
                issue.close(reason="not_planned")
            case "reopened":
                issue.reopen()
            case "unlabelled":
                issue.unlabel(label)
            case "moved":
                target = self.hub.repository("second")
                target.label(label)
                self.issues[name] = issue.transfer(target)
            case "deleted":
                issue.delete()

    @property
    def deliveries(self) -> list[Delivery]:
        """The delivery log."""
        return self.hub.deliveries


@dataclass(slots=True)
class JiraScenarios:
    """The scenarios on Jira, Cloud or Data Center."""

    jira: Jira
    connection: str
    first: str = "ONE"
    second: str = "TWO"
    actor: str = "Ana"
    dropped: str = "closed as won't do, dropped"
    issues: dict[str, JiraIssue] = field(default_factory=dict)

    def create(self, name: str, label: str) -> None:
        """Create an issue with a label."""
        self.issues[name] = self.jira.project("ONE").create_issue(name, labels=[label])

    def key(self, name: str) -> str:
        """Return the key."""
        return self.issues[name].key

    def finish(self, name: str) -> None:
        """Move an issue to Done."""
        self.issues[name].finish()

    def make_change(self, what: str, name: str, label: str) -> None:
        """Make the change."""
        issue = self.issues[name]
        match what:
            case "closed":
                issue.finish()
            case "cancelled":
                issue.drop()
            case "reopened":
                issue.reopen()
            case "unlabelled":
                issue.unlabel(label)
            case "moved":
                issue.move(self.jira.project("TWO"))
            case "deleted":
                issue.delete()

    @property
    def deliveries(self) -> list[Delivery]:
        """The delivery log."""
        return self.jira.deliveries


@dataclass(frozen=True, slots=True)
class Trackers:
    """A GitHub, a Jira Cloud and a Jira Data Center, with a clock that the test moves."""

    clock: SteppedClock
    hub: GitHub
    cloud: Jira
    data_center: Jira
    scenarios: dict[str, TrackerScenarios]


def make_trackers() -> Trackers:
    """Create the trackers, without starting them."""
    clock = SteppedClock(datetime.now(UTC) - timedelta(minutes=10))
    hub, cloud = GitHub("acme", clock=clock), Jira(clock=clock)
    data_center = Jira(data_center=True, clock=clock)
    scenarios: dict[str, TrackerScenarios] = {
        "github": GitHubScenarios(hub),
        "jira-cloud": JiraScenarios(cloud, "jira-cloud"),
        "jira-data-center": JiraScenarios(data_center, "jira-data-center"),
    }
    return Trackers(clock, hub, cloud, data_center, scenarios)


def slug_of(tracker: str, what: str, *, scope: str = "first") -> str:
    """Return the slug of a scenario's key result, which is also its label."""
    return f"{tracker}-{what}" if scope == "first" else f"{tracker}-{what}-{scope}"


def configuration(trackers: Trackers) -> str:
    """Return a configuration file with one key result for each scenario, so that tests do not affect each other."""
    cases = [(tracker, what, "first") for tracker in TRACKERS for what in CHANGES] + [
        (tracker, "moved", "second") for tracker in TRACKERS
    ]
    connections = (
        github(trackers.hub, slug="github", webhook_secrets=[SECRET], scopes=["acme/first", "acme/second"]),
        jira(trackers.cloud, slug="jira-cloud", webhook_secrets=[SECRET], scopes=["ONE", "TWO"]),
        jira(trackers.data_center, slug="jira-data-center", webhook_secrets=[SECRET], scopes=["ONE", "TWO"]),
    )
    key_results = [{"slug": slug_of(tracker, what, scope=scope), "title": what} for tracker, what, scope in cases]
    rules = [
        {
            "slug": f"rule-{slug_of(tracker, what, scope=scope)}",
            "connection": tracker,
            "key_result": slug_of(tracker, what, scope=scope),
            "when": {
                "all": [
                    {"field": "scope", "is": getattr(trackers.scenarios[tracker], scope)},
                    {"field": "labels", "has": slug_of(tracker, what)},
                ]
            },
        }
        for tracker, what, scope in cases
    ]
    return okrs(*connections, key_results=key_results, rules=rules).decode()
