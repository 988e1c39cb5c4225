"""After a change of some issues only what they bring is computed, also where siblings have several rows of them."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.trackers.causes import Cause
from sync_service.domain.trackers.observations import Closing, Kind, Snapshot, State
from sync_service.progress.compute import compute_key_results
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import linked_issues
from sync_service.store.okrs.ruleset import load_ruleset
from tests.domain.factories import at
from tests.flows.issue_factory import issue
from tests.flows.test_siblings import PULLS_AND_ISSUES, Siblings, okrs

ISSUES = 3


@pytest.fixture
def both_watch(services: Services) -> Siblings:
    """Return services where two connections watch one scope, and rules of both link its issues."""
    made = Siblings(services)
    made.apply(okrs(old="acme/checkout", new="acme/checkout", more=PULLS_AND_ISSUES))
    made.drain()
    return made


def pull(number: int, second: int, closes: list[int]) -> Snapshot:
    """Return a pull request that is merged and closes these issues; with an odd number, they are known by key only."""
    closing = tuple(Closing(f"acme/checkout#{one}", None if number % 2 else f"501#{one}") for one in closes)
    closed = {"state": State.DONE, "closed_at": at(second)}
    return issue(ISSUES + number, second, kind=Kind.PULL_REQUEST, labels=(), closes=closing, **closed)


def contributions(tx: Transaction) -> list[tuple[int, int]]:
    """Return which issues count."""
    c = tables.contribution.c
    rows = tx.execute(sa.select(c.key_result_id, c.issue_id).order_by(c.key_result_id, c.issue_id))
    return [(row.key_result_id, row.issue_id) for row in rows]


def compute(tx: Transaction, key_result_id: int, issue_ids: list[int] | None) -> None:
    """Compute the key result from what some issues bring, or all."""
    ruleset = load_ruleset(tx, versions.value(tx, versions.RULES))
    causes = {key_result_id: [Cause(what="a test")]}
    compute_key_results(tx, ruleset, causes, now=at(9), settle=timedelta(0), issue_ids=issue_ids)


def toggle_link(tx: Transaction, key_result_id: int, connection: str, number: int) -> int:
    """Link a connection's row of an issue, or remove that link; return the row's id."""
    i, c, n = tables.issue.c, tables.connection.c, tables.link
    mine = sa.select(i.id).join(tables.connection, c.id == i.connection_id)
    row_id: int = tx.scalars(mine.where(c.slug == connection, i.identity == f"501#{number}")).one()
    if not tx.execute(sa.delete(n).where(n.c.issue_id == row_id)).rowcount:
        tx.execute(
            sa.insert(n).values(key_result_id=key_result_id, issue_id=row_id, origin="label", source=1, weight=1.0)
        )
    return row_id


changes = st.lists(st.tuples(st.sampled_from(["old", "new"]), st.integers(1, ISSUES + 2)), min_size=1, max_size=12)


@pytest.mark.both_databases
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=changes)
def test_what_some_issues_bring_is_what_all_bring(both_watch: Siblings, changes: list[tuple[str, int]]) -> None:
    """Links of one connection's rows come and go, as while it is linked anew; computing all again changes nothing."""
    engine, key_result_id = both_watch.services.engine, both_watch.key_result().id
    both_watch.receive("old", *(issue(one, 1, labels=()) for one in range(1, ISSUES + 1)), pull(1, 1, [1, 2]))
    both_watch.receive("old", pull(2, 1, [3]))
    with writing(engine) as tx:
        tx.execute(sa.delete(tables.link))
        compute(tx, key_result_id, None)
    for connection, number in changes:
        with writing(engine) as tx:
            row_id = toggle_link(tx, key_result_id, connection, number)
            compute(tx, key_result_id, [row_id])
            found = contributions(tx)
            compute(tx, key_result_id, None)
            assert contributions(tx) == found


def test_only_rows_of_the_changed_issues_are_read(both_watch: Siblings) -> None:
    """Theirs at the sibling too, and those of the pull requests that close them; nothing else."""
    both_watch.receive("old", issue(1, 1), issue(2, 1), pull(2, 1, [1]), pull(1, 1, [2]))
    both_watch.drain()
    i = tables.issue.c
    with reading(both_watch.services.engine) as tx:
        rows = {(row.connection_id, row.identity): row.id for row in tx.execute(sa.select(tables.issue))}
        one = tx.scalar(sa.select(i.id).where(i.identity == "501#1").order_by(i.connection_id))
        assert one is not None
        found = linked_issues.affected(tx, [one])
    assert found == {row_id for (_, identity), row_id in rows.items() if identity in ("501#1", "501#5")}
    assert len(found) == 4
