"""Passwords in addresses are never printed, whatever is wrong with the address and whichever command finds out."""

import base64
import logging
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

import pytest
from redis.exceptions import RedisError

from config import logging as config_logging
from connectors.http import HttpClient
from sync_service.cli import startup
from sync_service.cli.doctor import command as doctor_command
from sync_service.domain.trackers.connector import Unavailable
from sync_service.runtime.wiring import Services
from tests.cli.conftest import Run

PASSWORD = "s3kr1t:p@ss/w?rd#%41 é"
"""It has every sign that has a meaning in an address, a percent sign that is none, and a letter outside ASCII."""

ESCAPED = quote(PASSWORD, safe="")
PIECES = ("s3kr1t", "p@ss", "w?rd", "w%3Frd", "p%40ss", "%41 é", "rd#")

ADDRESSES = {
    "a host that does not exist": "{scheme}://okr:{password}@nowhere.invalid:{port}{path}",
    "a port that refuses": "{scheme}://okr:{password}@127.0.0.1:1{path}",
    "a port that is no number": "{scheme}://okr:{password}@127.0.0.1:port{path}",
    "a port that is too large": "{scheme}://okr:{password}@127.0.0.1:99999{path}",
    "a scheme that is unknown": "gopher://okr:{password}@127.0.0.1:1{path}",
    "no scheme": "okr:{password}@127.0.0.1:1{path}",
    "no slashes": "{scheme}:okr:{password}@127.0.0.1:1{path}",
    "an open bracket": "{scheme}://okr:{password}@[::1:1{path}",
    "a space": "{scheme}://okr:{password}@ 127.0.0.1 :1{path}",
    "no host": "{scheme}://okr:{password}@{path}",
    "an unknown option": "{scheme}://okr:{password}@127.0.0.1:1{path}?nonsense=1",
    "a password without a user": "{scheme}://:{password}@127.0.0.1:1{path}",
}
KINDS = {
    "DATABASE_URL": {"scheme": "postgresql", "port": 5432, "path": "/okr"},
    "REDIS_URL": {"scheme": "redis", "port": 6379, "path": "/0"},
    "SMTP_URL": {"scheme": "smtp+starttls", "port": 25, "path": ""},
    "OKR_SYNC_BASE_URL": {"scheme": "https", "port": 443, "path": ""},
}
COMMANDS: Sequence[tuple[str, ...]] = (("up", "--port", "0"), ("migrate",), ("doctor",), ("worker",), ("status",))


def secret_forms() -> Iterator[str]:
    """Yield every form in which the password, or a piece of it, could be printed."""
    yield from (PASSWORD, ESCAPED, quote(PASSWORD), quote_plus(PASSWORD), unquote(PASSWORD), repr(PASSWORD)[1:-1])
    yield from PIECES
    for text in (PASSWORD, f"\0okr\0{PASSWORD}"):
        yield base64.b64encode(text.encode()).decode()


def use_redis(services: Services) -> None:
    """Call Redis as a worker does, and log its error with the traceback."""
    try:
        services.redis.ping()
    except (RedisError, OSError):
        logging.getLogger("worker").exception("Redis does not answer")


def log_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log as much as can be logged; give up at once what would be waited for; supervise nothing."""
    verbose = lambda log_format, **_: config_logging.set_up_logging(log_format, level=logging.DEBUG)  # noqa: E731
    monkeypatch.setattr(startup, "set_up_logging", verbose)
    monkeypatch.setattr(doctor_command, "set_up_logging", verbose)
    monkeypatch.setattr(startup, "DATABASE_SECONDS", 0.0)
    monkeypatch.setattr("sync_service.runtime.worker.work", use_redis)
    monkeypatch.setattr("sync_service.cli.run_commands.supervise", lambda *_, **__: None)


@pytest.fixture(autouse=True)
def everything_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Print as much as a command can print."""
    log_everything(monkeypatch)


@pytest.fixture
def migrated(run: Run, directory: Path, migrated_copy: Path) -> None:
    """Migrate the database: the first time by the command, later by a copy."""
    if not migrated_copy.exists():
        assert run("migrate").exit_code == 0
        shutil.copytree(directory / "var", migrated_copy)
    else:
        shutil.copytree(migrated_copy, directory / "var")


@pytest.fixture(scope="module")
def migrated_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the data directory that `migrated` copies."""
    return tmp_path_factory.mktemp("migrated") / "var"


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("written", [PASSWORD, ESCAPED], ids=["as it is", "escaped"])
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("wrong", ADDRESSES)
def test_no_command_prints_a_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, wrong: str, name: str, written: str
) -> None:
    """Neither whole nor in pieces, neither on standard output nor on standard error."""
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", "k" * 40)
    monkeypatch.setenv(name, ADDRESSES[wrong].format(password=written, **KINDS[name]))
    for words in COMMANDS:
        try:
            result = run(*words)
        except Exception as error:
            raise AssertionError(f"{words} ends with a traceback") from error
        printed = result.stdout + result.stderr
        assert [one for one in secret_forms() if one in printed] == [], f"{words}: {printed}"


@pytest.mark.parametrize("written", [PASSWORD, ESCAPED], ids=["as it is", "escaped"])
@pytest.mark.parametrize("wrong", ADDRESSES)
def test_a_proxy_that_fails_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, wrong: str, written: str
) -> None:
    """The error of a call to a tracker becomes a reason on pages and in mails."""
    proxy = ADDRESSES[wrong].format(password=written, scheme="http", port=3128, path="")
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, proxy)
    client = HttpClient(connect_seconds=0.2, read_seconds=0.2)
    with pytest.raises(Unavailable) as failed:
        client.get("http://tracker.invalid/api", authorization=None)
    assert [one for one in secret_forms() if one in str(failed.value)] == []
    assert "proxy" in str(failed.value)


class _Broken:
    def __del__(self) -> None:
        raise ValueError(PASSWORD)


def _fail() -> None:
    raise ValueError(PASSWORD)


def _fail_in_a_thread() -> None:
    failing = threading.Thread(target=_fail)
    failing.start()
    failing.join()


@pytest.mark.parametrize("fail", [_fail_in_a_thread, _Broken], ids=["in a thread", "while an object ends"])
@pytest.mark.usefixtures("migrated")
def test_an_uncaught_error_is_printed_without_passwords(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fail: Callable[[], object]
) -> None:
    """Python prints such errors itself, by hooks of their own."""
    monkeypatch.setenv("SMTP_URL", f"smtp://okr:{ESCAPED}@127.0.0.1:1")
    run("status")
    fail()
    printed = capsys.readouterr().err
    assert "ValueError" in printed
    assert [one for one in secret_forms() if one in printed] == []


@pytest.mark.slow
def test_a_site_with_a_password_is_refused_without_showing_it(run: Run, directory: Path) -> None:
    """It would be on pages and in every export."""
    assert run("migrate").exit_code == 0
    text = (directory / "okrs.yaml").read_text().replace("site: https://", "site: https://okr:s3kr1t@")
    (directory / "okrs.yaml").write_text(text)
    result = run("apply", "okrs.yaml")
    assert (result.exit_code, "s3kr1t" in text, "s3kr1t" in result.output) == (1, True, False)
    assert "without user and password" in result.stderr
