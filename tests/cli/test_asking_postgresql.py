"""A PostgreSQL that asks for passwords: a wrong or missing one is said in a sentence, and never waited for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import read_settings
from sync_service.runtime import wiring
from sync_service.web.app import create_app
from tests.cli.conftest import Run
from tests.cli.found_findings import parse_findings
from tests.support.asking_postgres import PASSWORD, AskingPostgres, asking_postgres

pytestmark = pytest.mark.slow

WRONG = "s3kr1t w@rd"


@pytest.fixture(scope="module")
def asking() -> Iterator[AskingPostgres]:
    """Yield the server."""
    with asking_postgres(Path(os.environ["TESTS_RUN_DIRECTORY"]) / f"asking-{os.getpid()}") as server:
        yield server


@pytest.fixture(autouse=True)
def secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what every command needs."""
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", "k" * 40)


REFUSALS = {
    WRONG: ('password authentication failed for user "okr"', "correct the user name and password in DATABASE_URL"),
    "": ("no password supplied", "add the password to DATABASE_URL"),
}


@pytest.mark.parametrize("given", REFUSALS, ids=["wrong", "missing"])
@pytest.mark.parametrize("command", ["migrate", "worker", "clock", "status", "up"])
def test_a_password_that_is_refused_ends_a_command_with_a_sentence(
    run: Run, asking: AskingPostgres, monkeypatch: pytest.MonkeyPatch, command: str, given: str
) -> None:
    """One line, without the password; it says what to do."""
    monkeypatch.setenv("DATABASE_URL", asking.url(given))
    result = run(command)
    assert result.exit_code == 1
    (line,) = [one for one in result.stderr.splitlines() if one.startswith("Error")]
    assert line.startswith("Error: the database refuses the password: ")
    for words in REFUSALS[given]:
        assert words in line
    assert not given or given not in result.output + result.stderr
    for words in ("Traceback", "waiting for it"):
        assert words not in result.output + result.stderr


def test_doctor_says_that_the_password_is_refused(
    run: Run, asking: AskingPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the finding about the database."""
    monkeypatch.setenv("DATABASE_URL", asking.url(WRONG))
    result = run("doctor", "--json")
    finding = parse_findings(result)["database"]["database"]
    assert finding["well"] is False
    assert finding["says"].startswith("refuses the password: ")
    assert WRONG not in result.output


def test_the_right_password_works_and_a_change_of_it_is_said_until_it_is_right_again(
    run: Run, asking: AskingPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A running service that loses its connections then is not ready; it needs no restart."""
    monkeypatch.setenv("DATABASE_URL", asking.url())
    assert run("migrate").exit_code == 0
    services = wiring.build(read_settings())
    client = create_app(services).test_client()
    try:
        assert client.get("/readyz").status_code == 200
        asking.change_password(WRONG)
        services.engine.dispose()
        answer = client.get("/readyz")
        assert (answer.status_code, answer.get_json()["database"]) == (503, "refuses our password (OperationalError)")
        asking.change_password(PASSWORD)
        assert client.get("/readyz").status_code == 200
    finally:
        services.engine.dispose()
