"""A first import shows the line of the whole cycle: from changelogs and timelines, else from creation and closing."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator import GitHub, Jira
from sync_service.domain.measures.line import DayValue, Source
from sync_service.progress.lines.key_result_line import key_result_line
from sync_service.runtime.wiring import Services
from sync_service.store.engine.database import reading
from tests.flows.harness import ServicesHarness, clock_of
from tests.support.config_file import github, jira, okrs

pytestmark = pytest.mark.slow

START = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=30)
HOUR = timedelta(hours=1)


def day(number: int) -> datetime:
    """Return nine o'clock of a day of the cycle, which began thirty days ago."""
    return START + timedelta(days=number, hours=9)


def imported(services: Services, connection: dict[str, Any], **measure: Any) -> list[DayValue]:
    """Import what the tracker has toward a key result of a cycle under way, and return its line."""
    harness = ServicesHarness(services)
    days = {"starts": f"{START:%Y-%m-%d}", "ends": f"{START + timedelta(days=60):%Y-%m-%d}"}
    cycle = {"slug": "ever", "name": "Now", **days}
    measure = measure or {"kind": "done-share"}
    key_result = {"slug": "KR-1", "start": 0, "target": 100, "measure": measure}
    harness.apply(okrs({**connection, "earlier": "import"}, key_results=[key_result], cycles=[cycle]))
    harness.drain()
    with reading(services.engine) as tx:
        return key_result_line(tx, harness.key_result().id, datetime.now(UTC))


def changes(line: Sequence[DayValue]) -> dict[int, float | None]:
    """Return the values of the days, counted from 0, on which they are not those of the day before."""
    assert len(line) == 31
    assert {one.source for one in line} == {Source.RECONSTRUCTED}
    values = [one.value for one in line]
    return {index: value for index, value in enumerate(values) if not index or values[index - 1] != value}


def with_past(site: Jira) -> None:
    """Make two issues: one is started, done, reopened and done again, the other one is started."""
    with site.past() as clock:
        project = site.project("SHOP")
        clock.set(day(1))
        first = project.create_issue("Pay by card", labels=["checkout"])
        clock.set(day(2))
        second = project.create_issue("Pay later", labels=["checkout"])
        acts = {3: first.start, 5: second.start, 6: first.finish, 8: first.reopen, 9: first.start, 11: first.finish}
        for number, act in acts.items():
            clock.set(day(number))
            act()


def test_a_first_import_from_jira_shows_the_line_of_the_cycle(services: Services) -> None:
    """By its changelogs: work in progress counts half."""
    with Jira(clock=clock_of(HOUR), background=False) as site:
        with_past(site)
        line = imported(services, jira(site), kind="done-share", doing=0.5)
    assert changes(line) == {0: None, 1: 0, 3: 25, 5: 50, 6: 75, 8: 25, 9: 50, 11: 75}
    assert [(line[number].scope, line[number].done) for number in (0, 1, 6, 8)] == [(0, 0), (1, 0), (2, 1), (2, 0)]


def test_a_first_import_from_github_shows_the_line_of_the_cycle(services: Services) -> None:
    """By its timelines: dropped work leaves the sum while it is dropped."""
    with GitHub("acme", clock=clock_of(HOUR), background=False) as hub:
        repository = hub.repository("checkout")
        with hub.past() as clock:
            clock.set(day(1))
            first = repository.create_issue("Pay by card", labels=["checkout"])
            clock.set(day(2))
            second = repository.create_issue("Pay later", labels=["checkout"])
            clock.set(day(3))
            second.close()
            clock.set(day(5))
            first.close(reason="not_planned")
            clock.set(day(7))
            first.reopen()
            clock.set(day(9))
            first.close()
        line = imported(services, github(hub))
    assert changes(line) == {0: None, 1: 0, 3: 50, 5: 100, 7: 50, 9: 100}


def test_a_truncated_changelog_leaves_creation_and_closing(services: Services) -> None:
    """Data Center leaves out the newest entries, so nothing of the rest is used: done on day 11, open before."""
    with Jira(clock=clock_of(HOUR), data_center=True, background=False) as site:
        with_past(site)
        site.changelog_limit = 2
        line = imported(services, jira(site), kind="done-count")
    assert changes(line) == {0: None, 1: 0, 11: 1}


def test_a_line_of_times_is_that_of_each_day(services: Services) -> None:
    """Cycle time in a window of five days: the first issue took from day 3, when it was first started."""
    with Jira(clock=clock_of(HOUR), background=False) as site:
        with_past(site)
        line = imported(services, jira(site), kind="cycle-time", window="5d")
    assert changes(line) == {0: None, 6: 4, 8: None, 11: 9, 16: None}
