"""Rules with a GitHub search: members are listed, matched after each change, and counted."""

from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from simulator import GitHub, SteppedClock
from simulator.github.limits import Rules
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.jobs import polls
from sync_service.store.okrs import query_listings, staleness
from sync_service.store.okrs.history import is_shown
from sync_service.store.tables.instant import EPOCH
from tests.flows.harness import GitHubHarness, drain_with_crashes
from tests.support.config_file import github, okrs

pytestmark = pytest.mark.slow

LABELLED = "repo:acme/checkout is:issue label:checkout"
PARTLY = "repo:acme/checkout is:issue label:checkout archived:false"
"""A query with a term that only GitHub can match."""


@dataclass
class QueryRuleHarness(GitHubHarness):
    """A GitHub whose webhooks have no receiver, and services that call it."""

    def furnish(
        self,
        query: str = LABELLED,
        *,
        earlier: str = "import",
        token: bool = True,
        enabled: bool = True,
        key_result: str = "KR-1",
    ) -> None:
        """Apply the configuration."""
        connection = github(self.hub, token=self.hub.token if token else None, earlier=earlier)
        rule = {"slug": "asked", "connection": "gh", "key_result": key_result, "query": query, "enabled": enabled}
        self.apply(okrs(connection, key_results=[{"slug": "KR-1"}, {"slug": "KR-2"}], rules=[rule]))

    def counted(self) -> list[str]:
        """Return the keys of the issues that count; those of a query count after its first complete listing."""
        found = (
            sa.select(tables.issue.c.key)
            .join(tables.link, tables.link.c.issue_id == tables.issue.c.id)
            .join(tables.rule_revision, tables.rule_revision.c.id == tables.link.c.source)
            .where(tables.rule_revision.c.state == "active")
        )
        with reading(self.services.engine) as tx:
            return sorted(tx.scalars(found))

    def searches(self) -> int:
        """Return the number of searches that were asked for."""
        return sum(call.path == "/search/issues" for call in self.hub.rest.calls)


@pytest.fixture
def harness(services: Services, hub: GitHub, clock: SteppedClock) -> QueryRuleHarness:
    """Return the harness."""
    return QueryRuleHarness(services, hub, clock)


def test_a_query_counts_from_its_first_complete_listing(harness: QueryRuleHarness) -> None:
    """Until then the value is partial; other issues do not count."""
    harness.open_issues(3)
    harness.repository.create_issue("Another", labels=["other"])
    harness.repository.issues[1].close()
    harness.furnish(earlier="ignore")
    harness.services.drains.by_table["recompute"]()
    assert harness.key_result().status == "partial"
    assert "query of rule asked: not listed yet" in harness.key_result().explanation
    harness.drain()
    assert harness.counted() == ["acme/checkout#1", "acme/checkout#2", "acme/checkout#3"]
    assert harness.key_result().current == pytest.approx(100 / 3)
    assert harness.key_result().status != "partial"


def test_a_changed_issue_is_matched_without_a_search(harness: QueryRuleHarness) -> None:
    """It is linked and unlinked, and the history has the rule."""
    issue = harness.repository.create_issue("Pay")
    harness.furnish()
    harness.drain()
    searches = harness.searches()
    assert harness.counted() == []
    issue.label("checkout")
    harness.poll_now()
    assert harness.counted() == ["acme/checkout#1"]
    issue.close()
    harness.poll_now()
    (*_, entry) = harness.rows(tables.history, is_shown)
    assert entry.to == 100
    issue.unlabel("checkout")
    harness.poll_now()
    assert harness.counted() == []
    assert harness.searches() == searches


def test_a_change_that_cannot_be_matched_is_listed_soon(harness: QueryRuleHarness) -> None:
    """The listing starts a minute after the last one began, not a quarter of an hour."""
    issue = harness.repository.create_issue("Pay")
    harness.furnish(PARTLY)
    harness.drain()
    issue.label("checkout")
    harness.poll_now()
    assert harness.counted() == []
    (row,) = harness.rows(tables.query_listing)
    assert harness.wait_of(row) <= query_listings.SOONEST
    harness.list_later()
    assert harness.counted() == ["acme/checkout#1"]


