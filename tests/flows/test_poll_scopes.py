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
class Stage(GitHubHarness):
    """A GitHub whose webhooks nobody hears, and a house that may ask it."""

    def furnish(self, *, earlier: str) -> None:
        """Apply the configuration."""
        self.apply(okrs(github(self.hub, earlier=earlier)))
        self.drain("rule_revision", "recompute")

    def lists(self) -> int:
        """Count the lists that were asked for."""
        return sum(call.path.endswith("/issues") for call in self.hub.rest.calls)


@pytest.fixture
def stage(services: Services, hub: GitHub, clock: SteppedClock) -> Stage:
    """Set the stage."""
    return Stage(services, hub, clock)


def test_a_first_import_counts_what_was_there_and_says_so_once(stage: Stage) -> None:
    """The key result is partly seen until then, and its history has one entry for the whole import."""
    done = stage.open_issues(250)
    for issue in done[:100]:
        issue.close()
    stage.furnish(earlier="import")
    assert stage.key_result().status in ("no_data", "partial")
    stage.drain()
    found = stage.key_result()
    assert found.current == pytest.approx(40)
    assert found.status != "partial"
    (entry,) = stage.rows(tables.history)
    assert entry.causes == [{"what": "first import of acme/checkout complete, 250 issues seen"}]
    assert stage.rows(tables.notice) == []
    assert stage.lists() <= 5, "250 issues are three pages, and one call tells how many there are"


def test_nothing_is_mailed_and_nothing_judged_while_an_import_runs(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pages the key result is partly seen."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.TURN_SECONDS", -1.0)
    for issue in stage.open_issues(250):
        issue.close()
    stage.furnish(earlier="import")
    seen = []
    for _ in range(20):
        stage.services.drains.by_table["poll"]()
        stage.services.drains.by_table["recompute"]()
        seen.append((stage.rows(tables.poll)[0].seen, stage.key_result().status))
    assert {status for count, status in seen[:2]} <= {"no_data", "partial"}
    assert [count for count, _ in seen][:3] == [100, 200, 250]
    stage.drain()
    assert stage.key_result().status == "completed"
    assert len(stage.rows(tables.notice)) <= 1


def test_an_import_goes_on_where_it_was_killed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages before the kill are not asked for again."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.TURN_SECONDS", -1.0)
    stage.open_issues(250)
    stage.furnish(earlier="import")
    stage.services.drains.by_table["poll"]()
    before = stage.lists()
    with writing(stage.services.engine) as tx:  # a worker claims the row and dies
        claimed = sa.update(tables.poll).values(lease="dead", attempts=tables.poll.c.attempts + 1)
        tx.execute(claimed)
    stage.drain()
    assert stage.rows(tables.poll)[0].seen == 250
    assert stage.lists() - before <= 3
    assert len(stage.rows(tables.issue)) == 250


def test_what_webhooks_did_not_bring_is_found(stage: Stage) -> None:
    """Nobody hears a webhook of the changes; the next run finds them all, and says how many were news."""
    issues = stage.open_issues(10)
    stage.furnish(earlier="import")
    stage.drain()
    assert stage.key_result().current == 0
    stage.clock.step(600)
    for issue in issues[:5]:
        issue.close()
    stage.poll_now()
    assert stage.key_result().current == pytest.approx(50)
    told = [cause["what"] for cause in stage.rows(tables.history)[-1].causes]
    assert told == ["closed as completed"] * 5 or all("closed" in one for one in told)
    assert "5 new or changed" in stage.rows(tables.poll)[0].outcome


def test_what_was_deleted_or_transferred_unheard_is_looked_at(stage: Stage) -> None:
    """No list shows it. After we were away every linked issue that was not listed is looked at."""
    issues = stage.open_issues(4)
    stage.furnish(earlier="import")
    stage.drain()
    stage.clock.step(600)
    issues[0].delete()
    issues[1].transfer(stage.hub.repository("attic"))
    issues[2].close()
    with writing(stage.services.engine) as tx:
        long_ago = utc_now() - timedelta(hours=6)
        tx.execute(sa.update(tables.poll).values(done_at=long_ago))
        tx.execute(sa.update(tables.issue).values(seen_at=long_ago))
    stage.poll_now()
    gone = {row.key: row.gone_reason for row in stage.rows(tables.issue) if row.gone_reason}
    assert set(gone) == {"acme/checkout#1", "acme/checkout#2"}
    assert stage.key_result().current == pytest.approx(50)


