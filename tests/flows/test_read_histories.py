"""Histories: an import of issues with a past gives their starts, reopenings and states over time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row
from werkzeug.wrappers import Response

from simulator import GitHub, Jira, SteppedClock
from simulator.github import Issue as GitHubIssue
from simulator.jira import Issue as JiraIssue
from sync_service.domain.trackers.observations import State
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.jobs import histories
from sync_service.store.queue import scheduled_tasks
from sync_service.store.tables.instant import EPOCH
from sync_service.store.trackers import issue_states
from sync_service.tracker_sync import read_histories
from tests.faults.crashing_worker import SimulatedCrash
from tests.flows.harness import ServicesHarness
from tests.support.config_file import github, jira, okrs

pytestmark = pytest.mark.slow

TODO, DOING, DONE, DROPPED = State.TODO, State.DOING, State.DONE, State.DROPPED
START = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=30)


def day(number: int) -> datetime:
    """Return nine o'clock of a day in the past, counted from thirty days ago."""
    return START + timedelta(days=number)


@dataclass
class HistoryHarness(ServicesHarness):
    """Services with one tracker; `furnish` applies its connection, and `drain` imports and reads histories."""

    connection: dict[str, Any] = field(default_factory=dict)

    def furnish(self, **options: Any) -> None:
        """Apply the configuration with an import of what exists."""
        self.apply(okrs({**self.connection, "earlier": "import", **options}))

    def only(self) -> Row[Any]:
        """Return the only issue's row."""
        (row,) = self.rows(tables.issue)
        return row

    def facts(self) -> tuple[datetime | None, int | None, datetime | None]:
        """Return start, reopenings, and since when the states of the only issue are known."""
        row = self.only()
        return row.started_at, row.reopened, row.states_known_since

    def changes(self) -> list[tuple[datetime, State]]:
        """Return the changes of state of the only issue."""
        row = self.only()
        with reading(self.services.engine) as tx:
            known = issue_states.read(tx, [row.id])[row.id].changes
        return [(one.at, one.state) for one in known]

    def task(self) -> Row[Any]:
        """Return the row of the task."""
        return next(row for row in self.rows(tables.scheduled_task) if row.name == scheduled_tasks.READ_HISTORIES)

    def read_again(self) -> None:
        """Run the task now, as if every history had been read long ago."""
        with writing(self.services.engine) as tx:
            tx.execute(sa.update(tables.issue).values(history_read_at=None))
            scheduled_tasks.hurry(tx)
        self.services.connections.clear_cache()
        self.drain()


def _present() -> SteppedClock:
    return SteppedClock(datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1))


@pytest.fixture(params=["cloud", "cloud without the call for many", "data center"])
def site(request: pytest.FixtureRequest) -> Iterator[Jira]:
    """Yield a Jira of each kind."""
    with Jira(clock=_present(), data_center=request.param == "data center", background=False) as made:
        made.lacks_bulk_changelogs = "without" in request.param
        yield made


@pytest.fixture
def hub() -> Iterator[GitHub]:
    """Yield a GitHub."""
    with GitHub("acme", clock=_present(), background=False) as made:
        yield made


@pytest.fixture
def jira_harness(services: Services, site: Jira) -> HistoryHarness:
    """Return the harness of Jira."""
    return HistoryHarness(services, jira(site))


@pytest.fixture
def github_harness(services: Services, hub: GitHub) -> HistoryHarness:
    """Return the harness of GitHub."""
    return HistoryHarness(services, github(hub))


def with_jira_past(site: Jira) -> JiraIssue:
    """Return an issue that was started, done, reopened and done again."""
    with site.past() as clock:
        clock.set(day(1))
        issue = site.project("SHOP").create_issue("Pay by card", labels=["checkout"])
        acts = {3: issue.start, 6: issue.finish, 8: issue.reopen, 9: issue.start, 11: issue.finish}
        for number, act in acts.items():
            clock.set(day(number))
            act()
    return issue


JIRA_CHANGES = [(day(1), TODO), (day(3), DOING), (day(6), DONE), (day(8), TODO), (day(9), DOING), (day(11), DONE)]


