"""Fixtures: run the command in an empty directory with an empty environment."""

import logging
import os
import shutil
import sys
import threading
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
    """Change to an empty directory with one configuration file, and set only the secrets that it needs."""
    for name in list(os.environ):
        if name in known_names() or name.startswith("OKR_SYNC_"):
            monkeypatch.delenv(name)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "okrs.yaml").write_text(EXAMPLE)
    return tmp_path


@pytest.fixture(autouse=True)
def own_umask() -> Iterator[None]:
    """Set the usual umask, which lets others read, and restore the test runner's after a command changed it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def own_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore what a command replaces: the hooks that print errors which nobody catches."""
    for module, name in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(module, name, getattr(module, name))


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Restore logging after a command that redirects it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def run() -> Run:
    """Return a function that runs a command line. The result separates output and errors."""

    def run_it(*words: str) -> Result:
        result = CliRunner().invoke(main, list(words), prog_name="okr-sync")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run_it


@pytest.fixture(scope="session")
def applied_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the data directory that `applied` copies."""
    return tmp_path_factory.mktemp("applied") / "var"


@pytest.fixture
def applied(run: Run, directory: Path, applied_copy: Path) -> None:
    """Apply the configuration file: the first time by the command, later by a copy."""
    if applied_copy.exists():
        shutil.copytree(applied_copy, directory / "var")
        return
    assert run("migrate").exit_code == 0
    assert run("apply", "okrs.yaml").exit_code == 0
    shutil.copytree(directory / "var", applied_copy)


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
