"""Links that rules propose wait for the owner of the key result: accepted ones count, declined ones do not return."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.trackers.observations import Snapshot, State
from sync_service.progress.rules.editor import Refused, Unknown
from sync_service.progress.rules.proposed_links import LinkDecider
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import link_decisions
from sync_service.store.views.rule_details import overlaps as rule_overlaps
from tests.domain.factories import at, snapshot
from tests.support.fake_tracker import CoreHarness

BUGS = {"field": "type", "is": "Bug"}


def issue(number: int, *, minute: int = 0, kind: str = "Bug", done: bool = False) -> Snapshot:
    """Return what the tracker says of an issue."""
    key, state = f"acme/checkout#{number}", State.DONE if done else State.TODO
    closed_at = at(minute) if done else None
    return snapshot(minute, identity=f"501#{number}", key=key, type=kind, state=state, closed_at=closed_at)


@pytest.fixture
def core(empty_core: CoreHarness) -> CoreHarness:
    """Return a harness with KR-1, a rule that proposes bugs, and two bugs, one of them done."""
    empty_core.key_result()
    empty_core.receive_and_drain(issue(1, done=True), issue(2), issue(3, kind="Story"))
    empty_core.rule("bugs", empty_core.key_result_row().id, BUGS, state=RuleState.PROPOSING)
    return empty_core


def waiting(core: CoreHarness) -> list[str]:
    """Return the keys of the issues whose links wait."""
    with reading(core.engine) as tx:
        return [one.key for one in link_decisions.waiting(tx, core.key_result_row().id)]


def decide(core: CoreHarness, *numbers: int, accepted: bool) -> None:
    """Decide as Ana about issues, or about all."""
    with reading(core.engine) as tx:
        slug = tx.scalar(sa.select(tables.connection.c.slug))
    wanted = [f"{slug}:acme/checkout#{number}" for number in numbers] or None
    with writing(core.engine) as tx:
        settle = timedelta(minutes=10)
        decider = LinkDecider.begin(tx, by="Ana Ruiz", actor="ana@example.com", now=core.now, settle=settle)
        decider.decide(core.key_result_row().id, wanted, accepted=accepted)
    core.drain()


@pytest.mark.both_databases
def test_a_proposed_link_counts_once_it_is_accepted(core: CoreHarness) -> None:
    """Until then it moves no value; then the history names who accepted it."""
    assert waiting(core) == ["acme/checkout#2", "acme/checkout#1"]
    assert core.value() is None
    decide(core, 1, accepted=True)
    assert (core.value(), waiting(core)) == (100, ["acme/checkout#2"])
    assert core.reasons()[-1] == "proposed link accepted by Ana Ruiz, now linked by rule bugs"
    decide(core, accepted=True)
    assert (core.value(), waiting(core)) == (50, [])


def test_a_declined_link_is_not_proposed_again_by_this_rule(core: CoreHarness) -> None:
    """Not when the issue changes, and not when the rule is saved again; another rule may propose it."""
    decide(core, accepted=False)
    assert (core.value(), waiting(core)) == (None, [])
    core.receive_and_drain(issue(2, minute=5, done=True))
    core.rule("bugs", core.key_result_row().id, {"any": [BUGS]}, state=RuleState.PROPOSING)
    assert waiting(core) == []
    core.rule("others", core.key_result_row().id, BUGS, state=RuleState.PROPOSING)
    assert waiting(core) == ["acme/checkout#2", "acme/checkout#1"]


def test_a_proposal_vanishes_when_the_rule_no_longer_matches(core: CoreHarness) -> None:
    """Also a link that was accepted ends then: it is the rule's."""
    decide(core, 2, accepted=True)
    core.receive_and_drain(issue(1, minute=5, kind="Story"), issue(2, minute=5, kind="Story"))
    assert (core.value(), waiting(core)) == (None, [])
    core.receive_and_drain(issue(1, minute=6), issue(2, minute=6))
    assert (core.value(), waiting(core)) == (0, ["acme/checkout#1"])


@pytest.mark.parametrize("state", [RuleState.DRAFT, RuleState.DISABLED])
def test_a_rule_that_matches_nothing_has_no_proposals(core: CoreHarness, state: RuleState) -> None:
    """They end with the edit; made active, everything that the rule matches counts."""
    core.rule("bugs", core.key_result_row().id, BUGS, state=state)
    assert waiting(core) == []
    assert core.rows(tables.link) == []
    core.rule("bugs", core.key_result_row().id, BUGS)
    assert core.value() == 50


def test_an_active_rule_that_is_made_to_propose_unlinks_what_was_not_accepted(core: CoreHarness) -> None:
    """The reason is said."""
    core.rule("bugs", core.key_result_row().id, BUGS)
    core.rule("bugs", core.key_result_row().id, BUGS, state=RuleState.PROPOSING)
    assert (core.value(), core.reasons()[-1]) == (None, "rule bugs made to propose")
    assert waiting(core) == ["acme/checkout#2", "acme/checkout#1"]


def test_only_links_that_wait_can_be_decided(core: CoreHarness) -> None:
    """A typed key that is not among them is named; final numbers stay as they are."""
    with pytest.raises(Unknown, match="acme/checkout#3"):
        decide(core, 3, accepted=True)
    core.now += timedelta(days=400)
    with pytest.raises(Refused, match="numbers of KR-1 are final"):
        decide(core, accepted=True)
    assert core.rows(tables.link_decision) == []


def test_issues_that_several_rules_match_are_counted_as_overlap(core: CoreHarness) -> None:
    """For each other rule, with what it means; the same key result is named apart."""
    core.rule("more", core.key_result_row().id, {"field": "type", "in": ["Bug", "Story"]})
    other = core.key_result("KR-2")
    core.rule("stories", other, {"field": "type", "is": "Story"})
    with reading(core.engine) as tx:
        found = {one.other: (one.issues, one.same, one.key_result) for one in rule_overlaps.of_rule(tx, "more")}
        doubled = [(one.rule, one.other, one.issues) for one in rule_overlaps.double(tx, limit=10)]
    assert found == {"bugs": (2, True, "KR-1"), "stories": (1, False, "KR-2")}
    assert doubled == [("bugs", "more", 2)]
