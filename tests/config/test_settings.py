"""Settings: read once and checked as a whole; each error names its setting."""

from multiprocessing import get_context
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.errors import InvalidSettings
from config.listening import all_interfaces
from config.secret_key import read_or_create
from config.settings import known_names, read_environment, read_settings

EXAMPLE = Path(__file__).parents[2] / "config" / "examples" / "env.example"
LONG_ENOUGH = "k" * 32


def setting_errors() -> tuple[str, ...]:
    """Return the errors of reading the settings."""
    with pytest.raises(InvalidSettings) as refused:
        read_settings()
    return refused.value.errors


def test_the_defaults_keep_everything_in_the_data_directory(bare_environment: Path) -> None:
    """Embedded mode: SQLite in ./var, this machine only, mails in the local mailbox."""
    settings = read_settings()
    assert settings.embedded
    assert settings.database_url == f"sqlite:///{bare_environment}/var/okr-sync.db"
    assert (settings.redis_url, settings.smtp) == (None, None)
    assert (settings.host, settings.port, settings.base_url) == ("127.0.0.1", 8080, "http://127.0.0.1:8080")
    assert (settings.settle_seconds, settings.log_format, settings.zone.key) == (600, "console", "UTC")
    assert settings.mail_from == "OKR Sync <okr-sync@[127.0.0.1]>"


def test_a_port_set_by_a_platform_opens_all_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that sets PORT sends requests from outside this machine."""
    monkeypatch.setenv("PORT", "5000")
    settings = read_settings()
    assert (settings.host, settings.base_url) == (all_interfaces(), "http://127.0.0.1:5000")


def test_settings_are_frozen() -> None:
    """No code changes a setting while the process runs."""
    settings = read_settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_any_spelling_of_a_postgresql_url_gets_our_driver(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Platforms set `postgres://`, and SQLAlchemy needs the name of the driver."""
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://okr:pw@db/okr?sslmode=require")
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", LONG_ENOUGH)
    settings = read_settings()
    assert settings.database_url == "postgresql+psycopg://okr:pw@db/okr?sslmode=require"
    assert not settings.embedded


def test_a_sqlite_file_may_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set database URL ends embedded mode, so the secret key must be set too."""
    monkeypatch.setenv("DATABASE_URL", "sqlite:////srv/okr.db")
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", LONG_ENOUGH)
    assert (read_settings().database_url, read_settings().embedded) == ("sqlite:////srv/okr.db", False)


def test_an_empty_value_is_the_same_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line like `SMTP_URL=` in an example file sets nothing."""
    monkeypatch.setenv("SMTP_URL", "")
    monkeypatch.setenv("PORT", "")
    assert (read_settings().smtp, read_settings().host) == (None, "127.0.0.1")


def test_the_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, bare_environment: Path) -> None:
    """`.env` fills what the environment does not set. It may contain names that are not ours."""
    (bare_environment / ".env").write_text("PORT=1000\nOKR_SYNC_SETTLE_SECONDS=5\nGITHUB_TOKEN=ghp\n")
    monkeypatch.setenv("PORT", "2000")
    assert (read_settings().port, read_settings().settle_seconds) == (2000, 5)
    assert read_environment()["GITHUB_TOKEN"] == "ghp"
    assert read_environment()["PORT"] == "2000"


def test_an_unknown_name_stops_the_start_with_a_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typo must not silently leave the default."""
    monkeypatch.setenv("OKR_SYNC_SETTLE_SECOND", "5")
    monkeypatch.setenv("OKR_SYNC_XYZZY", "5")
    assert setting_errors() == (
        "OKR_SYNC_SETTLE_SECOND is not a setting; did you mean OKR_SYNC_SETTLE_SECONDS?",
        "OKR_SYNC_XYZZY is not a setting",
    )


def test_an_unknown_name_in_the_env_file_stops_the_start_too(bare_environment: Path) -> None:
    """The file gets the same check as the environment."""
    (bare_environment / ".env").write_text("OKR_SYNC_DATADIR=here\n")
    assert setting_errors() == ("OKR_SYNC_DATADIR is not a setting; did you mean OKR_SYNC_DATA_DIR?",)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORT", "http", "a port from 1 to 65535"),
        ("PORT", "0", "a port from 1 to 65535"),
        ("OKR_SYNC_DATA_DIR", "~no-such-user/okr", "a directory"),
        ("OKR_SYNC_SETTLE_SECONDS", "-1", "0 or more"),
        ("OKR_SYNC_SETTLE_SECONDS", "99999999999999", "2592000 at most"),
        ("OKR_SYNC_SETTLE_SECONDS", "ten minutes", "whole seconds"),
        ("OKR_SYNC_LOG_FORMAT", "xml", "console or json"),
        ("OKR_SYNC_TIMEZONE", "Madrid", "IANA name"),
        ("OKR_SYNC_TIMEZONE", "../etc/passwd", "IANA name"),
        ("OKR_SYNC_BASE_URL", "okr.example.com", "http or https address"),
        ("OKR_SYNC_MAIL_FROM", "nobody", "one address"),
        ("OKR_SYNC_MAIL_FROM", "a@example.com, b@example.com", "one address"),
        ("OKR_SYNC_MAIL_FROM", "OKR <okr sync@example.com>", "one address"),
        ("OKR_SYNC_MAIL_FROM", "okr@127.0.0.1", "one address"),
        ("OKR_SYNC_EHLO_NAME", "okr example", "host name"),
        ("OKR_SYNC_BASE_URL", "https://example.com/a//b", "http or https address"),
        ("OKR_SYNC_WEB_WORKERS", "0", "1 or more"),
    ],
)
def test_an_invalid_value_is_reported_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    """The message has the name, the value and the allowed values."""
    monkeypatch.setenv(name, value)
    (line,) = setting_errors()
    assert line.startswith(f"{name} is {value!r} (")
    assert allowed in line.partition("; allowed: ")[2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://root:hunter2@db/okr"),
        ("DATABASE_URL", "sqlite:///"),
        ("REDIS_URL", "http://:hunter2@redis"),
        ("REDIS_URL", "redis://"),
        ("SMTP_URL", "ftp://hunter2@mail"),
        ("OKR_SYNC_SECRET_KEY", "hunter2"),
    ],
)
def test_an_invalid_value_that_may_be_secret_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Messages end up in logs and tickets."""
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", LONG_ENOUGH)
    monkeypatch.setenv(name, value)
    (line,) = setting_errors()
    assert line.startswith(f"{name} has a wrong value (")
    assert "hunter2" not in line


