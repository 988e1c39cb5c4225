"""The command doctor: findings about database, Redis and SMTP, with a time limit for each."""

import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from aiosmtpd.smtp import SMTP, Envelope, Session

from config.settings import read_settings
from sync_service.cli.doctor import mail as mail_checks
from sync_service.cli.doctor import servers
from sync_service.notify import smtp
from sync_service.runtime import wiring
from sync_service.runtime.instance_lock import hold_instance_lock
from sync_service.runtime.redis_server import NoServer
from sync_service.web.app import create_app
from tests.cli.conftest import Run
from tests.cli.found_findings import findings, parse_findings
from tests.notify.servers import serving
from tests.support.servers import MailServer, Valkey


@pytest.mark.slow
def test_a_wrong_or_unreachable_database_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks that need it are skipped; the password is not shown."""
    run("migrate")
    monkeypatch.setattr("sync_service.cli.doctor.servers.is_current", lambda _: False)
    found = parse_findings(run("doctor", "--json"))
    assert found["database"]["database"]["says"] == "has another version's schema"
    assert "work" not in found
    monkeypatch.undo()
    monkeypatch.setenv("DATABASE_URL", "postgresql://okr:sesame@127.0.0.1:1/okr")
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", "k" * 40)
    result = run("doctor", "--json")
    assert parse_findings(result)["database"]["database"]["says"].startswith("does not answer")
    assert "sesame" not in result.stdout


@pytest.mark.slow
def test_the_redis_version_is_reported(run: Run, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configured Redis that is unreachable is an error."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    run("migrate")
    found = parse_findings(run("doctor", "--json"))
    assert found["Redis"]["Redis"]["well"] is True
    assert found["Redis"]["Redis"]["says"].startswith(("Valkey", "Redis"))
    assert found["work"]["workers"]["says"] == "none is running"
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    found = parse_findings(run("doctor", "--json"))
    assert found["Redis"]["Redis"]["well"] is False
    assert found["work"]["workers"]["well"] is None


def test_the_private_redis_is_missing_only_while_up_runs(
    run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only then it should run. A machine may have no Redis program at all."""
    with hold_instance_lock(directory / "var"):
        assert parse_findings(run("doctor", "--json"))["Redis"]["Redis"]["well"] is False
        monkeypatch.setattr("sync_service.runtime.redis_server.find_program", _no_program)
        assert "no Redis" in parse_findings(run("doctor", "--json"))["Redis"]["Redis"]["says"]


def _no_program() -> Path:
    raise NoServer("no Redis 7 or newer")


