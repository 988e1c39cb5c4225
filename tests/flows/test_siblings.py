"""Two connections to one site: the same issue counts once, whichever of them receives it; scopes move between them."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import (
    Account,
    Closing,
    CommentSeen,
    FetchNeeded,
    Kind,
    Observation,
    ParsedDelivery,
    ScopeRef,
    ScopeSeen,
    State,
    Term,
    Tombstone,
)
from sync_service.ingest.apply_updates import UpdateApplier
from sync_service.ingest.updates import Update
from sync_service.runtime.wiring import Services, utc_now
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs.history import is_shown
from sync_service.store.okrs.ruleset import RulesetCache
from sync_service.store.trackers import connection_removal
from sync_service.store.trackers.siblings import watched_by_sibling
from sync_service.store.views.issues import issues_view
from tests.domain.factories import CHECKOUT, at
from tests.faults.oracle_check import furnish
from tests.flows.harness import ServicesHarness
from tests.flows.issue_factory import done, issue

ANA = Account("ana", "Ana")

OKRS = """
cycles: [{slug: q4, name: Q4, starts: 2026-10-01, ends: 2026-12-31}]
people: [{email: ana@example.com, name: Ana Ruiz, role: admin, accounts: {github: ana}}]
connections:
  - {slug: old, kind: github, webhook_secrets: [a-secret-of-the-tests], earlier: ignore, scopes: [OLD]}
  - {slug: new, kind: github, site: "https://api.github.com/", webhook_secrets: [another-secret-of-tests],
     earlier: ignore, scopes: [NEW]}
objectives:
  - slug: o
    title: Paying is effortless
    cycle: q4
    owner: ana@example.com
    key_results:
      - {slug: KR-1, title: Pay, target: 10, measure: {kind: done-count, within: ever}}
rules:
  - {slug: old-label, connection: RULE, key_result: KR-1, when: {field: labels, has: checkout}}
