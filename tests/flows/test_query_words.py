"""The words of JQL are kept for an editor by a daily task, and an answer as to a stranger does not make them poorer."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from connectors.jira.query.vocabulary import TASK_NAME
from sync_service.progress.previews.query_words import QueryWords, query_words, refresh_words
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.tables.instant import EPOCH
from tests.flows.jql_harness import JqlHarness, open_jql_harness

pytestmark = pytest.mark.slow


@pytest.fixture
def jql(services: Services, *, data_center: bool) -> Iterator[JqlHarness]:
    """Yield the harness with Jira Cloud or Data Center."""
    with open_jql_harness(services, data_center=data_center) as made:
        yield made


def words_of(harness: JqlHarness) -> QueryWords:
    """Return the words that are known."""
    services = harness.services
    connection = services.connections.named("jira")
    assert connection is not None
    with reading(services.engine) as tx:
        return query_words(tx, services.connectors["jira"], connection)


def refresh(harness: JqlHarness) -> bool:
    """Want newer words, and drain."""
    services = harness.services
    connection = services.connections.named("jira")
    assert connection is not None
    with writing(services.engine) as tx:
        due = refresh_words(tx, services.connectors["jira"], connection, now=database_now(tx))
    harness.drain()
    return due


def run_later(harness: JqlHarness) -> None:
    """Let the last run be an hour ago."""
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.scheduled_task).values(ran_at=database_now(tx) - timedelta(hours=1)))


def test_the_words_are_kept_daily_and_come_with_known_values(jql: JqlHarness) -> None:
    """The task waits a day."""
    jql.make("Pay", "checkout")
    jql.furnish()
    (row,) = jql.rows(tables.scheduled_task, tables.scheduled_task.c.name == TASK_NAME)
    assert timedelta(hours=23) < jql.wait_of(row) <= timedelta(days=1)
    found = words_of(jql)
    assert found.vocabulary is not None
    assert found.outcome == f"{len(found.vocabulary.fields)} fields of JQL"
    assert found.values["labels"] == ["checkout"]
    assert "SHOP" in found.values["project"]


def test_newer_words_are_read_on_demand_and_not_all_the_time(jql: JqlHarness) -> None:
    """Once a minute at most."""
    jql.furnish()
    calls = jql.calls("/jql/autocompletedata")
    assert not refresh(jql)
    run_later(jql)
    assert refresh(jql)
    assert jql.calls("/jql/autocompletedata") == calls + 1


@pytest.mark.parametrize("names_callers", [True, False], ids=["a header says so", "no header"])
def test_an_expired_token_leaves_what_is_kept(services: Services, *, names_callers: bool) -> None:
    """A stranger sees no custom field."""
    with open_jql_harness(services, data_center=False) as jql:
        jql.jira.names_callers = names_callers
        jql.furnish()
        before = words_of(jql).vocabulary
        jql.jira.token_expired = True
        run_later(jql)
        assert refresh(jql)
        assert words_of(jql).vocabulary == before
        assert "as to a stranger" in str(jql.rows(tables.connection)[0].refused_reason)


def test_an_outage_leaves_what_is_kept(jql: JqlHarness) -> None:
    """And the task is tried again."""
    jql.furnish()
    before = words_of(jql).vocabulary
    with writing(jql.services.engine) as tx:
        tx.execute(
            sa.update(tables.scheduled_task).where(tables.scheduled_task.c.name == TASK_NAME).values(due_at=EPOCH)
        )
    jql.jira.rest.answer_next(503, times=5)
    jql.drain("scheduled_task")
    assert words_of(jql).vocabulary == before


def test_a_connector_without_words_has_none(jql: JqlHarness) -> None:
    """A third tracker needs not have them."""
    jql.furnish()
    connection = jql.services.connections.named("jira")
    assert connection is not None
    with writing(jql.services.engine) as tx:
        other = jql.services.connectors["github"]
        assert query_words(tx, object(), connection).vocabulary is None  # type: ignore[arg-type]
        assert not refresh_words(tx, other, connection, now=database_now(tx))
