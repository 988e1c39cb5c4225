"""Closing a cycle: final numbers are computed once more after a poll, and scores and outcomes are settled."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from sync_service.domain.cycles.outcomes import Outcome
from sync_service.domain.people.check_in import Author, CheckIn
from sync_service.domain.trackers.observations import Term
from sync_service.progress.cycles.closing import Closer, NotPossible, line_of
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import check_ins
from sync_service.store.okrs.key_results import recompute
from sync_service.store.people import audit
from sync_service.store.views.cycles.closing import ClosingView, closing_view
from tests.domain.factories import NOON
from tests.flows.issue_factory import done, issue
from tests.support.fake_tracker import CoreHarness

END = datetime(2027, 1, 1, tzinfo=UTC)
AT_END = (END - NOON).total_seconds()
HOUR = 3600.0
KR_1 = tables.key_result.c.slug == "KR-1"


def closer(core: CoreHarness) -> Closer:
    """Return the closer of an admin."""
    return Closer(engine=core.engine, by="Ana Ruiz", actor="ana@example.com", now=core.now)


def view(core: CoreHarness) -> ClosingView:
    """Return the cycle."""
    with reading(core.engine) as tx:
        found = closing_view(tx, "2026-Q4", core.now)
    assert found is not None
    return found


def close(core: CoreHarness) -> None:
    """Let the days of grace pass, without a worker, and close the cycle."""
    core.now = END + timedelta(days=3, hours=1)
    closer(core).close(view(core))
    core.drains.drain("recompute")


def refreeze(core: CoreHarness) -> list[str]:
    """Refreeze what was marked; return what that did."""
    asked = closer(core).refreeze(view(core).key_results)
    core.drains.drain("recompute")
    return [one.slug for one in view(core).key_results if one.id in asked and not one.refreezing]


def settle(core: CoreHarness, slug: str, outcome: Outcome | None = None) -> None:
    """Settle a key result."""
    line = line_of(view(core), slug)
    assert line is not None
    closer(core).settle("2026-q4", line, outcome)


def test_a_cycle_closes_once_its_days_of_grace_are_over(core: CoreHarness) -> None:
    """Before, it says when; a score and an outcome are proposed then."""
    core.receive_and_drain(done(1, 0), issue(2, 0), issue(3, 0))
    core.now = END + timedelta(days=1)
    with pytest.raises(NotPossible, match="become final on 2027-01-04"):
        closer(core).close(view(core))
    assert (view(core).key_results[0].score, view(core).key_results[0].outcome) == (None, None)
    close(core)
    (line,) = view(core).key_results
    assert (line.score, line.outcome, line.settled) == (core.key_result_row().progress, "missed", False)
    assert line.frozen is not None
    assert core.key_result_row().status == "closed"


def test_marked_numbers_are_refrozen_once_after_a_poll(core: CoreHarness) -> None:
    """With what the poll found of the cycle, and without later work and later check-ins; then never again."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(refused_at=END, refused_reason="401"))
    close(core)
    assert core.value() == 0
    with pytest.raises(NotPossible, match="KR-1 still lacks something: paper: 401"):
        refreeze(core)
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(refused_at=None, refused_reason=None))
        versions.bump(tx, versions.RULES)
    core.receive_and_drain(done(1, AT_END - HOUR), done(2, AT_END + HOUR))
    assert core.value() == 0
    assert refreeze(core) == ["KR-1"]
    row = core.key_result_row()
    assert (row.current, row.status) == (50, "closed")
    assert row.frozen["stale"] is None
    assert row.frozen["refrozen"] == {"at": core.now.isoformat(), "by": "Ana Ruiz"}
    assert core.reasons()[-1] == "computed again after a poll"
    with pytest.raises(NotPossible, match="computed again already"):
        refreeze(core)


def test_check_ins_after_the_freeze_do_not_count_when_it_is_refrozen(empty_core: CoreHarness) -> None:
    """Only those before the days of grace were over."""
    id_ = empty_core.key_result(kind="manual")
    for days, value in ((-1, 20.0), (9, 30.0)):
        empty_core.now = END + timedelta(days=days)
        with writing(empty_core.engine) as tx:
            check_ins.add(tx, id_, CheckIn(value=value), author=Author("Ana", "admin"), at=empty_core.now)
            recompute(tx, [id_])
        empty_core.drain()
    frozen = {"at": END.isoformat(), "partial": "not imported yet: x", "stale": None, "refrozen": None}
    with writing(empty_core.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(frozen=frozen))
    assert refreeze(empty_core) == ["KR-1"]
    assert empty_core.value() == 20


