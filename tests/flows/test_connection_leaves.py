"""A file moves the scope of a connection to another one and removes the connection: in chunks, and nothing is lost."""

import pytest

from sync_service.store import tables
from sync_service.store.engine.database import reading
from sync_service.store.jobs import removals
from sync_service.store.okrs.history import is_shown
from sync_service.store.views.connections import connection_pages
from tests.flows.harness import drain_with_crashes
from tests.flows.issue_factory import issue
from tests.flows.test_scope_moves import BY_HAND, CHUNK, ISSUES, apply, moving, step, wake
from tests.flows.test_siblings import OKRS, Siblings
from tests.support.written_rows import Killed, rows_per_transaction

pytestmark = pytest.mark.both_databases

__all__ = ["moving"]

_ALONE = OKRS.replace(
    "  - {slug: old, kind: github, webhook_secrets: [a-secret-of-the-tests], earlier: ignore, scopes: [OLD]}\n", ""
)
ALONE = (
    _ALONE.replace("NEW", "acme/other, acme/checkout").replace("RULE", "new") + BY_HAND.replace("SLUG", "new")
).encode()
BOTH_AGAIN = (
    OKRS.replace("OLD", "acme/checkout").replace("NEW", "acme/other").replace("RULE", "old")
    + BY_HAND.replace("SLUG", "old")
).encode()


def go_on(moving: Siblings) -> None:
    """Do all that is left, of the move and of the removal."""
    for _ in range(100):
        if not moving.rows(tables.scope_move):
            break
        moving.drain()
        wake(moving)
    while removals.delete_batches(moving.services.engine):
        pass
    moving.services.connections.clear_cache()
    moving.drain()


def assert_alone(moving: Siblings) -> None:
    """Only the new connection is left, with all issues and links."""
    assert moving.rows(tables.scope_move) == []
    assert [row.slug for row in moving.rows(tables.connection)] == ["new"]
    rows = moving.rows(tables.issue)
    assert len(rows) == ISSUES
    assert {row.issue_id for row in moving.rows(tables.link)} == {row.id for row in rows}
    assert [row.weight for row in moving.rows(tables.manual_link)] == [3]
    assert moving.value() == ISSUES


@pytest.mark.parametrize("tables_in_turn", [("relink_request", "rule_revision"), ("rule_revision", "relink_request")])
def test_no_value_changes_while_a_scope_moves_from_a_removed_connection(
    moving: Siblings, tables_in_turn: tuple[str, str]
) -> None:
    """Whichever worker is faster, and the history has no entry."""
    before = len(moving.rows(tables.history, is_shown))
    apply(moving, ALONE)
    for _ in range(100):
        if not moving.rows(tables.scope_move):
            break
        step(moving, *tables_in_turn, "recompute")
        assert moving.value() == ISSUES
        removals.delete_batches(moving.services.engine, batches=1)
        assert moving.value() == ISSUES
        wake(moving)
    go_on(moving)
    assert_alone(moving)
    assert len(moving.rows(tables.history, is_shown)) == before


def test_no_transaction_grows_with_the_issues_of_a_removed_connection(moving: Siblings) -> None:
    """Neither that of `apply`, nor a later one: each writes a chunk."""
    with rows_per_transaction(moving.services.engine) as counts:
        apply(moving, ALONE)
        assert max(counts) < 40
        applied = len(counts)
        assert len(moving.rows(tables.issue)) == ISSUES
        go_on(moving)
    assert len(counts) - applied > 3 * ISSUES // CHUNK
    assert_alone(moving)


def test_a_removed_connection_is_not_configured_while_its_scope_moves(moving: Siblings) -> None:
    """The same file changes nothing, and its page says what happens."""
    apply(moving, ALONE)
    step(moving, "relink_request")
    apply(moving, ALONE)
    assert len(moving.rows(tables.scope_move)) == 1
    with reading(moving.services.engine) as tx:
        moves = {one.slug: one.moves for one in connection_pages(tx)}
    assert moves["old"] == ("acme/checkout moves to new; it counts here until then; then this connection is removed",)
    moving.receive("old", issue(1, 20, labels=()))
    moving.receive("new", issue(2, 20, labels=()))
    go_on(moving)
    assert moving.value() == ISSUES - 2


def test_a_file_may_take_a_connection_back_that_is_leaving(moving: Siblings) -> None:
    """It is another connection with the same name; the scope moves on to it."""
    apply(moving, ALONE)
    step(moving, "relink_request")
    apply(moving, BOTH_AGAIN)
    assert moving.value() == ISSUES
    go_on(moving)
    assert sorted(row.slug for row in moving.rows(tables.connection)) == ["new", "old"]
    ids = {row.slug: row.id for row in moving.rows(tables.connection)}
    watched = [(row.connection_id, row.name) for row in moving.rows(tables.scope, tables.scope.c.removed_at.is_(None))]
    assert sorted(watched) == sorted([(ids["old"], "acme/checkout"), (ids["new"], "acme/other")])
    assert moving.value() == ISSUES


def test_a_move_from_a_removed_connection_goes_on_after_a_kill_before_any_statement(moving: Siblings) -> None:
    """The chunk that was under way is done again."""
    apply(moving, ALONE)
    assert drain_with_crashes(moving.services, tables.relink_request) > ISSUES
    go_on(moving)
    assert_alone(moving)


def test_the_removal_of_a_connection_that_left_goes_on_after_a_kill(moving: Siblings) -> None:
    """Between any two transactions."""
    apply(moving, ALONE)
    while moving.rows(tables.scope_move):
        moving.drain()
        wake(moving)
    for _ in range(100):
        try:
            with rows_per_transaction(moving.services.engine, kill_after=1):
                removals.delete_batches(moving.services.engine)
        except Killed:
            assert moving.value() == ISSUES
        else:
            break
    go_on(moving)
    assert_alone(moving)