def with_github_past(hub: GitHub) -> GitHubIssue:
    """Return an issue that got a label, was dropped, reopened and done."""
    with hub.past() as clock:
        clock.set(day(1))
        issue = hub.repository("checkout").create_issue("Pay by card", labels=["checkout"])
        clock.set(day(3))
        issue.label("In Progress")
        clock.set(day(5))
        issue.close(reason="not_planned")
        clock.set(day(7))
        issue.reopen()
        clock.set(day(9))
        issue.close()
        clock.set(day(10))
        issue.reopen()
        clock.set(day(12))
        issue.close()
    return issue


GITHUB_CHANGES = [
    (day(1), TODO),
    (day(5), DROPPED),
    (day(7), TODO),
    (day(9), DONE),
    (day(10), TODO),
    (day(12), DONE),
]


def test_an_import_from_jira_brings_the_past_of_issues(jira_harness: HistoryHarness, site: Jira) -> None:
    """From the changelog; nothing of it was seen."""
    with_jira_past(site)
    jira_harness.furnish()
    jira_harness.drain()
    assert jira_harness.changes() == JIRA_CHANGES
    assert jira_harness.facts() == (day(3), 1, day(1))
    assert "1 history read" in jira_harness.task().outcome


def test_an_import_from_github_brings_the_past_of_issues(github_harness: HistoryHarness, hub: GitHub) -> None:
    """From the timeline. Without `started_by` it is unknown when work started."""
    with_github_past(hub)
    github_harness.furnish()
    github_harness.drain()
    assert github_harness.changes() == GITHUB_CHANGES
    assert github_harness.facts() == (None, 1, day(1))


def test_a_label_that_the_connection_names_starts_work(github_harness: HistoryHarness, hub: GitHub) -> None:
    """In the past by the timeline, from now on by deliveries and polls; an open issue with it is in progress."""
    issue = with_github_past(hub)
    github_harness.furnish(started_by={"label": "in progress"})
    github_harness.drain()
    assert github_harness.facts()[0] == day(3)
    assert (day(3), DOING) in github_harness.changes()
    hub.clock.step(60)  # type: ignore[attr-defined]  # the fixture's clock
    issue.reopen()
    github_harness.poll_now()
    assert github_harness.only().state == "doing"


def test_a_project_status_that_the_connection_names_starts_work(github_harness: HistoryHarness, hub: GitHub) -> None:
    """Only the history shows it."""
    with hub.past() as clock:
        clock.set(day(1))
        issue = hub.repository("checkout").create_issue("Pay by card", labels=["checkout"])
        item = hub.project("Roadmap").add(issue)
        for number, status in ((2, "Todo"), (4, "In Progress"), (6, "In Review")):
            clock.set(day(number))
            item.set("Status", status)
        clock.set(day(8))
        issue.close()
    github_harness.furnish(started_by={"project_status": "In progress"})
    github_harness.drain()
    assert github_harness.facts() == (day(4), 0, day(1))
    assert github_harness.changes() == [(day(1), TODO), (day(4), DOING), (day(8), DONE)]


def test_an_issue_that_is_done_later_gets_its_start_by_project_status(
    github_harness: HistoryHarness, hub: GitHub
) -> None:
    """Its history is read again once it is done."""
    issue = hub.repository("checkout").create_issue("Pay by card", labels=["checkout"])
    github_harness.furnish(started_by={"project_status": "In Progress"})
    github_harness.drain()
    assert github_harness.facts()[0] is None
    clock: Any = hub.clock
    clock.step(60)
    started = clock()
    hub.project("Roadmap").add(issue).set("Status", "In Progress")
    clock.step(7200)
    issue.close()
    github_harness.poll_now()
    with writing(github_harness.services.engine) as tx:
        scheduled_tasks.hurry(tx)
    github_harness.drain()
    assert github_harness.facts()[:2] == (started, 0)


def test_a_merged_pull_request_has_its_past(github_harness: HistoryHarness, hub: GitHub) -> None:
    """It is in progress from its creation; closed without a merge it is dropped."""
    with hub.past() as clock:
        clock.set(day(1))
        pull = hub.repository("checkout").create_pull_request("Pay by card", labels=["checkout"])
        for number, act in ((2, pull.close), (3, pull.reopen), (4, pull.merge)):
            clock.set(day(number))
            act()
    github_harness.furnish()
    github_harness.drain()
    assert github_harness.changes() == [(day(1), DOING), (day(2), DROPPED), (day(3), DOING), (day(4), DONE)]
    assert github_harness.facts() == (day(1), 0, day(1))