def test_a_listing_removes_members_that_no_longer_match(harness: QueryRuleHarness) -> None:
    """No webhook reported the change."""
    issue = harness.repository.create_issue("Pay", labels=["checkout"])
    harness.furnish()
    harness.drain()
    assert harness.counted() == ["acme/checkout#1"]
    issue.unlabel("checkout")
    harness.list_later()
    assert harness.counted() == []
    assert harness.rows(tables.query_member) == []


@pytest.mark.only_in_test_all
def test_more_than_a_thousand_members_are_listed(harness: QueryRuleHarness) -> None:
    """GitHub returns a thousand results of a search; the listing continues by creation time, which many share."""
    for number in range(1050):
        harness.repository.create_issue(f"Pay {number}", labels=["checkout"])
        if number % 150 == 149:
            harness.clock.step(1)
    harness.furnish(earlier="ignore")
    harness.drain()
    assert len(harness.counted()) == 1050
    (row,) = harness.rows(tables.query_listing)
    assert row.seen >= 1050
    assert row.incomplete_reason is None


@pytest.mark.both_databases
def test_an_incomplete_search_adds_and_removes_nothing(harness: QueryRuleHarness) -> None:
    """The rule shows the reason, and the next complete listing corrects the members."""
    gone = harness.repository.create_issue("Pay", labels=["checkout"])
    harness.furnish()
    harness.drain()
    gone.unlabel("checkout")
    harness.repository.create_issue("Pay again", labels=["checkout"])
    harness.hub.search_is_incomplete = True
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.query_listing).values(due_at=EPOCH))
    harness.services.drains.drain("query_listing")
    assert harness.counted() == ["acme/checkout#1", "acme/checkout#2"]
    (row,) = harness.rows(tables.query_listing)
    assert row.incomplete_reason == "GitHub did not search everything in time"
    with reading(harness.services.engine) as tx:
        (stale,) = staleness.stale(tx, [harness.key_result().id]).values()
    assert stale.reason == "query of rule asked: GitHub did not search everything in time"
    harness.hub.search_is_incomplete = False
    harness.list_later()
    assert harness.counted() == ["acme/checkout#2"]
    assert harness.rows(tables.query_listing)[0].incomplete_reason is None


def test_searches_have_their_own_rate_limit(harness: QueryRuleHarness) -> None:
    """When it is used up only the listing waits, and keeps its cursor."""
    harness.open_issues(250, apart=1)
    harness.hub.limits.switch_on(Rules(search=2))
    harness.furnish(earlier="ignore")
    harness.drain()
    assert harness.searches() == 3, "the third is refused"
    (row,) = harness.rows(tables.query_listing)
    assert row.seen >= 199, "the last of a page is shown again by the next"
    assert {one.bucket for one in harness.rows(tables.rate_limit)} == {"token/search"}
    assert all(one.done_at for one in harness.rows(tables.poll))
    assert harness.counted() == []
    harness.clock.step(120)
    with writing(harness.services.engine) as tx:
        tx.execute(sa.delete(tables.rate_limit))
        tx.execute(sa.update(tables.query_listing).values(due_at=EPOCH))
    harness.drain()
    assert len(harness.counted()) == 250
    assert harness.searches() == 4


def test_without_credentials_a_query_that_we_can_match_counts_at_once(harness: QueryRuleHarness) -> None:
    """With `earlier: ignore` no listing is needed."""
    harness.furnish(token=False, earlier="ignore")
    harness.drain()
    assert harness.key_result().status != "partial"
    assert [one.state for one in harness.rows(tables.rule_revision)] == ["active"]
    assert harness.rows(tables.query_listing)[0].outcome == "evaluated with the known issues"


def test_without_credentials_a_query_that_only_github_matches_has_the_reason(harness: QueryRuleHarness) -> None:
    """The value is partial until there is a token."""
    harness.repository.create_issue("Pay", labels=["checkout"])
    harness.furnish(PARTLY, token=False, earlier="ignore")
    harness.drain()
    assert harness.key_result().status == "partial"
    assert "no credentials, and archived:false can't be evaluated without" in harness.key_result().explanation
    harness.furnish(PARTLY, earlier="ignore")
    harness.drain()
    assert harness.counted() == ["acme/checkout#1"]
    assert harness.key_result().status != "partial"


