"""Commands on SQLite wait their turn to write, say what they wait for, and say so when they waited in vain."""

from pathlib import Path

import pytest

from config.settings import read_settings
from sync_service.cli import startup
from sync_service.store.engine import sqlite, write_queue
from sync_service.store.engine.database import open_database, writing
from tests.cli.conftest import Run

pytestmark = pytest.mark.slow

HOLDER = "okr-sync worker 3 (process 4712)"


@pytest.mark.parametrize(
    "words",
    [
        ("token", "create", "--name", "ci", "--role", "viewer"),
        ("apply", "okrs.yaml"),
        ("replay", "--buried"),
        ("first-admin",),
    ],
    ids=lambda words: words[0],
)
def test_a_command_says_which_process_it_waits_for(
    run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """First in the log, while it waits; then as its error, with the exit code of a refusal."""
    del directory
    assert run("migrate").exit_code == 0
    monkeypatch.setattr(startup, "WRITE_SECONDS", 0.1)
    monkeypatch.setattr(write_queue, "SAY_SECONDS", 0.0)
    monkeypatch.setattr(sqlite, "TRY_SECONDS", 0.01)
    monkeypatch.setattr(write_queue, "process_name", lambda: HOLDER)
    engine = open_database(read_settings().database_url)
    with writing(engine):
        result = run(*words)
    engine.dispose()
    assert result.exit_code == 1
    assert "waiting to write to the database" in result.stderr
    assert f"the database is busy: waited 0.1 s for the turn to write to the database, at last for {HOLDER}" in (
        result.stderr
    )
    assert run(*words).exit_code == 0
