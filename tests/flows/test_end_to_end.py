"""The whole way: what happens in a tracker moves the right key result by the right amount, and says why.

Each case is checked where people look: in the API, in the history, in `okr-sync explain`, and on the page.
All cases run in one process; one case for each tracker runs in real processes too, and all with `TESTS=all`.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from simulator.demo.browser_session import BrowserSession
from tests.flows.scenarios import (
    CHANGES,
    SECRET,
    TRACKERS,
    Trackers,
    TrackerScenarios,
    configuration,
    make_trackers,
    slug_of,
)
from tests.flows.service import Seen, in_this_process, running
from tests.support.migrated_database import prepare
from tests.support.run_scope import ALL
from tests.support.servers import PostgresDatabases, SqliteDatabases, Valkey
from tests.support.wait_until import until
from tests.web.session_client import seen_words

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """A running service, the trackers that tell it, and somebody at a browser."""

    running: Seen
    trackers: Trackers
    visitor: BrowserSession


@pytest.fixture(scope="module")
def system(sqlite: SqliteDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Yield a service in this process."""
    trackers = make_trackers()
    with _stopping(trackers), ExitStack() as ending:
        directory, file = tmp_path_factory.mktemp("system"), configuration(trackers)
        yield _connect_trackers(
            ending.enter_context(in_this_process(sqlite.prepared(prepare), directory, file)), trackers
        )


