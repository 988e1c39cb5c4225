"""Queries of a tracker that must be asked about each issue that changed, and whose index may lag."""

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
from tests.flows.fake_query_tracker import FINDS_FIRST, FIRST, QUERY, SECOND, FakeQueryTracker, Stage

pytestmark = pytest.mark.slow


class Counted:
    """Counts the statements about members and candidates meanwhile, however many rows each is about."""

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
def stage(services: Services) -> Stage:
    """Set the stage."""
    return Stage(services, FakeQueryTracker())


def test_an_issue_that_is_found_counts_at_once(stage: Stage) -> None:
    """One that is not found, and was not before, is nothing to do with us."""
    stage.furnish()
    stage.list_again()
    stage.connector.answers = {"1#1": True, "1#2": False}
    stage.change(1, 2)
    stage.match()
    assert stage.linked() == [FIRST]
    said = ["1 queries asked, 1 find it", "1 queries asked, 0 find it"]
    assert [row.outcome for row in stage.rows(tables.query_candidate)] == [
        f"{one}; asked once more later" for one in said
    ]
    assert 30 < stage.seconds(tables.query_candidate) <= INDEX_LAG.total_seconds()
    stage.ask_once_more()
    assert [row.outcome for row in stage.rows(tables.query_candidate)] == said
    assert all(row.settled_at for row in stage.rows(tables.query_candidate))
    assert stage.seconds(tables.query_listing) > 120


@pytest.mark.both_databases
def test_an_issue_that_is_not_found_is_asked_about_again_and_removed_by_the_listing_alone(stage: Stage) -> None:
    """The index may not know of the change yet."""
    stage.furnish()
    stage.connector.pages = [FINDS_FIRST]
    stage.list_again()
    assert stage.linked() == [FIRST]
    stage.connector.answers = {"1#1": False}
    stage.change(1)
    stage.match()
    assert stage.seconds(tables.query_listing) > 120
    stage.ask_once_more()
    assert stage.linked() == [FIRST]
    assert stage.seconds(tables.query_listing) <= 60
    stage.list_again()
    assert stage.linked() == []


def test_an_index_that_did_not_know_yet_is_believed_a_minute_later(stage: Stage) -> None:
    """An issue that began to match counts then, though no listing has shown it."""
    stage.furnish()
    stage.list_again()
    stage.connector.answers = {"1#1": False}
    stage.change(1)
    stage.match()
    assert stage.linked() == []
    stage.connector.answers = {"1#1": True}
    stage.ask_once_more()
    assert stage.linked() == [FIRST]


def test_an_issue_that_an_old_index_found_goes_with_the_listing_a_minute_later(stage: Stage) -> None:
    """A listing would not undo what was said just before; that it was wrong is said just after."""
    stage.furnish()
    stage.list_again()
    stage.connector.answers = {"1#1": True}
    stage.change(1)
    stage.match()
    stage.list_again()
    assert stage.linked() == [FIRST], "the index behind the listing may be the one that is late"
    assert stage.seconds(tables.query_listing) == pytest.approx(query_members.LAG.total_seconds(), abs=10)
    stage.connector.answers = {"1#1": False}
    stage.ask_once_more()
    assert stage.seconds(tables.query_listing) <= 60
    stage.list_again()
    assert stage.linked() == []
    assert stage.seconds(tables.query_listing) == pytest.approx(INTERVAL.total_seconds(), abs=60)


@pytest.mark.parametrize(("error", "wait"), [(Unavailable("busy"), 2), (Refused("no"), 3600)])
def test_a_tracker_in_trouble_is_asked_later(stage: Stage, error: ConnectorError, wait: int) -> None:
    """As everything does that asks; nothing is let go."""
    stage.furnish()
    stage.connector.pages = [FINDS_FIRST]
    stage.list_again()
    stage.connector.error = error
    stage.change(1)
    stage.match()
    assert stage.seconds(tables.query_candidate) == pytest.approx(wait, abs=wait / 2)
    assert stage.linked() == [FIRST]


def test_changes_leave_the_question_whether_a_connection_was_mended_to_the_listing(stage: Stage) -> None:
    """It may be asked once an hour alone, and an answer about an issue may be refused though all else works."""
    stage.furnish()
    stage.list_again()
    with writing(stage.services.engine) as tx:
        (connection,) = tx.scalars(sa.select(tables.connection.c.id))
        connections.refuse(tx, connection, reason="no")
        tx.execute(sa.update(tables.connection).values(retried_at=EPOCH))
    stage.services.connections.forget()
    stage.change(1, 2)
    stage.match()
    assert stage.connector.asked == []
    assert stage.seconds(tables.query_candidate) == pytest.approx(3600, abs=60)
    stage.list_again()
    assert stage.rows(tables.connection)[0].refused_at is None


