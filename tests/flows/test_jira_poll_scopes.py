"""Polls of a simulated Jira: the first import, a day without webhooks, and changes that a search does not show."""

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
from sync_service.store.okrs.history import is_shown
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
    """Services whose key results count the same issues, and belong to two people."""

    def furnish(self) -> None:
        """Apply the configuration."""
        connection = jira(self.jira, scopes=["SHOP", "PAY"], earlier="import")
        key_results = [{"slug": slug, "owner": owner} for slug, owner in OWNERS.items()]
        rules = [{"slug": slug, "connection": "jira", "key_result": slug, "when": LABELLED} for slug in OWNERS]
        self.apply(okrs(connection, key_results=key_results, rules=rules, people=[ANA, BO]))
        self.drain("rule_revision", "recompute")

    def age_everything(self) -> None:
        """Move all times of polls and issues a day into the past."""
        with writing(self.services.engine) as tx:
            tx.execute(sa.update(tables.poll).values(done_at=utc_now() - DAY))
            tx.execute(sa.update(tables.issue).values(seen_at=utc_now() - DAY))


@pytest.fixture
def services(migrated_url: str, tmp_path: Path) -> Iterator[Services]:
    """Yield services on either database whose notices wait for a quarter of an hour."""
    with open_services(migrated_url, tmp_path, OKR_SYNC_SETTLE_SECONDS=900) as made:
        yield made


@pytest.fixture
def harness(services: Services, *, data_center: bool) -> Iterator[JiraPollHarness]:
    """Yield the harness with Jira Cloud or Data Center."""
    clock = clock_of(3 * DAY)
    with Jira(clock=clock, data_center=data_center) as site:
        yield JiraPollHarness(services, site, clock)


def poll_outcome(harness: JiraPollHarness) -> str:
    """Return the outcome of the first project's last poll."""
    return str(harness.rows(tables.poll)[0].outcome)


def test_a_first_import_counts_existing_issues_without_a_mail(harness: JiraPollHarness) -> None:
    """The history has one entry for the whole import."""
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


def test_the_next_polls_find_what_webhooks_did_not_deliver(harness: JiraPollHarness) -> None:
    """A poll also covers the time before its cursor, because Jira's search index lags."""
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


def test_a_lagging_search_does_not_undo_a_webhook(harness: JiraPollHarness) -> None:
    """The search returns an older state, or no issue at all. Neither undoes the webhook or marks the issue as gone."""
    made = harness.shop.create_issue("Pay", labels=["checkout"])
    harness.clock.step(600)
    harness.furnish()
    harness.drain()
    harness.jira.index.lag = timedelta(minutes=30)
    harness.jira.add_hook(url="http://127.0.0.1:9/hooks/jira", secret="hush-hush")
    harness.jira.webhooks.lose_next(10)
    made.finish()
    harness.shop.create_issue("New", labels=["checkout"]).finish()
    harness.receive_webhooks()
    harness.drain()
    assert harness.value() == 100
    for late in (True, False):
        harness.jira.index.shows_old_fields = late
        harness.age_everything()
        harness.poll_now()
        assert harness.value() == 100
    assert [row.gone_reason for row in harness.rows(tables.issue)] == [None, None]


def test_a_deletion_by_webhook_is_not_undone_by_a_lagging_search(harness: JiraPollHarness) -> None:
    """The search still returns the issue."""
    made = [harness.shop.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(2)]
    made[0].finish()
    harness.clock.step(600)
    harness.furnish()
    harness.drain()
    assert harness.value() == pytest.approx(50)
    harness.jira.index.lag = timedelta(minutes=30)
    harness.jira.add_hook(url="http://127.0.0.1:9/hooks/jira", secret="hush-hush")
    harness.jira.webhooks.lose_next(10)
    made[1].delete()
    harness.receive_webhooks()
    harness.drain()
    harness.age_everything()
    harness.poll_now()
    assert harness.value() == 100
    assert [row.gone_reason for row in harness.rows(tables.issue)] == [None, "deleted"]


def test_a_hidden_project_keeps_its_values_until_it_returns(harness: JiraPollHarness) -> None:
    """Unreadable is not zero. With a new key it is still the same project, with the same issues."""
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


@pytest.mark.parametrize("with_headers", [True, False])
def test_a_poll_waits_for_a_rate_limit_and_continues(harness: JiraPollHarness, with_headers: bool) -> None:  # noqa: FBT001
    """It waits as long as Jira says, or two seconds if Jira gives no time."""
    harness.shop.create_issues(150, labelled)
    harness.clock.step(DAY.total_seconds())
    harness.furnish()
    harness.jira.limits.block(30, reason="jira-quota-global-based", with_headers=with_headers)
    harness.drain()
    (rate_limit,) = harness.rows(tables.rate_limit)
    assert rate_limit.bucket == ""
    assert (rate_limit.seconds > 20) is with_headers
    assert {call.status for call in harness.jira.rest.calls} == {429}
    assert harness.rows(tables.issue) == []
    harness.clock.step(31)
    with writing(harness.services.engine) as tx:
        tx.execute(sa.delete(tables.rate_limit))
    harness.poll_now()
    assert len(harness.rows(tables.issue)) == 150