"""


def okrs(*, old: str, new: str, rule: str = "old", more: str = "") -> bytes:
    """Return a configuration file: the scopes of both connections, and the connection of the rule."""
    return (OKRS.replace("OLD", old).replace("NEW", new).replace("RULE", rule) + more).encode()


class Siblings(ServicesHarness):
    """Services with two connections to github.com."""

    def receive(self, connection: str, *observations: Observation) -> list[list[str]]:
        """Apply what one of the connections receives; return the outcomes."""
        with reading(self.services.engine) as tx:
            found = tx.scalars(sa.select(tables.connection.c.id).where(tables.connection.c.slug == connection)).one()
        parsed = ParsedDelivery(name="test", observations=observations)
        applier = UpdateApplier(
            engine=self.services.engine,
            connectors=self.services.connectors,
            connections=self.services.connections,
            ruleset_cache=RulesetCache(),
            settle=timedelta(0),
            now=utc_now,
        )
        outcomes: list[list[str]] = []
        update = Update(connection_id=found, parsed=parsed, received_at=at(60))
        applier.apply([update], lambda _tx, all_: outcomes.extend(all_))
        return outcomes

    def why_not(self) -> list[str | None]:
        """Return why the issues linked to the key result do not count, in the order of their connections."""
        with reading(self.services.engine) as tx:
            return [one.why_not for one in issues_view(tx, self.key_result().id)]


@pytest.fixture
def siblings(services: Services) -> Siblings:
    """Return the services."""
    return Siblings(services)


BOTH_RULES = "  - {slug: new-label, connection: new, key_result: KR-1, when: {field: labels, has: checkout}}\n"


@pytest.mark.both_databases
@pytest.mark.slow
def test_an_issue_that_two_connections_watch_counts_once(siblings: Siblings) -> None:
    """Received by one, both know it; by both rules it counts once, and the page says why the other row does not."""
    siblings.apply(okrs(old="acme/checkout", new="acme/checkout", more=BOTH_RULES))
    siblings.drain()
    assert siblings.receive("old", issue(1, 0)) == [["acme/checkout#1: applied, opened"]]
    siblings.receive("new", done(1, 9))
    siblings.receive("old", done(2, 9))
    assert siblings.value() == 2
    assert [row.state for row in siblings.rows(tables.issue)] == ["done"] * 4
    assert sorted(filter(None, siblings.why_not())) == ["the same issue counts through connection old"] * 2
    siblings.receive("new", Tombstone(identity="501#1", key="acme/checkout#1"))
    assert siblings.value() == 1


def test_a_deletion_of_an_issue_that_is_not_known_adds_no_row_for_the_sibling(siblings: Siblings) -> None:
    """It may be in a scope that only one of them watches."""
    siblings.apply(okrs(old="acme/checkout", new="acme/other"))
    siblings.drain()
    siblings.receive("old", Tombstone(identity="501#1", key="acme/checkout#1"))
    assert len(siblings.rows(tables.issue)) == 1


@pytest.mark.both_databases
@pytest.mark.slow
def test_a_scope_moves_to_another_connection_with_its_issues_links_and_history(siblings: Siblings) -> None:
    """In one file: nothing has to be imported again, and a comment that asked for a link still does."""
    siblings.apply(okrs(old="acme/checkout", new="acme/other"))
    siblings.drain()
    siblings.receive("old", done(1, 0), issue(2, 0), issue(3, 0, state=State.DONE, labels=()))
    asks = CommentSeen(
        identity="501#3", key="acme/checkout#3", scope=CHECKOUT, id="9", author=ANA, at=at(1), wants=("KR-1",)
    )
    siblings.receive("old", asks)
    assert siblings.value() == 2
    before = len(siblings.rows(tables.history, is_shown))
    siblings.apply(okrs(old="acme/other", new="acme/checkout", rule="new"))
    siblings.drain()
    assert siblings.value() == 2
    assert len(siblings.linked()) == 3
    assert len(siblings.rows(tables.history, is_shown)) == before
    ids = {(row.connection_id, row.identity): row.id for row in siblings.rows(tables.issue)}
    (old, _), (new, _) = min(ids), max(ids)
    states = [
        sorted((row.at, row.state) for row in siblings.rows(tables.issue_state) if row.issue_id == ids[one, "501#1"])
        for one in (old, new)
    ]
    assert states[0] == states[1] != []
    siblings.receive("new", done(2, 9))
    assert siblings.value() == 3
    furnish(siblings.services, okrs(old="acme/other", new="acme/checkout", rule="new"))
    with writing(siblings.services.engine) as tx:
        tx.execute(sa.delete(tables.connection).where(tables.connection.c.slug == "old"))
    siblings.receive("new", issue(2, 20))
    assert siblings.value() == 2


PULLS_AND_ISSUES = """  - {slug: pulls, connection: old, key_result: KR-1, when: {field: kind, is: pull_request}}
  - {slug: issues, connection: new, key_result: KR-1, when: {field: labels, has: shop}}