def test_a_dropped_resolution_drops_in_the_past_too(jira_harness: HistoryHarness, site: Jira) -> None:
    """By the connection's own list of resolutions, as snapshots do."""
    with site.past() as clock:
        clock.set(day(1))
        issue = site.project("SHOP").create_issue("Pay by card", labels=["checkout"])
        for number, act in ((2, issue.drop), (3, issue.reopen), (4, issue.finish)):
            clock.set(day(number))
            act()
    jira_harness.furnish()
    jira_harness.drain()
    assert jira_harness.changes() == [(day(1), TODO), (day(2), DROPPED), (day(3), TODO), (day(4), DONE)]


def test_what_happens_after_the_history_was_read_is_added(jira_harness: HistoryHarness, site: Jira) -> None:
    """By polls and deliveries; a second reading says the same."""
    issue = with_jira_past(site)
    jira_harness.furnish()
    jira_harness.drain()
    clock: Any = site.clock
    clock.step(600)
    issue.reopen()
    jira_harness.poll_now()
    expected = [*JIRA_CHANGES, (clock(), TODO)]
    assert jira_harness.changes() == expected
    assert jira_harness.facts() == (day(3), 2, day(1))
    jira_harness.read_again()
    assert jira_harness.changes() == expected


def test_a_status_that_the_site_no_longer_has_makes_the_past_before_it_unknown(
    jira_harness: HistoryHarness, site: Jira
) -> None:
    """Nobody can say to which category it belonged."""
    site.add_status("Waiting", "indeterminate")
    with site.past() as clock:
        clock.set(day(1))
        issue = site.project("SHOP").create_issue("Pay by card", labels=["checkout"])
        for number, status in ((2, "Waiting"), (4, "To Do"), (6, "Done")):
            clock.set(day(number))
            issue.transition(status)
    site.remove_status("Waiting")
    jira_harness.furnish()
    jira_harness.drain()
    assert jira_harness.changes() == [(day(4), TODO), (day(6), DONE)]
    assert jira_harness.facts() == (None, None, day(4))


def test_a_truncated_changelog_says_only_what_it_has(services: Services) -> None:
    """Data Center leaves out the newest entries: they may hold anything, so nothing of the rest is used."""
    with Jira(clock=_present(), data_center=True, background=False) as site:
        harness = HistoryHarness(services, jira(site))
        with_jira_past(site)
        site.changelog_limit = 2
        harness.furnish()
        harness.drain()
        assert harness.facts() == (None, None, None)
        assert [state for _, state in harness.changes()] == [DONE]
        assert harness.only().history_read_at is not None


def test_a_long_changelog_is_read_in_pages(services: Services) -> None:
    """Each page holds a hundred entries."""
    with Jira(clock=_present(), background=False) as site:
        site.lacks_bulk_changelogs = True
        harness = HistoryHarness(services, jira(site))
        with site.past() as clock:
            clock.set(day(1))
            issue = site.project("SHOP").create_issue("Pay by card", labels=["checkout"])
            clock.set(day(2))
            for number in range(150):
                issue.edit(summary=f"Pay by card {number}")
            clock.set(day(3))
            issue.start()
        harness.furnish()
        harness.drain()
        assert harness.changes() == [(day(1), TODO), (day(3), DOING)]


@pytest.mark.parametrize(("empty", "is_read"), [(1, True), (2, True), (3, False)])
@pytest.mark.parametrize("together", [True, False])
def test_the_third_empty_page_of_a_changelog_that_promises_more_ends_it(
    services: Services, *, empty: int, is_read: bool, together: bool
) -> None:
    """Two are an index that lags behind; after the third nothing of the list is used, and the task says why."""
    with Jira(clock=_present(), background=False) as site:
        site.lacks_bulk_changelogs, site.empty_changelog_pages = not together, empty
        harness = HistoryHarness(services, jira(site))
        with_jira_past(site)
        harness.furnish()
        harness.drain()
        read, outcome = harness.changes() == JIRA_CHANGES, harness.task().outcome
    assert read is is_read
    assert ("3 pages in a row showed nothing new and said that more follows" in outcome) is not is_read


