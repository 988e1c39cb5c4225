"""A scope moves between two connections in chunks: the numbers are right at every moment, and nothing is lost."""

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import CommentSeen, FetchNeeded, ScopeRef, ScopeSeen, Term, Tombstone
from sync_service.progress import relink_jobs
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs.history import is_shown
from sync_service.store.tables.instant import EPOCH
from sync_service.store.trackers import scope_moves, scope_removal
from sync_service.store.views.connections import connection_pages
from sync_service.store.views.service_status import connection_views
from tests.domain.factories import CHECKOUT, at
from tests.faults.oracle_check import furnish
from tests.flows.harness import drain_with_crashes
from tests.flows.issue_factory import CHECKOUT_LABEL, done, issue
from tests.flows.test_siblings import ANA, Siblings, okrs
from tests.support.written_rows import rows_per_transaction

ISSUES, CHUNK = 7, 2
LABEL = Term("78", "okr:KR-1")
BY_HAND = "links:\n  - {key_result: KR-1, issue: 'SLUG:acme/checkout#1', weight: 3}\n"
BEFORE = okrs(old="acme/checkout", new="acme/other", more=BY_HAND.replace("SLUG", "old"))
AFTER = okrs(old="acme/other", new="acme/checkout", rule="new", more=BY_HAND.replace("SLUG", "new"))


@pytest.fixture
def moving(services: Services, monkeypatch: pytest.MonkeyPatch) -> Siblings:
    """Return services where the scope of seven issues is to move from `old` to `new`.

    They count by a rule, a label, a comment and by hand.
    """
    monkeypatch.setattr(scope_moves, "CHUNK", CHUNK)
    monkeypatch.setattr(scope_removal, "BATCH", CHUNK)
    monkeypatch.setattr(relink_jobs, "CHUNK", CHUNK)
    made = Siblings(services)
    made.apply(BEFORE)
    made.drain()
    made.receive("old", done(1, 0, labels=()), done(2, 0, labels=[LABEL]), done(3, 0, labels=()))
    made.receive("old", *(done(number, 0) for number in range(4, ISSUES + 1)))
    made.receive(
        "old",
        CommentSeen(
            identity="501#3", key="acme/checkout#3", scope=CHECKOUT, id="9", author=ANA, at=at(1), wants=("KR-1",)
        ),
    )
    assert made.value() == ISSUES
    return made


def apply(moving: Siblings, file: bytes) -> None:
    """Apply a file that leaves out what is no longer wanted."""
    furnish(moving.services, file, prune=True)
    moving.services.connections.clear_cache()


def step(moving: Siblings, *names: str) -> bool:
    """Do one transaction's work of each of these tables, as several workers may; return whether there was any."""
    return sum(moving.services.drains.by_table[name]() for name in names) > 0


def wake(moving: Siblings) -> None:
    """Let what waits for another row be due again."""
    with writing(moving.services.engine) as tx:
        for table in (tables.relink_request, tables.rule_revision):
            tx.execute(sa.update(table).where(table.c.due_at.isnot(None)).values(due_at=EPOCH))


def connection_ids(moving: Siblings) -> dict[str, int]:
    """Return the ids of the connections by slug."""
    return {row.slug: row.id for row in moving.rows(tables.connection)}


def assert_moved(moving: Siblings, *, issues: int = ISSUES) -> None:
    """Everything is where it should be, and nothing of the move is left."""
    ids = connection_ids(moving)
    assert moving.rows(tables.scope_move) == []
    watched = [(row.connection_id, row.name) for row in moving.rows(tables.scope, tables.scope.c.removed_at.is_(None))]
    assert sorted(watched) == [(ids["old"], "acme/other"), (ids["new"], "acme/checkout")]
    rows = moving.rows(tables.issue, tables.issue.c.connection_id == ids["new"])
    assert len(rows) == issues
    mine = {row.id for row in rows}
    assert {row.issue_id for row in moving.rows(tables.link)} == mine
    assert [row.connection_id for row in moving.rows(tables.manual_link)] == [ids["new"]]
    scope_removal.delete_batches(moving.services.engine)
    assert len(moving.rows(tables.scope)) == 2