def test_a_base_url_from_which_no_sender_follows_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the first mail would fail. An IPv6 address is written as mail servers read it."""
    monkeypatch.setenv("OKR_SYNC_BASE_URL", "http://[2001:db8::1]:8080")
    assert read_settings().mail_from == "OKR Sync <okr-sync@[IPv6:2001:db8::1]>"
    monkeypatch.setenv("OKR_SYNC_BASE_URL", "http://-odd-:8080")
    (line,) = setting_errors()
    assert line.startswith("OKR_SYNC_MAIL_FROM is missing; it must be set, because 'okr-sync@-odd-'")


def test_the_smtp_server_has_the_name_by_which_we_greet_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a setting of its own, because no URL has a place for it."""
    monkeypatch.setenv("SMTP_URL", "smtp://[::1]:2525")
    monkeypatch.setenv("OKR_SYNC_EHLO_NAME", "[IPv6:2001:db8::1]")
    server = read_settings().smtp
    assert server is not None
    assert (server.host, server.port, server.ehlo_name) == ("::1", 2525, "[IPv6:2001:db8::1]")


def test_all_errors_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise six typos would need six starts."""
    monkeypatch.setenv("OKR_SYNC_PROT", "1")
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("OKR_SYNC_LOG_FORMAT", "x")
    assert [line.split()[0] for line in setting_errors()] == ["OKR_SYNC_PROT", "PORT", "OKR_SYNC_LOG_FORMAT"]


def test_the_secret_key_is_required_with_a_database_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several machines need the same key, so none may create its own."""
    monkeypatch.setenv("DATABASE_URL", "postgres://db/okr")
    (line,) = setting_errors()
    assert line.startswith("OKR_SYNC_SECRET_KEY is missing")


def test_the_newest_secret_key_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old keys can still decrypt while the key is rotated."""
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", f"{'n' * 32}, {'o' * 32}")
    assert read_settings().secret_keys() == ("n" * 32, "o" * 32)


def test_the_embedded_secret_key_is_created_once_and_only_its_owner_can_read_it(bare_environment: Path) -> None:
    """It survives a restart."""
    (key,) = read_settings().secret_keys()
    file = bare_environment / "var" / "secret-key"
    assert len(key) >= 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert read_settings().secret_keys() == (key,)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.slow
def test_processes_that_start_together_get_the_same_secret_key(tmp_path: Path) -> None:
    """Web, worker and scheduler may all be the first to start."""
    with get_context("spawn").Pool(4) as pool:
        keys = pool.map(read_or_create, [tmp_path / "new"] * 16, chunksize=1)
        pool.close()
        pool.join()
    assert len(set(keys)) == 1


def test_no_secret_shows_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback or a debug line must not show one."""
    monkeypatch.setenv("DATABASE_URL", "postgres://okr:hunter2@db/okr")
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@redis:6379/0")
    monkeypatch.setenv("SMTP_URL", "smtp://okr:hunter2@mail")
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", "hunter2" * 5)
    settings = read_settings()
    assert "hunter2" not in f"{settings!r} {settings} {settings.smtp!r}"


def test_the_example_file_shows_every_setting_and_no_other(bare_environment: Path) -> None:
    """Each setting has a line, and each example value is valid when uncommented."""
    lines = [line.removeprefix("#") for line in EXAMPLE.read_text().splitlines() if not line.startswith("# ")]
    shown = [line for line in lines if "=" in line]
    assert {line.partition("=")[0] for line in shown} == known_names()
    (bare_environment / ".env").write_text(
        "\n".join(shown).replace("OKR_SYNC_SECRET_KEY=", f"OKR_SYNC_SECRET_KEY={LONG_ENOUGH}")
    )
    assert read_settings().mail_from == "OKR Sync <okr@example.com>"
