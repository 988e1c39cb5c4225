"""A query is tried before a rule has it: the tracker is asked, and values are shown where they can be known."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from simulator import GitHub, SteppedClock
from simulator.github.limits import Rules as GitHubLimits
from sync_service.domain.rules.rights import Writer
from sync_service.domain.trackers.queries import ASKED_FIRST, Asked
from sync_service.progress.previews.query_preview import TriedQuery
from sync_service.progress.rules.editor import NotAllowed, Refused, Unknown
from sync_service.progress.rules.query_edits import QueryToTry, read_edit
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from tests.flows.harness import GitHubHarness, ServicesHarness
from tests.flows.jql_harness import JqlHarness, open_jql_harness
from tests.support.config_file import github, okrs

pytestmark = pytest.mark.slow

ADMIN = Writer(role="admin")
SEARCH = "repo:acme/checkout is:issue label:checkout"


@pytest.fixture
def jql(services: Services, *, data_center: bool) -> Iterator[JqlHarness]:
    """Yield the harness with Jira Cloud or Data Center."""
    with open_jql_harness(services, data_center=data_center) as made:
        yield made


@pytest.fixture
def cloud(services: Services) -> Iterator[JqlHarness]:
    """Yield the harness with Jira Cloud."""
    with open_jql_harness(services, data_center=False) as made:
        yield made


@pytest.fixture
def searches(services: Services, hub: GitHub, clock: SteppedClock) -> GitHubHarness:
    """Return a GitHub with a rule whose query matches nothing."""
    made = GitHubHarness(services, hub, clock)
    rule = {"slug": "asked", "connection": "gh", "key_result": "KR-1", "query": "repo:acme/checkout is:issue label:no"}
    made.apply(okrs(github(hub, earlier="import"), rules=[rule]))
    made.drain()
    return made


def tried(harness: ServicesHarness, query: str, *, rule: str | None = None, connection: str = "jira") -> TriedQuery:
    """Try a query for KR-1; check that nothing is saved by it."""
    services = harness.services
    written = QueryToTry(rule=rule, connection=connection, key_result="KR-1", query=query)
    before = content(harness)
    with reading(services.engine) as tx:
        edit = read_edit(tx, written, writer=ADMIN, now=services.now())
    found = services.queries.preview(edit)
    if found.reply.outcome in (Asked.ANSWERED, Asked.REJECTED):
        assert content(harness) == before
    return found


def content(harness: ServicesHarness) -> str:
    """Return a hash of all rows of all tables."""
    rows = [
        str(row) for table in tables.metadata.sorted_tables for row in sorted(map(str, harness_rows(harness, table)))
    ]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def harness_rows(harness: ServicesHarness, table: sa.Table) -> list[object]:
    """Return all rows of a table."""
    with reading(harness.services.engine) as tx:
        return [tuple(row) for row in tx.execute(sa.select(table))]


def save(harness: JqlHarness, query: str) -> None:
    """Give the rule this query, and finish its listing."""
    harness.begin(query)
    harness.list_now()


def test_a_preview_of_jql_shows_the_values_that_saving_it_gives(jql: JqlHarness) -> None:
    """All matches are known: the value, what is new, and what the rule lets go."""
    jql.make("Pay", "checkout").finish()
    jql.make("Pay on", "checkout")
    jql.make("Ship", "delivery")
    jql.attic.create_issue("Old", labels=["delivery"])
    jql.furnish("labels = checkout")
    seen = tried(jql, "labels = delivery OR summary ~ Ship", rule="asked-1").preview
    assert seen is not None
    assert [(one.key, one.known, one.counts) for one in seen.shown] == [("SHOP-3", True, False)]
    assert (seen.answer.count, seen.answer.outside, seen.new, seen.let_go) == (1, 1, 1, 2)
    (effect,) = seen.effects
    assert effect.slug == "KR-1"
    assert effect.before.value == pytest.approx(50)
    save(jql, "labels = delivery OR summary ~ Ship")
    assert effect.after.value == pytest.approx(jql.value())
    again = tried(jql, "labels = delivery OR summary ~ Ship", rule="asked-1").preview
    assert again is not None
    assert (again.new, again.let_go, [one.counts for one in again.shown]) == (0, 0, [True])


def test_a_new_rule_keeps_what_others_link(jql: JqlHarness) -> None:
    """Without a rule nothing is let go."""
    jql.make("Pay", "checkout").finish()
    jql.make("Ship", "delivery")
    jql.furnish("labels = checkout")
    seen = tried(jql, "labels = delivery").preview
    assert seen is not None
    assert (seen.new, seen.let_go) == (1, 0)
    assert seen.effects[0].after.value == pytest.approx(50)


def test_issues_that_are_unknown_before_listing_leave_the_value_open(jql: JqlHarness) -> None:
    """The preview says so and shows them."""
    jql.furnish("labels = checkout")
    jql.make("Pay", "checkout")
    seen = tried(jql, "labels = checkout").preview
    assert seen is not None
    assert (seen.unknown, seen.effects, seen.let_go) == (1, (), None)
    assert seen.unknown_effect == "1 issue is unknown before listing"
    assert [(one.key, one.known) for one in seen.shown] == [("SHOP-1", False)]


def test_more_matches_than_a_page_leave_the_value_open(cloud: JqlHarness) -> None:
    """They are counted."""
    for number in range(ASKED_FIRST + 1):
        cloud.make(f"Pay {number}", "checkout")
    cloud.furnish("labels = none")
    seen = tried(cloud, "labels = checkout").preview
    assert seen is not None
    assert (seen.answer.count, len(seen.shown), seen.effects) == (ASKED_FIRST + 1, ASKED_FIRST, ())
    assert seen.unknown_effect == "only the first 50 matches were read; all are listed once the rule is saved"


def test_nonsense_is_told_apart_from_no_matches(jql: JqlHarness) -> None:
    """In Jira's words, or in ours before a call."""
    jql.furnish()
    nothing = tried(jql, "labels = nobody-has-it")
    assert nothing.reply.outcome is Asked.ANSWERED
    assert nothing.preview is not None
    assert (nothing.preview.answer.count, nothing.preview.shown) == (0, [])
    refused = tried(jql, "colour = red").reply
    assert (refused.outcome, "Field 'colour' does not exist" in refused.words) == (Asked.REJECTED, True)
    calls = len(jql.jira.rest.calls)
    assert tried(jql, "(labels = pay").reply.outcome is Asked.REJECTED
    assert len(jql.jira.rest.calls) == calls


