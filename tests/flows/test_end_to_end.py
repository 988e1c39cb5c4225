"""A change in a tracker moves the right key result by the right amount, and the history has the reason.

Each case is checked in the API, in the history, in `okr-sync explain`, and on the page.
All cases run in one process; one runs in single processes too, and with `TESTS=all` all do, also under `okr-sync up`.
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
from tests.flows.service import ServiceClient, in_this_process, running
from tests.support.migrated_database import prepare
from tests.support.run_scope import ALL
from tests.support.servers import PostgresDatabases, SqliteDatabases, Valkey
from tests.support.wait_until import until
from tests.web.session_client import seen_words

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """A running service, the trackers that send it webhooks, and a browser session."""

    running: ServiceClient
    trackers: Trackers
    browser: BrowserSession


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
    """Yield `okr-sync up` with its embedded servers, then single processes on PostgreSQL and a Valkey by URL."""
    trackers = make_trackers()
    with _stopping(trackers), ExitStack() as ending:
        settings = _own_servers(request, ending) if request.param == "parts" else {}
        directory, file = tmp_path_factory.mktemp("system"), configuration(trackers)
        separate_processes = bool(settings)
        run = running(
            directory,
            file,
            settings=settings,
            separate_processes=separate_processes,
            by_commands=not separate_processes,
        )
        yield _connect_trackers(ending.enter_context(run), trackers)


@contextmanager
def _stopping(trackers: Trackers) -> Iterator[None]:
    try:
        yield
    finally:
        for tracker in (trackers.hub, trackers.cloud, trackers.data_center):
            tracker.stop()


def _connect_trackers(seen: ServiceClient, trackers: Trackers) -> RunningSystem:
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
    """The expected value after one change, when one of four issues was done before, and the expected reason."""

    value: float
    what: str


def expected_of(what: str, scenarios: TrackerScenarios, slug: str, *, now: str) -> Expected:
    """Return the expected value and reason of a change; `now` is the issue's key after it."""
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
def test_a_change_in_a_tracker_moves_its_key_result_with_the_reason(
    system: RunningSystem, name: str, what: str
) -> None:
    """One of four issues is done; after one change the value and the reason are right in every view."""
    check_change(system, name, what)


@pytest.mark.parametrize("name", TRACKERS)
@pytest.mark.parametrize("what", CHANGES if ALL else ["moved"])
@pytest.mark.only_in_test_all(name="jira-data-center")
@pytest.mark.only_in_test_all(name="jira-cloud")
@pytest.mark.only_in_test_all(real_system="embedded")
def test_real_processes_do_the_same(real_system: RunningSystem, name: str, what: str) -> None:
    """The delivery passes the real web server, worker, scheduler, database and Redis."""
    check_change(real_system, name, what)


def check_change(system: RunningSystem, name: str, what: str) -> None:
    """Make one change, and check the value and the reason in every view."""
    scenarios, slug = system.trackers.scenarios[name], slug_of(name, what)
    issues = [f"{what}-{delivery}" for delivery in "abcd"]
    for issue in issues:
        scenarios.create(issue, slug)
    system.trackers.clock.step()
    scenarios.finish(issues[0])
    system.running.wait_for_value(slug, 25)

    system.trackers.clock.step()
    subject = issues[0] if what == "reopened" else issues[1]
    former = scenarios.key(subject)
    scenarios.make_change(what, subject, slug)
    # GitHub ends an issue under its old key; Jira keeps the issue and gives it a new one.
    key = scenarios.key(subject) if name != "github" else former
    expected = expected_of(what, scenarios, slug, now=scenarios.key(subject))

    system.running.wait_for_value(slug, expected.value)
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
    check_page(system.browser, slug, cause=cause, value=expected.value)
    if what == "moved":
        check_arrival(system, scenarios, slug_of(name, what, scope="second"), subject)


def check_entry(entry: dict[str, Any], *, before: float | None, after: float, cause: dict[str, str]) -> None:
    """Check a history entry: from, to, and its only cause."""
    assert entry["from"] == (None if before is None else pytest.approx(before))
    assert entry["to"] == pytest.approx(after)
    assert [{name: one[name] for name in cause} for one in entry["causes"]] == [cause]


def check_page(browser: BrowserSession, slug: str, *, cause: dict[str, str], value: float) -> None:
    """Check the newest line of the history on the page."""
    words = seen_words(browser.read(f"/key-results/{slug}"))
    line = words.partition("What moved it")[2].partition("delivery")[0]
    for text in (f"{round(value, 1):g}", cause["issue"], cause["what"], f"by {cause['actor']}"):
        assert text in line


def check_arrival(system: RunningSystem, scenarios: TrackerScenarios, slug: str, name: str) -> None:
    """Check that a moved issue counts in its new scope."""
    system.running.wait_for_value(slug, 0)
    arrival = "opened" if scenarios.connection == "github" else f"moved from {scenarios.first} to {scenarios.second}"
    cause = {
        "issue": scenarios.key(name),
        "what": f"{arrival}, now linked by rule rule-{slug}",
        "actor": scenarios.actor,
    }
    entry = system.running.api(f"/key-results/{slug}/history")["items"][0]
    check_entry(entry, before=None, after=0, cause=cause)


def test_a_duplicate_delivery_counts_once(system: RunningSystem) -> None:
    """Both copies are acknowledged, and one is stored."""
    system.trackers.hub.webhooks.duplicate_next()
    system.trackers.hub.repository("first").create_issue("Twice")
    system.trackers.hub.flush()
    twin, other = [one for one in system.trackers.hub.deliveries if one.fault == "duplicate"][-2:]
    assert (twin.status, other.status) == (202, 202)
    until(lambda: system.running.deliveries()[twin.request.id]["state"] == "settled", "the delivery is applied")
    assert [one for one in system.running.deliveries() if one == twin.request.id] == [twin.request.id]
