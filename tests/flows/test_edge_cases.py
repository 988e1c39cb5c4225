"""Edge cases between deliveries and values; each once gave a wrong number."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.connector import ConnectorError, Gone, Unavailable
from sync_service.domain.trackers.observations import FetchNeeded, ScopeRef, Snapshot, State, Term, Tombstone
from sync_service.progress.term_names import TermNames
from sync_service.store import tables
from sync_service.store.engine.database import TransactionConflict, database_now, writing
from sync_service.store.okrs import key_results
from sync_service.store.queue import due
from sync_service.store.trackers import connections
from tests.domain.factories import BILLING, CHECKOUT, at, snapshot
from tests.support.fake_tracker import CoreHarness, bump_rules

LABEL = Term("77", "checkout")
POSITIONS = {"a": ("501#1", "acme/checkout#1", CHECKOUT), "b": ("502#7", "acme/billing#7", BILLING)}
ELSEWHERE = ScopeRef("503", "acme/elsewhere")
POSITIONS["c"] = ("503#9", "acme/elsewhere#9", ELSEWHERE)


@pytest.fixture
def core(core: CoreHarness) -> CoreHarness:
    """Return the harness with three watched scopes."""
    with writing(core.engine) as tx:
        core.add_scope(tx, "acme/billing")
        core.add_scope(tx, "acme/elsewhere")
        bump_rules(tx)
    return core


def issue(position: str, seconds: float, /, **fields: Any) -> Snapshot:
    """Return a snapshot of the issue at a position."""
    identity, key, scope = POSITIONS[position]
    return snapshot(seconds, **({"identity": identity, "key": key, "scope": scope} | fields))


def done(position: str, seconds: float, /, **fields: Any) -> Snapshot:
    """Return a snapshot of a closed issue."""
    return issue(position, seconds, state=State.DONE, closed_at=at(seconds), **fields)


def moved(start: str, end: str) -> Tombstone:
    """Return the tombstone of a transfer."""
    (identity, key, _), (successor, moved_to, _) = POSITIONS[start], POSITIONS[end]
    return Tombstone(identity=identity, key=key, successor=successor, moved_to=moved_to)


def add_manual_link(core: CoreHarness, key: str, *, connection_id: int | None = None) -> None:
    """Insert a manual link of an issue to KR-1."""
    with writing(core.engine) as tx:
        columns = {"connection_id": connection_id or core.connection_id, "key": key, "weight": 1}
        tx.execute(sa.insert(tables.manual_link).values(key_result_id=core.key_result_row().id, **columns))


@pytest.mark.parametrize("order", [("ab", "bc"), ("bc", "ab")])
@pytest.mark.parametrize("shown_first", [True, False])
def test_manual_links_follow_a_chain_of_transfers(
    core: CoreHarness, order: tuple[str, str], *, shown_first: bool
) -> None:
    """The messages of the transfers may arrive in any order."""
    add_manual_link(core, "acme/checkout#1")
    core.receive_and_drain(issue("a", 0))
    messages = [moved(*step) for step in order]
    observations: list[Snapshot | Tombstone] = [done("c", 9), *messages] if shown_first else [*messages, done("c", 9)]
    for observation in observations:
        core.receive_and_drain(observation)
    assert core.value() == 100


def test_a_manual_link_of_another_connection_does_not_stop_the_transfer(core: CoreHarness) -> None:
    """Two connections may have the same key."""
    with writing(core.engine) as tx:
        columns = {"slug": "other", "kind": "paper", "site": "https://x.example", "options": {}, "sealed_secrets": []}
        other = tx.execute(sa.insert(tables.connection).values(columns).returning(tables.connection.c.id)).scalar_one()
    add_manual_link(core, "acme/checkout#1")
    add_manual_link(core, "acme/billing#7", connection_id=other)
    for observation in (issue("a", 0), moved("a", "b"), done("b", 9)):
        core.receive_and_drain(observation)
    assert core.value() == 100


def test_a_reused_key_removes_no_manual_link(core: CoreHarness) -> None:
    """Two known issues may have one key, after another repository got the name."""
    add_manual_link(core, "acme/checkout#1")
    core.receive_and_drain(done("a", 0))
    core.receive_and_drain(issue("b", 1, key="acme/checkout#1"))
    core.key_result("KR-2")  # relinks all issues
    assert core.value() == 100


def test_a_new_owner_gets_no_notice_of_the_old_owner(core: CoreHarness) -> None:
    """The old owner gets no mail about a key result that is no longer theirs."""
    core.receive_and_drain(issue("a", 0, labels=[LABEL]))
    core.receive_and_drain(done("a", 1, labels=[LABEL]))
    assert len(core.rows(tables.notice, tables.notice.c.due_at.isnot(None))) == 1
    with writing(core.engine) as tx:
        ben = {"email": "ben@example.com", "name": "Ben", "role": "member", "accounts": {}}
        ben_id = tx.execute(sa.insert(tables.person).values(ben).returning(tables.person.c.id)).scalar_one()
        tx.execute(sa.update(tables.key_result).values(owner_id=ben_id))
        key_results.recompute(tx, [core.key_result_row().id])
    core.drains.by_table["recompute"]()
    (notice,) = core.rows(tables.notice)
    assert (notice.due_at, notice.outcome) == (None, "another person owns the key result now")


@pytest.mark.parametrize("points", [-3.0, 1e308, float("nan"), float("inf")])
def test_impossible_points_are_no_estimate(core: CoreHarness, points: float) -> None:
    """People can enter them in Jira."""
    core.rule(
        "points", core.key_result("KR-2", kind="done-share", weight="points"), {"field": "labels", "has": "checkout"}
    )
    core.receive_and_drain(issue("a", 0, labels=[LABEL], points=points), done("b", 0, labels=[LABEL], points=1.0))
    assert core.value("KR-2") == 50


def test_a_cycle_closed_late_keeps_its_value_at_the_end(core: CoreHarness) -> None:
    """No worker drained when its grace period ended; later changes do not count."""
    core.receive_and_drain(issue("a", 0, labels=[LABEL]))
    core.now += timedelta(days=60)
    core.receive_and_drain(done("a", 50 * 86400, labels=[LABEL]))
    assert (core.value(), core.key_result_row().status) == (0, "closed")


def give_token(core: CoreHarness) -> None:
    """Store credentials for the connection."""
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(sealed_token=core.sealer.encrypt("token")))
        bump_rules(tx)


def test_a_fetch_with_an_older_snapshot_than_the_issue_in_doubt_settles(core: CoreHarness) -> None:
    """It does not request another fetch."""
    give_token(core)
    core.tracker.snapshots["501#1"] = issue("a", -9)
    core.receive_and_drain(issue("a", 0), done("a", 0))
    (request,) = core.rows(tables.fetch_request)
    assert request.due_at is None
    assert "something newer is known" in request.outcome


def test_a_deletion_that_arrives_during_a_fetch_is_not_undone(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The issue is fetched again, and the tracker answers that it is gone."""
    give_token(core)
    core.receive_and_drain(issue("a", 0))
    (row,) = core.rows(tables.issue)
    fetch_issue = type(core.tracker).fetch_issue
    answers: list[Snapshot | ConnectorError] = [issue("a", 0), Gone("410", proven=True)]

    def fetch_while_deleted(*args: Any, **named: Any) -> Snapshot:
        core.tracker.snapshots[row.identity] = answers.pop(0)
        seen = fetch_issue(*args, **named)
        core.post(Tombstone(identity=row.identity, key=row.key))
        core.drains.by_table["delivery"]()
        return seen

    monkeypatch.setattr(type(core.tracker), "fetch_issue", fetch_while_deleted)
    core.receive_and_drain(FetchNeeded(identity=row.identity, key=row.key, reason="the delivery is partial"))
    assert answers == []
    assert core.rows(tables.issue)[0].gone_reason == "deleted"
    assert core.rows(tables.fetch_request)[0].due_at is None