@pytest.mark.parametrize("tables_in_turn", [("relink_request", "rule_revision"), ("rule_revision", "relink_request")])
def test_a_scope_moves_and_no_value_changes_at_any_moment(moving: Siblings, tables_in_turn: tuple[str, str]) -> None:
    """Whichever worker is faster. Each way to link an issue still links it, and the history has no entry."""
    before = len(moving.rows(tables.history, is_shown))
    apply(moving, AFTER)
    steps = 0
    while moving.rows(tables.scope_move) or step(moving, *tables_in_turn):
        step(moving, *tables_in_turn, "recompute")
        assert moving.value() == ISSUES
        wake(moving)
        steps += 1
        assert steps < 100
    assert steps > ISSUES // CHUNK
    moving.drain()
    assert moving.value() == ISSUES
    assert len(moving.rows(tables.history, is_shown)) == before
    assert_moved(moving)


@pytest.mark.both_databases
def test_no_transaction_of_a_move_grows_with_the_issues(moving: Siblings) -> None:
    """Neither that of `apply`, nor one of a worker."""
    with rows_per_transaction(moving.services.engine) as counts:
        apply(moving, AFTER)
        assert max(counts) < 40
        applied = len(counts)
        moving.drain()
        scope_removal.delete_batches(moving.services.engine)
    assert len(moving.rows(tables.issue)) == 2 * ISSUES
    assert len(counts) - applied > 3 * ISSUES // CHUNK


@pytest.mark.both_databases
def test_what_is_received_during_a_move_is_known_to_both_afterwards(moving: Siblings) -> None:
    """Of issues that are copied already and that are not, of new ones, deleted ones, and by either connection."""
    apply(moving, AFTER)
    step(moving, "relink_request")
    moving.receive("old", issue(1, 20, labels=()))
    moving.receive("new", issue(ISSUES, 20))
    assert moving.value() == ISSUES - 2
    moving.receive("new", done(8, 20))
    moving.receive("new", Tombstone(identity="501#6", key="acme/checkout#6"))
    assert moving.value() == ISSUES - 2
    moving.drain()
    assert moving.value() == ISSUES - 2
    assert_moved_but_gone = {"501#6"}
    ids = connection_ids(moving)
    states = {
        one: {row.identity: row.state for row in moving.rows(tables.issue, tables.issue.c.connection_id == ids[one])}
        for one in ("old", "new")
    }
    assert states["old"] == states["new"]
    assert len(states["new"]) == ISSUES + 1
    assert not {row.issue_id for row in moving.rows(tables.link)} & {
        row.id for row in moving.rows(tables.issue) if row.identity in assert_moved_but_gone
    }


def test_an_issue_that_comes_into_the_scope_behind_the_cursor_is_copied(moving: Siblings) -> None:
    """Jira's issues keep their identity when they move, and so their row."""
    elsewhere = ScopeRef("777", "acme/elsewhere")
    moving.receive("old", done(1, 5, labels=(), scope=elsewhere, key="acme/elsewhere#1", came_from=CHECKOUT))
    apply(moving, AFTER)
    step(moving, "relink_request")
    step(moving, "relink_request")
    moving.receive("old", done(1, 9, labels=[CHECKOUT_LABEL]))
    moving.drain()
    assert moving.value() == ISSUES
    assert len(moving.rows(tables.issue, tables.issue.c.connection_id == connection_ids(moving)["new"])) == ISSUES


