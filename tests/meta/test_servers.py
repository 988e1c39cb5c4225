"""The fixtures that other tests stand on: real servers, private to the run, gone after it."""

import contextlib
import os
import signal
import smtplib
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Page
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from tests.support.browser import APPEARANCES, SIZES, Appearance
from tests.support.servers import Databases, MailServer, PostgresDatabases, Valkey
from tests.support.skip_guard import NOT_LINUX, SkipCount
from tests.support.wait_until import until

pytestmark = pytest.mark.slow

WAIT_TO_BE_KILLED = "TESTS_WAIT_TO_BE_KILLED"


def run(url: str, *statements: str) -> list[object]:
    """Execute the statements, and return the first column of what the last one gives."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements[:-1]:
            connection.execute(text(statement))
        result = connection.execute(text(statements[-1]))
        return list(result.scalars()) if result.returns_rows else []


def with_one_row(url: str) -> None:
    """Prepare a database with one row."""
    run(url, "CREATE TABLE thing (id INTEGER)", "INSERT INTO thing VALUES (1)")


@pytest.mark.both_databases
def test_each_test_gets_an_empty_database_of_either_kind(databases: Databases, database_url: str) -> None:
    """Two of them never meet."""
    with_one_row(database_url)
    with_one_row(databases.empty())
    assert run(database_url, "SELECT id FROM thing") == [1]


@pytest.mark.both_databases
def test_a_prepared_database_is_a_copy_and_its_model_is_made_once(databases: Databases) -> None:
    """Migrations run once for many tests, and no test sees another's rows."""
    calls = []

    def prepare(url: str) -> None:
        calls.append(url)
        with_one_row(url)

    first, second = databases.prepared(prepare), databases.prepared(prepare)
    run(first, "DELETE FROM thing")
    assert run(second, "SELECT id FROM thing") == [1]
    assert len(calls) == 1


@pytest.mark.both_databases
def test_a_database_with_an_open_connection_is_dropped_all_the_same(databases: Databases) -> None:
    """A test that failed half-way leaves such."""
    url = databases.prepared(with_one_row)
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        databases.drop()
        connection.invalidate()
    engine.dispose()
    with pytest.raises(OperationalError):
        run(url, "SELECT id FROM thing")


def test_postgresql_is_of_a_version_that_the_service_supports(postgres: PostgresDatabases) -> None:
    """The contract says 14 or newer."""
    (version,) = run(postgres.empty(), "SHOW server_version_num")
    postgres.drop()
    assert int(str(version)) >= 140000


def test_a_test_starts_with_an_empty_valkey(redis_url: str) -> None:
    """What the test before it left is gone."""
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "over")


test_another_test_starts_with_an_empty_valkey_too = test_a_test_starts_with_an_empty_valkey


def test_a_killed_valkey_can_be_started_again(own_valkey: Valkey) -> None:
    """What it was told is still there."""
    with redis.Redis.from_url(own_valkey.url) as client:
        client.set("key", "value")
    own_valkey.kill()
    own_valkey.start()
    with redis.Redis.from_url(own_valkey.url) as client:
        assert client.get("key") == b"value"


