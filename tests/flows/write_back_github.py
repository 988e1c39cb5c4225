"""Harness for write-back to GitHub: a simulated GitHub, and services that receive its webhooks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Row

from simulator import GitHub
from simulator.github import Comment, Issue, Repository
from simulator.rest_server import Call
from sync_service.runtime.wiring import Services
from tests.flows.harness import clock_of
from tests.flows.write_back_harness import WriteBackHarness
from tests.simulator.receiver import Receiver
from tests.support.config_file import ANA, github, okrs

PEOPLE = [
    {**ANA, "accounts": {"github": "AnaRuiz"}},
    {"email": "vic@example.com", "name": "Vic Ewer", "role": "viewer", "accounts": {"github": "vic"}},
]


@dataclass
class GitHubWriteBackHarness(WriteBackHarness):
    """A GitHub and services; `credentials` are connection fields that replace the token for everything."""

    hub: GitHub
    credentials: Mapping[str, Any] = field(default_factory=dict)
    repository: Repository = field(init=False)

    def __post_init__(self) -> None:
        self.repository = self.hub.repository("checkout")
        self.hub.add_hook(self.repository, url=self.receiver.url, secret="hush-hush")
        self.receiver.forget()

    def furnish(self, *, on: bool = True, title: str = "Ship carts") -> None:
        """Apply the configuration."""
        connection = github(self.hub, write_back=on, **self.credentials)
        self.apply(okrs(connection, key_results=[{"slug": "KR-1", "title": title}, {"slug": "KR-2"}], people=PEOPLE))
        self.drain()

    def open_issue(self) -> Issue:
        """Open an issue with the label `checkout`, and let its note be written."""
        issue = self.repository.create_issue("Pay", labels=["checkout"])
        self.receive_and_write()
        return issue

    def our_comment_texts(self, issue: Issue) -> list[str]:
        """Return the texts of our comments on an issue."""
        return [one.body for one in self.our_comment_objects(issue)]

    def our_comment_objects(self, issue: Issue) -> Sequence[Comment]:
        """Return our comments on an issue, found by the marker."""
        return [one for one in issue.comments if "<!-- okr-sync:" in one.body]

    def row(self, issue: Issue) -> Row[Any]:
        """Return the write-back row of an issue."""
        return self.row_of(f"{issue.repository.id}#{issue.number}")

    def writes(self) -> int:
        """Return the number of write calls to GitHub."""
        return len([call for call in self.comment_calls() if call.method != "GET"])

    def comment_calls(self) -> list[Call]:
        """Return the calls about comments."""
        return [call for call in self.hub.rest.calls if "comments" in call.path]


@contextmanager
def open_github_harness(services: Services) -> Iterator[GitHubWriteBackHarness]:
    """Yield the harness."""
    clock = clock_of()
    with Receiver() as receiver, GitHub("acme", clock=clock, background=False) as hub:
        yield GitHubWriteBackHarness(services, clock, receiver, hub)
