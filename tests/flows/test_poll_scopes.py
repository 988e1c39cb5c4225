"""Polls of a simulated GitHub: the first import, and changes that no webhook reported."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa

from simulator import GitHub, SteppedClock
from sync_service.domain.trackers.observations import FetchNeeded
from sync_service.runtime.wiring import Services, utc_now
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs.history import is_shown
from sync_service.store.queue.fetch_requests import add
from sync_service.store.views.issues import issues_view
from tests.flows.harness import GitHubHarness
from tests.support.config_file import github, okrs

pytestmark = pytest.mark.slow


@dataclass
class PollHarness(GitHubHarness):
    """A GitHub whose webhooks have no receiver, and services that poll it."""

    def furnish(self, *, earlier: str) -> None:
        """Apply the configuration."""
        self.apply(okrs(github(self.hub, earlier=earlier)))
        self.drain("rule_revision", "recompute")

    def list_calls(self) -> int:
        """Return the number of calls that list issues."""
        return sum(call.path.endswith("/issues") for call in self.hub.rest.calls)


@pytest.fixture
def harness(services: Services, hub: GitHub, clock: SteppedClock) -> PollHarness:
    """Return the harness."""
    return PollHarness(services, hub, clock)


def test_a_first_import_counts_existing_issues_with_one_history_entry(harness: PollHarness) -> None:
    """Until the import ends the key result has no complete value."""
    done = harness.open_issues(250)
    for issue in done[:100]:
        issue.close()
    harness.furnish(earlier="import")
    assert harness.key_result().status in ("no_data", "partial")
    harness.drain()
    found = harness.key_result()
    assert found.current == pytest.approx(40)
    assert found.status != "partial"
    (entry,) = harness.rows(tables.history, is_shown)
    assert entry.causes == [{"what": "first import of acme/checkout complete, 250 issues seen"}]
    assert harness.rows(tables.notice) == []
    assert harness.list_calls() <= 5, "250 issues are three pages, and one more call counts them"


def test_during_an_import_there_is_no_status_and_no_mail(harness: PollHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two pages the value is partial."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.DRAIN_SECONDS", -1.0)
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


def test_a_killed_import_continues_at_its_cursor(harness: PollHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages before the kill are not requested again."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.DRAIN_SECONDS", -1.0)
    harness.open_issues(250)
    harness.furnish(earlier="import")
    harness.services.drains.by_table["poll"]()
    before = harness.list_calls()
    with writing(harness.services.engine) as tx:  # a worker claims the row and dies
        claimed = sa.update(tables.poll).values(lease="dead", attempts=tables.poll.c.attempts + 1)
        tx.execute(claimed)
    harness.drain()
    assert harness.rows(tables.poll)[0].seen == 250
    assert harness.list_calls() - before <= 3
    assert len(harness.rows(tables.issue)) == 250


def test_a_poll_finds_changes_that_no_webhook_reported(harness: PollHarness) -> None:
    """The next run finds all changes, and its outcome has their number."""
    issues = harness.open_issues(10)
    harness.furnish(earlier="import")
    harness.drain()
    assert harness.key_result().current == 0
    harness.clock.step(600)
    for issue in issues[:5]:
        issue.close()
    harness.poll_now()
    assert harness.key_result().current == pytest.approx(50)
    reasons = [cause["what"] for cause in harness.rows(tables.history, is_shown)[-1].causes]
    assert reasons == ["closed as completed"] * 5 or all("closed" in one for one in reasons)
    assert "5 new or changed" in harness.rows(tables.poll)[0].outcome


def test_what_is_new_does_not_depend_on_the_words_of_its_outcome(harness: PollHarness) -> None:
    """People choose the names of labels and milestones, and an outcome has them."""
    issue, _ = harness.open_issues(2)
    harness.furnish(earlier="import")
    harness.drain()
    harness.clock.step(600)
    issue.label("a: applied, no change that counts")
    harness.poll_now()
    assert "1 new or changed" in harness.rows(tables.poll)[0].outcome


def test_deleted_and_transferred_issues_are_found_by_fetches(harness: PollHarness) -> None:
    """No list shows them, so after a long time away each linked issue that was not listed is fetched."""
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


def test_with_earlier_ignore_only_later_changes_are_polled(harness: PollHarness) -> None:
    """Changes from before the scope was watched stay unknown."""
    harness.repository.create_issue("Old", labels=["checkout"])
    harness.furnish(earlier="ignore")
    harness.drain()
    assert harness.rows(tables.issue) == []
    harness.clock.step(2 * 86_400 + 60)
    harness.repository.create_issue("New", labels=["checkout"])
    harness.poll_now()
    assert [row.title for row in harness.rows(tables.issue)] == ["New"]


def test_a_hidden_scope_keeps_its_value_and_is_marked_until_it_returns(harness: PollHarness) -> None:
    """A scope that can't be read does not make the value zero."""
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
def test_a_rate_limited_poll_waits_and_continues(harness: PollHarness, status: int) -> None:
    """The run keeps its cursor."""
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
    """An issue that changes during the listing moves to the end of the list, so no page misses it."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.DRAIN_SECONDS", -1.0)
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


def test_a_cancelled_import_requests_no_further_pages(harness: PollHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change to `earlier: ignore`, the remaining pages are not requested."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.DRAIN_SECONDS", -1.0)
    harness.open_issues(250)
    harness.furnish(earlier="import")
    harness.services.drains.by_table["poll"]()
    harness.furnish(earlier="ignore")
    harness.drain()
    assert len(harness.rows(tables.issue)) == 100


def test_an_unreachable_issue_is_fetched_once_a_day(harness: PollHarness) -> None:
    """A hidden issue keeps its last state, and is not fetched in every run."""
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


@pytest.mark.parametrize(
    ("hiding", "words"),
    [
        ("has_issues", "no longer shows it (410): Issues has been disabled in this repository."),
        ("blocked", "may not show it for legal reasons (451): Repository access blocked"),
    ],
)
def test_issues_that_github_hides_count_as_last_seen_and_say_why(harness: PollHarness, hiding: str, words: str) -> None:
    """They are neither deleted nor forgotten: a 410 may be about the repository's settings, a 451 about the law."""
    issues = harness.open_issues(2)
    issues[0].close()
    harness.furnish(earlier="import")
    harness.drain()
    setattr(harness.repository, hiding, hiding == "blocked")
    with writing(harness.services.engine) as tx:
        held = harness.rows(tables.issue)
        rows = [(row, FetchNeeded(identity=row.identity, key=row.key, reason="a test")) for row in held]
        add(tx, {(row.connection_id, row.identity): (fetch, None) for row, fetch in rows})
    harness.drain("fetch_request")
    assert harness.key_result().current == 50
    with reading(harness.services.engine) as tx:
        shown = issues_view(tx, harness.key_result().id)
    assert [one.counts for one in shown] == [True, True]
    assert all(words in str(one.unreachable_reason) for one in shown)
    setattr(harness.repository, hiding, hiding != "blocked")
    harness.clock.step(600)
    issues[1].close()
    harness.poll_now()
    assert harness.key_result().current == 100


