"""The commands proposal, override and resume, and what explain shows then."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.cli.times import ahead
from sync_service.store import tables as t
from sync_service.store.engine.database import open_database, reading, writing
from sync_service.store.people.audit import entries
from tests.cli.conftest import Run

NOW = datetime.now(UTC).replace(microsecond=0)
MADRID = ZoneInfo("Europe/Madrid")


@pytest.fixture
def engine(applied: None, directory: Path) -> Iterator[Engine]:
    """Yield the command's database in which 50 is proposed where 25 was accepted."""
    opened = open_database(f"sqlite:///{directory / 'var' / 'okr-sync.db'}")
    waiting: dict[str, Any] = {"value": 50, "since": NOW.isoformat(), "causes": [], "parts": [], "decision": "waiting"}
    columns = {"measure": {"kind": "manual"}, "apply": "propose", "current": 25, "computed": 50, "proposed": waiting}
    cycle = {"starts_at": NOW - timedelta(days=30), "ends_at": NOW + timedelta(days=60)}
    with writing(opened) as tx:
        tx.execute(sa.update(t.cycle).values(cycle))
        tx.execute(sa.update(t.key_result).where(t.key_result.c.slug == "KR-1").values(columns))
        kr = sa.select(t.key_result.c.id).where(t.key_result.c.slug == "KR-1").scalar_subquery()
        tx.execute(sa.insert(t.check_in).values(key_result_id=kr, at=NOW, value=50))
    yield opened
    opened.dispose()


def last_audited(engine: Engine) -> tuple[str, str]:
    """Return the newest entry of the audit log: who did what."""
    with reading(engine) as tx:
        newest = entries(tx, limit=1)[0]
    return newest.actor, newest.what


def test_a_proposed_value_is_explained_and_accepted(run: Run, engine: Engine) -> None:
    """Applied, computed and proposed, each on its line; the history says who accepted it."""
    text = run("explain", "KR-1").stdout
    assert "  value      25 %" in text.replace("\u202f", " ")
    assert "  computed   50 %" in text.replace("\u202f", " ")
    assert "  proposed   50\u202f% since" in text
    accepted = run("proposal", "kr-1", "accept", "--word", "agreed")
    assert accepted.stdout == "KR-1: 50\u202f% applies\n"
    actor, what = last_audited(engine)
    assert actor.endswith(", by okr-sync proposal")
    assert what == "KR-1: proposed value 50 accepted: agreed"
    report = json.loads(run("explain", "KR-1", "--json").stdout)
    assert (report["current"], report["computed"], report["proposed"]) == (50, 50, None)
    assert report["history"][0]["causes"][-1]["what"] == "proposed value 50 accepted: agreed"


def test_a_declined_value_stays_declined(run: Run, engine: Engine) -> None:
    """The explanation says so."""
    assert run("proposal", "KR-1", "decline").stdout == "KR-1: 25\u202f% applies; 50 was declined, so 25 stays\n"
    again = run("proposal", "KR-1", "accept")
    assert again.exit_code == 1
    assert again.stderr == "Error: KR-1 has no proposed value that waits\n"


@pytest.mark.slow
def test_an_override_is_explained_and_resumed(run: Run, engine: Engine) -> None:
    """Its sum is still the computed one; the last line says what applies and why."""
    made = run("override", "KR-1", "80", "--until", "change")
    assert "KR-1: 80\u202f% applies; overridden with 80 by " in made.stdout
    text = run("explain", "KR-1").stdout
    assert "  override   80\u202f% by " in text
    assert " until the computed value changes" in text
    assert "        80  applies: overridden with 80 by " in text
    assert "50: " in text
    past = run("explain", "KR-1", "--at", f"{datetime.now(UTC):%Y-%m-%d}").stdout
    assert "  computed   50\u202f%" in past
    assert "  applied    overridden with 80 by " in past
    assert run("resume", "KR-1").stdout.startswith("KR-1: 25\u202f% applies; 50 is proposed since")
    ended = run("resume", "KR-1")
    assert (ended.exit_code, ended.stderr) == (1, "Error: KR-1 has no override to end\n")


def test_an_override_may_be_negative_and_end_by_itself(run: Run, engine: Engine) -> None:
    """A number that begins with a minus is no option."""
    assert run("override", "KR-1", "-5", "--until", "7d").stdout.startswith("KR-1: \u22125\u202f% applies; overridden")
    with reading(engine) as tx:
        stored = tx.scalar(sa.select(t.key_result.c.override).where(t.key_result.c.slug == "KR-1"))
    assert stored
    assert timedelta(days=6) < datetime.fromisoformat(stored["until"]) - NOW < timedelta(days=8)


@pytest.mark.slow
def test_a_decision_that_makes_no_sense_is_refused(run: Run, engine: Engine) -> None:
    """In words, and nothing changes."""
    assert "did you mean KR-1?" in run("override", "KR-11", "80").stderr
    assert "is not a time" in run("override", "KR-1", "80", "--until", "soon").stderr
    assert "in the past" in run("override", "KR-1", "80", "--until", "2020-01-01").stderr
    for far in ("9999-12-31", "99999d"):
        assert "more than ten years" in run("override", "KR-1", "80", "--until", far).stderr
    assert "'maybe' is not one of" in run("proposal", "KR-1", "maybe").stderr
    with reading(engine) as tx:
        assert tx.scalar(sa.select(t.key_result.c.override).where(t.key_result.c.slug == "KR-1")) is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-30", "2026-12-01T00:00+01:00"),
        ("2026-11-30T18:00", "2026-11-30T18:00+01:00"),
        ("2026-11-30T18:00Z", "2026-11-30T18:00+00:00"),
        ("90m", "2026-11-20T10:30+00:00"),
    ],
)
def test_a_time_to_come_is_read(written: str, expected: str) -> None:
    """A day ends at its midnight, a length begins now."""
    now = datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert ahead(written, now, MADRID, option="--until") == datetime.fromisoformat(expected)


def test_no_time_to_come_is_read_from_other_words() -> None:
    """The option is named."""
    with pytest.raises(click.UsageError, match="--until"):
        ahead("soon", NOW, MADRID, option="--until")
