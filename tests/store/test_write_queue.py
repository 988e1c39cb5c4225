"""Writers of a SQLite file: each waits its turn, says what it waits for, and gets it before who has just written."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from structlog.testing import capture_logs

from sync_service.store import tables
from sync_service.store.engine import sqlite, versions, write_queue
from sync_service.store.engine.database import open_database, reading, writing
from sync_service.store.engine.sqlite import DatabaseBusy
from sync_service.store.engine.write_queue import WriteQueue
from tests.support.migrated_database import prepare
from tests.support.servers import SqliteDatabases

WRITE_WITHOUT_PAUSE = """
import sys
from sync_service.store.engine import versions
from sync_service.store.engine.database import open_database, writing
engine = open_database(sys.argv[1])
while True:
    with writing(engine) as tx:
        versions.bump(tx, versions.CHANGES)
        if versions.value(tx, versions.CHANGES) == 2:
            print("writing", flush=True)
        sum(range(200_000))
"""

HOLD = """
import sys
from setproctitle import setproctitle
from sync_service.store.engine.database import open_database, writing
setproctitle("okr-sync worker 3")
with writing(open_database(sys.argv[1])):
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def url(sqlite: SqliteDatabases) -> Iterator[str]:
    """Yield the URL of a migrated SQLite file."""
    yield sqlite.prepared(prepare)
    sqlite.drop()


@contextmanager
def other_process(program: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program in another process from its first write on, and end it with the block."""
    command = [sys.executable, "-c", program, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "writing\n"
            yield process
        finally:
            process.kill()


def written(engine: Engine) -> int:
    """Return how often something was written."""
    with reading(engine) as tx:
        return versions.value(tx, versions.CHANGES)


@pytest.mark.slow
def test_a_process_that_writes_without_a_pause_does_not_block_others(url: str) -> None:
    """Once somebody is at the front of the queue, nobody else begins; one that has begun already may end."""
    engine = open_database(url)
    with other_process(WRITE_WITHOUT_PAUSE, url):
        with WriteQueue(Path(str(sa.make_url(url).database))).at_the_front(seconds=60):
            before = written(engine)
            assert max(written(engine) for _ in range(300)) <= before + 1
        with writing(engine) as tx:
            versions.bump(tx, versions.CHANGES)
    engine.dispose()


@pytest.mark.slow
def test_a_writer_says_which_process_it_waits_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the log while it waits, and in its error when it has waited long enough."""
    monkeypatch.setattr(write_queue, "SAY_SECONDS", 0.0)
    monkeypatch.setattr(sqlite, "TRY_SECONDS", 0.01)
    engine = open_database(url, write_wait=0.1)
    with other_process(HOLD, url) as holder:
        name = f"okr-sync worker 3 (process {holder.pid})"
        with capture_logs() as logged, pytest.raises(DatabaseBusy, match=r"waited 0\.1 s") as refused, writing(engine):
            pass
        assert [(one["event"], one["writing_now"]) for one in logged] == [("waiting to write to the database", name)]
        assert name in str(refused.value.orig)
    engine.dispose()


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_the_queue(url: str) -> None:
    """The kernel ends its locks."""
    engine = open_database(url)
    with other_process(HOLD, url) as holder:
        os.kill(holder.pid, signal.SIGKILL)
        with writing(engine) as tx:
            before = versions.value(tx, versions.CHANGES)
            versions.bump(tx, versions.CHANGES)
            assert versions.value(tx, versions.CHANGES) == before + 1
    engine.dispose()


def test_another_program_that_locks_the_file_is_waited_for_too(url: str) -> None:
    """Such as a person's sqlite3, which knows nothing of the queue."""
    engine = open_database(url, write_wait=60)
    file = sa.make_url(url).database
    with closing(sqlite3.connect(str(file), isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = threading.Event()

        def write() -> None:
            with writing(engine) as tx:
                versions.bump(tx, versions.CHANGES)
            done.set()

        thread = threading.Thread(target=write)
        thread.start()
        assert not done.wait(0.05)
        other.execute("COMMIT")
        thread.join()
    assert done.is_set()
    engine.dispose()


def test_a_reader_never_waits_for_a_writer(url: str) -> None:
    """It reads what was committed before."""
    engine = open_database(url, write_wait=0.0)
    with writing(engine) as tx:
        versions.bump(tx, versions.CHANGES)
        assert written(engine) == 0
    assert written(engine) == 1
    engine.dispose()


def test_a_write_transaction_of_more_than_a_second_is_logged(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It kept everybody else from writing."""
    monkeypatch.setattr(sqlite, "LONG_SECONDS", 0.0)
    engine = open_database(url)
    with capture_logs() as logged, writing(engine) as tx:
        tx.execute(sa.select(tables.counter))
    assert [one["event"] for one in logged] == ["a write transaction held the database for long"]
    engine.dispose()


def test_the_lock_file_is_only_its_owners(url: str) -> None:
    """Whoever may open it may keep us from writing."""
    engine = open_database(url)
    with writing(engine):
        pass
    lock = Path(f"{sa.make_url(url).database}{write_queue.SUFFIX}")
    assert lock.stat().st_mode & 0o777 == 0o600
    engine.dispose()
