"""Harness for write-back to Jira: a simulated Jira, and services that receive its webhooks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Row

from simulator import Jira
from simulator.jira import Issue, Project
from simulator.rest_server import Call
from sync_service.runtime.wiring import Services
from tests.flows.harness import clock_of
from tests.flows.write_back_harness import WriteBackHarness
from tests.simulator.receiver import Receiver
from tests.support.config_file import ANA, jira, okrs


@dataclass
class JiraWriteBackHarness(WriteBackHarness):
    """A Jira, Cloud or Data Center, and services."""

    jira: Jira
    shop: Project = field(init=False)

    def __post_init__(self) -> None:
        self.shop = self.jira.project("SHOP")
        self.jira.add_hook(url=self.receiver.url, secret="hush-hush")

    def furnish(self, *, on: bool = True, comments: bool = False, title: str = "Ship carts") -> None:
        """Apply the configuration."""
        ana = self.jira.user("ana")
        people = [{**ANA, "accounts": {"jira": ana.name if self.jira.data_center else ana.account_id}}]
        connection = jira(self.jira, write_back=on, write_comments=comments)
        self.apply(okrs(connection, key_results=[{"slug": "KR-1", "title": title}, {"slug": "KR-2"}], people=people))
        self.drain()

    def open_issue(self) -> Issue:
        """Open an issue with the label `checkout`, and let its note be written."""
        issue = self.shop.create_issue("Pay", labels=["checkout"])
        self.receive_and_write()
        return issue

    def titles(self, issue: Issue) -> list[str]:
        """Return the titles of the remote links on an issue."""
        return [link.body["object"]["title"] for link in self.jira.remote_links.of(issue)]

    def comments(self, issue: Issue) -> list[str]:
        """Return our comments on an issue, in wiki markup as in webhooks."""
        return [one.body for one in issue.comments if one.author is self.jira.bot]

    def shown(self, issue: Issue) -> dict[str, Any]:
        """Return the object of the only remote link on an issue."""
        (link,) = self.jira.remote_links.of(issue)
        found: dict[str, Any] = link.body["object"]
        return found

    def row(self, issue: Issue) -> Row[Any]:
        """Return the write-back row of an issue."""
        return self.row_of(issue.id)

    def writes(self) -> list[str]:
        """Return the methods of the write calls to Jira."""
        return [call.method for call in self.calls() if call.method != "GET"]

    def calls(self, what: str = "remotelink") -> list[Call]:
        """Return the calls about remote links, or about comments."""
        return [call for call in self.jira.rest.calls if f"/{what}" in call.path]


@contextmanager
def open_jira_harness(services: Services, *, data_center: bool = False) -> Iterator[JiraWriteBackHarness]:
    """Yield the harness."""
    clock = clock_of()
    with Receiver() as receiver, Jira(data_center=data_center, clock=clock, background=False) as site:
        yield JiraWriteBackHarness(services, clock, receiver, site)