def test_a_long_timeline_is_read_in_pages(github_harness: HistoryHarness, hub: GitHub) -> None:
    """By the header `Link`."""
    with hub.past() as clock:
        clock.set(day(1))
        issue = hub.repository("checkout").create_issue("Pay by card", labels=["checkout"])
        clock.set(day(2))
        for number in range(60):
            issue.label(f"l{number}")
            issue.unlabel(f"l{number}")
        clock.set(day(3))
        issue.close()
    github_harness.furnish()
    github_harness.drain()
    assert github_harness.changes() == [(day(1), TODO), (day(3), DONE)]


# Errors


def imported(harness: HistoryHarness) -> None:
    """Import the issues, and read no history."""
    harness.furnish()
    harness.drain("rule_revision", "recompute", "poll")
    assert harness.only().history_read_at is None


def run_task(harness: HistoryHarness, *, unblock: bool = False) -> None:
    """Run the connection's scheduled tasks now; `unblock`: as if the tracker's wait were over."""
    with writing(harness.services.engine) as tx:
        scheduled_tasks.hurry(tx)
        if unblock:
            tx.execute(sa.delete(tables.rate_limit))
    harness.drain("scheduled_task")
    with writing(harness.services.engine) as tx:
        scheduled_tasks.hurry(tx)
    harness.drain("scheduled_task")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_error_of_the_tracker_postpones_the_histories(jira_harness: HistoryHarness, site: Jira, status: int) -> None:
    """They are read when it answers again."""
    with_jira_past(site)
    imported(jira_harness)
    site.rest.answer_next(status, times=9)
    run_task(jira_harness)
    assert jira_harness.only().history_read_at is None
    assert jira_harness.task().due_at is not None
    site.rest._faults.clear()
    run_task(jira_harness, unblock=True)
    assert jira_harness.changes() == JIRA_CHANGES


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_error_of_github_postpones_the_histories(github_harness: HistoryHarness, hub: GitHub, status: int) -> None:
    """They are read when it answers again."""
    with_github_past(hub)
    imported(github_harness)
    hub.rest.answer_next(status, times=9)
    run_task(github_harness)
    assert github_harness.only().history_read_at is None
    hub.rest._faults.clear()
    run_task(github_harness, unblock=True)
    assert github_harness.changes() == GITHUB_CHANGES