@pytest.mark.both_databases
def test_a_scope_that_is_renamed_during_its_move_has_its_new_name_in_all_keys(moving: Siblings) -> None:
    """Those of issues that were copied before, too."""
    apply(moving, AFTER)
    step(moving, "relink_request")
    moving.receive("old", ScopeSeen(scope=ScopeRef("501", "acme/paying"), was="acme/checkout", at=at(20)))
    moving.drain()
    moving.drain()
    keys = {row.key for row in moving.rows(tables.issue, tables.issue.c.connection_id == connection_ids(moving)["new"])}
    assert keys == {f"acme/paying#{number}" for number in range(1, ISSUES + 1)}
    assert moving.value() == ISSUES


@pytest.mark.both_databases
def test_a_fetch_that_is_needed_during_a_move_is_made_by_who_watches_the_scope(moving: Siblings) -> None:
    """The tracker may send its webhooks to the new connection already."""
    with_token = BEFORE.replace(b"slug: old, kind: github,", b"slug: old, kind: github, token: a-token,")
    moving.apply(with_token)
    apply(moving, AFTER.replace(b"slug: old, kind: github,", b"slug: old, kind: github, token: a-token,"))
    moving.receive("new", FetchNeeded(identity="501#1", key="acme/checkout#1", scope=CHECKOUT, reason="a test"))
    assert [row.identity for row in moving.rows(tables.fetch_request)] == ["501#1"]


@pytest.mark.both_databases
def test_a_move_goes_on_after_a_kill_before_any_statement(moving: Siblings) -> None:
    """The chunk that was under way is done again."""
    apply(moving, AFTER)
    assert drain_with_crashes(moving.services, tables.relink_request) > ISSUES
    moving.drain()
    wake(moving)
    moving.drain()
    assert moving.value() == ISSUES
    assert_moved(moving)


@pytest.mark.both_databases
def test_files_that_are_applied_during_a_move_agree_with_it(moving: Siblings) -> None:
    """The same file changes nothing; the one before gives the move up."""
    apply(moving, AFTER)
    step(moving, "relink_request")
    requests = len(moving.rows(tables.relink_request))
    apply(moving, AFTER)
    assert len(moving.rows(tables.relink_request)) == requests
    assert len(moving.rows(tables.scope_move)) == 1
    apply(moving, BEFORE)
    assert moving.rows(tables.scope_move) == []
    moving.drain()
    assert moving.value() == ISSUES
    ids = connection_ids(moving)
    watched = [(row.connection_id, row.name) for row in moving.rows(tables.scope, tables.scope.c.removed_at.is_(None))]
    assert sorted(watched) == [(ids["old"], "acme/checkout"), (ids["new"], "acme/other")]


def test_a_scope_that_is_no_longer_watched_lets_go_of_its_issues_in_batches(moving: Siblings) -> None:
    """From the first transaction on nobody reads it."""
    with rows_per_transaction(moving.services.engine) as counts:
        moving.apply(okrs(old="acme/another", new="acme/other"))
        assert max(counts) < 40
        del counts[:]
        assert scope_removal.delete_batches(moving.services.engine, batches=1)
        assert not scope_removal.delete_batches(moving.services.engine)
        assert max(counts) == CHUNK
        moving.drain()
    assert moving.value() in (None, 0)
    assert sorted(row.name for row in moving.rows(tables.scope)) == ["acme/another", "acme/other"]


@pytest.mark.both_databases
def test_status_and_page_say_what_moves_and_how_far_it_is(moving: Siblings) -> None:
    """For both connections, until it has moved."""
    apply(moving, AFTER)
    step(moving, "relink_request")
    with reading(moving.services.engine) as tx:
        status = {one.slug: one.moves for one in connection_views(tx)}
        pages = {one.slug: one.moves for one in connection_pages(tx)}
    assert status == pages
    assert status["new"] == (f"acme/checkout comes from old: {CHUNK} of {ISSUES} issues copied",)
    assert status["old"] == ("acme/checkout moves to new; it counts here until then",)
    moving.drain()
    wake(moving)
    moving.drain()
    with reading(moving.services.engine) as tx:
        assert [one.moves for one in connection_views(tx)] == [(), ()]