@pytest.fixture(scope="module", params=["embedded", "parts"])
def real_system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Yield `okr-sync up` on its embedded default, then the single parts on PostgreSQL and a Valkey of its own."""
    trackers = make_trackers()
    with _stopping(trackers), ExitStack() as ending:
        settings = _own_servers(request, ending) if request.param == "parts" else {}
        directory, file = tmp_path_factory.mktemp("system"), configuration(trackers)
        parts = bool(settings)
        run = running(directory, file, settings=settings, parts=parts, by_commands=not parts)
        yield _connect_trackers(ending.enter_context(run), trackers)


@contextmanager
def _stopping(trackers: Trackers) -> Iterator[None]:
    try:
        yield
    finally:
        for tracker in (trackers.hub, trackers.cloud, trackers.data_center):
            tracker.stop()


def _connect_trackers(seen: Seen, trackers: Trackers) -> RunningSystem:
    for tracker in (trackers.hub, trackers.cloud, trackers.data_center):
        tracker.start()
    trackers.hub.add_hook(url=seen.hook("github"), secret=SECRET)
    trackers.cloud.add_hook(url=seen.hook("jira-cloud"), secret=SECRET)
    trackers.data_center.add_hook(url=seen.hook("jira-data-center"), secret=SECRET)
    return RunningSystem(seen, trackers, BrowserSession(seen.address, seen.sign_in_link()))


def _own_servers(request: pytest.FixtureRequest, ending: ExitStack) -> dict[str, str]:
    databases: PostgresDatabases = request.getfixturevalue("postgres")
    ending.callback(databases.drop)
    server: Valkey = request.getfixturevalue("session_valkey")
    return {"DATABASE_URL": databases.empty(), "REDIS_URL": server.url}


@dataclass(frozen=True, slots=True)
class Expected:
    """What a happening must do to four issues of which one is done: the value after it, and why."""

    value: float
    what: str


def expected_of(what: str, scenarios: TrackerScenarios, slug: str, *, now: str) -> Expected:
    """Say what must come of a happening, by arithmetic and the tracker's own words; `now` is the issue's key."""
    unlinked = f"no longer linked by rule rule-{slug}"
    on_github = scenarios.connection == "github"
    moved = f"moved to {now}" if on_github else f"moved from {scenarios.first} to {scenarios.second}, {unlinked}"
    return {
        "closed": Expected(50, "closed as done"),
        "cancelled": Expected(100 / 3, scenarios.dropped),
        "reopened": Expected(0, "reopened"),
        "unlabelled": Expected(100 / 3, f"unlabelled {slug}, {unlinked}"),
        "moved": Expected(100 / 3, moved),
        "deleted": Expected(100 / 3, "deleted"),
    }[what]


@pytest.mark.parametrize("name", TRACKERS)
@pytest.mark.parametrize("what", CHANGES)
def test_what_happens_in_a_tracker_moves_its_key_result_and_says_why(
    system: RunningSystem, name: str, what: str
) -> None:
    """Four issues, one of them done; then one thing happens, and value and reason are right wherever one looks."""
    check_happening(system, name, what)


@pytest.mark.parametrize("name", TRACKERS)
@pytest.mark.parametrize("what", CHANGES if ALL else ["moved"])
def test_real_processes_do_the_same(real_system: RunningSystem, name: str, what: str) -> None:
    """Web, worker, clock, database and Redis stand between the tracker and the reader."""
    check_happening(real_system, name, what)


def check_happening(system: RunningSystem, name: str, what: str) -> None:
    """Let one thing happen, and check the value and the reason in every view."""
    scenarios, slug = system.trackers.scenarios[name], slug_of(name, what)
    issues = [f"{what}-{delivery}" for delivery in "abcd"]
    for issue in issues:
        scenarios.create(issue, slug)
    system.trackers.clock.step()
    scenarios.finish(issues[0])
    system.running.comes_to(slug, 25)

    system.trackers.clock.step()
    subject = issues[0] if what == "reopened" else issues[1]
    former = scenarios.key(subject)
    scenarios.happen(what, subject, slug)
    # GitHub ends an issue under its old key; Jira keeps the issue and gives it a new one.
    key = scenarios.key(subject) if name != "github" else former
    expected = expected_of(what, scenarios, slug, now=scenarios.key(subject))

    system.running.comes_to(slug, expected.value)
    cause = {"issue": key, "what": expected.what, "actor": scenarios.actor}
    entry = system.running.api(f"/key-results/{slug}/history")["items"][0]
    check_entry(entry, before=25, after=expected.value, cause=cause)
    delivery = entry["causes"][0]["delivery"]
    assert delivery in system.running.deliveries()
    if name != "jira-data-center":  # which sends no id
        assert delivery in {one.request.id for one in scenarios.deliveries}
    explained = system.running.explain(slug)
    assert explained["current"] == pytest.approx(expected.value)
    check_entry(explained["history"][0], before=25, after=expected.value, cause=cause)
    check_page(system.visitor, slug, cause=cause, value=expected.value)
    if what == "moved":
        check_arrival(system, scenarios, slug_of(name, what, scope="second"), subject)


def check_entry(entry: dict[str, Any], *, before: float | None, after: float, cause: dict[str, str]) -> None:
    """Check a history entry: from, to, and one cause alone."""
    assert entry["from"] == (None if before is None else pytest.approx(before))
    assert entry["to"] == pytest.approx(after)
    assert [{name: one[name] for name in cause} for one in entry["causes"]] == [cause]


def check_page(visitor: BrowserSession, slug: str, *, cause: dict[str, str], value: float) -> None:
    """Check the newest line of the page's history as a reader sees it."""
    words = seen_words(visitor.read(f"/key-results/{slug}"))
    line = words.partition("What moved it")[2].partition("delivery")[0]
    for said in (f"{round(value, 1):g}", cause["issue"], cause["what"], f"by {cause['actor']}"):
        assert said in line


def check_arrival(system: RunningSystem, scenarios: TrackerScenarios, slug: str, name: str) -> None:
    """Check that a moved issue counts where it went."""
    system.running.comes_to(slug, 0)
    came = "opened" if scenarios.connection == "github" else f"moved from {scenarios.first} to {scenarios.second}"
    cause = {"issue": scenarios.key(name), "what": f"{came}, now linked by rule rule-{slug}", "actor": scenarios.actor}
    entry = system.running.api(f"/key-results/{slug}/history")["items"][0]
    check_entry(entry, before=None, after=0, cause=cause)


def test_a_delivery_that_comes_twice_counts_once(system: RunningSystem) -> None:
    """Both copies are acknowledged; one is kept."""
    system.trackers.hub.webhooks.duplicate_next()
    system.trackers.hub.repository("first").create_issue("Twice")
    system.trackers.hub.flush()
    twin, other = [one for one in system.trackers.hub.deliveries if one.fault == "duplicate"][-2:]
    assert (twin.status, other.status) == (202, 202)
    until(lambda: system.running.deliveries()[twin.request.id]["state"] == "settled", "the delivery is applied")
    assert [one for one in system.running.deliveries() if one == twin.request.id] == [twin.request.id]