def test_known_issues_are_matched_after_the_token_is_removed(harness: QueryRuleHarness) -> None:
    """They are matched by their stored fields."""
    harness.repository.create_issue("Pay", labels=["checkout"])
    harness.repository.create_issue("Other", labels=["other"])
    harness.furnish("repo:acme/checkout is:issue label:none")
    harness.drain()
    harness.furnish(token=False, earlier="ignore")
    harness.drain()
    assert harness.counted() == ["acme/checkout#1"]


def test_an_edit_during_a_listing_replaces_it(harness: QueryRuleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of the old query never count and are deleted."""
    monkeypatch.setattr("sync_service.tracker_sync.list_query_members.DRAIN_SECONDS", -1.0)
    harness.open_issues(150, apart=1)
    harness.repository.create_issue("Another", labels=["other"])
    harness.furnish(earlier="ignore")
    harness.services.drains.by_table["query_listing"]()
    assert harness.rows(tables.query_listing)[0].seen == 100
    harness.furnish("repo:acme/checkout is:issue label:other", earlier="ignore")
    harness.drain()
    assert harness.counted() == ["acme/checkout#151"]
    assert len(harness.rows(tables.query_member)) == 1
    assert len(harness.rows(tables.query_listing)) == 1


def test_a_query_moved_before_its_first_listing_leaves_no_partial_key_result(harness: QueryRuleHarness) -> None:
    """Without a recompute the old key result would stay partial until the next day."""
    harness.repository.create_issue("Pay", labels=["checkout"])
    harness.furnish(earlier="ignore")
    harness.services.drains.by_table["recompute"]()
    assert harness.key_result().status == "partial"
    harness.furnish(earlier="ignore", key_result="KR-2")
    harness.drain()
    assert "not listed yet" not in harness.key_result().explanation
    assert harness.key_result().status != "partial"
    assert harness.counted() == ["acme/checkout#1"]


def test_a_disabled_query_removes_its_links(harness: QueryRuleHarness) -> None:
    """As a disabled condition does; its members are deleted too."""
    harness.repository.create_issue("Pay", labels=["checkout"])
    harness.furnish()
    harness.drain()
    harness.furnish(enabled=False)
    harness.drain()
    assert harness.counted() == []
    assert harness.rows(tables.query_member) == []
    assert harness.rows(tables.query_listing) == []


def test_matches_outside_the_watched_scopes_are_counted_in_the_outcome(harness: QueryRuleHarness) -> None:
    """They do not count toward the key result."""
    harness.repository.create_issue("Pay", labels=["checkout"])
    harness.hub.repository("attic").create_issue("Old", labels=["checkout"])
    harness.furnish("org:acme is:issue label:checkout")
    harness.drain()
    assert harness.counted() == ["acme/checkout#1"]
    (row,) = harness.rows(tables.query_listing)
    assert row.outside == 1
    assert row.outcome == "1 member, 1 outside the watched scopes"


def test_a_listing_does_not_undo_a_later_match(harness: QueryRuleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first pages may be older than the change."""
    monkeypatch.setattr("sync_service.tracker_sync.list_query_members.DRAIN_SECONDS", -1.0)
    issues = harness.open_issues(150, apart=1)
    harness.furnish()
    harness.drain()
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.query_listing).values(due_at=EPOCH))
    harness.services.drains.by_table["query_listing"]()
    issues[0].unlabel("checkout")
    with writing(harness.services.engine) as tx:
        polls.hurry(tx)
    for name in ("poll", "query_candidate"):
        harness.services.drains.by_table[name]()
    assert len(harness.counted()) == 149
    harness.drain()
    assert len(harness.counted()) == 149
    harness.list_later()
    assert len(harness.counted()) == 149


@pytest.mark.both_databases
def test_a_killed_listing_continues_at_its_cursor(harness: QueryRuleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed before each of its statements once, and ends as one without a crash."""
    harness.open_issues(120, apart=1)
    harness.furnish(earlier="ignore")
    crashes = drain_with_crashes(harness.services, tables.query_listing)
    assert crashes > 20
    harness.drain()
    assert len(harness.counted()) == 120
    assert harness.rows(tables.query_listing)[0].incomplete_reason is None
