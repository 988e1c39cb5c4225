"""A forecast of ten thousand links takes as many statements as one of a few."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.domain.forecasts.goal import Position
from sync_service.domain.trackers.observations import State
from sync_service.progress.forecasts.compute_forecast import compute_forecast
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import key_results
from tests.flows.forecast_harness import BEGAN, DAY, TODAY
from tests.support.fake_tracker import CoreHarness, open_core_harness

pytestmark = pytest.mark.slow

WEEKS = 12


@pytest.fixture
def core(migrated_url: str) -> Iterator[CoreHarness]:
    """Yield a harness on either database."""
    made = open_core_harness(migrated_url, now=BEGAN)
    yield made
    made.engine.dispose()


def link_many(core: CoreHarness, key_result_id: int, links: int) -> None:
    """Link issues, half of them done, as many in each week."""
    created, first = TODAY - 100 * DAY, TODAY - timedelta(weeks=WEEKS)
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(earlier="import"))
        rows: list[dict[str, Any]] = []
        for number in range(links):
            done = number < links // 2
            closed = first + timedelta(weeks=number % WEEKS) - DAY if done else None
            rows.append(
                {
                    "connection_id": core.connection_id,
                    "scope_id": core.scope_id,
                    "identity": f"{key_result_id}#{number}",
                    "key": f"a#{number}",
                    "kind": "issue",
                    "title": "Pay",
                    "state": State.DONE if done else State.TODO,
                    "labels": [],
                    "assignees": [],
                    "created_at": created,
                    "closed_at": closed,
                    "updated_at": closed or created,
                }
            )
        ids = tx.execute(sa.insert(tables.issue).returning(tables.issue.c.id), rows).scalars().all()
        linked = {"key_result_id": key_result_id, "origin": "manual", "weight": 1.0}
        tx.execute(sa.insert(tables.link), [{**linked, "issue_id": one, "source": one} for one in ids])
        key_results.recompute(tx, [key_result_id])
    core.drain()


def test_a_forecast_of_ten_thousand_links_takes_no_more_statements(core: CoreHarness) -> None:
    """And counts each of them in its week."""
    core.now = TODAY
    taken = {}
    for links in (24, 10_000):
        id_ = core.key_result(f"KR-{links}", kind="done-share", target=80)
        link_many(core, id_, links)
        statements: list[str] = []
        with reading(core.engine) as tx:
            sa.event.listen(tx, "before_cursor_execute", lambda *one, kept=statements: kept.append(one[2]))
            found = compute_forecast(tx, id_, core.now)
        taken[links] = len(statements)
        assert found is not None
        assert found.forecast.enough
        assert {one.done for one in found.basis.weeks} <= {links // 2 // WEEKS, links // 2 // WEEKS + 1}
        assert found.basis.position == Position.of(links // 2, links)
    assert taken[24] == taken[10_000]
