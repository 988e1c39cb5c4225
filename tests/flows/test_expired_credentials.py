"""An expired token moves no number: Jira Cloud answers it as it answers a stranger."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from simulator import Jira
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from tests.flows.harness import clock_of
from tests.flows.jql_harness import JqlHarness, open_jql_harness
from tests.flows.test_jira_poll_scopes import JiraPollHarness

pytestmark = pytest.mark.slow


@pytest.fixture(params=[True, False], ids=["a header says so", "no header"])
def jql(request: pytest.FixtureRequest, services: Services) -> Iterator[JqlHarness]:
    """Yield a harness with a JQL rule whose site names callers, or does not."""
    with open_jql_harness(services, data_center=False) as made:
        made.jira.names_callers = request.param
        yield made


def test_a_listing_with_an_expired_token_removes_no_member(jql: JqlHarness) -> None:
    """The value stays, and the connection says why it no longer moves."""
    jql.furnish()
    jql.make("Pay", "checkout")
    jql.list_now()
    assert jql.value() == 0
    jql.jira.token_expired = True
    jql.list_later()
    assert (jql.value(), len(jql.linked())) == (0, 1)
    assert "as to a stranger" in str(jql.rows(tables.connection)[0].refused_reason)


def test_webhooks_after_a_restart_with_an_expired_token_take_away_no_points(services: Services) -> None:
    """The restarted worker does not know the fields, and the fetch that would find them is refused."""
    clock = clock_of(timedelta(days=1))
    with Jira(clock=clock) as site:
        harness = JiraPollHarness(services, site, clock)
        harness.jira.add_hook(url="http://127.0.0.1:9/hooks/jira", secret="hush-hush")
        pay = harness.shop.create_issue("Pay", labels=["checkout"], points=8)
        harness.furnish()
        harness.poll_now()
        assert harness.rows(tables.issue)[0].points == 8
        site.token_expired = True
        services.connectors["jira"]._catalogues._cached.clear()  # type: ignore[attr-defined]
        clock.step(60)
        pay.edit(summary="Pay by card")
        harness.receive_webhooks()
        harness.drain()
        row = harness.rows(tables.issue)[0]
        assert (row.title, row.points) == ("Pay by card", 8)
        assert "as to a stranger" in str(harness.rows(tables.connection)[0].refused_reason)


def test_a_member_that_the_credentials_may_no_longer_see_stays(jql: JqlHarness) -> None:
    """A listing leaves it out as it leaves out one that no longer matches; the key result says which it is."""
    jql.furnish()
    hidden, leaving, staying = (jql.make(title, "checkout") for title in ("Hidden", "Leaving", "Staying"))
    jql.list_now()
    jql.jira.hide(hidden)
    leaving.unlabel("checkout")
    jql.list_later()
    assert jql.linked() == [hidden.key, staying.key]
    reason = jql.rows(tables.query_listing)[0].incomplete_reason
    assert reason == f"{hidden.key} can't be seen with these credentials any more, so membership stays as it was"
    jql.jira.hidden_ids.clear()
    hidden.unlabel("checkout")
    jql.list_later()
    assert jql.linked() == [staying.key]
    assert jql.rows(tables.query_listing)[0].incomplete_reason is None