def test_an_import_that_took_its_time_is_released_after_a_page(
    harness: PollHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It continues later at the next page."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.DRAIN_SECONDS", -1.0)
    harness.open_issues(350)
    harness.furnish(earlier="import")
    for seen in (100, 200):
        harness.services.drains.by_table["poll"]()
        assert harness.rows(tables.poll)[0].seen == seen


def test_polls_watch_a_renamed_repository_and_the_one_that_took_its_name(harness: PollHarness) -> None:
    """Both names are configured. While only redirects have the old name, its poll says so and imports nothing."""
    harness.repository.create_issue("Pay", labels=["checkout"])
    harness.apply(okrs(github(harness.hub, earlier="import", scopes=["acme/checkout", "acme/checkout-old"])))
    harness.drain()
    harness.repository.rename("checkout-old")
    harness.clock.step(600)
    for _ in range(2):
        harness.poll_now()
    scopes = {row.name: (row.id, row.external_id) for row in harness.rows(tables.scope)}
    assert scopes["acme/checkout-old"][1] == str(harness.repository.id)
    free, external_id = scopes["acme/checkout"]
    assert external_id is None
    (outcome,) = [row.outcome for row in harness.rows(tables.poll) if row.scope_id == free]
    assert outcome == "acme/checkout is the old name of acme/checkout-old, which is watched already"
    second = harness.hub.repository("checkout")
    second.create_issue("Pay by card", labels=["checkout"]).close()
    harness.clock.step(600)
    harness.poll_now()
    scopes = {row.name: (row.id, row.external_id) for row in harness.rows(tables.scope)}
    assert scopes["acme/checkout"] == (free, str(second.id))
    assert sorted(row.key for row in harness.rows(tables.issue)) == ["acme/checkout#1", "acme/checkout-old#1"]
    assert harness.key_result().current == 50