def test_a_burst_limit_only_delays_reading_of_its_connection(harness: JiraPollHarness) -> None:
    """Other connections, and on Cloud also writing, go on."""
    harness.shop.create_issues(5, labelled)
    harness.clock.step(DAY.total_seconds())
    harness.furnish()
    harness.jira.limits.block(30, reason="jira-burst-based")
    harness.drain()
    (rate_limit,) = harness.rows(tables.rate_limit)
    assert rate_limit.bucket == ("" if harness.jira.data_center else "reading")
    with reading(harness.services.engine) as tx:
        assert rate_limits.blocked_for(tx, rate_limit.connection_id + 1, "reading") == rate_limits.NONE
        assert bool(rate_limits.blocked_for(tx, rate_limit.connection_id, "writing/1")) is harness.jira.data_center
        assert rate_limits.blocked_for(tx, rate_limit.connection_id, "reading") > rate_limits.NONE


@pytest.mark.only_in_test_all(data_center=True)
@pytest.mark.only_in_test_all
def test_a_bulk_change_of_a_thousand_issues_computes_each_key_result_a_few_times(harness: JiraPollHarness) -> None:
    """Each owner gets at most one mail."""
    harness.shop.create_issues(1000, lambda number: BulkIssue(summary=f"Pay {number}", labels=("checkout",)))
    harness.clock.step(DAY.total_seconds())
    harness.furnish()
    harness.drain()
    harness.jira.add_hook(url="http://127.0.0.1:9/hooks/jira", secret="hush-hush")
    harness.jira.webhooks.lose_next(1000)
    with harness.jira.in_bulk():
        for issue in list(harness.jira.issues.values()):
            issue.finish()
    harness.receive_webhooks()
    before = Counter(row.key_result_id for row in harness.rows(tables.history, is_shown))
    harness.drain()
    assert harness.value() == 100
    computed = Counter(row.key_result_id for row in harness.rows(tables.history, is_shown)) - before
    assert len(computed) == 3
    assert max(computed.values()) <= 5
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.notice).values(due_at=utc_now() - timedelta(seconds=1)))
    harness.services.drains.drain("notice")
    assert sorted(row.recipient for row in harness.rows(tables.mail)) == ["ana@example.com", "bo@example.com"]


def test_a_killed_import_continues_at_its_cursor(harness: JiraPollHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages before the kill are not requested again."""
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
    polled = [call for call in harness.jira.rest.calls[before:] if "/search" in call.path or "/project/" in call.path]
    assert len(polled) <= 6
    assert len(harness.rows(tables.issue)) == 450


@pytest.mark.only_in_test_all(data_center=True)
def test_after_a_day_without_webhooks_every_value_is_right(harness: JiraPollHarness) -> None:
    """There are 5,000 changes, and fifty issues each deleted, moved and hidden. No hidden issue counts as deleted."""
    chance = random.Random(5)  # noqa: S311 - a seed makes it repeatable
    harness.shop.create_issues(1000, labelled)
    harness.clock.step(DAY.total_seconds())
    harness.furnish()
    harness.drain()
    harness.jira.add_hook(url="http://127.0.0.1:9/hooks/jira", secret="hush-hush")
    harness.jira.webhooks.lose_next(100_000)
    issues = list(harness.jira.issues.values())
    chance.shuffle(issues)
    deleted, hidden, to_pay, to_attic = issues[:50], issues[50:100], issues[100:125], issues[125:150]
    last_known = [state(issue) for issue in deleted + hidden]
    harness.jira.hide(*hidden)
    for issue in deleted:
        harness.clock.step(5)
        issue.delete()
    for number, issue in enumerate(to_pay + to_attic):
        harness.clock.step(5)
        issue.move(harness.pay if number < 25 else harness.attic)
    for _ in range(5000):
        harness.clock.step(15)
        change(chance.choice(issues[50:]), chance)
    harness.clock.step(600)
    harness.age_everything()
    harness.poll_now()

    seen = [state(issue) for issue in to_pay + issues[150:]]
    assert harness.value() == pytest.approx(share(seen + last_known))
    rows_by_identity = {row.identity: row for row in harness.rows(tables.issue)}
    assert [row.key for row in rows_by_identity.values() if row.gone_reason] == [], (
        "without a webhook nothing proves a deletion"
    )
    assert {rows_by_identity[issue.id].key for issue in to_pay + to_attic} == {issue.key for issue in to_pay + to_attic}
    outcomes = Counter(row.outcome.partition(",")[0] for row in harness.rows(tables.fetch_request) if row.outcome)
    assert outcomes["unreachable"] == 100
    with reading(harness.services.engine) as tx:
        shown = {one.key for one in issues_view(tx, 1) if one.unreachable_since}
    assert shown == {rows_by_identity[issue.id].key for issue in deleted + hidden}
    match = re.fullmatch(
        r"\d+ issues seen, (\d+) new or changed; (\d+) not seen for long, to be fetched", poll_outcome(harness)
    )
    assert match is not None
    assert 700 < int(match[1]) < 846, "of those that changed, some are as they were"
    assert int(match[2]) >= 125, "deleted, hidden, moved and unchanged issues"
    assert {call.status for call in harness.jira.rest.calls} <= {200, 404}


@pytest.mark.parametrize("data_center", [False, True])
def test_a_poll_counts_as_news_only_what_is_new_to_us(harness: JiraPollHarness) -> None:
    """Neither what it lists once more, nor a comment, which gives an issue another time and changes nothing else."""
    issues = [harness.shop.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(3)]
    harness.furnish()
    harness.drain()
    assert " 3 issues seen, 3 new or changed;" in f" {poll_outcome(harness)}"
    harness.clock.step(600)
    issues[0].comment("Well done")
    issues[1].edit(summary="Pay by card")
    for seen in (1, 0):
        harness.poll_now()
        assert f", {seen} new or changed;" in poll_outcome(harness)
