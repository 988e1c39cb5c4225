"""Queries that the tracker matches against each changed issue, and whose index may lag."""

from typing import Self

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.domain.trackers.connector import ConnectorError, Refused, Unavailable
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.okrs import query_members
from sync_service.store.tables.instant import EPOCH
from sync_service.store.trackers import connections
from sync_service.tracker_sync.list_query_members import INTERVAL
from sync_service.tracker_sync.match_queries import INDEX_LAG
from tests.flows.fake_query_tracker import FINDS_FIRST, FIRST, QUERY, SECOND, FakeQueryTracker, QueryHarness

pytestmark = pytest.mark.slow


class StatementCount:
    """Count the statements about members and candidates during the block."""

    def __init__(self, engine: Engine) -> None:
        self.statements = 0
        self._engine = engine

    def __enter__(self) -> Self:
        sa.event.listen(self._engine, "before_cursor_execute", self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sa.event.remove(self._engine, "before_cursor_execute", self._count)

    def _count(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self.statements += "member" in statement or "query_candidate" in statement


@pytest.fixture
def harness(services: Services) -> QueryHarness:
    """Return the harness."""
    return QueryHarness(services, FakeQueryTracker())


def test_an_issue_that_matches_counts_at_once(harness: QueryHarness) -> None:
    """An issue that does not match, and did not before, stays unlinked."""
    harness.furnish()
    harness.list_again()
    harness.connector.answers = {"1#1": True, "1#2": False}
    harness.change(1, 2)
    harness.match()
    assert harness.linked() == [FIRST]
    outcomes = ["1 query asked, 1 finds it", "1 query asked, 0 find it"]
    assert [row.outcome for row in harness.rows(tables.query_candidate)] == [
        f"{one}; asked once more later" for one in outcomes
    ]
    assert 30 < harness.seconds(tables.query_candidate) <= INDEX_LAG.total_seconds()
    harness.match_after_a_minute()
    assert [row.outcome for row in harness.rows(tables.query_candidate)] == outcomes
    assert all(row.settled_at for row in harness.rows(tables.query_candidate))
    assert harness.seconds(tables.query_listing) > 120


@pytest.mark.both_databases
def test_an_issue_that_no_longer_matches_is_matched_again_and_removed_by_the_listing(
    harness: QueryHarness,
) -> None:
    """The index may not know the change yet."""
    harness.furnish()
    harness.connector.pages = [FINDS_FIRST]
    harness.list_again()
    assert harness.linked() == [FIRST]
    harness.connector.answers = {"1#1": False}
    harness.change(1)
    harness.match()
    assert harness.seconds(tables.query_listing) > 120
    harness.match_after_a_minute()
    assert harness.linked() == [FIRST]
    assert harness.seconds(tables.query_listing) <= 60
    harness.list_again()
    assert harness.linked() == []


def test_a_lagging_index_is_queried_again_a_minute_later(harness: QueryHarness) -> None:
    """An issue that began to match counts then, without a listing."""
    harness.furnish()
    harness.list_again()
    harness.connector.answers = {"1#1": False}
    harness.change(1)
    harness.match()
    assert harness.linked() == []
    harness.connector.answers = {"1#1": True}
    harness.match_after_a_minute()
    assert harness.linked() == [FIRST]


def test_an_issue_that_a_lagging_index_found_is_removed_by_the_listing_a_minute_later(harness: QueryHarness) -> None:
    """A listing does not undo a recent match; the second match corrects it."""
    harness.furnish()
    harness.list_again()
    harness.connector.answers = {"1#1": True}
    harness.change(1)
    harness.match()
    harness.list_again()
    assert harness.linked() == [FIRST], "the index behind the listing may be the one that is late"
    assert harness.seconds(tables.query_listing) == pytest.approx(query_members.LAG.total_seconds(), abs=10)
    harness.connector.answers = {"1#1": False}
    harness.match_after_a_minute()
    assert harness.seconds(tables.query_listing) <= 60
    harness.list_again()
    assert harness.linked() == []
    assert harness.seconds(tables.query_listing) == pytest.approx(INTERVAL.total_seconds(), abs=60)


@pytest.mark.parametrize(("error", "wait"), [(Unavailable("busy"), 2), (Refused("no"), 3600)])
def test_an_error_of_the_tracker_postpones_the_match(harness: QueryHarness, error: ConnectorError, wait: int) -> None:
    """As with every call; no member is removed."""
    harness.furnish()
    harness.connector.pages = [FINDS_FIRST]
    harness.list_again()
    harness.connector.error = error
    harness.change(1)
    harness.match()
    assert harness.seconds(tables.query_candidate) == pytest.approx(wait, abs=wait / 2)
    assert harness.linked() == [FIRST]


def test_matches_of_changes_do_not_use_the_hourly_retry_of_a_refused_connection(harness: QueryHarness) -> None:
    """One call an hour is allowed, and a call about one issue may be refused while all else works."""
    harness.furnish()
    harness.list_again()
    with writing(harness.services.engine) as tx:
        (connection,) = tx.scalars(sa.select(tables.connection.c.id))
        connections.refuse(tx, connection, reason="no")
        tx.execute(sa.update(tables.connection).values(retried_at=EPOCH))
    harness.services.connections.clear_cache()
    harness.change(1, 2)
    harness.match()
    assert harness.connector.matched_batches == []
    assert harness.seconds(tables.query_candidate) == pytest.approx(3600, abs=60)
    harness.list_again()
    assert harness.rows(tables.connection)[0].refused_at is None


def test_an_issue_that_changes_during_the_match_is_matched_again(harness: QueryHarness) -> None:
    """The results for the other issues are stored."""
    harness.furnish()
    harness.list_again()
    harness.connector.answers = {"1#1": True, "1#2": True}
    harness.change(1, 2)
    harness.connector.meanwhile = lambda: harness.change(1)
    harness.matcher.drain()
    assert harness.linked() == [SECOND]
    harness.match()
    assert harness.linked() == [FIRST, SECOND]
    assert harness.connector.matched_batches == [["1#1", "1#2"], ["1#1"]]


def test_a_result_for_issues_that_all_changed_is_dropped(harness: QueryHarness) -> None:
    """All issues of the batch changed meanwhile."""
    harness.furnish()
    harness.list_again()
    harness.connector.answers = {"1#1": True}
    harness.change(1)
    harness.connector.meanwhile = lambda: harness.change(1)
    harness.matcher.drain()
    assert harness.rows(tables.query_member) == harness.rows(tables.link) == []
    (row,) = harness.rows(tables.query_candidate)
    assert (row.lease, row.attempts, row.outcome) == (None, 0, "")


def test_without_queries_or_credentials_no_call_is_made(harness: QueryHarness) -> None:
    """The rows settle; the listing has the reason."""
    harness.furnish(token=None)
    harness.list_again()
    (row,) = harness.rows(tables.query_listing)
    assert row.incomplete_reason == "it can't be listed, since there are no credentials"
    harness.change(1)
    harness.match()
    with writing(harness.services.engine) as tx:
        tx.execute(sa.delete(tables.rule_revision))
    harness.change(2)
    harness.match()
    assert [row.outcome for row in harness.rows(tables.query_candidate)] == [
        "there are no credentials to call with",
        "no query to match",
    ]
    assert harness.connector.matched_batches == []


@pytest.mark.parametrize("judges", [True, False])
def test_many_queries_need_no_more_statements_than_one(
    harness: QueryHarness, monkeypatch: pytest.MonkeyPatch, *, judges: bool
) -> None:
    """The results of a batch are read once and written once."""
    monkeypatch.setattr(FakeQueryTracker, "evaluates_locally", judges)
    counts = []
    for more in (0, 4):
        harness.furnish(QUERY, *(f"{QUERY} label:l{number}" for number in range(more)))
        harness.list_again()
        harness.connector.answers = {"1#1": True, "1#2": False}
        for _ in range(2):
            harness.change(1, 2)
            with StatementCount(harness.services.engine) as counted:
                harness.matcher.drain()
        counts.append(counted.statements)
    assert len({row.revision_id for row in harness.rows(tables.query_member)}) == 5
    assert counts[0] == counts[1]


class Silent:
    """A connector that evaluates no queries."""

    title = "Silent"


def test_a_connector_without_queries_is_reported(harness: QueryHarness) -> None:
    """Its issues are not matched until a new version can."""
    harness.furnish()
    harness.matcher.connectors = {"github": Silent()}  # type: ignore[dict-item]  # it has all that the matcher uses
    harness.list_again()
    harness.change(1)
    harness.match()
    assert harness.rows(tables.query_candidate)[0].outcome == "no query to match"
    assert harness.rows(tables.key_result)[0].status == "partial"
    assert "queries of Silent are not evaluated yet" in harness.rows(tables.key_result)[0].explanation


def test_an_issue_that_fails_a_query_does_not_stop_the_others(harness: QueryHarness) -> None:
    """It is matched alone, and retried later."""
    harness.furnish()
    harness.list_again()

    def break_down() -> None:
        message = "a bug"
        raise ZeroDivisionError(message)

    def break_down_twice() -> None:
        harness.connector.meanwhile = break_down
        break_down()

    harness.connector.answers = {"1#1": True, "1#2": True}
    harness.connector.meanwhile = break_down_twice
    harness.change(1, 2)
    harness.match()
    first, second = harness.rows(tables.query_candidate)
    assert first.due_at is not None
    assert "a bug" in first.outcome
    assert second.outcome == "1 query asked, 1 finds it; asked once more later"
    assert harness.linked() == [SECOND]