@pytest.mark.slow
def test_a_read_only_redis_is_reported_as_such(run: Run, own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers, but no job can be put into it."""
    with redis.Redis.from_url(own_valkey.url) as client:
        client.replicaof("127.0.0.1", "1")
    monkeypatch.setenv("REDIS_URL", own_valkey.url)
    run("migrate")
    found = parse_findings(run("doctor", "--json"))["Redis"]["replica"]
    assert (found["well"], "read-only replica" in found["says"]) == (False, True)
    services = wiring.build(read_settings())
    answer = create_app(services).test_client().get("/readyz")
    assert answer.get_json()["redis"].startswith("is a read-only replica")
    services.engine.dispose()
    services.redis.close()


@pytest.mark.parametrize(
    ("info", "what", "well"),
    [
        ({"redis_version": "6.2.1"}, "Redis", False),
        ({"redis_version": "7.4.0"}, "Redis", True),
        ({"redis_version": "7.2.4", "valkey_version": "9.0.1"}, "Redis", True),
        ({"redis_version": "7.4.0", "maxmemory_policy": "allkeys-lru"}, "eviction", None),
        ({"redis_version": "7.4.0"}, "eviction", None),
        ({"redis_version": "7.4.0", "aof_enabled": 1}, "persistence", True),
    ],
)
def test_the_redis_settings_are_checked(info: dict[str, Any], what: str, well: Any) -> None:
    """Version, eviction, persistence."""
    found = findings(lambda: iter([*servers._version(info), *servers._memory(info)]))
    assert found[what].well is well


def test_doctor_connects_to_the_mail_server_without_sending(
    run: Run, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal or an unreachable server is reported without the password."""
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{mail.port}")
    assert parse_findings(run("doctor", "--json"))["mail"]["SMTP"]["says"] == f"127.0.0.1:{mail.port} answers"
    assert mail.messages == []
    monkeypatch.setenv("SMTP_URL", f"smtp://okr:sesame@127.0.0.1:{mail.port}")
    result = run("doctor", "--json")
    assert parse_findings(result)["mail"]["SMTP"]["well"] is False
    assert "sesame" not in result.stdout
    monkeypatch.setenv("SMTP_URL", "smtp://127.0.0.1:1")
    assert parse_findings(run("doctor", "--json"))["mail"]["SMTP"]["well"] is False


@pytest.mark.parametrize(
    ("base_url", "mail_from", "well"),
    [
        (None, None, False),
        ("http://127.0.0.1:8080", None, False),
        ("http://[::1]:8080", None, False),
        ("http://okr.lan", None, False),
        ("http://okr", None, False),
        (None, "OKR <okr@localhost>", None),
        (None, "OKR <okr@example.com>", "absent"),
        ("https://okr.example.com", None, "absent"),
    ],
)
def test_a_sender_that_no_server_takes_is_wrong(
    run: Run,
    mail: MailServer,
    monkeypatch: pytest.MonkeyPatch,
    base_url: str | None,
    mail_from: str | None,
    well: object,
) -> None:
    """The default comes from the base URL. One that somebody set may be right in their network."""
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{mail.port}")
    for name, value in {"OKR_SYNC_BASE_URL": base_url, "OKR_SYNC_MAIL_FROM": mail_from}.items():
        if value:
            monkeypatch.setenv(name, value)
    found = parse_findings(run("doctor", "--json"))["mail"]
    assert found.get("sender's host", {"well": "absent"})["well"] == well
    assert found["SMTP"]["well"] is True


def test_a_sender_without_an_smtp_server_is_not_checked(run: Run) -> None:
    """Then nothing is sent."""
    assert set(parse_findings(run("doctor", "--json"))["mail"]) == {"SMTP"}


def test_doctor_asks_whether_the_server_takes_our_sender(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And sends nothing."""

    class Picky:
        async def handle_MAIL(  # noqa: N802  # aiosmtpd's name
            self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
        ) -> str:
            envelope.mail_from = address
            return "553 not yours" if address == "okr@example.com" else "250 fine"

    with serving(Picky()) as port:
        monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{port}")
        monkeypatch.setenv("OKR_SYNC_MAIL_FROM", "OKR Sync <okr@example.com>")
        found = parse_findings(run("doctor", "--json"))["mail"]["sender"]
        assert (found["well"], "553 not yours" in found["says"]) == (False, True)
        monkeypatch.setenv("OKR_SYNC_MAIL_FROM", "OKR Sync <fine@example.com>")
        assert parse_findings(run("doctor", "--json"))["mail"]["sender"]["well"] is True


def test_mail_without_encryption_is_reported(run: Run, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail to this machine is fine."""
    monkeypatch.setattr(mail_checks, "LOOPBACK", frozenset())
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{mail.port}")
    found = parse_findings(run("doctor", "--json"))["mail"]["SMTP"]
    assert (found["well"], found["says"]) == (None, f"127.0.0.1:{mail.port} answers, without encryption")


@pytest.mark.slow
def test_a_server_that_hangs_does_not_block_doctor(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a finding, and the other sections are shown."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr("sync_service.cli.doctor.command.SECONDS", 2.0)
        found = parse_findings(run("doctor", "--json"))
    assert "took longer than 2 s" in found["mail"]["check"]["says"]
    assert "database" in found["database"]


def test_a_database_connection_without_tls_is_detected() -> None:
    """So that doctor can report it."""
    with (
        serving(object()) as port,
        smtp.SmtpSession(smtp.Server(host="127.0.0.1", port=port, security="offered")) as line,
    ):
        assert line.open() is False