def test_a_rate_limited_tracker_is_not_called(core: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fetch finds the limit for all issues, and a new delivery does not call sooner."""
    monkeypatch.setattr(connections, "FRESH_SECONDS", 0.0)
    give_token(core)
    fetched = []
    fetch_issue = core.tracker.fetch_issue

    def counted(*args: Any, **named: Any) -> Snapshot:
        fetched.append(named["identity"])
        return fetch_issue(*args, **named)

    monkeypatch.setattr(type(core.tracker), "fetch_issue", lambda _, *args, **named: counted(*args, **named))
    core.tracker.snapshots |= {
        identity: Unavailable("429", core.now + timedelta(hours=1)) for identity, *_ in POSITIONS.values()
    }
    for identity, key, _ in POSITIONS.values():
        core.receive_and_drain(FetchNeeded(identity=identity, key=key, reason="the delivery is partial"))
        core.receive_and_drain(FetchNeeded(identity=identity, key=key, reason="the delivery is partial"))
    assert len(fetched) == 1
    core.now += timedelta(hours=2)  # only the database's clock matters
    core.make_due(tables.fetch_request)
    core.drains.by_table["fetch_request"]()
    assert len(fetched) == 1
    for again, until in enumerate((timedelta(hours=-1), timedelta(days=8)), start=2):  # passed; before a step back
        with writing(core.engine) as tx:
            tx.execute(sa.update(tables.rate_limit).values(until=database_now(tx) + until))
        core.make_due(tables.fetch_request)
        core.drains.by_table["fetch_request"]()
        assert len(fetched) == again


def test_a_late_delivery_does_not_restore_an_old_label_name(core: CoreHarness) -> None:
    """The newest time counts, also when that delivery only repeated a name."""
    core.receive_and_drain(issue("a", 0, labels=[LABEL]))
    core.receive_and_drain(issue("b", 50, labels=[LABEL]))
    core.receive_and_drain(issue("c", 20, labels=[Term("77", "basket")]))
    assert [row.name for row in core.rows(tables.term)] == ["checkout"]
    assert len(core.rows(tables.link)) == 3


@pytest.mark.both_databases
def test_a_name_written_by_a_concurrent_worker_is_not_overwritten(core: CoreHarness) -> None:
    """The batch is retried and uses the newer name."""
    core.receive_and_drain(issue("a", 0, labels=[LABEL]))
    key = (core.connection_id, "label", "77")

    def race() -> None:
        with writing(core.engine) as tx:
            names = TermNames.read(tx, [key])
            names.add_snapshot(core.connection_id, issue("b", 10, labels=[Term("77", "middle")]))
            tx.execute(sa.update(tables.term).values(name="new", at=at(100)))
            names.save(tx)

    with pytest.raises(TransactionConflict):
        race()


def test_a_batch_is_limited_by_the_size_of_its_bodies(core: CoreHarness) -> None:
    """A batch has at least one delivery."""
    for _ in range(3):
        core.post(issue("a", 0))
    size = sa.func.length(tables.delivery.c.body)
    claimed = [due.claim(core.engine, tables.delivery, limit=9, size=size, most=most) for most in (2, 0, 9)]
    assert [len(rows) for rows in claimed] == [2, 1, 0]
