"""The whole sum of a value, now and at a past time, from the recorded inputs."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync_service.progress.explanation import Explanation, explain_value
from sync_service.store import tables
from sync_service.store.engine.database import reading
from tests.flows.issue_factory import done, issue
from tests.support.fake_tracker import CoreHarness


def explained(core: CoreHarness, *, ago: timedelta = timedelta(0)) -> Explanation | None:
    """Explain the key result's value at a time."""
    with reading(core.engine) as tx:
        return explain_value(tx, core.key_result_row().id, core.now - ago)


def test_the_sum_is_the_one_of_that_time(core: CoreHarness) -> None:
    """One of two was done an hour ago; both are now."""
    core.receive_and_drain(done(1, 0), issue(2, 0))
    core.now += timedelta(hours=1)
    core.receive_and_drain(done(2, 5))
    now, before = explained(core), explained(core, ago=timedelta(minutes=1))
    assert now
    assert before
    assert (before.value, now.value) == (50, 100)
    adds = {line.issue: line.adds for line in before.lines if line.issue}
    assert adds == {"acme/checkout#1": 1, "acme/checkout#2": 0}
    assert before.lines[-1].text.endswith("1 / 2 = 50: 1 of 2 issues done")
    assert now.last_change
    assert [cause.what for cause in now.last_change.causes] == ["closed as done"]
    assert explained(core, ago=timedelta(days=1)) is None


@pytest.mark.both_databases
def test_an_issue_that_was_deleted_since_still_has_its_line(core: CoreHarness) -> None:
    """Its row went with the connection; what it added is kept in the history."""
    core.receive_and_drain(done(1, 0), issue(2, 0))
    with core.engine.begin() as tx:
        tx.execute(sa.delete(tables.issue).where(tables.issue.c.key == "acme/checkout#1"))
    found = explained(core)
    assert found
    assert [(line.issue, line.adds) for line in found.lines[:2]] == [(None, 1), ("acme/checkout#2", 0)]
