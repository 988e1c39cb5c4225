"""Harness for JQL rules: a simulated Jira, and services whose rules are queries."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from simulator import Jira
from simulator.jira import Issue
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.okrs import query_listings
from tests.flows.harness import clock_of
from tests.flows.jira_harness import DAY, JiraHarness
from tests.support.config_file import jira, okrs

LABELLED = "project = SHOP AND labels = checkout ORDER BY rank"


@dataclass
class JqlHarness(JiraHarness):
    """A Jira whose webhooks arrive when the test calls `receive_and_drain`, and services with JQL rules."""

    def furnish(self, *queries: str) -> None:
        """Apply the configuration, and finish the import and the listings."""
        self.begin(*queries)
        self.list_now()
        self.received = len(self.jira.deliveries)

    def begin(self, *queries: str, drained: bool = True) -> None:
        """Apply a configuration with a rule for each query; the first is for KR-1, the others for KR-2."""
        connection = jira(self.jira, scopes=["SHOP", "PAY"], earlier="import")
        rules = [
            {"slug": f"asked-{number}", "connection": "jira", "key_result": f"KR-{min(number, 2)}", "query": query}
            for number, query in enumerate(queries or (LABELLED,), 1)
        ]
        self.apply(okrs(connection, key_results=[{"slug": "KR-1"}, {"slug": "KR-2"}], rules=rules))
        self.jira.add_hook(url="http://127.0.0.1:9/hooks/jira", secret="hush-hush")
        self.jira.webhooks.lose_next(10_000)
        if drained:
            self.drain()

    def receive_and_drain(self) -> None:
        """Receive the new webhooks, and drain."""
        self.receive_webhooks()
        self.drain()

    def match_after_a_minute(self) -> None:
        """Move the changes a minute into the past, and drain."""
        self.pass_a_minute()
        self.drain()

    def is_listed_soon(self) -> bool:
        """Return whether the first query is listed within a minute."""
        return self.wait_of(self.rows(tables.query_listing)[0]) <= query_listings.SOONEST

    def calls(self, ending: str) -> int:
        """Return the number of calls to a path."""
        return sum(call.path.endswith(ending) for call in self.jira.rest.calls)

    def make(self, summary: str = "Pay", *labels: str) -> Issue:
        """Create an issue."""
        return self.shop.create_issue(summary, labels=labels)


@contextmanager
def open_jql_harness(services: Services, *, data_center: bool) -> Iterator[JqlHarness]:
    """Yield the harness with Jira Cloud or Data Center."""
    clock = clock_of(20 * DAY)
    with Jira(clock=clock, data_center=data_center) as site:
        yield JqlHarness(services, site, clock)