def test_outcomes_are_settled_one_by_one_or_all_that_are_proposed(core: CoreHarness) -> None:
    """Only a person drops a key result; what has no data waits; the cycle is settled with its last outcome."""
    core.key_result("KR-2", kind="manual")
    core.key_result("KR-3", kind="open-count", start=5, target=0)
    core.receive_and_drain(done(1, 0))
    with pytest.raises(NotPossible, match="the numbers of KR-1 are not final yet"):
        settle(core, "KR-1")
    close(core)
    settle(core, "kr-1", Outcome.DROPPED)
    left = closer(core).settle_proposed(view(core))
    assert [one.slug for one in left] == ["KR-2", "KR-3"]
    assert view(core).settled_at is None
    with pytest.raises(NotPossible, match="KR-2 has no data"):
        settle(core, "KR-2")
    settle(core, "KR-2", Outcome.MISSED)
    settle(core, "KR-3", Outcome.MISSED)
    assert view(core).settled_at == core.now
    assert [(one.outcome, one.score, one.settled) for one in view(core).key_results] == [
        ("dropped", 1.0, True),
        ("missed", None, True),
        ("missed", None, True),
    ]
    with reading(core.engine) as tx:
        assert audit.entries(tx, limit=1)[0].what == "KR-3: settled as missed"


def test_a_settled_key_result_is_not_refrozen(core: CoreHarness) -> None:
    """Its outcome would no longer fit its value."""
    core.receive_and_drain(done(1, 0))
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(refused_at=END, refused_reason="401"))
    close(core)
    settle(core, "KR-1")
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(refused_at=None, refused_reason=None))
    with pytest.raises(NotPossible, match="the outcome of KR-1 is settled"):
        refreeze(core)


def test_labels_with_the_slug_of_a_key_result_link_to_its_successor_too(core: CoreHarness) -> None:
    """Its value goes on from there; the final one stays."""
    core.receive_and_drain(done(1, 0))
    close(core)
    core.key_result("KR-1-q1", kind="open-count", start=5)
    with writing(core.engine) as tx:
        versions.bump(tx, versions.RULES)
        tx.execute(sa.update(tables.key_result).where(KR_1).values(successor_slug="KR-1-q1"))
        new = {"slug": "2027-q1", "name": "Q1 2027", "starts": date(2027, 1, 1), "ends": date(2027, 3, 31)}
        times = {"starts_at": END, "ends_at": END + timedelta(days=90)}
        cycle_id = tx.execute(sa.insert(tables.cycle).values(new | times).returning(tables.cycle.c.id)).scalar_one()
        columns = {"slug": "o-q1", "title": "O", "cycle_id": cycle_id}
        into = tx.execute(sa.insert(tables.objective).values(columns).returning(tables.objective.c.id)).scalar_one()
        moved = tables.key_result.c.slug == "KR-1-q1"
        tx.execute(sa.update(tables.key_result).where(moved).values(objective_id=into, status="no_data"))
    core.receive_and_drain(issue(7, AT_END + HOUR, labels=[Term("78", "okr:KR-1")]))
    assert (core.value("KR-1"), core.value("KR-1-q1")) == (100, 1)


def test_the_old_slug_names_the_successor_only_while_its_cycle_runs(core: CoreHarness) -> None:
    """What it linked until then stays linked when the issue changes later; nothing new is linked."""
    test_labels_with_the_slug_of_a_key_result_link_to_its_successor_too(core)
    old = {"labels": [Term("78", "okr:KR-1")]}
    core.now = datetime(2027, 3, 31, 23, 59, tzinfo=UTC)
    core.receive_and_drain(issue(8, AT_END + 2 * HOUR, **old))
    core.now = datetime(2027, 4, 1, tzinfo=UTC)
    core.receive_and_drain(issue(9, AT_END + 2 * HOUR, **old))
    core.receive_and_drain(issue(8, AT_END + 3 * HOUR, **old, title="Another title"))
    assert core.value("KR-1-q1") == 2
    core.receive_and_drain(issue(9, AT_END + 3 * HOUR, labels=[Term("79", "okr:KR-1-q1")]))
    assert core.value("KR-1-q1") == 3


def test_an_outcome_that_is_settled_twice_is_the_second_one(core: CoreHarness) -> None:
    """Both are in the audit log; the cycle was complete with the first; what is settled is not proposed again."""
    core.receive_and_drain(done(1, 0))
    close(core)
    settle(core, "KR-1", Outcome.DROPPED)
    first = view(core).settled_at
    core.now += timedelta(hours=1)
    settle(core, "KR-1", Outcome.MISSED)
    (line,) = view(core).key_results
    assert (line.outcome, line.score, line.settled, view(core).settled_at) == ("missed", 1.0, True, first)
    assert closer(core).settle_proposed(view(core)) == []
    assert view(core).key_results == (line,)
    with reading(core.engine) as tx:
        words = [one.what for one in tx.execute(sa.select(tables.audit.c.what).order_by(tables.audit.c.id))]
    assert words[-2:] == ["KR-1: settled as dropped", "KR-1: settled as missed"]