def test_a_tracker_that_limits_calls_is_not_asked_again_before_its_time(jql: JqlHarness) -> None:
    """The preview says when; workers wait as long."""
    jql.furnish()
    jql.jira.rest.answer_next(429, retry_after=300)
    limited = tried(jql, "labels = checkout").reply
    assert (limited.outcome, limited.retry_at is not None) == (Asked.NOT_NOW, True)
    calls = len(jql.jira.rest.calls)
    again = tried(jql, "labels = checkout").reply
    assert (again.outcome, len(jql.jira.rest.calls)) == (Asked.NOT_NOW, calls)
    assert again.retry_at is not None
    assert timedelta(minutes=4) < again.retry_at - jql.services.now() < timedelta(minutes=6)


def test_an_outage_does_not_look_like_no_matches(jql: JqlHarness) -> None:
    """Nor does it stop the workers."""
    jql.furnish()
    jql.jira.rest.answer_next(503)
    assert tried(jql, "labels = checkout").reply.outcome is Asked.NOT_NOW
    assert tried(jql, "labels = checkout").reply.outcome is Asked.ANSWERED


def test_an_expired_token_does_not_look_like_no_matches(cloud: JqlHarness) -> None:
    """After that the tracker is not asked."""
    cloud.make("Pay", "checkout")
    cloud.furnish()
    cloud.jira.token_expired = True
    refused = tried(cloud, "labels = checkout").reply
    assert (refused.outcome, "as to a stranger" in refused.words) == (Asked.REFUSED, True)
    cloud.services.connections.clear_cache()
    calls = len(cloud.jira.rest.calls)
    assert tried(cloud, "labels = checkout").reply.outcome is Asked.REFUSED
    assert len(cloud.jira.rest.calls) == calls


