"""Rules with a GitHub search: members are listed, judged after each change, and counted as any others."""

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
from sync_service.store.tables.instant import EPOCH
from tests.flows.harness import GitHubHarness, drain_with_crashes
from tests.support.config_file import github, okrs

pytestmark = pytest.mark.slow

LABELLED = "repo:acme/checkout is:issue label:checkout"
PARTLY = "repo:acme/checkout is:issue label:checkout archived:false"
"""A query of which only GitHub can judge a part."""


@dataclass
class QueryRuleHarness(GitHubHarness):
    """A GitHub whose webhooks nobody hears, and a house that may ask it."""

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
        """Return the keys of the issues that count: those of a query do once it was listed whole."""
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
    """Until then its key result is partly seen; issues that are not in it stay out."""
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


@pytest.mark.both_databases
def test_an_issue_that_changes_is_judged_without_a_search(harness: QueryRuleHarness) -> None:
    """Both ways, and the history says by which rule."""
    issue = harness.repository.create_issue("Pay")
    harness.furnish()
    harness.drain()
    asked = harness.searches()
    assert harness.counted() == []
    issue.label("checkout")
    harness.poll_now()
    assert harness.counted() == ["acme/checkout#1"]
    issue.close()
    harness.poll_now()
    (*_, entry) = harness.rows(tables.history)
    assert entry.to == 100
    issue.unlabel("checkout")
    harness.poll_now()
    assert harness.counted() == []
    assert harness.searches() == asked


def test_what_cannot_be_judged_is_listed_soon(harness: QueryRuleHarness) -> None:
    """The listing waits a minute after the last one began, not a quarter of an hour; then it links."""
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


def test_a_listing_removes_what_it_no_longer_shows(harness: QueryRuleHarness) -> None:
    """Where the change went by unheard."""
    issue = harness.repository.create_issue("Pay", labels=["checkout"])
    harness.furnish()
    harness.drain()
    assert harness.counted() == ["acme/checkout#1"]
    issue.unlabel("checkout")
    harness.list_later()
    assert harness.counted() == []
    assert harness.rows(tables.query_member) == []


def test_more_than_a_thousand_members_are_listed(harness: QueryRuleHarness) -> None:
    """GitHub shows a thousand of a search; we go on by the time of creation, many of which are alike."""
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
    """It says so, and the next one that is complete puts it right."""
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


def test_searches_have_a_limit_of_their_own(harness: QueryRuleHarness) -> None:
    """Once it is used up the listing waits, with its place kept, and nothing else does."""
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


def test_without_credentials_a_query_that_can_be_judged_counts_at_once(harness: QueryRuleHarness) -> None:
    """Where nothing earlier counts, no listing is needed."""
    harness.furnish(token=False, earlier="ignore")
    harness.drain()
    assert harness.key_result().status != "partial"
    assert [one.state for one in harness.rows(tables.rule_revision)] == ["active"]
    assert harness.rows(tables.query_listing)[0].outcome == "evaluated with the known issues"


def test_without_credentials_a_query_that_cannot_be_judged_says_so(harness: QueryRuleHarness) -> None:
    """Its key result is partly seen, and counts once there is a token."""
    harness.repository.create_issue("Pay", labels=["checkout"])
    harness.furnish(PARTLY, token=False, earlier="ignore")
    harness.drain()
    assert harness.key_result().status == "partial"
    assert "no credentials, and archived:false can't be evaluated without" in harness.key_result().explanation
    harness.furnish(PARTLY, earlier="ignore")
    harness.drain()
    assert harness.counted() == ["acme/checkout#1"]
    assert harness.key_result().status != "partial"


def test_known_issues_are_judged_when_the_token_is_taken_away(harness: QueryRuleHarness) -> None:
    """By what is held of them."""
    harness.repository.create_issue("Pay", labels=["checkout"])
    harness.repository.create_issue("Other", labels=["other"])
    harness.furnish("repo:acme/checkout is:issue label:none")
    harness.drain()
    harness.furnish(token=False, earlier="ignore")
    harness.drain()
    assert harness.counted() == ["acme/checkout#1"]


def test_an_edit_while_a_listing_runs_takes_its_place(
    harness: QueryRuleHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the old query finds never counts, and leaves nothing behind."""
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


def test_a_query_that_moves_before_it_was_listed_leaves_its_key_result_whole(harness: QueryRuleHarness) -> None:
    """Which is not partly seen any more: nothing else would say so before the next day."""
    harness.repository.create_issue("Pay", labels=["checkout"])
    harness.furnish(earlier="ignore")
    harness.services.drains.by_table["recompute"]()
    assert harness.key_result().status == "partial"
    harness.furnish(earlier="ignore", key_result="KR-2")
    harness.drain()
    assert "not listed yet" not in harness.key_result().explanation
    assert harness.key_result().status != "partial"
    assert harness.counted() == ["acme/checkout#1"]


def test_a_disabled_query_lets_go(harness: QueryRuleHarness) -> None:
    """As a disabled condition does, and its members go with it."""
    harness.repository.create_issue("Pay", labels=["checkout"])
    harness.furnish()
    harness.drain()
    harness.furnish(enabled=False)
    harness.drain()
    assert harness.counted() == []
    assert harness.rows(tables.query_member) == []
    assert harness.rows(tables.query_listing) == []


def test_what_lies_outside_the_watched_scopes_is_counted_and_said(harness: QueryRuleHarness) -> None:
    """It does not count toward the key result."""
    harness.repository.create_issue("Pay", labels=["checkout"])
    harness.hub.repository("attic").create_issue("Old", labels=["checkout"])
    harness.furnish("org:acme is:issue label:checkout")
    harness.drain()
    assert harness.counted() == ["acme/checkout#1"]
    (row,) = harness.rows(tables.query_listing)
    assert row.outside == 1
    assert row.outcome == "1 members, 1 outside the watched scopes"


def test_a_listing_does_not_undo_what_was_judged_after_it_began(
    harness: QueryRuleHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
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
def test_a_run_that_is_killed_goes_on_where_it_was(harness: QueryRuleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before each of its statements once, it ends as one that was never killed."""
    harness.open_issues(120, apart=1)
    harness.furnish(earlier="ignore")
    crashes = drain_with_crashes(harness.services, tables.query_listing)
    assert crashes > 20
    harness.drain()
    assert len(harness.counted()) == 120
    assert harness.rows(tables.query_listing)[0].incomplete_reason is None
