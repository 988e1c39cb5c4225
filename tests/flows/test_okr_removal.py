"""A removed key result, objective or cycle: nobody reads it from the first moment on; its rows go batch by batch."""

import pytest
import sqlalchemy as sa

from sync_service.config_file.plan.export import export_state
from sync_service.config_file.read.state import read_state
from sync_service.domain.trackers.observations import Term
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import key_results, okr_removal
from sync_service.store.queue import batched_deletes
from sync_service.store.views import lists
from sync_service.store.views.key_results import key_result_views
from sync_service.store.views.objectives import cycle_views
from tests.domain.factories import at
from tests.faults.oracle_check import furnish
from tests.flows.issue_factory import CHECKOUT_LABEL, done
from tests.flows.test_siblings import Siblings
from tests.support.written_rows import Killed, rows_per_transaction

ISSUES, BATCH = 7, 2
LABELS = [CHECKOUT_LABEL, Term("78", "okr:KR-1"), Term("79", "okr:KR-2")]
FILE = """
cycles:
  - {slug: q4, name: Q4, starts: 2026-10-01, ends: 2026-12-31}
  - {slug: q5, name: Q5, starts: 2026-10-01, ends: 2026-12-31}
people: [{email: ana@example.com, name: Ana Ruiz, role: admin, accounts: {github: ana}}]
connections:
  - {slug: old, kind: github, webhook_secrets: [a-secret-of-the-tests], earlier: ignore, scopes: [acme/checkout]}
objectives:
  - slug: o
    title: Paying is effortless
    cycle: q4
    owner: ana@example.com
    key_results:
      - {slug: KR-1, title: Pay, target: 10, measure: {kind: done-count, within: ever}}
  - slug: kept
    title: Paying goes on
    cycle: q5
    owner: ana@example.com
    key_results:
      - {slug: KR-2, title: Pay too, target: 10, measure: {kind: done-count, within: ever}}
rules:
  - {slug: of-1, connection: old, key_result: KR-1, when: {field: labels, has: checkout}}
  - {slug: of-2, connection: old, key_result: KR-2, when: {field: labels, has: checkout}}
links:
  - {key_result: KR-1, issue: 'old:acme/checkout#1', weight: 3}
"""
_OBJECTIVE = FILE[FILE.index("  - slug: o\n") : FILE.index("  - slug: kept")]
_KEY_RESULT = next(line for line in FILE.splitlines(keepends=True) if "slug: KR-1" in line)
_LEFT = FILE[: FILE.index("links:")].replace(
    "  - {slug: of-1, connection: old, key_result: KR-1, when: {field: labels, has: checkout}}\n", ""
)
WITHOUT = {
    "key result": _LEFT.replace("    key_results:\n" + _KEY_RESULT, ""),
    "objective": _LEFT.replace(_OBJECTIVE, ""),
    "cycle": _LEFT.replace(_OBJECTIVE, "").replace(
        "  - {slug: q4, name: Q4, starts: 2026-10-01, ends: 2026-12-31}\n", ""
    ),
}


@pytest.fixture
def removing(services: Services, monkeypatch: pytest.MonkeyPatch) -> Siblings:
    """Return services where seven issues count toward two key results, by rules, labels and by hand."""
    monkeypatch.setattr(batched_deletes, "BATCH", BATCH)
    made = Siblings(services)
    made.apply(FILE.encode())
    made.drain()
    for second in range(3):
        made.receive("old", *(done(number, second, labels=LABELS[second:]) for number in range(1, ISSUES + 1)))
    made.receive("old", *(done(number, 9, labels=LABELS) for number in range(1, ISSUES + 1)))
    with writing(services.engine) as tx:
        ana = tx.scalars(sa.select(tables.person.c.id)).one()
        one = {"key_result_id": made.key_result().id, "person_id": ana, "at": at(0)}
        tx.execute(sa.insert(tables.check_in), [{**one, "value": float(number)} for number in range(5)])
    assert made.value() == ISSUES
    return made


