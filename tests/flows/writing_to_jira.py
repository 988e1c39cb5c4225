"""A simulated Jira that is written to, and a house that hears its webhooks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Row

from simulator import Jira
from simulator.jira import Issue, Project
from simulator.rest import Call
from sync_service.wiring import House
from tests.flows.stage import clock_of
from tests.flows.writing import WritingStage
from tests.okrs import ANA, jira, okrs
from tests.simulator.receiver import Receiver


@dataclass
class Stage(WritingStage):
    """A Jira of either face and a house."""

    jira: Jira
    shop: Project = field(init=False)

    def __post_init__(self) -> None:
        self.shop = self.jira.project("SHOP")
        self.jira.add_hook(url=self.receiver.url, secret="hush")

    def furnish(self, *, on: bool = True, comments: bool = False, title: str = "Ship carts") -> None:
        """Apply the configuration."""
        ana = self.jira.user("ana")
        people = [{**ANA, "accounts": {"jira": ana.name if self.jira.data_center else ana.account_id}}]
        connection = jira(self.jira, write_back=on, write_comments=comments)
        self.apply(okrs(connection, key_results=[{"slug": "KR-1", "title": title}, {"slug": "KR-2"}], people=people))
        self.drain()

    def open_issue(self) -> Issue:
        """Open an issue that is labelled `checkout`, and let what is to be said on it be written."""
        issue = self.shop.create_issue("Pay", labels=["checkout"])
        self.hear_and_write()
        return issue

    def titles(self, issue: Issue) -> list[str]:
        """Return the titles of the links on an issue."""
        return [link.body["object"]["title"] for link in self.jira.remote_links.of(issue)]

    def comments(self, issue: Issue) -> list[str]:
        """Return the comments of ours on an issue, as webhooks tell of them."""
        return [one.body for one in issue.comments if one.author is self.jira.bot]

    def shown(self, issue: Issue) -> dict[str, Any]:
        """Return what the one link on an issue shows."""
        (link,) = self.jira.remote_links.of(issue)
        found: dict[str, Any] = link.body["object"]
        return found

    def row(self, issue: Issue) -> Row[Any]:
        """Return what is remembered of writing on an issue."""
        return self.row_of(issue.id)

    def writes(self) -> list[str]:
        """Name the writes that Jira was asked for."""
        return [call.method for call in self.calls() if call.method != "GET"]

    def calls(self, what: str = "remotelink") -> list[Call]:
        """Return the calls about links, or about comments."""
        return [call for call in self.jira.rest.calls if f"/{what}" in call.path]


@contextmanager
def on_stage(house: House, *, data_center: bool = False) -> Iterator[Stage]:
    """Have a house write on issues of a Jira."""
    clock = clock_of()
    with Receiver() as receiver, Jira(data_center=data_center, clock=clock, background=False) as site:
        yield Stage(house, clock, receiver, site)