"""


@pytest.mark.slow
def test_a_pull_request_that_one_connection_links_counts_through_the_issue_that_another_links(
    siblings: Siblings,
) -> None:
    """Each rule sees rows of its own connection only; a pull request and its issue are one piece of work still."""
    siblings.apply(okrs(old="acme/checkout", new="acme/checkout", more=PULLS_AND_ISSUES))
    siblings.drain()
    shop = Term("78", "shop")
    pull = issue(
        2,
        1,
        kind=Kind.PULL_REQUEST,
        state=State.DONE,
        closed_at=at(1),
        labels=(),
        closes=(Closing("acme/checkout#1", "501#1"),),
    )
    siblings.receive("old", pull)
    assert siblings.value() == 1
    siblings.receive("old", issue(1, 2, labels=(shop,)))
    assert siblings.value() == 0
    assert "counts through acme/checkout#1, which it closes" in siblings.why_not()
    siblings.receive("new", issue(1, 3, state=State.DONE, closed_at=at(3), labels=(shop,)))
    assert siblings.value() == 1


@pytest.mark.parametrize(
    "site", ["https://API.GitHub.com", "https://api.github.com:443/", "https://www.github.com/acme"]
)
def test_connections_are_siblings_however_their_site_is_spelled(siblings: Siblings, site: str) -> None:
    """Letter case, the usual port, and the address of a page instead of the API make no other site."""
    spelled = okrs(old="acme/checkout", new="acme/checkout", more=BOTH_RULES)
    siblings.apply(spelled.replace(b"https://api.github.com/", site.encode()))
    siblings.drain()
    siblings.receive("new", done(1, 0))
    assert siblings.value() == 1
    assert len(siblings.rows(tables.issue)) == 2


def test_a_rename_that_one_connection_hears_of_is_known_to_the_other(siblings: Siblings) -> None:
    """The other received nothing itself, so it has the repository's name, but not its id."""
    siblings.apply(okrs(old="acme/checkout", new="acme/checkout"))
    siblings.drain()
    siblings.receive("new", done(1, 0))
    siblings.receive("new", ScopeSeen(scope=ScopeRef("501", "acme/paying"), was="acme/checkout", at=at(1)))
    siblings.receive("new", done(2, 2, key="acme/paying#2", scope=ScopeRef("501", "acme/paying")))
    assert siblings.value() == 2


@pytest.mark.both_databases
@pytest.mark.slow
def test_the_first_of_two_connections_is_removed_and_nothing_changes(siblings: Siblings) -> None:
    """The rows of the other count then."""
    siblings.apply(okrs(old="acme/checkout", new="acme/checkout", more=BOTH_RULES))
    siblings.drain()
    siblings.receive("old", done(1, 0))
    before = len(siblings.rows(tables.history, is_shown))
    both = okrs(old="acme/checkout", new="acme/checkout", rule="new").splitlines(keepends=True)
    kept = b"".join(line for line in both if b"slug: old," not in line)
    furnish(siblings.services, kept, prune=True)
    siblings.drain()
    assert siblings.value() == 1
    connection_removal.delete_batches(siblings.services.engine)
    siblings.drain()
    assert [row.slug for row in siblings.rows(tables.connection)] == ["new"]
    assert siblings.value() == 1
    assert len(siblings.rows(tables.history, is_shown)) == before


def test_a_fetch_that_one_connection_needs_is_made_by_the_other_if_only_that_has_credentials(
    siblings: Siblings,
) -> None:
    """What the other fetches is known to both."""
    file = okrs(old="acme/checkout", new="acme/checkout")
    siblings.apply(file.replace(b"slug: new, kind: github,", b"slug: new, kind: github, token: a-token,"))
    siblings.receive("old", FetchNeeded(identity="501#1", key="acme/checkout#1", scope=CHECKOUT, reason="a test"))
    assert [row.identity for row in siblings.rows(tables.fetch_request)] == ["501#1"]


@pytest.mark.parametrize(("named", "asked"), [("ÄPFEL", "äpfel"), ("Straße", "STRASSE"), ("ΣΊΣΥΦΟΣ", "Σίσυφος")])
def test_a_scope_that_a_sibling_watches_is_found_in_any_letter_case(siblings: Siblings, named: str, asked: str) -> None:
    """SQLite folds the case of ASCII letters only, and PostgreSQL as its locale says."""
    siblings.apply(okrs(old="acme/checkout", new="acme/other"))
    mine, theirs = siblings.rows(tables.scope)
    with writing(siblings.services.engine) as tx:
        tx.execute(sa.update(tables.scope).where(tables.scope.c.id == theirs.id).values(current_name=named))
        for name in (asked, theirs.name.upper()):
            found = watched_by_sibling(tx, mine.connection_id, name)
            assert found is not None
            assert found.id == theirs.id
        assert watched_by_sibling(tx, theirs.connection_id, asked) is None