def delivery(to: str) -> EmailMessage:
    """Return a small mail."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "okr@example.com", to, "KR-1 ist erfüllt"
    message.set_content("Grüße\n")
    return message


def test_the_mail_server_keeps_what_it_gets(mail: MailServer) -> None:
    """As a message that tests can read, with the recipients of the envelope."""
    with smtplib.SMTP("127.0.0.1", mail.port) as client:
        client.send_message(delivery("ana@example.com"))
    (kept,) = mail.messages
    assert (kept["Subject"], kept.get_content()) == ("KR-1 ist erfüllt", "Grüße\r\n")
    assert mail.recipients == [["ana@example.com"]]


def test_the_mail_server_refuses_whom_it_is_told_to(mail: MailServer) -> None:
    """For good or for now, a recipient or everything."""
    mail.refusals = {"gone@example.com": "550 no such user", "busy@example.com": "451 try later"}
    with smtplib.SMTP("127.0.0.1", mail.port) as client:
        for address, code in (("gone@example.com", 550), ("busy@example.com", 451)):
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
                client.send_message(delivery(address))
            assert refused.value.recipients[address][0] == code
        mail.rejection = "452 disk full"
        with pytest.raises(smtplib.SMTPDataError):
            client.send_message(delivery("ana@example.com"))
    assert mail.messages == []


class Site(BaseHTTPRequestHandler):
    """A page whose script does what its path says."""

    def do_GET(self) -> None:
        """Answer with a page."""
        scripts = {
            "/error": "console.error('oh no')",
            "/throw": "throw new Error('oh dear')",
            "/away": "fetch('http://elsewhere.invalid/').catch(() => { document.title = 'blocked' })",
        }
        body = f"<!doctype html><link rel=icon href=data:,><h1>Here</h1><script>{scripts.get(self.path, '')}</script>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Serve such pages, and give their address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server, ThreadPoolExecutor(1) as pool:
        pool.submit(server.serve_forever)
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("page", APPEARANCES, indirect=True, ids=str)
def test_a_page_is_seen_in_every_look(page: Page, site: str, request: pytest.FixtureRequest) -> None:
    """Light and dark, on a phone and on a wide screen."""
    look: Appearance = request.node.callspec.params["page"]
    page.goto(site)
    assert page.inner_text("h1") == "Here"
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is (look.theme == "dark")
    assert page.evaluate("screen.width") == SIZES[look.size][0]


@pytest.mark.parametrize(
    ("path", "mistake"),
    [
        ("/error", "console: oh no"),
        ("/throw", "script: oh dear"),
        ("/away", "a request left this machine: http://elsewhere.invalid/"),
    ],
)
def test_what_goes_wrong_unseen_on_a_page_is_noticed(
    page: Page, page_errors: list[str], site: str, path: str, mistake: str
) -> None:
    """The page looks fine, the test fails all the same (but here, where that is what is tested)."""
    page.goto(site + path)
    until(lambda: page.evaluate("1") and page_errors, "the mistake is noticed")
    assert mistake in "\n".join(page_errors)
    page.close()  # one mistake may bring another a moment later
    page_errors.clear()


@pytest.mark.only_in_test_all
@pytest.mark.skipif(sys.platform != "linux", reason=NOT_LINUX)
def test_a_run_leaves_no_process_behind() -> None:
    """Neither PostgreSQL, nor Valkey, nor Chromium, nor what they started."""
    mark = f"MARK_OF_THIS_RUN={uuid.uuid4().hex}"
    name, _, value = mark.partition("=")
    tests = [f"{__file__}::{test.__name__}" for test in STARTING_EVERY_SERVER]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider", *tests],
        env={**os.environ, name: value},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    until(lambda: processes_with(mark) == [], "every process is gone")


@pytest.mark.only_in_test_all
@pytest.mark.skipif(sys.platform != "linux", reason=NOT_LINUX)
def test_a_run_that_is_killed_leaves_no_server_behind() -> None:
    """Somebody's patience or a time limit may end a run half-way."""
    mark = f"MARK_OF_THIS_RUN={uuid.uuid4().hex}"
    name, _, value = mark.partition("=")
    test = f"{__file__}::{test_a_killed_run_would_leave_these.__name__}"
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test],
        env={**os.environ, name: value, WAIT_TO_BE_KILLED: "yes"},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
    )
    until(lambda: {"postgres", "valkey"} <= words_in(processes_with(mark)), "the servers run")
    run.kill()
    run.wait()
    until(lambda: processes_with(mark) == [], "every process is gone")
    assert processes_with(mark) == []


def test_a_killed_run_would_leave_these(postgres: PostgresDatabases, own_valkey: Valkey) -> None:
    """Start two servers; in the run that is to be killed, wait for that."""
    assert own_valkey.process is not None
    assert own_valkey.process.poll() is None
    if WAIT_TO_BE_KILLED in os.environ:
        signal.pause()


def words_in(commands: list[str]) -> set[str]:
    """Return which of our servers are among the command lines."""
    return {
        word
        for word in ("postgres", "valkey")
        for command in commands
        if f"{word}-server" in command or f"/{word} " in command
    }


STARTING_EVERY_SERVER = (
    test_postgresql_is_of_a_version_that_the_service_supports,
    test_a_test_starts_with_an_empty_valkey,
    test_the_mail_server_keeps_what_it_gets,
    test_a_page_is_seen_in_every_look,
)


def processes_with(mark: str) -> list[str]:
    """Return the command lines of living processes that have this in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


SKIPPING = """
import pytest

def test_that_stays_out():
    pytest.skip("agreed")

@pytest.mark.skipif(True, reason="no time")
def test_that_should_run():
    pass

@pytest.mark.xfail(reason="known", strict=True)
def test_that_fails_as_known():
    raise AssertionError

def test_that_passes():
    pass
"""


@pytest.mark.parametrize(("expected", "code"), [({"agreed", "no time"}, 0), ({"agreed"}, 1)])
@pytest.mark.only_in_test_all(code=0)
def test_a_run_with_an_unexpected_skip_fails(tmp_path: Path, expected: set[str], code: int) -> None:
    """Also when every test that ran has passed, and when workers ran them."""
    (tmp_path / "test_it.py").write_text(SKIPPING)
    program = (
        f"import pytest, sys; from tests.support.skip_guard import NOT_LINUX, SkipCount; "
        f"sys.exit(pytest.main(sys.argv[1:], plugins=[SkipCount(frozenset({expected!r}))]))"
    )
    for workers in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", program, "-n", workers, "-p", "no:cacheprovider", f"--rootdir={tmp_path}", tmp_path],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout
        assert f"skips: {len(expected)} expected, {2 - len(expected)} not expected" in done.stdout
        assert ("test_that_should_run: no time" in done.stdout) is bool(code)


def test_a_skip_by_agreed_reason_is_no_surprise() -> None:
    """The reason must be the agreed one, word for word."""
    count = SkipCount(frozenset({"agreed"}))
    count.skips = [("a", "agreed"), ("b", "agreed more or less")]
    assert count.unexpected() == [("b", "agreed more or less")]
