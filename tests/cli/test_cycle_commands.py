"""The commands cycle close, settle and refreeze."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.store import tables as t
from sync_service.store.engine.database import open_database, writing
from tests.cli.conftest import Run

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def cycle(applied: None, directory: Path) -> Iterator[str]:
    """Yield the slug of a cycle that is over, whose one key result with data reached its target."""
    engine: Engine = open_database(f"sqlite:///{directory / 'var' / 'okr-sync.db'}")
    times = {"starts": (NOW - timedelta(days=90)).date(), "ends": (NOW - timedelta(days=6)).date()}
    with writing(engine) as tx:
        tx.execute(sa.update(t.cycle).values(times))
        tx.execute(sa.update(t.key_result).values(measure={"kind": "manual"}))
        kr = tx.execute(sa.select(t.key_result.c.id, t.key_result.c.target).where(t.key_result.c.slug == "KR-1")).one()
        tx.execute(sa.insert(t.check_in).values(key_result_id=kr.id, at=NOW - timedelta(days=5), value=kr.target))
        slug = tx.scalar(
            sa.select(t.cycle.c.slug)
            .join(t.objective, t.objective.c.cycle_id == t.cycle.c.id)
            .join(t.key_result, t.key_result.c.objective_id == t.objective.c.id)
            .where(t.key_result.c.id == kr.id)
        )
    yield str(slug)
    engine.dispose()


@pytest.mark.slow
def test_a_cycle_is_closed_and_settled(run: Run, cycle: str) -> None:
    """The proposed outcome first; what has no data is named."""
    assert "achieved" not in run("cycle", "close", cycle, "--preview").stdout
    closed = run("cycle", "close", cycle)
    assert "score 100\u202f%, achieved (proposed)" in closed.stdout
    settled = run("cycle", "settle", cycle)
    assert "score 100\u202f%, achieved (settled)" in settled.stdout
    assert "no data, so nothing is proposed" in settled.stderr
    dropped = run("cycle", "settle", cycle, "KR-1", "--outcome", "dropped")
    assert "score 100\u202f%, dropped (settled)" in dropped.stdout


def test_what_can_not_be_done_is_said(run: Run, cycle: str) -> None:
    """In words, with exit code 1; a wrong use with 2."""
    assert run("cycle", "refreeze", cycle).stderr.startswith("Error: nothing became final stale or partly seen")
    assert run("cycle", "close", "2030-q1").stderr == "Error: there is no cycle '2030-q1'\n"
    assert run("cycle", "settle", cycle, "KR-99").stderr.endswith("has no key result 'KR-99'\n")
    assert run("cycle", "settle", cycle, "--outcome", "missed").exit_code == 2
