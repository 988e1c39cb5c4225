"""Fixtures for all tests: real servers, a real browser, and the count of skips."""

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import structlog
from hypothesis import settings
from playwright.sync_api import Browser, Page

from sync_service.runtime import redis_server
from tests.support.app_cache import cached_app_setup
from tests.support.browser import Appearance, chromium, open_page
from tests.support.migrated_database import prepare
from tests.support.python_versions import found_pythons
from tests.support.rsa_keys import shared_rsa_keys
from tests.support.run_directory import RunDirectory, open_run_directory
from tests.support.run_scope import ALL
from tests.support.servers import (
    FILE_COPY,
    Databases,
    MailServer,
    PostgresDatabases,
    SqliteDatabases,
    Valkey,
    mail_server,
    start_postgres,
)
from tests.support.shared_compilation import import_own_share_first
from tests.support.skip_guard import SHARED, SHARED_IS_ABSENT, SkipCount, expected_reasons
from tests.support.statement_cache import shared_statement_cache

# No deadline: a test must not fail because the machine is busy. The same examples in each run of `make test`, so that a
# change is judged by what it changes; `make test-all` and `make faults` draw new ones.
settings.register_profile(
    "okr-sync", deadline=None, print_blob=True, max_examples=100 if ALL else 30, derandomize=not ALL
)
settings.load_profile("okr-sync")
# mutmut brings rich, with which structlog would spend seconds on each traceback; the product prints plain ones too.
structlog.dev.ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback

RUN_DIRECTORY = "TESTS_RUN_DIRECTORY"  # passes the shared directory of the run to the workers
RUN_DIRECTORY_KEY = pytest.StashKey[RunDirectory]()
OBJECTS_BEFORE_COLLECTION = 10_000
"""Python's own 700 makes the garbage collector a tenth of the run."""


def pytest_configure(config: pytest.Config) -> None:
    """In the main process: create the shared directory, and count the skips of all workers."""
    if not hasattr(config, "workerinput"):
        config.stash[RUN_DIRECTORY_KEY] = open_run_directory()
        os.environ[RUN_DIRECTORY] = str(config.stash[RUN_DIRECTORY_KEY].directory)
        config.pluginmanager.register(SkipCount(expected_reasons()))


def pytest_report_header() -> str | None:
    """With `TESTS=all`, say with which Pythons mails are sent."""
    return f"mails are sent with Python {', '.join(found_pythons())}" if ALL else None


HERE = Path(__file__).parent
SLOW_FOLDERS = frozenset({"faults", "flows", "simulator"})
"""Folders of whole flows and of the simulated trackers: the quick tests prove the parts that they join."""


def pytest_unconfigure(config: pytest.Config) -> None:
    """In the main process, after all workers: remove the shared directory, which stops the shared server."""
    if not hasattr(config, "workerinput"):
        config.stash[RUN_DIRECTORY_KEY].remove()


