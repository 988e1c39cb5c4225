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
class Stage(GitHubHarness):
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
        """Give the keys of the issues that count: those of a query do once it was listed whole."""
        found = (
            sa.select(tables.issue.c.key)
            .join(tables.link, tables.link.c.issue_id == tables.issue.c.id)
            .join(tables.rule_revision, tables.rule_revision.c.id == tables.link.c.source)
            .where(tables.rule_revision.c.state == "active")
        )
        with reading(self.services.engine) as tx:
            return sorted(tx.scalars(found))

    def searches(self) -> int:
        """Count the searches that were asked for."""
        return sum(call.path == "/search/issues" for call in self.hub.rest.calls)


@pytest.fixture
def stage(services: Services, hub: GitHub, clock: SteppedClock) -> Stage:
    """Set the stage."""
    return Stage(services, hub, clock)


def test_a_query_counts_from_its_first_complete_listing(stage: Stage) -> None:
    """Until then its key result is partly seen; issues that are not in it stay out."""
    stage.open_issues(3)
    stage.repository.create_issue("Another", labels=["other"])
    stage.repository.issues[1].close()
    stage.furnish(earlier="ignore")
    stage.services.drains.by_table["recompute"]()
    assert stage.key_result().status == "partial"
    assert "query of rule asked: not listed yet" in stage.key_result().explanation
    stage.drain()
    assert stage.counted() == ["acme/checkout#1", "acme/checkout#2", "acme/checkout#3"]
    assert stage.key_result().current == pytest.approx(100 / 3)
    assert stage.key_result().status != "partial"


@pytest.mark.both_databases
def test_an_issue_that_changes_is_judged_without_a_search(stage: Stage) -> None:
    """Both ways, and the history says by which rule."""
    issue = stage.repository.create_issue("Pay")
    stage.furnish()
    stage.drain()
    asked = stage.searches()
    assert stage.counted() == []
    issue.label("checkout")
    stage.poll_now()
    assert stage.counted() == ["acme/checkout#1"]
    issue.close()
    stage.poll_now()
    (*_, entry) = stage.rows(tables.history)
    assert entry.to == 100
    issue.unlabel("checkout")
    stage.poll_now()
    assert stage.counted() == []
    assert stage.searches() == asked


def test_what_cannot_be_judged_is_listed_soon(stage: Stage) -> None:
    """The listing waits a minute after the last one began, not a quarter of an hour; then it links."""
    issue = stage.repository.create_issue("Pay")
    stage.furnish(PARTLY)
    stage.drain()
    issue.label("checkout")
    stage.poll_now()
    assert stage.counted() == []
    (row,) = stage.rows(tables.query_listing)
    assert stage.wait_of(row) <= query_listings.SOONEST
    stage.list_later()
    assert stage.counted() == ["acme/checkout#1"]


def test_a_listing_removes_what_it_no_longer_shows(stage: Stage) -> None:
    """Where the change went by unheard."""
    issue = stage.repository.create_issue("Pay", labels=["checkout"])
    stage.furnish()
    stage.drain()
    assert stage.counted() == ["acme/checkout#1"]
    issue.unlabel("checkout")
    stage.list_later()
    assert stage.counted() == []
    assert stage.rows(tables.query_member) == []


def test_more_than_a_thousand_members_are_listed(stage: Stage) -> None:
    """GitHub shows a thousand of a search; we go on by the time of creation, many of which are alike."""
    for number in range(1050):
        stage.repository.create_issue(f"Pay {number}", labels=["checkout"])
        if number % 150 == 149:
            stage.clock.step(1)
    stage.furnish(earlier="ignore")
    stage.drain()
    assert len(stage.counted()) == 1050
    (row,) = stage.rows(tables.query_listing)
    assert row.seen >= 1050
    assert row.incomplete_reason is None


@pytest.mark.both_databases
def test_an_incomplete_search_adds_and_removes_nothing(stage: Stage) -> None:
    """It says so, and the next one that is complete puts it right."""
    gone = stage.repository.create_issue("Pay", labels=["checkout"])
    stage.furnish()
    stage.drain()
    gone.unlabel("checkout")
    stage.repository.create_issue("Pay again", labels=["checkout"])
    stage.hub.search_is_incomplete = True
    with writing(stage.services.engine) as tx:
        tx.execute(sa.update(tables.query_listing).values(due_at=EPOCH))
    stage.services.drains.drain("query_listing")
    assert stage.counted() == ["acme/checkout#1", "acme/checkout#2"]
    (row,) = stage.rows(tables.query_listing)
    assert row.incomplete_reason == "GitHub did not search everything in time"
    with reading(stage.services.engine) as tx:
        (stale,) = staleness.stale(tx, [stage.key_result().id]).values()
    assert stale.reason == "query of rule asked: GitHub did not search everything in time"
    stage.hub.search_is_incomplete = False
    stage.list_later()
    assert stage.counted() == ["acme/checkout#2"]
    assert stage.rows(tables.query_listing)[0].incomplete_reason is None


def test_searches_have_a_limit_of_their_own(stage: Stage) -> None:
    """Once it is used up the listing waits, with its place kept, and nothing else does."""
    stage.open_issues(250, apart=1)
    stage.hub.limits.switch_on(Rules(search=2))
    stage.furnish(earlier="ignore")
    stage.drain()
    assert stage.searches() == 3, "the third is refused"
    (row,) = stage.rows(tables.query_listing)
    assert row.seen >= 199, "the last of a page is shown again by the next"
    assert {one.bucket for one in stage.rows(tables.rate_limit)} == {"token/search"}
    assert all(one.done_at for one in stage.rows(tables.poll))
    assert stage.counted() == []
    stage.clock.step(120)
    with writing(stage.services.engine) as tx:
        tx.execute(sa.delete(tables.rate_limit))
        tx.execute(sa.update(tables.query_listing).values(due_at=EPOCH))
    stage.drain()
    assert len(stage.counted()) == 250
    assert stage.searches() == 4


