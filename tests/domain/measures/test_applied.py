"""Applied, proposed and overridden values against a plain oracle, and the causes that the history gets."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sync_service.domain.measures.applying.applied import (
    MAX_CAUSES,
    NOTHING,
    Applied,
    Computation,
    Decision,
    Outcome,
    announced,
    apply,
    decided,
    lapse,
    overridden,
    resumed,
)
from sync_service.domain.measures.parts import Part, PartKind
from sync_service.domain.trackers.causes import Cause
from sync_service.store.okrs.applying import applied as stored
from tests.domain.measures.applied_oracle import PlainApplied
from tests.support.run_scope import LONG

BEGIN = datetime(2026, 11, 20, 12, tzinfo=UTC)
KINDS = st.sampled_from([one.value for one in PartKind])
VALUES = st.sampled_from([0.0, 10.0, 20.0, 30.0, 45.5, None])
CLOSED = Cause(what="closed as done", issue="a#1")


class DecisionMachine(RuleBasedStateMachine):
    """Any order of computations, decisions, hours that pass and settings that change."""

    def __init__(self) -> None:
        super().__init__()
        self.oracle, self.applied, self.hour, self.number = PlainApplied(), NOTHING, 0, 0
        self.outcome = Outcome(NOTHING, (), ())
        self.was: float | None = None

    def _apply(self, decided_now: Applied, value: float | None, parts: Mapping[str, float]) -> None:
        """Compute after a decision, as the service does, and store and read what applies."""
        self.number += 1
        computation = Computation(
            value=value,
            now=BEGIN + timedelta(hours=self.hour),
            proposes=self.oracle.proposes,
            causes=(Cause(what=f"step {self.number}"),),
            parts=tuple(Part(PartKind(kind), change) for kind, change in parts.items()),
        )
        self.was = self.applied.value
        self.outcome = apply(decided_now, computation, was=self.was)
        columns = stored.columns(self.outcome.applied)
        self.applied = stored.read(self.outcome.applied.value, columns["proposed"], columns["override"])

    @rule(value=VALUES, kinds=st.tuples(KINDS, KINDS), hours=st.integers(0, 2))
    def compute(self, value: float | None, kinds: tuple[str, str], hours: int) -> None:
        """Compute a value, whose change has one or two parts."""
        self.hour += hours
        before, parts = self.oracle.computed, {}
        if value is not None and before is not None and value != before:
            first, second = kinds
            parts = {first: value - before} if first == second else {first: 5.5, second: value - before - 5.5}
        parts = {kind: change for kind, change in parts.items() if change}
        self.oracle.compute(value, parts, self.hour)
        self._apply(self.applied, value, parts)

    @precondition(lambda self: self.oracle.waiting is not None)
    @rule(decision=st.sampled_from([Decision.ACCEPTED, Decision.DECLINED]))
    def decide(self, decision: Decision) -> None:
        """Accept or decline what waits."""
        decide = self.oracle.accept if decision is Decision.ACCEPTED else self.oracle.decline
        decide(self.hour)
        self._apply(decided(self.applied, decision), self.oracle.computed, {})

    @rule(value=st.sampled_from([0.0, 20.0, 80.0]), hours=st.sampled_from([None, 1, 2, 4]), change=st.booleans())
    def override(self, value: float, hours: int | None, *, change: bool) -> None:
        """Override the value: until a time, until a change, or until it is resumed."""
        until = None if change or hours is None else self.hour + hours
        self.oracle.overrule(value, until=until, until_change=change)
        end = "change" if change else None if until is None else BEGIN + timedelta(hours=until)
        after = overridden(self.applied, value, by="Ana", computed=self.oracle.computed, until=end)  # type: ignore[arg-type]  # one of three kinds
        self._apply(after, self.oracle.computed, {})

    @precondition(lambda self: self.oracle.override is not None)
    @rule()
    def resume(self) -> None:
        """End the override."""
        self.oracle.resume()
        self._apply(resumed(self.applied), self.oracle.computed, {})

    @rule()
    def change_the_setting(self) -> None:
        """Propose values from now on, or apply them at once."""
        self.oracle.proposes = not self.oracle.proposes
        self.compute(self.oracle.computed, (PartKind.DONE, PartKind.DONE), 0)

    @invariant()
    def the_values_are_those_of_the_oracle(self) -> None:
        """Compare the applied, the waiting and the overriding value."""
        assert self.applied == self.outcome.applied
        assert self.applied.value == self.oracle.value
        assert (self.applied.waiting.value if self.applied.waiting else None) == self.oracle.waiting
        assert (self.applied.override.value if self.applied.override else None) == (
            self.oracle.override[0] if self.oracle.override else None
        )

    @invariant()
    def the_entry_is_that_of_the_oracle(self) -> None:
        """Compare both ends of the entry, and its parts: all of them since the value before, or none."""
        before, after, parts = self.oracle.last
        assert (self.was, self.outcome.applied.value) == (before, after)
        assert {part.kind.value: part.change for part in self.outcome.parts} == pytest.approx(parts)
        if self.outcome.parts:
            assert before is not None
            assert after is not None
            assert sum(part.change for part in self.outcome.parts) == pytest.approx(after - before)


DecisionMachine.TestCase.settings = settings(
    max_examples=500 if LONG else 50, stateful_step_count=30, suppress_health_check=list(HealthCheck), deadline=None
)
TestDecisionMachine = DecisionMachine.TestCase


def computed(value: float | None, *causes: Cause, hours: int = 0) -> Computation:
    """Return a computation whose value is only proposed."""
    return Computation(value=value, now=BEGIN + timedelta(hours=hours), proposes=True, causes=causes)


def test_an_accepted_value_has_the_causes_of_all_that_it_superseded() -> None:
    """Each once, the latest ones where there are many."""
    applied = apply(Applied(0.0), computed(10.0, CLOSED), was=0.0).applied
    applied = apply(applied, computed(20.0, CLOSED), was=0.0).applied
    accept = Cause(what="accepted")
    outcome = apply(decided(applied, Decision.ACCEPTED), computed(20.0, accept), was=0.0)
    assert (outcome.applied, outcome.causes) == (Applied(20.0), (CLOSED, accept))
    many = [Cause(what=f"step {number}") for number in range(MAX_CAUSES + 5)]
    applied = Applied(0.0)
    for number, cause in enumerate(many, start=1):
        applied = apply(applied, computed(float(number), cause), was=0.0).applied
    assert applied.proposal is not None
    assert applied.proposal.causes == tuple(many[-MAX_CAUSES:])


def test_a_value_that_was_computed_while_another_was_accepted_is_proposed_next() -> None:
    """As days pass, say; the decision is not its cause."""
    waiting = apply(Applied(0.0), computed(10.0, CLOSED), was=0.0).applied
    outcome = apply(decided(waiting, Decision.ACCEPTED), computed(12.0, Cause(what="accepted")), was=0.0)
    assert (outcome.applied.value, [one.what for one in outcome.causes]) == (10.0, ["closed as done", "accepted"])
    assert outcome.applied.waiting is not None
    assert (outcome.applied.waiting.value, outcome.applied.waiting.causes) == (12.0, ())


def test_a_proposal_is_as_old_as_its_value() -> None:
    """Another computation of the same value makes it no younger; another value does."""
    first = apply(Applied(0.0), computed(10.0), was=0.0).applied
    again = apply(first, computed(10.0, CLOSED, hours=1), was=0.0).applied
    assert again == first
    later = apply(again, computed(20.0, hours=2), was=0.0).applied
    assert later.proposal is not None
    assert later.proposal.since == BEGIN + timedelta(hours=2)


def test_a_notice_is_for_one_person_until_the_proposal_is_decided() -> None:
    """A superseding value needs no other one; a new owner does, and so does the value after a decision."""
    waiting = apply(Applied(0.0), computed(10.0), was=0.0).applied
    first = announced(waiting, 7)
    assert first.proposal is not None
    assert first.proposal.notice_to == 7
    later = apply(first, computed(20.0), was=0.0).applied
    assert announced(later, 7) is later
    assert announced(later, 8) is not later
    assert announced(later, None) is later
    declined = apply(decided(later, Decision.DECLINED), computed(20.0), was=0.0).applied
    assert announced(declined, 7) is declined
    afterwards = apply(declined, computed(30.0), was=0.0).applied
    assert announced(afterwards, 7) is not afterwards


def test_a_notice_about_a_value_without_causes_has_one() -> None:
    """Otherwise nothing would mark it as a proposal."""
    waiting = apply(Applied(0.0), computed(10.0), was=0.0).applied.waiting
    assert waiting is not None
    assert waiting.announcement == (Cause(what="another value was computed", proposed=True),)


def test_only_a_proposal_that_waits_lapses() -> None:
    """A declined one stays declined."""
    waiting = apply(Applied(0.0), computed(10.0), was=0.0).applied
    lapsed = lapse(waiting)
    assert lapsed.proposal is not None
    assert (lapsed.proposal.lapsed, lapsed.value, lapsed.waiting) == (True, 0.0, None)
    declined = decided(waiting, Decision.DECLINED)
    assert lapse(declined) is declined
    assert lapse(NOTHING) is NOTHING


def test_a_decision_about_nothing_is_refused() -> None:
    """There is no proposal, and no override."""
    with pytest.raises(ValueError, match="no proposal waits"):
        decided(NOTHING, Decision.ACCEPTED)
    with pytest.raises(ValueError, match="nothing is overridden"):
        resumed(NOTHING)
