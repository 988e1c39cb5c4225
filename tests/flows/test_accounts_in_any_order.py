"""Whom logins in rules mean, and so the numbers, does not depend on the order of deliveries."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_service.domain.trackers.observations import Account, Snapshot, State
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.domain.factories import at, snapshot
from tests.support.fake_tracker import CoreHarness, bump_rules, open_core_harness
from tests.support.migrated_database import prepare
from tests.support.run_scope import ALL
from tests.support.servers import Databases

pytestmark = [pytest.mark.both_databases, pytest.mark.slow]


LOGINS, IDS = ("ana", "Ana", "ana-new", "bo"), ("1", "2", "3")
Owners = dict[tuple[str, int], str]
"""The account that has a login, in lower case, in a second: a login is never two accounts' at once."""

owners = st.fixed_dictionaries(
    {(login, second): st.sampled_from(IDS) for login in ("ana", "ana-new", "bo") for second in range(6)}
)
logins = st.sampled_from(LOGINS)


@dataclass(frozen=True)
class Change:
    """A change of one issue."""

    number: int
    second: int
    author: str
    assignees: list[str]
    state: State
    has_ids: bool
    """Whether the tracker says the ids of accounts."""

    def account(self, login: str, owned: Owners) -> Account:
        """Return an account; its name is what it is called now."""
        return Account(login, login, owned[login.lower(), self.second] if self.has_ids else None)


def seen(one: Change, owned: Owners) -> Snapshot:
    """Return the snapshot of an issue after a change."""
    second = one.second
    return snapshot(
        second,
        identity=f"501#{one.number}",
        key=f"acme/checkout#{one.number}",
        author=one.account(one.author, owned),
        assignees=tuple(one.account(each, owned) for each in one.assignees),
        state=one.state,
        closed_at=at(second) if one.state in (State.DONE, State.DROPPED) else None,
    )


changes = st.lists(
    st.builds(
        Change,
        st.integers(1, 4),
        st.integers(0, 5),
        logins,
        st.lists(logins, max_size=2, unique_by=str.lower),
        st.sampled_from(list(State)),
        st.booleans(),
    ),
    min_size=1,
    max_size=10,
)
RULES: dict[str, dict[str, Any]] = {
    "by-ana": {"field": "author", "is": "ana"},
    "by-new": {"field": "author", "in": ["ana-new", "nobody"]},
    "for-ana": {"all": [{"field": "assignee", "is": "Ana"}, {"none": [{"field": "author", "is": "bo"}]}]},
}


@pytest.fixture
def cores(databases: Databases) -> Iterator[tuple[CoreHarness, CoreHarness]]:
    """Yield the oracle's harness and the one under test, each on its own database."""
    made = open_harness(databases.prepared(prepare)), open_harness(databases.prepared(prepare))
    yield made
    for core in made:
        core.engine.dispose()


def open_harness(url: str) -> CoreHarness:
    """Return a harness with the rules, each with a key result of its own."""
    core = open_core_harness(url)
    for slug, condition in RULES.items():
        core.rule(slug, core.key_result(f"KR-{slug}"), condition)
    return core


def clear(core: CoreHarness) -> None:
    """Delete all issues and pinned logins, so that one harness serves many examples."""
    with writing(core.engine) as tx:
        names = "link issue history notice delivery fetch_request relink_request pinned_account"
        for name in names.split():
            tx.execute(getattr(tables, name).delete())
        tx.execute(tables.key_result.update().values(current=None, progress=None, status="no_data"))
        bump_rules(tx)


def final_state(core: CoreHarness) -> tuple[object, ...]:
    """Return whom the logins mean, what is linked, and the values."""
    identities = {one.id: one.identity for one in core.rows(tables.issue)}
    pins = sorted((one.login, one.stable_id, one.first_seen_at) for one in core.rows(tables.pinned_account))
    links = sorted((identities[one.issue_id], one.key_result_id) for one in core.rows(tables.link))
    return pins, links, [core.value(f"KR-{slug}") for slug in RULES]


@settings(
    max_examples=60 if ALL else 8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(changes, owners, st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_order_means_the_same_accounts(
    cores: tuple[CoreHarness, CoreHarness], made: list[Change], owned: Owners, chance: random.Random, batch: int
) -> None:
    """The oracle applies them in order, one by one; the other gets them shuffled, repeated and in batches."""
    oracle, core = cores
    history = [seen(one, owned) for one in made]
    for one in cores:
        clear(one)
    for observation in sorted(history, key=lambda one: one.updated_at):
        oracle.receive_and_drain(observation)
    arriving = [*history, *chance.sample(history, k=len(history) // 2)]
    chance.shuffle(arriving)
    for count, observation in enumerate(arriving):
        core.post(observation)
        if count % batch == 0:
            core.drain()
    core.drain()
    assert final_state(core) == final_state(oracle)