def remove(removing: Siblings, what: str) -> None:
    """Remove it as `apply --prune` does, and drain."""
    furnish(removing.services, WITHOUT[what].encode(), prune=True)
    removing.drain()


def assert_nothing_shows(removing: Siblings, what: str) -> None:
    """No page, list, file or computation knows it; its neighbour is as it was."""
    objectives = ["o", "kept"] if what == "key result" else ["kept"]
    cycles = ["q5"] if what == "cycle" else ["q4", "q5"]
    with reading(removing.services.engine) as tx:
        state = export_state(read_state(tx, removing.services.sealer))
        named = [one["slug"] for objective in state["objectives"] for one in objective.get("key_results", ())]
        assert named == ["KR-2"]
        assert [one["slug"] for one in state["objectives"]] == objectives
        assert sorted(one["slug"] for one in state["cycles"]) == sorted(cycles)
        assert [(one.slug, one.current) for one in key_result_views(tx, removing.services.now())] == [("KR-2", ISSUES)]
        assert [one.slug for one in lists.objectives(tx, after=None, limit=9)] == objectives
        assert sorted(one.slug for one in cycle_views(tx, removing.services.now())) == cycles
        assert key_results.read(tx, [removing.key_result().id]) == []
        assert not state.get("links")


@pytest.mark.both_databases
@pytest.mark.parametrize("what", WITHOUT)
def test_nothing_of_it_shows_while_its_rows_are_deleted(removing: Siblings, what: str) -> None:
    """After the first transaction, after each kill between two batches, and while deliveries arrive."""
    remove(removing, what)
    assert len(removing.rows(tables.contribution)) == 2 * ISSUES
    assert_nothing_shows(removing, what)
    for number in range(1, 4):
        with pytest.raises(Killed), rows_per_transaction(removing.services.engine, kill_after=2):
            okr_removal.delete_batches(removing.services.engine)
        removing.receive("old", done(number, 20, labels=LABELS))
        removing.drain()
        assert_nothing_shows(removing, what)
    assert len(removing.rows(tables.key_result)) == 2
    with rows_per_transaction(removing.services.engine) as counts:
        okr_removal.delete_batches(removing.services.engine)
    assert max(counts) <= BATCH
    assert [row.slug for row in removing.rows(tables.key_result)] == ["KR-2"]
    kept = removing.key_result().id
    for table in (tables.link, tables.contribution, tables.history, tables.check_in, tables.rule_revision):
        assert {row.key_result_id for row in removing.rows(table)} <= {kept}
    assert removing.value() == ISSUES


def test_removing_writes_as_many_rows_however_many_links_there_are(removing: Siblings) -> None:
    """The transaction of `apply` marks; it deletes what is configured."""
    with rows_per_transaction(removing.services.engine) as counts:
        furnish(removing.services, WITHOUT["cycle"].encode(), prune=True)
    assert len(removing.rows(tables.link)) > 4 * ISSUES
    assert max(counts) < 25


@pytest.mark.both_databases
def test_a_slug_is_free_again_while_what_had_it_is_deleted(removing: Siblings) -> None:
    """The new key result has none of the old one's history."""
    remove(removing, "cycle")
    removing.apply(FILE.encode())
    removing.drain()
    with reading(removing.services.engine) as tx:
        shown = {one.slug: one.current for one in key_result_views(tx, removing.services.now())}
    assert shown == {"KR-1": ISSUES, "KR-2": ISSUES}
    okr_removal.delete_batches(removing.services.engine)
    assert sorted(row.slug for row in removing.rows(tables.key_result)) == ["KR-1", "KR-2"]
    assert sorted(row.slug for row in removing.rows(tables.cycle)) == ["q4", "q5"]
    with reading(removing.services.engine) as tx:
        assert {one.slug: one.current for one in key_result_views(tx, removing.services.now())} == shown
