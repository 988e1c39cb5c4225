"""Asking a simulated Jira what changed: the first import, a day without webhooks, and what lists can't show."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from simulator import Jira
from simulator.jira.model.bulk_issues import BulkIssue
from sync_service.runtime.wiring import Services, utc_now
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.queue import rate_limits
from sync_service.store.views.issues import issues_view
from tests.flows.harness import clock_of
from tests.flows.jira_harness import DAY, JiraHarness, change, labelled, share, state
from tests.support.config_file import ANA, LABELLED, jira, okrs
from tests.support.services import open_services

pytestmark = pytest.mark.slow

BO = {"email": "bo@example.com", "name": "Bo Lind"}
OWNERS = {"KR-1": ANA["email"], "KR-2": ANA["email"], "KR-3": BO["email"]}


@dataclass
class JiraPollHarness(JiraHarness):
    """A house whose key results count the same issues, and belong to two people."""

    def furnish(self) -> None:
        """Apply the configuration."""
        connection = jira(self.jira, scopes=["SHOP", "PAY"], earlier="import")
        key_results = [{"slug": slug, "owner": owner} for slug, owner in OWNERS.items()]
        rules = [{"slug": slug, "connection": "jira", "key_result": slug, "when": LABELLED} for slug in OWNERS]
        self.apply(okrs(connection, key_results=key_results, rules=rules, people=[ANA, BO]))
        self.drain("rule_revision", "recompute")

    def be_away(self) -> None:
        """Let all that we know be a day old."""
        with writing(self.services.engine) as tx:
            tx.execute(sa.update(tables.poll).values(done_at=utc_now() - DAY))
            tx.execute(sa.update(tables.issue).values(seen_at=utc_now() - DAY))


@pytest.fixture
def services(migrated_url: str, tmp_path: Path) -> Iterator[Services]:
    """Yield a house on either database, whose notices wait for a quarter of an hour."""
    with open_services(migrated_url, tmp_path, OKR_SYNC_SETTLE_SECONDS=900) as made:
        yield made


@pytest.fixture
def harness(services: Services, *, data_center: bool) -> Iterator[JiraPollHarness]:
    """Yield the harness with Jira Cloud or Data Center."""
    clock = clock_of(3 * DAY)
    with Jira(clock=clock, data_center=data_center) as site:
        yield JiraPollHarness(services, site, clock)


def _said(harness: JiraPollHarness) -> str:
    """Return what the last run over the first project says."""
    return str(harness.rows(tables.poll)[0].outcome)


def test_a_first_import_counts_what_was_there_and_says_so_once(harness: JiraPollHarness) -> None:
    """Its history has one entry for the whole import, and nobody gets a mail."""
    harness.shop.create_issues(250, labelled)
    harness.pay.create_issue("Refund", labels=["checkout"])
    harness.clock.step(DAY.total_seconds())
    harness.furnish()
    harness.drain()
    assert harness.value() == pytest.approx(100 * 62 / 251)
    assert harness.rows(tables.notice) == []
    assert len(harness.rows(tables.issue)) == 251
    outcomes = [row.outcome for row in harness.rows(tables.poll)]
    assert outcomes[0].startswith("250 issues seen")
    assert [row.expected for row in harness.rows(tables.poll)] == [250, 1]


def test_what_webhooks_did_not_bring_is_found_within_the_next_run(harness: JiraPollHarness) -> None:
    """Also what the search learns of late: the next run looks back."""
    made = [harness.shop.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(10)]
    harness.clock.step(600)
    harness.furnish()
    harness.drain()
    harness.jira.index.lag = timedelta(seconds=45)
    harness.clock.step(600)
    for issue in made[:5]:
        issue.finish()
    harness.poll_now()
    assert harness.value() == 0, "the search does not know yet"
    harness.clock.step(60)
    harness.poll_now()
    assert harness.value() == pytest.approx(50)


def test_a_search_that_lags_contradicts_no_fresh_webhook(harness: JiraPollHarness) -> None:
    """It shows an older state, or none: neither undoes what the webhook told, nor calls the issue gone."""
    made = harness.shop.create_issue("Pay", labels=["checkout"])
    harness.clock.step(600)
    harness.furnish()
    harness.drain()
    harness.jira.index.lag = timedelta(minutes=30)
    harness.jira.add_hook(url="http://127.0.0.1:9/hooks/jira", secret="hush")
    harness.jira.webhooks.lose_next(10)
    made.finish()
    harness.shop.create_issue("New", labels=["checkout"]).finish()
    harness.receive_webhooks()
    harness.drain()
    assert harness.value() == 100
    for late in (True, False):
        harness.jira.index.shows_old_fields = late
        harness.be_away()
        harness.poll_now()
        assert harness.value() == 100
    assert [row.gone_reason for row in harness.rows(tables.issue)] == [None, None]


def test_a_deletion_that_a_webhook_tells_is_one(harness: JiraPollHarness) -> None:
    """Also where the list, which lags, still shows the issue."""
    made = [harness.shop.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(2)]
    made[0].finish()
    harness.clock.step(600)
    harness.furnish()
    harness.drain()
    assert harness.value() == pytest.approx(50)
    harness.jira.index.lag = timedelta(minutes=30)
    harness.jira.add_hook(url="http://127.0.0.1:9/hooks/jira", secret="hush")
    harness.jira.webhooks.lose_next(10)
    made[1].delete()
    harness.receive_webhooks()
    harness.drain()
    harness.be_away()
    harness.poll_now()
    assert harness.value() == 100
    assert [row.gone_reason for row in harness.rows(tables.issue)] == [None, "deleted"]


def test_a_project_that_is_hidden_makes_its_key_results_stale_until_it_returns(harness: JiraPollHarness) -> None:
    """Unreadable is not zero; and under another key it is the same project, as are its issues."""
    harness.shop.create_issue("Pay", labels=["checkout"]).finish()
    harness.clock.step(600)
    harness.furnish()
    harness.drain()
    harness.shop.visible = False
    harness.poll_now()
    assert "can't be seen" in harness.rows(tables.scope)[0].gone_reason
    assert harness.value() == 100
    harness.shop.visible = True
    harness.shop.rename("STORE")
    harness.poll_now()
    scope = harness.rows(tables.scope)[0]
    assert (scope.gone_reason, scope.current_name) == (None, "STORE")
    assert [row.key for row in harness.rows(tables.issue)] == ["STORE-1"]
    assert harness.value() == 100


@pytest.mark.parametrize("told", [True, False])
def test_a_tracker_that_asks_for_patience_gets_it_and_the_run_goes_on(harness: JiraPollHarness, told: bool) -> None:  # noqa: FBT001
    """For as long as it says, or for two seconds where it says nothing."""
    harness.shop.create_issues(150, labelled)
    harness.clock.step(DAY.total_seconds())
    harness.furnish()
    harness.jira.limits.block(30, reason="jira-quota-global-based", with_headers=told)
    harness.drain()
    (pause,) = harness.rows(tables.rate_limit)
    assert pause.bucket == ""
    assert (pause.seconds > 20) is told
    assert {call.status for call in harness.jira.rest.calls} == {429}
    assert harness.rows(tables.issue) == []
    harness.clock.step(31)
    with writing(harness.services.engine) as tx:
        tx.execute(sa.delete(tables.rate_limit))
    harness.poll_now()
    assert len(harness.rows(tables.issue)) == 150


def test_a_burst_of_one_connection_slows_no_other_and_no_writing(harness: JiraPollHarness) -> None:
    """The pause is of the connection's reading alone."""
    harness.shop.create_issues(5, labelled)
    harness.clock.step(DAY.total_seconds())
    harness.furnish()
    harness.jira.limits.block(30, reason="jira-burst-based")
    harness.drain()
    (pause,) = harness.rows(tables.rate_limit)
    assert pause.bucket == ("" if harness.jira.data_center else "reading")
    with reading(harness.services.engine) as tx:
        assert rate_limits.blocked_for(tx, pause.connection_id + 1, "reading") == rate_limits.NONE
        assert bool(rate_limits.blocked_for(tx, pause.connection_id, "writing/1")) is harness.jira.data_center
        assert rate_limits.blocked_for(tx, pause.connection_id, "reading") > rate_limits.NONE


