"""Notices about proposed values: the owner gets one while a value waits, whatever supersedes it."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.domain.measures.applying.applied import Decision
from sync_service.progress.applying.proposals import Decider
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.okrs import key_results
from tests.flows.issue_factory import done, issue
from tests.support.fake_tracker import CoreHarness


@pytest.fixture
def proposing(core: CoreHarness) -> CoreHarness:
    """Start at 0 % of two issues, and propose later values."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(apply="propose"))
    return core


def waiting(core: CoreHarness) -> list[Row[Any]]:
    """Return the notices that wait to be mailed."""
    return list(core.rows(tables.notice, tables.notice.c.due_at.isnot(None)))


def mail(core: CoreHarness) -> None:
    """Mail the notices."""
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.notice).values(due_at=None, settled_at=core.now, outcome="mailed"))


def decide(core: CoreHarness, decision: Decision) -> None:
    """Let Ana decide."""
    with writing(core.engine) as tx:
        decider = Decider.begin(tx, by="Ana", actor="ana@example.com", now=core.now, settle=timedelta(hours=1))
        decider.decide(core.key_result_row().id, decision)


def test_the_owner_gets_a_notice_with_the_causes(proposing: CoreHarness) -> None:
    """It says that they are proposed only."""
    proposing.receive_and_drain(done(1, 5))
    (notice,) = waiting(proposing)
    assert notice.person_id == proposing.person_id
    assert (notice.from_status, notice.from_value) == (notice.to_status, notice.to_value)
    assert [(cause["what"], cause["issue"], cause["proposed"]) for cause in notice.causes] == [
        ("closed as done", "acme/checkout#1", True)
    ]


def test_a_superseding_value_joins_the_notice_and_makes_no_second_mail(proposing: CoreHarness) -> None:
    """Before and after it is mailed."""
    proposing.receive_and_drain(done(1, 5))
    proposing.receive_and_drain(done(2, 6))
    (notice,) = waiting(proposing)
    assert [cause["issue"] for cause in notice.causes] == ["acme/checkout#1", "acme/checkout#2"]
    mail(proposing)
    proposing.receive_and_drain(issue(2, 7))
    assert proposing.key_result_row().proposed["value"] == 50
    assert waiting(proposing) == []


def test_a_proposal_that_vanishes_takes_its_notice_along(proposing: CoreHarness) -> None:
    """Nothing is left to decide."""
    proposing.receive_and_drain(done(1, 5))
    proposing.receive_and_drain(issue(1, 6))
    assert waiting(proposing) == []
    (dropped,) = proposing.rows(tables.notice)
    assert dropped.outcome == "undone before the mail was written"


def test_a_decided_proposal_needs_no_mail_and_the_next_one_does(proposing: CoreHarness) -> None:
    """Each proposal is mailed once."""
    proposing.receive_and_drain(done(1, 5))
    decide(proposing, Decision.DECLINED)
    assert waiting(proposing) == []
    proposing.receive_and_drain(done(2, 6))
    assert len(waiting(proposing)) == 1
    mail(proposing)
    decide(proposing, Decision.ACCEPTED)
    mail(proposing)
    proposing.receive_and_drain(issue(2, 7))
    (notice,) = waiting(proposing)
    assert [cause["what"] for cause in notice.causes][-1] == "reopened"


@pytest.mark.both_databases
def test_the_proposal_that_was_mailed_stays_out_of_later_notices(proposing: CoreHarness) -> None:
    """A change of status is one of its own, and is dropped when it is undone."""
    proposing.receive_and_drain(done(1, 5))
    mail(proposing)
    with writing(proposing.engine) as tx:
        tx.execute(sa.update(tables.cycle).values(ends=(proposing.now + timedelta(days=400)).date()))
        key_results.recompute(tx, [proposing.key_result_row().id])
    proposing.drain()
    assert all(not cause.get("proposed") for notice in waiting(proposing) for cause in notice.causes)


@pytest.mark.both_databases
def test_a_new_owner_gets_a_notice_of_their_own(proposing: CoreHarness) -> None:
    """The one for the owner before is dropped."""
    proposing.receive_and_drain(done(1, 5))
    with writing(proposing.engine) as tx:
        person = {"email": "ben@example.com", "name": "Ben", "role": "member", "accounts": {}}
        ben = tx.execute(sa.insert(tables.person).values(person).returning(tables.person.c.id)).scalar_one()
        tx.execute(sa.update(tables.key_result).values(owner_id=ben))
        key_results.recompute(tx, [proposing.key_result_row().id])
    proposing.drain()
    (notice,) = waiting(proposing)
    assert notice.person_id == ben


def test_a_partly_seen_value_is_mailed_when_it_is_wholly_seen(proposing: CoreHarness) -> None:
    """Until then it may still change by the import."""
    with writing(proposing.engine) as tx:
        tx.execute(sa.update(tables.scope).values(covered_at=None))
        tx.execute(sa.update(tables.counter).values(value=tables.counter.c.value + 1))
    proposing.receive_and_drain(done(1, 5))
    assert proposing.key_result_row().status == "partial"
    assert waiting(proposing) == []
    with writing(proposing.engine) as tx:
        tx.execute(sa.update(tables.scope).values(covered_at=proposing.now))
        tx.execute(sa.update(tables.counter).values(value=tables.counter.c.value + 1))
        key_results.recompute(tx, [proposing.key_result_row().id])
    proposing.drain()
    assert len(waiting(proposing)) == 1
