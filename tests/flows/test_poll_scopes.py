"""Asking a simulated GitHub what changed: the first import, and what webhooks did not bring."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa

from simulator import GitHub, SteppedClock
from sync_service.runtime.wiring import Services, utc_now
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.flows.harness import GitHubHarness
from tests.support.config_file import github, okrs

pytestmark = pytest.mark.slow


@dataclass
class PollHarness(GitHubHarness):
    """A GitHub whose webhooks nobody hears, and a house that may ask it."""

    def furnish(self, *, earlier: str) -> None:
        """Apply the configuration."""
        self.apply(okrs(github(self.hub, earlier=earlier)))
        self.drain("rule_revision", "recompute")

    def lists(self) -> int:
        """Count the lists that were asked for."""
        return sum(call.path.endswith("/issues") for call in self.hub.rest.calls)


@pytest.fixture
def harness(services: Services, hub: GitHub, clock: SteppedClock) -> PollHarness:
    """Set the stage."""
    return PollHarness(services, hub, clock)


def test_a_first_import_counts_what_was_there_and_says_so_once(harness: PollHarness) -> None:
    """The key result is partly seen until then, and its history has one entry for the whole import."""
    done = harness.open_issues(250)
    for issue in done[:100]:
        issue.close()
    harness.furnish(earlier="import")
    assert harness.key_result().status in ("no_data", "partial")
    harness.drain()
    found = harness.key_result()
    assert found.current == pytest.approx(40)
    assert found.status != "partial"
    (entry,) = harness.rows(tables.history)
    assert entry.causes == [{"what": "first import of acme/checkout complete, 250 issues seen"}]
    assert harness.rows(tables.notice) == []
    assert harness.lists() <= 5, "250 issues are three pages, and one call tells how many there are"


def test_nothing_is_mailed_and_nothing_judged_while_an_import_runs(
    harness: PollHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pages the key result is partly seen."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.TURN_SECONDS", -1.0)
    for issue in harness.open_issues(250):
        issue.close()
    harness.furnish(earlier="import")
    seen = []
    for _ in range(20):
        harness.services.drains.by_table["poll"]()
        harness.services.drains.by_table["recompute"]()
        seen.append((harness.rows(tables.poll)[0].seen, harness.key_result().status))
    assert {status for count, status in seen[:2]} <= {"no_data", "partial"}
    assert [count for count, _ in seen][:3] == [100, 200, 250]
    harness.drain()
    assert harness.key_result().status == "completed"
    assert len(harness.rows(tables.notice)) <= 1


def test_an_import_goes_on_where_it_was_killed(harness: PollHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages before the kill are not asked for again."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.TURN_SECONDS", -1.0)
    harness.open_issues(250)
    harness.furnish(earlier="import")
    harness.services.drains.by_table["poll"]()
    before = harness.lists()
    with writing(harness.services.engine) as tx:  # a worker claims the row and dies
        claimed = sa.update(tables.poll).values(lease="dead", attempts=tables.poll.c.attempts + 1)
        tx.execute(claimed)
    harness.drain()
    assert harness.rows(tables.poll)[0].seen == 250
    assert harness.lists() - before <= 3
    assert len(harness.rows(tables.issue)) == 250


def test_what_webhooks_did_not_bring_is_found(harness: PollHarness) -> None:
    """Nobody hears a webhook of the changes; the next run finds them all, and says how many were news."""
    issues = harness.open_issues(10)
    harness.furnish(earlier="import")
    harness.drain()
    assert harness.key_result().current == 0
    harness.clock.step(600)
    for issue in issues[:5]:
        issue.close()
    harness.poll_now()
    assert harness.key_result().current == pytest.approx(50)
    told = [cause["what"] for cause in harness.rows(tables.history)[-1].causes]
    assert told == ["closed as completed"] * 5 or all("closed" in one for one in told)
    assert "5 new or changed" in harness.rows(tables.poll)[0].outcome


def test_what_was_deleted_or_transferred_unheard_is_looked_at(harness: PollHarness) -> None:
    """No list shows it. After we were away every linked issue that was not listed is looked at."""
    issues = harness.open_issues(4)
    harness.furnish(earlier="import")
    harness.drain()
    harness.clock.step(600)
    issues[0].delete()
    issues[1].transfer(harness.hub.repository("attic"))
    issues[2].close()
    with writing(harness.services.engine) as tx:
        long_ago = utc_now() - timedelta(hours=6)
        tx.execute(sa.update(tables.poll).values(done_at=long_ago))
        tx.execute(sa.update(tables.issue).values(seen_at=long_ago))
    harness.poll_now()
    gone = {row.key: row.gone_reason for row in harness.rows(tables.issue) if row.gone_reason}
    assert set(gone) == {"acme/checkout#1", "acme/checkout#2"}
    assert harness.key_result().current == pytest.approx(50)


def test_with_earlier_ignored_only_what_changes_from_now_on_is_asked_for(harness: PollHarness) -> None:
    """What changed before the scope was watched stays unknown."""
    harness.repository.create_issue("Old", labels=["checkout"])
    harness.furnish(earlier="ignore")
    harness.drain()
    assert harness.rows(tables.issue) == []
    harness.clock.step(2 * 86_400 + 60)
    harness.repository.create_issue("New", labels=["checkout"])
    harness.poll_now()
    assert [row.title for row in harness.rows(tables.issue)] == ["New"]


def test_a_scope_that_can_not_be_seen_makes_its_key_results_stale_until_it_returns(harness: PollHarness) -> None:
    """Unreadable is not zero."""
    harness.repository.create_issue("Pay", labels=["checkout"]).close()
    harness.furnish(earlier="import")
    harness.drain()
    harness.repository.visible = False
    harness.poll_now()
    (scope,) = harness.rows(tables.scope)
    assert "can't be seen" in scope.gone_reason
    assert harness.key_result().current == 100
    harness.repository.visible = True
    harness.poll_now()
    (scope,) = harness.rows(tables.scope)
    assert scope.gone_reason is None


@pytest.mark.parametrize("status", [429, 503])
def test_a_tracker_that_asks_for_patience_gets_it_and_the_run_goes_on(harness: PollHarness, status: int) -> None:
    """The run keeps its place."""
    harness.open_issues(150)
    harness.furnish(earlier="import")
    harness.hub.rest.answer_next(status, retry_after=30)
    harness.drain()
    (row,) = harness.rows(tables.poll)
    assert row.due_at > utc_now() + timedelta(seconds=20)
    assert harness.rows(tables.issue) == []
    with writing(harness.services.engine) as tx:
        tx.execute(sa.delete(tables.rate_limit))
    harness.poll_now()
    assert len(harness.rows(tables.issue)) == 150


def test_changes_between_two_pages_are_not_missed(harness: PollHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes while the list is read moves to its end; nothing slips over the border of a page."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.TURN_SECONDS", -1.0)
    issues = harness.open_issues(300, apart=1)
    harness.furnish(earlier="import")
    for number in range(6):
        harness.services.drains.by_table["poll"]()
        harness.clock.step(5)
        for issue in issues[number * 7 : number * 7 + 7]:
            issue.close()
    harness.drain()
    harness.poll_now()
    assert len(harness.rows(tables.issue)) == 300
    assert sum(row.state == "done" for row in harness.rows(tables.issue)) == 42
    assert harness.key_result().current == pytest.approx(14)


def test_an_import_that_is_called_off_asks_only_for_what_comes(
    harness: PollHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `earlier: ignore` after all, the pages not seen yet are not asked for."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.TURN_SECONDS", -1.0)
    harness.open_issues(250)
    harness.furnish(earlier="import")
    harness.services.drains.by_table["poll"]()
    harness.furnish(earlier="ignore")
    harness.drain()
    assert len(harness.rows(tables.issue)) == 100


def test_what_can_not_be_reached_is_looked_at_once_a_day(harness: PollHarness) -> None:
    """A hidden issue keeps its last state, and is not asked for in every run."""
    issue = harness.repository.create_issue("Pay", labels=["checkout"])
    harness.furnish(earlier="import")
    harness.drain()
    target = harness.hub.repository("attic")
    target.visible = False
    harness.clock.step(600)
    issue.transfer(target)
    long_ago = utc_now() - timedelta(days=2)
    for _ in range(3):
        with writing(harness.services.engine) as tx:
            tx.execute(sa.update(tables.issue).values(seen_at=long_ago))
        harness.poll_now()
    (row,) = harness.rows(tables.fetch_request)
    assert row.outcome.startswith("unreachable")
    old = f"/repositories/{harness.repository.id}/issues/1"
    assert [call.status for call in harness.hub.rest.calls if call.path == old] == [301]


def test_deliveries_go_before_an_import(harness: PollHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that lists lets go of it once a delivery is there."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.TURN_SECONDS", -1.0)
    harness.open_issues(350)
    harness.furnish(earlier="import")
    with writing(harness.services.engine) as tx:
        waiting = {"connection_id": 1, "delivery_id": "d", "received_at": utc_now(), "headers": {}, "body": b"{}"}
        tx.execute(sa.insert(tables.delivery).values(**waiting, due_at=utc_now() - timedelta(seconds=1)))
    harness.services.drains.drain("poll")
    assert harness.rows(tables.poll)[0].seen == 100