@pytest.mark.only_in_test_all(data_center=True)
def test_a_bulk_change_of_a_thousand_issues_computes_each_key_result_a_few_times(harness: JiraPollHarness) -> None:
    """And each owner gets one mail at most."""
    harness.shop.create_issues(1000, lambda number: BulkIssue(summary=f"Pay {number}", labels=("checkout",)))
    harness.clock.step(DAY.total_seconds())
    harness.furnish()
    harness.drain()
    harness.jira.add_hook(url="http://127.0.0.1:9/hooks/jira", secret="hush")
    harness.jira.webhooks.lose_next(1000)
    with harness.jira.in_bulk():
        for issue in list(harness.jira.issues.values()):
            issue.finish()
    harness.receive_webhooks()
    before = Counter(row.key_result_id for row in harness.rows(tables.history))
    harness.drain()
    assert harness.value() == 100
    computed = Counter(row.key_result_id for row in harness.rows(tables.history)) - before
    assert len(computed) == 3
    assert max(computed.values()) <= 5
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.notice).values(due_at=utc_now() - timedelta(seconds=1)))
    harness.services.drains.drain("notice")
    assert sorted(row.recipient for row in harness.rows(tables.mail)) == ["ana@example.com", "bo@example.com"]


def test_an_import_goes_on_where_it_was_killed(harness: JiraPollHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages before the kill are not asked for again."""
    monkeypatch.setattr("sync_service.tracker_sync.poll_scopes.DRAIN_SECONDS", -1.0)
    harness.shop.create_issues(450, labelled)
    harness.clock.step(DAY.total_seconds())
    harness.furnish()
    for _ in range(4):
        harness.services.drains.by_table["poll"]()
    before = len(harness.jira.rest.calls)
    with writing(harness.services.engine) as tx:  # a worker claims the rows and dies
        tx.execute(sa.update(tables.poll).values(lease="dead", attempts=tables.poll.c.attempts + 1))
        tx.execute(sa.update(tables.poll).values(due_at=utc_now() - timedelta(seconds=1)))
    harness.drain()
    assert sum(row.seen for row in harness.rows(tables.poll)) == 450
    assert len(harness.jira.rest.calls) - before <= 6
    assert len(harness.rows(tables.issue)) == 450


@pytest.mark.only_in_test_all(data_center=True)
def test_after_a_day_without_webhooks_every_value_is_right(harness: JiraPollHarness) -> None:
    """Five thousand changes, fifty deleted, fifty moved, fifty hidden: nothing that is hidden is counted as deleted."""
    chance = random.Random(5)  # noqa: S311 - a seed makes it repeatable
    harness.shop.create_issues(1000, labelled)
    harness.clock.step(DAY.total_seconds())
    harness.furnish()
    harness.drain()
    harness.jira.add_hook(url="http://127.0.0.1:9/hooks/jira", secret="hush")
    harness.jira.webhooks.lose_next(100_000)
    issues = list(harness.jira.issues.values())
    chance.shuffle(issues)
    deleted, hidden, to_pay, away = issues[:50], issues[50:100], issues[100:125], issues[125:150]
    last_known = [state(issue) for issue in deleted + hidden]
    harness.jira.hide(*hidden)
    for issue in deleted:
        harness.clock.step(5)
        issue.delete()
    for number, issue in enumerate(to_pay + away):
        harness.clock.step(5)
        issue.move(harness.pay if number < 25 else harness.attic)
    for _ in range(5000):
        harness.clock.step(15)
        change(chance.choice(issues[50:]), chance)
    harness.clock.step(600)
    harness.be_away()
    harness.poll_now()

    seen = [state(issue) for issue in to_pay + issues[150:]]
    assert harness.value() == pytest.approx(share(seen + last_known))
    held = {row.identity: row for row in harness.rows(tables.issue)}
    assert [row.key for row in held.values() if row.gone_reason] == [], "without a webhook nothing proves a deletion"
    assert {held[issue.id].key for issue in to_pay + away} == {issue.key for issue in to_pay + away}
    outcomes = Counter(row.outcome.partition(",")[0] for row in harness.rows(tables.fetch_request) if row.outcome)
    assert outcomes["unreachable"] == 100
    with reading(harness.services.engine) as tx:
        shown = {one.key for one in issues_view(tx, 1) if one.unreachable_since}
    assert shown == {held[issue.id].key for issue in deleted + hidden}
    said = re.fullmatch(
        r"\d+ issues seen, (\d+) new or changed; (\d+) not seen for long, to be fetched", _said(harness)
    )
    assert said is not None
    assert int(said[1]) > 800
    assert int(said[2]) >= 125, "what was deleted, hidden or moved away, and what nobody touched"
    assert {call.status for call in harness.jira.rest.calls} <= {200, 404}
