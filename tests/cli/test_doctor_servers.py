"""doctor: what it finds of the servers we lean on, and that it never waits for one that hangs."""

import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sync_service.cli.doctor import servers
from sync_service.notify import smtp
from sync_service.runtime.instance_lock import hold_instance_lock
from sync_service.runtime.redis_server import NoServer
from tests.cli.conftest import Run
from tests.cli.found_findings import findings, form
from tests.notify.servers import serving
from tests.support.servers import MailServer


def test_a_database_of_another_version_or_that_is_away_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs it is not looked at; the password is not told."""
    run("migrate")
    monkeypatch.setattr("sync_service.cli.doctor.servers.is_current", lambda _: False)
    found = form(run("doctor", "--json"))
    assert found["database"]["database"]["says"] == "has another version's schema"
    assert "work" not in found
    monkeypatch.undo()
    monkeypatch.setenv("DATABASE_URL", "postgresql://okr:sesame@127.0.0.1:1/okr")
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", "k" * 40)
    result = run("doctor", "--json")
    assert form(result)["database"]["database"]["says"].startswith("does not answer")
    assert "sesame" not in result.stdout


def test_redis_is_told_by_its_version(run: Run, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And away where it should be there."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    run("migrate")
    found = form(run("doctor", "--json"))
    assert found["Redis"]["Redis"]["well"] is True
    assert found["Redis"]["Redis"]["says"].startswith(("Valkey", "Redis"))
    assert found["work"]["workers"]["says"] == "none is running"
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    found = form(run("doctor", "--json"))
    assert found["Redis"]["Redis"]["well"] is False
    assert found["work"]["workers"]["well"] is None


def test_the_private_redis_is_missed_while_an_up_runs(
    run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It should run then; and a machine may have none at all."""
    with hold_instance_lock(directory / "var"):
        assert form(run("doctor", "--json"))["Redis"]["Redis"]["well"] is False
        monkeypatch.setattr("sync_service.runtime.redis_server.find_program", _no_program)
        assert "no Redis" in form(run("doctor", "--json"))["Redis"]["Redis"]["says"]


def _no_program() -> Path:
    raise NoServer("no Redis 7 or newer")


@pytest.mark.parametrize(
    ("told", "what", "well"),
    [
        ({"redis_version": "6.2.1"}, "Redis", False),
        ({"redis_version": "7.4.0"}, "Redis", True),
        ({"redis_version": "7.2.4", "valkey_version": "9.0.1"}, "Redis", True),
        ({"redis_version": "7.4.0", "maxmemory_policy": "allkeys-lru"}, "eviction", None),
        ({"redis_version": "7.4.0"}, "eviction", None),
        ({"redis_version": "7.4.0", "aof_enabled": 1}, "persistence", True),
    ],
)
def test_what_redis_tells_of_itself_is_judged(told: dict[str, Any], what: str, well: Any) -> None:
    """Version, eviction, persistence."""
    found = findings(lambda: iter([*servers._version(told), *servers._memory(told)]))
    assert found[what].well is well


def test_a_mail_server_is_tried_without_sending(run: Run, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that refuses us, or is away, is told without the password."""
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{mail.port}")
    assert form(run("doctor", "--json"))["mail"]["SMTP"]["says"] == f"127.0.0.1:{mail.port} answers"
    assert mail.messages == []
    monkeypatch.setenv("SMTP_URL", f"smtp://okr:sesame@127.0.0.1:{mail.port}")
    result = run("doctor", "--json")
    assert form(result)["mail"]["SMTP"]["well"] is False
    assert "sesame" not in result.stdout
    monkeypatch.setenv("SMTP_URL", "smtp://127.0.0.1:1")
    assert form(run("doctor", "--json"))["mail"]["SMTP"]["well"] is False


def test_mail_without_encryption_is_told(run: Run, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """But to this machine."""
    monkeypatch.setattr(servers, "LOOPBACK", frozenset())
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{mail.port}")
    found = form(run("doctor", "--json"))["mail"]["SMTP"]
    assert (found["well"], found["says"]) == (None, f"127.0.0.1:{mail.port} answers, without encryption")


@pytest.mark.slow
def test_a_server_that_hangs_keeps_nobody_waiting(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a finding, and the other sections are told."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr("sync_service.cli.doctor.command.SECONDS", 2.0)
        found = form(run("doctor", "--json"))
    assert "took longer than 2 s" in found["mail"]["check"]["says"]
    assert "database" in found["database"]


def test_a_line_to_a_server_without_tls_is_known_as_open() -> None:
    """So that it can be told."""
    with (
        serving(object()) as port,
        smtp.SmtpSession(smtp.Server(host="127.0.0.1", port=port, security="offered")) as line,
    ):
        assert line.open() is False
