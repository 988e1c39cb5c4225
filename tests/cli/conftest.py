"""The command in an empty directory, with nothing set but what a test sets."""

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from config.settings import known_names
from sync_service.cli import main
from tests.config_file.files import EXAMPLE, SECRETS
from tests.support.servers import PostgresDatabases

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Work in an empty directory that holds one configuration file; only its secrets are set."""
    for name in list(os.environ):
        if name in known_names() or name.startswith("OKR_SYNC_"):
            monkeypatch.delenv(name)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "okrs.yaml").write_text(EXAMPLE)
    return tmp_path


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Put the log back that the command sends to streams of its own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def run() -> Run:
    """Run a command line; its output and its errors come apart."""

    def run_it(*words: str) -> Result:
        result = CliRunner().invoke(main, list(words), prog_name="okr-sync")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run_it


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give where the data directory is kept that `applied` copies."""
    return tmp_path_factory.mktemp("applied") / "var"


@pytest.fixture
def applied(run: Run, directory: Path, kept: Path) -> None:
    """Have the configuration file applied: the first time by the command, and from then on as a copy."""
    if kept.exists():
        shutil.copytree(kept, directory / "var")
        return
    assert run("migrate").exit_code == 0
    assert run("apply", "okrs.yaml").exit_code == 0
    shutil.copytree(directory / "var", kept)


@pytest.fixture(params=["sqlite", "postgresql"])
def either_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use the SQLite file of the data directory, then a PostgreSQL database."""
    if request.param == "sqlite":
        yield
        return
    databases: PostgresDatabases = request.getfixturevalue("postgres")
    monkeypatch.setenv("DATABASE_URL", databases.empty())
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", "k" * 40)
    yield
    databases.drop()