def test_with_earlier_ignored_only_what_changes_from_now_on_is_asked_for(stage: Stage) -> None:
    """What changed before the scope was watched stays unknown."""
    stage.repository.create_issue("Old", labels=["checkout"])
    stage.furnish(earlier="ignore")
    stage.drain()
    assert stage.rows(tables.issue) == []
    stage.clock.step(2 * 86_400 + 60)
    stage.repository.create_issue("New", labels=["checkout"])
    stage.poll_now()
    assert [row.title for row in stage.rows(tables.issue)] == ["New"]


def test_a_scope_that_can_not_be_seen_makes_its_key_results_stale_until_it_returns(stage: Stage) -> None:
    """Unreadable is not zero."""
    stage.repository.create_issue("Pay", labels=["checkout"]).close()
    stage.furnish(earlier="import")
    stage.drain()
    stage.repository.visible = False
    stage.poll_now()
    (scope,) = stage.rows(tables.scope)
    assert "can't be seen" in scope.gone_reason
    assert stage.key_result().current == 100
    stage.repository.visible = True
    stage.poll_now()
    (scope,) = stage.rows(tables.scope)
    assert scope.gone_reason is None


@pytest.mark.parametrize("status", [429, 503])
def test_a_tracker_that_asks_for_patience_gets_it_and_the_run_goes_on(stage: Stage, status: int) -> None:
    """The run keeps its place."""
    stage.open_issues(150)
    stage.furnish(earlier="import")
    stage.hub.rest.answer_next(status, retry_after=30)
    stage.drain()
    (row,) = stage.rows(tables.poll)
    assert row.due_at > utc_now() + timedelta(seconds=20)
    assert stage.rows(tables.issue) == []
    with writing(stage.services.engine) as tx:
        tx.execute(sa.delete(tables.rate_limit))
    stage.poll_now()
    assert len(stage.rows(tables.issue)) == 150


def test_changes_between_two_pages_are_not_missed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes while the list is read moves to its end; nothing slips over the border of a page."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.TURN_SECONDS", -1.0)
    issues = stage.open_issues(300, apart=1)
    stage.furnish(earlier="import")
    for number in range(6):
        stage.services.drains.by_table["poll"]()
        stage.clock.step(5)
        for issue in issues[number * 7 : number * 7 + 7]:
            issue.close()
    stage.drain()
    stage.poll_now()
    assert len(stage.rows(tables.issue)) == 300
    assert sum(row.state == "done" for row in stage.rows(tables.issue)) == 42
    assert stage.key_result().current == pytest.approx(14)


def test_an_import_that_is_called_off_asks_only_for_what_comes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `earlier: ignore` after all, the pages not seen yet are not asked for."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.TURN_SECONDS", -1.0)
    stage.open_issues(250)
    stage.furnish(earlier="import")
    stage.services.drains.by_table["poll"]()
    stage.furnish(earlier="ignore")
    stage.drain()
    assert len(stage.rows(tables.issue)) == 100


def test_what_can_not_be_reached_is_looked_at_once_a_day(stage: Stage) -> None:
    """A hidden issue keeps its last state, and is not asked for in every run."""
    issue = stage.repository.create_issue("Pay", labels=["checkout"])
    stage.furnish(earlier="import")
    stage.drain()
    target = stage.hub.repository("attic")
    target.visible = False
    stage.clock.step(600)
    issue.transfer(target)
    long_ago = utc_now() - timedelta(days=2)
    for _ in range(3):
        with writing(stage.services.engine) as tx:
            tx.execute(sa.update(tables.issue).values(seen_at=long_ago))
        stage.poll_now()
    (row,) = stage.rows(tables.fetch_request)
    assert row.outcome.startswith("unreachable")
    old = f"/repositories/{stage.repository.id}/issues/1"
    assert [call.status for call in stage.hub.rest.calls if call.path == old] == [301]


def test_deliveries_go_before_an_import(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that lists lets go of it once a delivery is there."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.TURN_SECONDS", -1.0)
    stage.open_issues(350)
    stage.furnish(earlier="import")
    with writing(stage.services.engine) as tx:
        waiting = {"connection_id": 1, "delivery_id": "d", "received_at": utc_now(), "headers": {}, "body": b"{}"}
        tx.execute(sa.insert(tables.delivery).values(**waiting, due_at=utc_now() - timedelta(seconds=1)))
    stage.services.drains.drain("poll")
    assert stage.rows(tables.poll)[0].seen == 100
