"""Command line errors: what a person can fix is one clear line with exit code 1, and no traceback."""

import socket
from pathlib import Path

import pytest
import sqlalchemy as sa

import sync_service
from sync_service.store import tables as t
from sync_service.store.engine.database import open_database, writing
from tests.cli.conftest import Run


def test_reading_does_not_create_a_missing_database(run: Run, directory: Path) -> None:
    """The line says which command to run."""
    result = run("status")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "run okr-sync up or okr-sync migrate" in result.stderr
    assert [path.name for path in directory.iterdir()] == ["okrs.yaml"]


@pytest.mark.parametrize("command", ["status", "web", "worker", "clock", "export"])
def test_a_database_of_another_version_is_not_used(run: Run, directory: Path, command: str) -> None:
    """Neither for reading nor for running."""
    (directory / "var").mkdir()
    (directory / "var" / "okr-sync.db").touch()
    result = run(command)
    assert result.exit_code == 1
    assert result.stderr.endswith("Error: the database has another version's schema; run okr-sync migrate\n")


def test_an_unreachable_database_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, without the password."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://okr:hush@127.0.0.1:1/okr")
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", "k" * 40)
    result = run("status")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the database does not answer: ")
    assert "hush" not in result.stderr


def test_invalid_settings_are_reported_by_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them."""
    monkeypatch.setenv("OKR_SYNC_SETLE_SECONDS", "1")
    monkeypatch.setenv("PORT", "many")
    result = run("status")
    assert result.exit_code == 1
    assert "did you mean OKR_SYNC_SETTLE_SECONDS?" in result.stderr
    assert "PORT is 'many'" in result.stderr


@pytest.mark.usefixtures("applied")
def test_secrets_can_be_set_again_after_the_key_was_lost(run: Run, directory: Path) -> None:
    """The new key can't decrypt the stored secrets, so they count as changed."""
    assert run("apply", "okrs.yaml").stdout.strip() == "nothing to change"
    (directory / "var" / "secret-key").unlink()
    assert "webhook secrets changed" in run("apply", "okrs.yaml").stdout
    assert run("apply", "okrs.yaml").stdout.strip() == "nothing to change"


@pytest.mark.usefixtures("applied")
def test_a_used_port_is_reported_before_anything_starts(run: Run, directory: Path) -> None:
    """Otherwise the supervisor would restart the web process again and again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("up", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "choose another with --port" in result.stderr


@pytest.mark.usefixtures("applied")
def test_up_listens_on_the_host_that_is_given(run: Run) -> None:
    """One that this machine does not have is named."""
    result = run("up", "--host", "192.0.2.1", "--port", "0")
    assert result.exit_code == 1
    assert "cannot listen on 192.0.2.1" in result.stderr


def test_every_command_has_help(run: Run) -> None:
    """A person can learn the product from its help."""
    listed = run("--help").stdout
    for command in ("up", "web", "worker", "clock", "migrate", "apply", "export", "schema", "status", "explain"):
        assert f"\n  {command} " in listed
        assert run(command, "--help").exit_code == 0
    for words in (("replay",), ("sign-in",), ("token",), ("token", "create"), ("token", "revoke")):
        assert run(*words, "--help").exit_code == 0


def test_the_version_is_the_package_version(run: Run) -> None:
    """The package metadata has the same."""
    assert run("--version").stdout == f"okr-sync, version {sync_service.__version__}\n"


@pytest.mark.parametrize("words", [("fly",), ("up", "--port", "99999"), ("token", "create"), ("explain",)])
def test_a_usage_error_has_exit_code_2(run: Run, words: tuple[str, ...]) -> None:
    """The error line shows the usage."""
    result = run(*words)
    assert result.exit_code == 2
    assert "Usage: okr-sync" in result.stderr


@pytest.mark.usefixtures("applied")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("explain", "KR-11"), "there is no key result 'KR-11'; did you mean KR-1?"),
        (("explain", "zzz"), "there is no key result 'zzz'; there are KR-1, KR-2"),
        (("sign-in", "anna@example.com"), "nobody has the address 'anna@example.com'; did you mean ana@example.com?"),
        (("sign-in", "zzz"), "nobody has the address 'zzz'; add the person to the configuration file and apply it"),
        (("token", "revoke", "--name", "ci"), "there is no token named 'ci'; there is none at all"),
        (("replay", "--delivery", "77"), "there is no delivery '77'"),
    ],
)
def test_an_unknown_name_is_reported_with_known_names(run: Run, words: tuple[str, ...], expected: str) -> None:
    """Exit code 1."""
    result = run(*words)
    assert (result.exit_code, result.stderr) == (1, f"Error: {expected}\n")


@pytest.mark.slow
def test_an_unknown_name_in_an_empty_database_is_reported(run: Run, directory: Path) -> None:
    """There are no names to suggest."""
    run("migrate")
    assert "there is none at all" in run("explain", "KR-1").stderr
    assert "No connection is configured yet" in run("status").stdout
    engine = open_database(f"sqlite:///{directory / 'var' / 'okr-sync.db'}")
    with writing(engine) as tx:
        assert tx.scalars(sa.select(t.team.c.id)).all() == []
    engine.dispose()
