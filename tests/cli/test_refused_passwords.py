"""Passwords that PostgreSQL or Valkey refuse are in no log, error, traceback or answer."""

import logging
import uuid
from collections.abc import Iterator

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy import make_url

from config import logging as config_logging
from config.settings import read_settings
from sync_service.runtime import wiring
from sync_service.web.app import create_app
from tests.cli.conftest import Run
from tests.cli.test_passwords_in_addresses import COMMANDS, ESCAPED, log_everything, secret_forms
from tests.support.migrated_database import prepare
from tests.support.servers import PostgresDatabases

RIGHT = "open sesame"


@pytest.fixture(autouse=True)
def everything_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Print as much as a command can print."""
    log_everything(monkeypatch)
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", "k" * 40)


@pytest.fixture
def refusing_postgres(postgres: PostgresDatabases) -> Iterator[str]:
    """Yield the address of a database of a role that may not sign in, with a password."""
    url = make_url(postgres.prepared(prepare))
    with psycopg.connect(postgres.server, autocommit=True) as connection:
        owner = sql.Identifier(f"locked_{uuid.uuid4().hex}")
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN PASSWORD 'sesame'").format(owner))
        yield with_password(url.render_as_string(hide_password=False), owner.as_string(connection).strip('"'))
        postgres.drop()
        connection.execute(sql.SQL("DROP ROLE {}").format(owner))


def with_password(url: str, user: str) -> str:
    """Return the address for another user, with the wrong password as a person would escape it."""
    parsed = make_url(url).set(username=user, password="WRONG")
    return parsed.render_as_string(hide_password=False).replace("WRONG", ESCAPED)


@pytest.fixture
def refusing_valkey(redis_url: str) -> Iterator[str]:
    """Yield the address of a Valkey with another password; sign in with a user, for its socket is shared."""
    user = f"u{uuid.uuid4().hex}"
    with redis.Redis.from_url(redis_url) as client:
        client.acl_setuser(user, enabled=True, passwords=[f"+{RIGHT}"], commands=["+@all"], keys=["*"])
        yield redis_url.replace("unix://", f"unix://{user}:{ESCAPED}@").replace(
            "redis://", f"redis://{user}:{ESCAPED}@"
        )
        client.acl_deluser(user)


def check_commands(run: Run) -> str:
    """Run the commands, return what they print, and refuse any form of the password in it."""
    printed = ""
    for words in COMMANDS:
        result = run(*words)
        printed += result.stdout + result.stderr
    assert [one for one in secret_forms() if one in printed] == [], printed
    return printed


@pytest.mark.slow
def test_a_password_that_postgresql_refuses_is_printed_by_no_command(
    run: Run, refusing_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's own words are. It refuses the role: the tests' server trusts every password."""
    monkeypatch.setenv("DATABASE_URL", refusing_postgres)
    assert "is not permitted to log in" in check_commands(run)


@pytest.mark.slow
def test_a_password_that_valkey_refuses_is_printed_by_no_command(
    run: Run, refusing_valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that can't sign in logs the error with its traceback."""
    assert run("migrate").exit_code == 0
    monkeypatch.setenv("REDIS_URL", refusing_valkey)
    assert "AuthenticationError" in check_commands(run)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "status"), [("DATABASE_URL", 503), ("REDIS_URL", 200)])
def test_readyz_answers_without_the_password_that_a_server_refuses(
    request: pytest.FixtureRequest,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
    status: int,
) -> None:
    """It is open to everybody."""
    address: str = request.getfixturevalue("refusing_postgres" if name == "DATABASE_URL" else "refusing_valkey")
    assert run("migrate").exit_code == 0
    monkeypatch.setenv(name, address)
    config_logging.set_up_logging("json", level=logging.DEBUG)
    services = wiring.build(read_settings())
    try:
        answer = create_app(services).test_client().get("/readyz")
    finally:
        services.engine.dispose()
    printed = answer.get_data(as_text=True) + str(answer.headers) + "".join(capfd.readouterr())
    assert (answer.status_code, "does not answer" in printed) == (status, True)
    assert [one for one in secret_forms() if one in printed] == []
