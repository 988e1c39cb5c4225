"""A cycle of many key results is refrozen and closed one key result at a time, whatever dies in between."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_service.domain.cycles.outcomes import Outcome
from sync_service.progress.cycles.closing import Closer, NotPossible, line_of
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.store.queue.settings_work import end_leases
from sync_service.store.views.cycles.closing import ClosingView, closing_view
from tests.flows.issue_factory import done, issue
from tests.support.fake_tracker import CoreHarness
from tests.support.written_rows import Killed, rows_per_transaction

pytestmark = pytest.mark.both_databases

END = datetime(2027, 1, 1, tzinfo=UTC)
SLUGS = ["KR-1", *(f"KR-{number}" for number in range(2, 6))]
MARKED = {"at": END.isoformat(), "partial": "not imported yet: x", "stale": None, "refrozen": None}


def view(core: CoreHarness) -> ClosingView:
    """Return the cycle."""
    with reading(core.engine) as tx:
        found = closing_view(tx, "2026-Q4", core.now)
    assert found is not None
    return found


def closer(core: CoreHarness, by: str = "Ana Ruiz") -> Closer:
    """Return the closer of a person."""
    return Closer(engine=core.engine, by=by, actor=by, now=core.now)


@pytest.fixture
def over(core: CoreHarness) -> CoreHarness:
    """Let a cycle of five key results with done issues be over; no worker ran since."""
    for slug in SLUGS[1:]:
        core.rule(f"of-{slug}", core.key_result(slug), {"field": "labels", "has": "checkout"})
    core.receive_and_drain(done(1, 0), issue(2, 0))
    core.now = END + timedelta(days=3, hours=1)
    return core


def set_marked(core: CoreHarness) -> None:
    """Let all numbers be final, partly seen and wrong, as if half of the issues had been missing."""
    with writing(core.engine) as tx:
        wrong = {"frozen": MARKED, "current": 0.0, "progress": 0.0, "computed": 0.0, "status": "closed"}
        tx.execute(sa.update(tables.key_result).values(wrong))
        tx.execute(sa.delete(tables.history))
        tx.execute(sa.update(tables.recompute).values(refrozen_by=None, outcome=""))
        versions.bump(tx, versions.CHANGES)


def is_marked(core: CoreHarness) -> dict[str, bool]:
    """Return which final numbers are still those that were marked."""
    return {one.slug: one.frozen is not None and one.frozen.marked for one in view(core).key_results}


def entries(core: CoreHarness) -> list[tuple[Any, ...]]:
    """Return the history entries that a refreeze made."""
    h, k = tables.history, tables.key_result
    found = sa.select(k.c.slug, h.c["from"], h.c.to).join(k, k.c.id == h.c.key_result_id).order_by(k.c.slug, h.c.id)
    with reading(core.engine) as tx:
        return [tuple(row) for row in tx.execute(found)]


@pytest.fixture
def refreezing(over: CoreHarness) -> CoreHarness:
    """Ask to refreeze all."""
    set_marked(over)
    closer(over).refreeze(view(over).key_results)
    return over


def test_a_refreeze_writes_one_key_result_in_a_transaction(refreezing: CoreHarness) -> None:
    """A claim, and one transaction for each; the words say what is under way."""
    before = view(refreezing)
    assert before.under_way == "5 key results being computed once more, one after the other"
    assert before.key_results[0].refreezing == "Ana Ruiz asked to compute it once more; it waits"
    with rows_per_transaction(refreezing.engine) as counts:
        refreezing.drains.drain("recompute")
    assert len(counts) - len(SLUGS) in (0, 1)  # SQLite does not say how many rows a claim wrote
    assert view(refreezing).under_way is None
    assert {one.refreezing for one in view(refreezing).key_results} == {None}
    assert entries(refreezing) == [(slug, 0, 50) for slug in SLUGS]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kills=st.lists(st.integers(1, len(SLUGS) + 1), max_size=4))
def test_a_kill_between_two_key_results_leaves_each_old_or_new(over: CoreHarness, kills: list[int]) -> None:
    """And whoever drains next does the rest, once; asking again in between changes nothing."""
    set_marked(over)
    closer(over).refreeze(view(over).key_results)
    for kill_after in kills:
        with rows_per_transaction(over.engine, kill_after=kill_after), suppress(Killed):
            over.drains.drain("recompute")
        with writing(over.engine) as tx:
            end_leases(tx)
        values = {one.slug: one.current for one in view(over).key_results}
        assert values == {slug: 0 if is_old else 50 for slug, is_old in is_marked(over).items()}
        assert sum(is_marked(over).values()) == sum(one.is_refreezing for one in view(over).key_results)
        if any(is_marked(over).values()):
            closer(over, "Ben").refreeze(view(over).key_results)
    over.drains.drain("recompute")
    assert not any(is_marked(over).values())
    assert entries(over) == [(slug, 0, 50) for slug in SLUGS]
    assert {one.frozen.refrozen.by for one in view(over).key_results if one.frozen and one.frozen.refrozen} == {
        "Ana Ruiz"
    }


def test_what_lacks_something_when_its_time_comes_keeps_its_numbers_and_says_so(refreezing: CoreHarness) -> None:
    """It may be asked for again."""
    refused = {"refused_at": END, "refused_reason": "401"}
    with writing(refreezing.engine) as tx:
        tx.execute(sa.update(tables.connection).values(refused))
    refreezing.drains.drain("recompute")
    assert all(is_marked(refreezing).values())
    assert view(refreezing).under_way is None
    assert view(refreezing).key_results[0].refreezing == (
        "not computed once more: KR-1 still lacks something: 401; run okr-sync reconcile first"
    ).replace("401", "paper: 401")
    with writing(refreezing.engine) as tx:
        tx.execute(sa.update(tables.connection).values(dict.fromkeys(refused)))
    closer(refreezing).refreeze(view(refreezing).key_results)
    refreezing.drains.drain("recompute")
    assert not any(is_marked(refreezing).values())


def test_an_outcome_is_not_settled_while_its_numbers_are_computed_once_more(refreezing: CoreHarness) -> None:
    """Afterwards it is."""
    line = line_of(view(refreezing), "KR-1")
    assert line is not None
    with pytest.raises(NotPossible, match="KR-1 are being computed once more; settle it afterwards"):
        closer(refreezing).settle("2026-q4", line, Outcome.MISSED)
    refreezing.drains.drain("recompute")
    assert closer(refreezing).settle("2026-q4", line) == "missed"


def test_a_cycle_closes_one_key_result_in_a_transaction(over: CoreHarness) -> None:
    """A kill in between leaves the rest to whoever drains next."""
    ids = closer(over).close(view(over))
    assert len(ids) == len(SLUGS)
    assert view(over).under_way == "5 key results not final yet, one after the other"
    with pytest.raises(Killed), rows_per_transaction(over.engine, kill_after=3):
        over.drains.drain("recompute")
    assert 0 < len(view(over).waiting) < len(SLUGS)
    with writing(over.engine) as tx:
        end_leases(tx)
    over.drains.drain("recompute")
    assert view(over).under_way is None
    assert closer(over).close(view(over)) == []


def test_proposed_outcomes_are_settled_some_at_a_time(over: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill in between leaves the rest as proposed."""
    monkeypatch.setattr("sync_service.progress.cycles.closing.TOGETHER", 2)
    closer(over).close(view(over))
    over.drains.drain("recompute")
    with pytest.raises(Killed), rows_per_transaction(over.engine, kill_after=1):
        closer(over).settle_proposed(view(over))
    assert sum(one.settled for one in view(over).key_results) == 2
    closer(over).settle_proposed(view(over))
    assert view(over).settled_at == over.now
