"""What closing an issue is worth equals what closing it does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sync_service.domain.trackers.observations import Closing, Kind, Snapshot, State, Term
from sync_service.progress.forecasts.worth import Worth, WorthReader
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs.ruleset import load_ruleset
from tests.flows.forecast_harness import BEGAN, DAY, TODAY, forecast_now, issue_of, stored, work
from tests.support.fake_tracker import CoreHarness, open_core_harness
from tests.support.run_scope import ALL, LONG

MEASURES: Sequence[tuple[dict[str, Any], float, float]] = [
    ({"kind": "done-share"}, 0, 80),
    ({"kind": "done-share", "weight": "points", "doing": 0.5, "within": "cycle"}, 0, 80),
    ({"kind": "done-count"}, 0, 9),
    ({"kind": "done-sum"}, 0, 12),
    ({"kind": "open-count"}, 12, 2),
    ({"kind": "open-sum", "unestimated": 2}, 20, 0),
    ({"kind": "field", "field": "points", "take": "max"}, 0, 5),
    ({"kind": "lead-time", "window": "30d"}, 40, 1),
    ({"kind": "throughput", "window": "2w"}, 0, 5),
    ({"kind": "share-meeting", "meets": {"field": "state", "is": "done"}}, 0, 100),
    ({"kind": "share-meeting", "meets": {"field": "lead_time", "at_most": 20}}, 0, 100),
    ({"kind": "steps", "steps": [{"name": "Pay", "issue": "paper:acme/checkout#3"}, {"name": "Ship"}]}, 0, 100),
]
STATES = [State.TODO, State.DOING, State.DONE, State.DROPPED]


@pytest.fixture
def core(migrated_url: str) -> Iterator[CoreHarness]:
    """Yield a harness whose scope was imported on 5 November, on either database."""
    made = open_core_harness(migrated_url, now=BEGAN)
    yield made
    made.engine.dispose()


def worth_of(core: CoreHarness, number: int) -> list[Worth]:
    """Return what closing an issue is worth."""
    (row,) = core.rows(tables.issue, tables.issue.c.identity == f"501#{number}")
    with reading(core.engine) as tx:
        ruleset = load_ruleset(tx, versions.value(tx, versions.RULES))
        return WorthReader(tx=tx, ruleset=ruleset, now=core.now).of(row.id)


def chance(core: CoreHarness, slug: str) -> float | None:
    """Return the stored chance of a key result."""
    found = stored(core, slug)
    return found.forecast.chance if found is not None and found.forecast.enough else None


def labels(count: int, *more: str) -> list[Term]:
    """Return labels that link an issue to as many key results."""
    slugs = [f"okr:KR-{number}" for number in range(count)]
    return [Term(one, one) for one in (*slugs, *more)]


@dataclass(slots=True)
class Play:
    """Eight issues that count toward every key result; the first is a pull request that closes some of the others."""

    core: CoreHarness
    closes: set[int]

    def seen(self, number: int, state: State) -> Snapshot:
        """Return a snapshot of an issue as it is now."""
        fields: dict[str, Any] = {"points": [None, 1.0, 3.0][number % 3], "labels": labels(len(MEASURES))}
        if number == 1:
            closing = tuple(Closing(f"acme/checkout#{one}", f"501#{one}") for one in sorted(self.closes))
            fields |= {"kind": Kind.PULL_REQUEST, "closes": closing}
        return issue_of("", number, self.core.now, state, **fields)

    def happen(self, states: Sequence[tuple[int, State]]) -> None:
        """Create the issues and let their states change; compute everything."""
        core = self.core
        core.now = BEGAN + DAY
        core.receive_and_drain(*(self.seen(number, State.TODO) for number in range(1, 9)))
        for number, state in states:
            core.now += timedelta(hours=41)
            core.receive_and_drain(self.seen(number, state))
        core.now = TODAY
        for table in (tables.recompute, tables.forecast):
            core.make_due(table)
            core.drain()

    def is_open(self, number: int) -> bool:
        """Return whether an issue is open."""
        (row,) = self.core.rows(tables.issue, tables.issue.c.identity == f"501#{number}")
        return row.state in ("todo", "doing")

    def close(self, number: int) -> None:
        """Close an issue, or merge the pull request; compute the forecasts."""
        merged = {number, *(self.closes if number == 1 else ())}
        self.core.receive_and_drain(*(self.seen(one, State.DONE) for one in sorted(merged) if self.is_open(one)))
        forecast_now(self.core)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a key result."""

    value: float | None
    progress: float | None
    chance: float | None

    @classmethod
    def of(cls, core: CoreHarness, slug: str) -> "Shown":
        """Return what is shown now."""
        row = core.key_result_row(slug)
        return cls(row.computed, row.progress, chance(core, slug))