def test_a_web_page_in_place_of_a_changelog_changes_nothing(
    jira_harness: HistoryHarness, site: Jira, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy answers with status 200."""
    with_jira_past(site)
    imported(jira_harness)
    before = jira_harness.changes()
    page = Response("<html>Please sign in</html>", content_type="text/html")
    monkeypatch.setattr(site.rest, "_answer", lambda _request: page)
    run_task(jira_harness)
    assert (jira_harness.changes(), jira_harness.only().history_read_at) == (before, None)
    monkeypatch.undo()
    run_task(jira_harness, unblock=True)
    assert jira_harness.changes() == JIRA_CHANGES


@pytest.mark.parametrize("names_callers", [True, False])
def test_an_expired_token_changes_nothing(services: Services, *, names_callers: bool) -> None:
    """Jira Cloud answers it as a stranger, to whom no issue has a past."""
    with Jira(clock=_present(), background=False) as site:
        harness = HistoryHarness(services, jira(site))
        with_jira_past(site)
        imported(harness)
        before = harness.changes()
        site.names_callers, site.token_expired = names_callers, True
        run_task(harness)
        assert (harness.changes(), harness.only().history_read_at) == (before, None)
        assert "as to a stranger" in str(harness.rows(tables.connection)[0].refused_reason)


def test_an_issue_that_can_not_be_seen_stays_as_it_is(jira_harness: HistoryHarness, site: Jira) -> None:
    """Hidden is not without a past; it is asked about again in a week."""
    issue = with_jira_past(site)
    imported(jira_harness)
    before = jira_harness.changes()
    site.hide(issue)
    run_task(jira_harness)
    assert jira_harness.changes() == before
    assert jira_harness.facts() == (None, None, None)
    assert jira_harness.only().history_read_at is not None


def test_key_results_that_depend_on_the_past_are_computed_again(github_harness: HistoryHarness, hub: GitHub) -> None:
    """Once for all pages; others are not touched."""
    _many(hub, 15)
    github_harness.furnish()
    github_harness.drain("rule_revision", "recompute", "poll", "recompute")
    run_task(github_harness)
    assert github_harness.rows(tables.recompute)[0].causes == []
    with writing(github_harness.services.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(measure={"kind": "cycle-time"}))
        tx.execute(sa.update(tables.issue).values(history_read_at=None, states_known_since=None))
    run_task(github_harness)
    causes = [one["what"] for one in github_harness.rows(tables.recompute)[0].causes]
    assert causes == ["the past of its issues was read from the tracker"]


def test_the_past_that_is_read_in_the_days_of_grace_counts_as_of_the_end(
    github_harness: HistoryHarness, hub: GitHub
) -> None:
    """Whatever the measure reads: its value is as of the end, which follows from the past."""
    today = datetime.now(UTC).date()
    cycle = {"slug": "ever", "name": "Ever", "starts": "2020-01-01", "ends": str(today - timedelta(days=1))}
    _many(hub, 1)
    github_harness.apply(okrs({**github_harness.connection, "earlier": "import"}, cycles=[cycle]))
    github_harness.drain("rule_revision", "recompute", "poll", "recompute")
    with writing(github_harness.services.engine) as tx:
        tx.execute(sa.update(tables.issue).values(history_read_at=None, states_known_since=None))
    run_task(github_harness)
    causes = [one["what"] for one in github_harness.rows(tables.recompute)[0].causes]
    assert causes == ["the past of its issues was read from the tracker"]


def _many(hub: GitHub, count: int) -> None:
    with hub.past() as clock:
        clock.set(day(1))
        made = [hub.repository("checkout").create_issue(f"Step {one}", labels=["checkout"]) for one in range(count)]
        clock.set(day(2))
        for issue in made:
            issue.edit(body="more")


def _timelines(hub: GitHub) -> int:
    return sum(call.path.endswith("/timeline") for call in hub.rest.calls)


@pytest.mark.both_databases
def test_a_kill_between_pages_loses_one_page(
    github_harness: HistoryHarness, hub: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next worker goes on with what is not read yet."""
    _many(hub, 25)
    github_harness.furnish()
    github_harness.drain("rule_revision", "recompute", "poll")
    saved: list[int] = []
    save = histories.save

    def save_once(*words: Any, **named: Any) -> int:
        saved.append(1)
        if len(saved) == 2:
            raise SimulatedCrash("killed")
        return save(*words, **named)

    monkeypatch.setattr(histories, "save", save_once)
    with pytest.raises(SimulatedCrash):
        run_task(github_harness)
    read = [row for row in github_harness.rows(tables.issue) if row.history_read_at is not None]
    assert len(read) == 10
    with writing(github_harness.services.engine) as tx:  # the lease of the killed worker ends
        tx.execute(sa.update(tables.scheduled_task).values(lease=None, due_at=EPOCH))
    run_task(github_harness)
    assert {row.reopened for row in github_harness.rows(tables.issue)} == {0}
    assert _timelines(hub) == 25 + 10


def test_calls_are_bounded_by_run_and_by_day(
    github_harness: HistoryHarness, hub: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is read by later runs, or on the next day."""
    monkeypatch.setattr(read_histories, "MOST_CALLS", 10)
    monkeypatch.setattr(read_histories, "MOST_CALLS_A_DAY", 20)
    _many(hub, 35)
    github_harness.furnish()
    github_harness.drain("rule_revision", "recompute", "poll", "scheduled_task")
    read_once = _timelines(hub)
    run_task(github_harness)
    assert (read_once, _timelines(hub)) == (10, 20)
    assert "the calls of this day are used up" in github_harness.task().outcome
    run_task(github_harness)
    assert _timelines(hub) == 20


def test_histories_of_a_cycle_that_ended_long_ago_are_not_read(github_harness: HistoryHarness, hub: GitHub) -> None:
    """Its numbers do not change any more."""
    _many(hub, 1)
    cycle = {"slug": "ever", "name": "Ever", "starts": "2020-01-01", "ends": "2020-03-31"}
    github_harness.apply(okrs({**github_harness.connection, "earlier": "import"}, cycles=[cycle]))
    github_harness.drain()
    assert _timelines(hub) == 0