def test_without_credentials_a_query_that_can_be_judged_counts_at_once(stage: Stage) -> None:
    """Where nothing earlier counts, no listing is needed."""
    stage.furnish(token=False, earlier="ignore")
    stage.drain()
    assert stage.key_result().status != "partial"
    assert [one.state for one in stage.rows(tables.rule_revision)] == ["active"]
    assert stage.rows(tables.query_listing)[0].outcome == "evaluated with the known issues"


def test_without_credentials_a_query_that_cannot_be_judged_says_so(stage: Stage) -> None:
    """Its key result is partly seen, and counts once there is a token."""
    stage.repository.create_issue("Pay", labels=["checkout"])
    stage.furnish(PARTLY, token=False, earlier="ignore")
    stage.drain()
    assert stage.key_result().status == "partial"
    assert "no credentials, and archived:false can't be evaluated without" in stage.key_result().explanation
    stage.furnish(PARTLY, earlier="ignore")
    stage.drain()
    assert stage.counted() == ["acme/checkout#1"]
    assert stage.key_result().status != "partial"


def test_known_issues_are_judged_when_the_token_is_taken_away(stage: Stage) -> None:
    """By what is held of them."""
    stage.repository.create_issue("Pay", labels=["checkout"])
    stage.repository.create_issue("Other", labels=["other"])
    stage.furnish("repo:acme/checkout is:issue label:none")
    stage.drain()
    stage.furnish(token=False, earlier="ignore")
    stage.drain()
    assert stage.counted() == ["acme/checkout#1"]


def test_an_edit_while_a_listing_runs_takes_its_place(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the old query finds never counts, and leaves nothing behind."""
    monkeypatch.setattr("sync_service.tracker_sync.list_query_members.TURN_SECONDS", -1.0)
    stage.open_issues(150, apart=1)
    stage.repository.create_issue("Another", labels=["other"])
    stage.furnish(earlier="ignore")
    stage.services.drains.by_table["query_listing"]()
    assert stage.rows(tables.query_listing)[0].seen == 100
    stage.furnish("repo:acme/checkout is:issue label:other", earlier="ignore")
    stage.drain()
    assert stage.counted() == ["acme/checkout#151"]
    assert len(stage.rows(tables.query_member)) == 1
    assert len(stage.rows(tables.query_listing)) == 1


def test_a_query_that_moves_before_it_was_listed_leaves_its_key_result_whole(stage: Stage) -> None:
    """Which is not partly seen any more: nothing else would say so before the next day."""
    stage.repository.create_issue("Pay", labels=["checkout"])
    stage.furnish(earlier="ignore")
    stage.services.drains.by_table["recompute"]()
    assert stage.key_result().status == "partial"
    stage.furnish(earlier="ignore", key_result="KR-2")
    stage.drain()
    assert "not listed yet" not in stage.key_result().explanation
    assert stage.key_result().status != "partial"
    assert stage.counted() == ["acme/checkout#1"]


def test_a_disabled_query_lets_go(stage: Stage) -> None:
    """As a disabled condition does, and its members go with it."""
    stage.repository.create_issue("Pay", labels=["checkout"])
    stage.furnish()
    stage.drain()
    stage.furnish(enabled=False)
    stage.drain()
    assert stage.counted() == []
    assert stage.rows(tables.query_member) == []
    assert stage.rows(tables.query_listing) == []


def test_what_lies_outside_the_watched_scopes_is_counted_and_said(stage: Stage) -> None:
    """It does not count toward the key result."""
    stage.repository.create_issue("Pay", labels=["checkout"])
    stage.hub.repository("attic").create_issue("Old", labels=["checkout"])
    stage.furnish("org:acme is:issue label:checkout")
    stage.drain()
    assert stage.counted() == ["acme/checkout#1"]
    (row,) = stage.rows(tables.query_listing)
    assert row.outside == 1
    assert row.outcome == "1 members, 1 outside the watched scopes"


def test_a_listing_does_not_undo_what_was_judged_after_it_began(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first pages may be older than the change."""
    monkeypatch.setattr("sync_service.tracker_sync.list_query_members.TURN_SECONDS", -1.0)
    issues = stage.open_issues(150, apart=1)
    stage.furnish()
    stage.drain()
    with writing(stage.services.engine) as tx:
        tx.execute(sa.update(tables.query_listing).values(due_at=EPOCH))
    stage.services.drains.by_table["query_listing"]()
    issues[0].unlabel("checkout")
    with writing(stage.services.engine) as tx:
        polls.hurry(tx)
    for name in ("poll", "query_candidate"):
        stage.services.drains.by_table[name]()
    assert len(stage.counted()) == 149
    stage.drain()
    assert len(stage.counted()) == 149
    stage.list_later()
    assert len(stage.counted()) == 149


@pytest.mark.both_databases
def test_a_run_that_is_killed_goes_on_where_it_was(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before each of its statements once, it ends as one that was never killed."""
    stage.open_issues(120, apart=1)
    stage.furnish(earlier="ignore")
    deaths = drain_with_crashes(stage.services, tables.query_listing)
    assert deaths > 20
    stage.drain()
    assert len(stage.counted()) == 120
    assert stage.rows(tables.query_listing)[0].incomplete_reason is None