def expected(before: Shown, one: Worth | None) -> Shown:
    """Return what will be shown by what was said."""
    if one is None:
        return before
    assert (one.before, one.progress_before, one.chance_before) == (before.value, before.progress, before.chance)
    return Shown(one.after, one.progress_after, one.chance_after)


@pytest.mark.slow
def test_what_closing_is_worth_is_what_it_does(core: CoreHarness) -> None:
    """For every measure, rules about the state, and pull requests that close issues."""
    for index, (measure, start, target) in enumerate(MEASURES):
        core.key_result(f"KR-{index}", start=start, target=target, **measure)
    issues = {"field": "kind", "is": "issue"}
    open_issues = {"all": [issues, {"field": "state", "is": "todo"}]}
    done_issues = {"all": [issues, {"field": "state", "is": "done"}]}
    core.rule("open", core.key_result("KR-open", kind="done-share"), open_issues)
    core.rule("done", core.key_result("KR-done", target=9, kind="done-count"), done_issues)
    slugs = [*(f"KR-{index}" for index in range(len(MEASURES))), "KR-open", "KR-done"]

    @settings(
        max_examples=100 if LONG else 8 if ALL else 5,
        suppress_health_check=list(HealthCheck),
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # examples are too slow to shrink
    )
    @given(
        states=st.lists(st.tuples(st.integers(1, 8), st.sampled_from(STATES)), max_size=20),
        closed=st.integers(1, 8),
        closes=st.sets(st.integers(2, 8), max_size=2),
    )
    def compare(states: list[tuple[int, State]], closed: int, closes: set[int]) -> None:
        forget_issues(core)
        play = Play(core, closes)
        play.happen(states)
        worths = {one.slug: one for one in worth_of(core, closed)}
        assert play.is_open(closed) or not worths
        before = {slug: Shown.of(core, slug) for slug in slugs}
        if play.is_open(closed):
            play.close(closed)
        after = {slug: Shown.of(core, slug) for slug in slugs}
        for slug in slugs:
            found = expected(before[slug], worths.get(slug))
            # What was never forecast may be from now on: then nothing was said.
            assert after[slug] == (
                found if before[slug].chance is not None else replace(found, chance=after[slug].chance)
            )

    compare()


def forget_issues(core: CoreHarness) -> None:
    """Delete all issues and what followed from them."""
    with writing(core.engine) as tx:
        for table in (tables.link, tables.issue, tables.history, tables.notice, tables.delivery, tables.forecast):
            tx.execute(sa.delete(table))
        unknown = {"current": None, "progress": None, "status": "no_data", "computed": None, "computed_from": None}
        tx.execute(sa.update(tables.key_result).values(unknown))


@pytest.mark.both_databases
def test_closing_an_issue_moves_value_and_chance(core: CoreHarness) -> None:
    """Four of eleven are missing in two weeks: 36 %; three: 64 %, unless both weeks bring one alone."""
    core.key_result(kind="done-count", target=11)
    work(core)
    forecast_now(core)
    (one,) = worth_of(core, 12)
    assert (one.slug, one.before, one.after) == ("KR-1", 7, 8)
    assert (one.chance_before, one.chance_after) == (0.36, 0.36)
    core.receive_and_drain(issue_of("KR-1", 11, core.now, State.DONE))
    forecast_now(core)
    (one,) = worth_of(core, 12)
    assert (one.chance_before, one.chance_after) == (0.36, 1.0)


def test_what_is_closed_is_worth_nothing(core: CoreHarness) -> None:
    """Nor is what serves no key result."""
    core.key_result(kind="done-count", target=11)
    work(core)
    core.receive_and_drain(issue_of("KR-1", 13, core.now, labels=[]))
    assert worth_of(core, 1) == []
    assert worth_of(core, 13) == []


@pytest.mark.both_databases
def test_a_merged_pull_request_is_worth_what_it_closes(core: CoreHarness) -> None:
    """Two issues, also where the pull request itself is not linked."""
    core.key_result(kind="done-count", target=11)
    work(core)
    closing = (Closing("acme/checkout#11", "501#11"), Closing("acme/checkout#12", "501#12"))
    core.receive_and_drain(issue_of("KR-1", 20, core.now, kind=Kind.PULL_REQUEST, closes=closing, labels=[]))
    (one,) = worth_of(core, 20)
    assert (one.before, one.after) == (7, 9)


@pytest.mark.both_databases
def test_a_value_that_waits_for_its_owner_is_said_not_to_apply(core: CoreHarness) -> None:
    """What is computed would move all the same."""
    core.key_result(kind="done-count", target=11)
    work(core)
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(apply="propose"))
    (one,) = worth_of(core, 12)
    assert (one.before, one.after, one.applies) == (7, 8, False)