def test_a_preview_of_a_search_shows_the_values_that_saving_it_gives(searches: GitHubHarness) -> None:
    """GitHub's answers are read by the same code."""
    first, _ = searches.open_issues(2, apart=1)
    searches.repository.create_issue("Other")
    first.close()
    searches.poll_now()
    seen = tried(searches, SEARCH, rule="asked", connection="gh").preview
    assert seen is not None
    assert [one.key for one in seen.shown] == ["acme/checkout#2", "acme/checkout#1"]
    assert (seen.answer.count, seen.new, seen.unknown, seen.let_go) == (2, 2, 0, 0)
    rule = {"slug": "asked", "connection": "gh", "key_result": "KR-1", "query": SEARCH}
    searches.apply(okrs(github(searches.hub, earlier="import"), rules=[rule]))
    searches.list_now()
    assert seen.effects[0].after.value == pytest.approx(searches.value())


def test_a_search_that_github_refuses_or_limits_is_told_apart(searches: GitHubHarness) -> None:
    """In GitHub's words; and one that can't be asked about now says when."""
    refused = tried(searches, "repo:acme/checkout is:issue app:bot", connection="gh").reply
    assert refused.outcome is Asked.REJECTED
    assert "does not understand the qualifier 'app'" in refused.words
    searches.hub.limits.switch_on(GitHubLimits(search=0))
    limited = tried(searches, SEARCH, connection="gh").reply
    assert (limited.outcome, limited.retry_at is not None) == (Asked.NOT_NOW, True)


def test_a_connection_without_credentials_can_not_be_asked(services: Services, hub: GitHub) -> None:
    """A query that no rule can have is still refused."""
    harness = ServicesHarness(services)
    harness.apply(okrs(github(hub, token=None)))
    assert tried(harness, SEARCH, connection="gh").reply.outcome is Asked.IMPOSSIBLE
    assert tried(harness, "label:pay", connection="gh").reply.outcome is Asked.REJECTED


def test_only_who_may_save_such_a_rule_makes_us_ask(cloud: JqlHarness) -> None:
    """What is wrong is said before."""
    cloud.furnish()
    now = cloud.services.now()

    def read(written: QueryToTry, writer: Writer = ADMIN) -> object:
        with reading(cloud.services.engine) as tx:
            return read_edit(tx, written, writer=writer, now=now)

    whole = QueryToTry(connection="jira", key_result="KR-1", query="labels = pay")
    with pytest.raises(NotAllowed, match="only members and admins"):
        read(whole, Writer(role="viewer", email="vera@example.com"))
    with pytest.raises(NotAllowed, match="belongs to another team"):
        read(whole, Writer(role="member", email="ben@example.com", team="other"))
    assert read(whole, Writer(role="member", email="ana@example.com"))
    for written, says in (
        (QueryToTry(rule="nothing"), "there is no rule nothing"),
        (QueryToTry(connection="other", key_result="KR-1", query="a = 1"), "there is no connection other"),
        (QueryToTry(connection="jira", key_result="KR-9", query="a = 1"), "there is no key result KR-9"),
    ):
        with pytest.raises(Unknown, match=says):
            read(written)
    for written, says in (
        (QueryToTry(connection="jira", key_result="KR-1", query="  "), "no query to ask about"),
        (QueryToTry(connection="jira", query="a = 1"), "name the key result"),
        (QueryToTry(query="a = 1"), "name the connection"),
    ):
        with pytest.raises(Refused, match=says):
            read(written)
    with writing(cloud.services.engine) as tx:
        ended = {"starts_at": now - timedelta(days=300), "ends_at": now - timedelta(days=200)}
        tx.execute(sa.update(tables.cycle).values(ended))
    with pytest.raises(Refused, match="the numbers of KR-1 are final"):
        read(whole)
