"""Starting on PostgreSQL: a server that does not fit is refused in a sentence, one that is not up yet is waited for."""

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from tests.cli.conftest import Run
from tests.cli.found_findings import parse_findings
from tests.support.migrated_database import prepare
from tests.support.pgbouncer import PGBOUNCER, behind, pgbouncer
from tests.support.servers import PostgresDatabases
from tests.support.skip_guard import PGBOUNCER_IS_ABSENT, find_program


@pytest.fixture
def server(postgres: PostgresDatabases, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresDatabases]:
    """Yield PostgreSQL, and drop the databases of the test."""
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", "k" * 40)
    yield postgres
    postgres.drop()


@pytest.fixture
def weak_role(server: PostgresDatabases) -> Iterator[str]:
    """Yield a role that may sign in and nothing else."""
    name = f"weak_{uuid.uuid4().hex}"
    execute(server.server, sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'sesame'").format(sql.Identifier(name)))
    yield name
    server.drop()
    execute(server.server, sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def execute(server: str, command: sql.Composed | str) -> None:
    """Run a command that no transaction may contain."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(command if isinstance(command, sql.Composed) else sql.SQL(command))


def as_role(url: str, role: str) -> str:
    """Return the URL of the database for another role."""
    return make_url(url).set(username=role, password="sesame").render_as_string(hide_password=False)


def in_database(url: str, command: str) -> None:
    """Run a command as the owner."""
    execute(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False), command)


def refusals(run: Run, url: str, monkeypatch: pytest.MonkeyPatch, what: str) -> Iterator[str]:
    """Yield what `migrate` prints, and the finding of `doctor` with what to do."""
    monkeypatch.setenv("DATABASE_URL", url)
    result = run("migrate")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    yield result.stderr
    finding = parse_findings(run("doctor", "--json"))["database"][what]
    assert finding["well"] is False
    yield f"{finding['says']}; {finding['mend']}"


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_can_not_hold_every_text_is_refused(
    run: Run, server: PostgresDatabases, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """In LATIN1 and SQL_ASCII the first title in another script would stop everything."""
    name = f"okr_{uuid.uuid4().hex}"
    command = "CREATE DATABASE {} ENCODING {} LOCALE 'C' TEMPLATE template0"
    execute(server.server, sql.SQL(command).format(sql.Identifier(name), sql.Literal(encoding)))
    server.created.append(name)
    for text in refusals(run, server._url(name), monkeypatch, "encoding"):
        assert f"has the encoding {encoding}" in text
        assert "ENCODING 'UTF8'" in text


def test_a_missing_right_to_create_tables_is_a_sentence(
    run: Run, server: PostgresDatabases, weak_role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since PostgreSQL 15 only the owner of a database may create in `public`."""
    url = server.empty()
    in_database(url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    for text in refusals(run, as_role(url, weak_role), monkeypatch, "rights"):
        assert f'GRANT CREATE ON SCHEMA "public" TO "{weak_role}"' in text
        assert "sesame" not in text


def test_a_search_path_without_a_schema_is_a_sentence(
    run: Run, server: PostgresDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as after `DROP SCHEMA public`."""
    url = server.empty()
    in_database(url, "DROP SCHEMA public")
    for text in refusals(run, url, monkeypatch, "rights"):
        assert "no schema of the search path" in text


def test_a_database_that_takes_no_changes_is_refused(
    run: Run, server: PostgresDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica does not either."""
    url = server.empty()
    command = f'ALTER DATABASE "{make_url(url).database}" SET default_transaction_read_only = on'
    in_database(url, command)
    for text in refusals(run, url, monkeypatch, "rights"):
        assert "takes no changes" in text


@pytest.mark.slow
def test_tables_of_another_role_are_reported_at_the_start(
    run: Run, server: PostgresDatabases, weak_role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema is there, but every statement would fail."""
    url = server.prepared(prepare)
    in_database(url, f'GRANT SELECT ON alembic_version TO "{weak_role}"')
    monkeypatch.setenv("DATABASE_URL", as_role(url, weak_role))
    for command in ("status", "worker", "clock", "web", "migrate"):
        result = run(command)
        assert result.exit_code == 1
        assert "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES" in result.stderr
    in_database(url, f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{weak_role}"')
    in_database(url, f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "{weak_role}"')
    assert run("status").exit_code == 0
    found = parse_findings(run("doctor", "--json"))["database"]
    assert found["rights"]["says"] == f"the role '{weak_role}' may read and change our tables"
    assert found["pooling"]["says"] == "a direct connection"


@pytest.mark.slow
@pytest.mark.skipif(find_program(PGBOUNCER) is None, reason=PGBOUNCER_IS_ABSENT)
def test_doctor_names_a_pooler_and_what_it_does_not_allow(
    run: Run, server: PostgresDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PgBouncer works by transactions and sessions, but not by statements."""
    with pgbouncer(server.server) as port:
        monkeypatch.setenv("DATABASE_URL", behind(server.empty(), port))
        assert run("migrate").exit_code == 0
        assert run("apply", "okrs.yaml").exit_code == 0
        found = parse_findings(run("doctor", "--json"))["database"]
        assert "by way of a pooler" in found["pooling"]["says"]
        assert found["encoding"]["says"] == "UTF8"
        monkeypatch.setenv("DATABASE_URL", behind(server.empty(), port, options="-c search_path=okr"))
        assert "ignore_startup_parameters" in run("migrate").stderr
    with pgbouncer(server.server, pool_mode="statement") as port:
        monkeypatch.setenv("DATABASE_URL", behind(server.empty(), port))
        assert "set pool_mode = transaction" in run("migrate").stderr


@pytest.mark.slow
@pytest.mark.parametrize("option", ["prepare_threshold=0", "prepare_threshold=none", "connect_timeout=3"])
def test_an_option_in_the_address_is_obeyed(
    run: Run, server: PostgresDatabases, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """The address is all text, and psycopg wants numbers."""
    url = server.empty()
    monkeypatch.setenv("DATABASE_URL", f"{url}{'&' if '?' in url else '?'}{option}")
    assert run("migrate").exit_code == 0
    assert run("status").exit_code == 0


@pytest.mark.slow
def test_a_server_that_is_not_up_yet_is_waited_for_and_a_line_says_so(
    run: Run, server: PostgresDatabases, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A machine starts its services in any order. The socket appears while the command waits."""
    url = make_url(server.empty())
    sockets = conninfo_to_dict(server.server).get("host") or os.environ.get("PGHOST", "")
    later = tmp_path / "sockets"
    url = url.update_query_dict({"host": str(later)})
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    monkeypatch.setattr(time, "sleep", lambda _: later.symlink_to(str(sockets)))
    result = run("migrate")
    assert result.exit_code == 0
    assert result.stderr.count("the database is not up yet; waiting for it") == 1


def test_a_server_that_refuses_us_is_not_waited_for(
    run: Run, server: PostgresDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting does not create a database."""
    url = make_url(server.empty()).set(database="there_is_none").render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waited"))
    assert "does not exist" in run("migrate").stderr


def test_a_server_that_never_comes_up_ends_the_start(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends with the reason, and what started it may try again."""
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", "k" * 40)
    monkeypatch.setenv("DATABASE_URL", "postgresql://okr:sesame@127.0.0.1:1/okr")
    monkeypatch.setattr("sync_service.cli.startup.DATABASE_SECONDS", 0.0)
    result = run("worker")
    assert result.exit_code == 1
    assert "the database does not answer" in result.stderr
    assert "sesame" not in result.stderr