def pytest_collection(session: pytest.Session) -> None:
    """Let the workers compile different modules."""
    import_own_share_first(session.config, HERE)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run a test that takes `databases` on PostgreSQL only when it is marked `both_databases`, or with `TESTS=all`.

    Without `TESTS=all`, leave out tests marked `only_in_test_all`; where the mark names parameters, as in
    `only_in_test_all(data_center=True)`, only the cases with these values.
    Mark tests on PostgreSQL as slow: the fast run has the same tests on SQLite. So are all in `SLOW_FOLDERS`.
    """
    selected: list[pytest.Item] = []
    deselected: list[pytest.Item] = []
    for item in items:
        parameters = parameters_of(item)
        if is_on_postgresql(item) or not SLOW_FOLDERS.isdisjoint(item.path.parent.relative_to(HERE).parts):
            item.add_marker(pytest.mark.slow)
        optional = parameters.get("databases") == "postgresql" and item.get_closest_marker("both_databases") is None
        marks = item.iter_markers("only_in_test_all")
        optional = optional or any(mark.kwargs.items() <= parameters.items() for mark in marks)
        (deselected if optional and not ALL else selected).append(item)
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = selected


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking through all modules and tests again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)


def parameters_of(item: pytest.Item) -> dict[str, object]:
    """Return the parameters of a test by their names."""
    return item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}


def is_on_postgresql(item: pytest.Item) -> bool:
    """Return whether a test is the case on PostgreSQL of one that runs on both databases."""
    return "postgresql" in parameters_of(item).values()


@pytest.fixture(scope="session", autouse=True)
def cached_apps() -> Iterator[None]:
    """Share the set-up of Flask applications."""
    with cached_app_setup():
        yield


@pytest.fixture(scope="session", autouse=True)
def cached_statements() -> Iterator[None]:
    """Compile each SQL statement once."""
    with shared_statement_cache():
        yield


@pytest.fixture(scope="session", autouse=True)
def cached_keys() -> Iterator[None]:
    """Create the RSA keys of simulated apps once."""
    with shared_rsa_keys():
        yield


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Return the folder of real samples beside the repository; skip with an accepted reason when it is absent."""
    if not SHARED.is_dir():
        pytest.skip(SHARED_IS_ABSENT)
    return SHARED


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresDatabases]:
    """Yield PostgreSQL: the server of `TEST_POSTGRES_URL`, else one that all workers share."""
    url = os.environ.get("TEST_POSTGRES_URL")
    if url:
        databases = PostgresDatabases(url)
    else:
        databases = PostgresDatabases(start_postgres(Path(os.environ[RUN_DIRECTORY])), copy_option=FILE_COPY)
    yield databases
    databases.drop_all()


@pytest.fixture(scope="session")
def sqlite() -> SqliteDatabases:
    """Return a directory of SQLite files."""
    return SqliteDatabases(Path(tempfile.mkdtemp(prefix="sqlite-", dir=os.environ[RUN_DIRECTORY])))


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Yield SQLite, and PostgreSQL for tests marked `both_databases` or with `TESTS=all`."""
    name = {"sqlite": "sqlite", "postgresql": "postgres"}[request.param]
    server: Databases = request.getfixturevalue(name)
    yield server
    server.drop()


@pytest.fixture
def database_url(databases: Databases) -> str:
    """Return the SQLAlchemy URL of a new, empty database of either kind."""
    return databases.empty()


@pytest.fixture
def migrated_url(databases: Databases) -> str:
    """Return the SQLAlchemy URL of a migrated, empty database of either kind."""
    return databases.prepared(prepare)


@pytest.fixture(params=[False, True], ids=["cloud", "data center"])
def data_center(request: pytest.FixtureRequest) -> bool:
    """Run the test with Jira Cloud and with Jira Data Center."""
    value: bool = request.param
    return value


@pytest.fixture(scope="session")
def session_valkey() -> Iterator[Valkey]:
    """Yield a Valkey that the tests of one worker share."""
    with tempfile.TemporaryDirectory(prefix="okr-valkey-") as directory:
        server = Valkey(redis_server.private_server(Path(directory)))
        server.start()
        yield server
        server.kill()


@pytest.fixture
def redis_url(session_valkey: Valkey) -> str:
    """Return the URL of an empty Valkey. Tests that stop it use `own_valkey`."""
    with redis.Redis.from_url(session_valkey.url) as client:
        client.flushall()
    return session_valkey.url


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """Yield a running Valkey for one test, which may kill and restart it."""
    with tempfile.TemporaryDirectory(prefix="okr-valkey-") as directory:
        server = Valkey(redis_server.private_server(Path(directory)))
        server.start()
        yield server
        server.kill()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """Yield an SMTP server on loopback that stores the received mails."""
    with mail_server() as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Yield Chromium, one for the tests of one worker."""
    with chromium() as running:
        yield running


@pytest.fixture
def page_errors() -> list[str]:
    """Collect the console and network errors of `page`. A test that provokes one checks and clears the list."""
    return []


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser, page_errors: list[str]) -> Iterator[Page]:
    """Open a page in Chromium, light and wide unless parametrised with `Appearance`; its errors fail the test."""
    with open_page(browser, getattr(request, "param", Appearance()), page_errors) as opened:
        yield opened
    assert page_errors == []