def test_an_issue_that_changes_while_it_is_asked_about_is_asked_about_again(stage: Stage) -> None:
    """What was said of its neighbours is taken."""
    stage.furnish()
    stage.list_again()
    stage.connector.answers = {"1#1": True, "1#2": True}
    stage.change(1, 2)
    stage.connector.meanwhile = lambda: stage.change(1)
    stage.judging.drain()
    assert stage.linked() == [SECOND]
    stage.match()
    assert stage.linked() == [FIRST, SECOND]
    assert stage.connector.asked == [["1#1", "1#2"], ["1#1"]]


def test_an_answer_that_nobody_waits_for_any_more_changes_nothing(stage: Stage) -> None:
    """All issues of a batch changed meanwhile."""
    stage.furnish()
    stage.list_again()
    stage.connector.answers = {"1#1": True}
    stage.change(1)
    stage.connector.meanwhile = lambda: stage.change(1)
    stage.judging.drain()
    assert stage.rows(tables.query_member) == stage.rows(tables.link) == []
    (row,) = stage.rows(tables.query_candidate)
    assert (row.lease, row.attempts, row.outcome) == (None, 0, "")


def test_without_queries_or_credentials_nobody_is_asked(stage: Stage) -> None:
    """The rows settle; a listing says why it can't be made."""
    stage.furnish(token=None)
    stage.list_again()
    (row,) = stage.rows(tables.query_listing)
    assert row.incomplete_reason == "it can't be listed, since there are no credentials"
    stage.change(1)
    stage.match()
    with writing(stage.services.engine) as tx:
        tx.execute(sa.delete(tables.rule_revision))
    stage.change(2)
    stage.match()
    assert [row.outcome for row in stage.rows(tables.query_candidate)] == [
        "there are no credentials to call with",
        "no query to match",
    ]
    assert stage.connector.asked == []


@pytest.mark.parametrize("judges", [True, False])
def test_many_queries_take_no_more_statements_than_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, judges: bool
) -> None:
    """What they say of a batch is read once and written once."""
    monkeypatch.setattr(FakeQueryTracker, "evaluates_locally", judges)
    counts = []
    for more in (0, 4):
        stage.furnish(QUERY, *(f"{QUERY} label:l{number}" for number in range(more)))
        stage.list_again()
        stage.connector.answers = {"1#1": True, "1#2": False}
        for _ in range(2):
            stage.change(1, 2)
            with Counted(stage.services.engine) as counted:
                stage.judging.drain()
        counts.append(counted.statements)
    assert len({row.revision_id for row in stage.rows(tables.query_member)}) == 5
    assert counts[0] == counts[1]


class Silent:
    """Stands in for a connector that evaluates no queries."""

    title = "Silent"


def test_a_tracker_whose_queries_are_not_evaluated_says_so(stage: Stage) -> None:
    """Until a new version does; its issues are not asked about."""
    stage.furnish()
    stage.judging.connectors = {"github": Silent()}  # type: ignore[dict-item]  # as much of one as is asked for
    stage.list_again()
    stage.change(1)
    stage.match()
    assert stage.rows(tables.query_candidate)[0].outcome == "no query to match"
    assert stage.rows(tables.key_result)[0].status == "partial"
    assert "queries of Silent are not evaluated yet" in stage.rows(tables.key_result)[0].explanation


def test_an_issue_that_breaks_a_query_stops_none_of_its_neighbours(stage: Stage) -> None:
    """It is tried alone, and again later."""
    stage.furnish()
    stage.list_again()

    def break_down() -> None:
        message = "a bug"
        raise ZeroDivisionError(message)

    def break_down_twice() -> None:
        stage.connector.meanwhile = break_down
        break_down()

    stage.connector.answers = {"1#1": True, "1#2": True}
    stage.connector.meanwhile = break_down_twice
    stage.change(1, 2)
    stage.match()
    first, second = stage.rows(tables.query_candidate)
    assert first.due_at is not None
    assert "a bug" in first.outcome
    assert second.outcome == "1 queries asked, 1 find it; asked once more later"
    assert stage.linked() == [SECOND]
