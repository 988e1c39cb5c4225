"""The nemesis: injects faults into a running service, at random moments that the seed determines."""

import contextlib
import os
import random
import resource
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import redis
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from sync_service.runtime.redis_server import private_server
from sync_service.store.engine.database import database_now, writing
from sync_service.store.queue import due
from tests.faults.service import Service, lives
from tests.support.servers import Valkey
from tests.support.wait_until import until

PROCESSES = ("web", "worker 1", "worker 2", "clock")


@dataclass(slots=True)
class Nemesis:
    """Injects faults into a service. `restart_database` is set when the database is a server."""

    service: Service
    engine: Engine
    seed: int
    valkey: Valkey | None = None
    restart_database: Callable[[], None] | None = None
    fault_counts: Counter[str] = field(default_factory=Counter)
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - a seed makes it repeatable

    @property
    def kills(self) -> int:
        """Return the number of processes killed with SIGKILL."""
        return sum(count for name, count in self.fault_counts.items() if name.startswith("kill"))

    def kill(self, name: str) -> None:
        """Kill a process of the service with SIGKILL, as soon as it runs."""
        pid = until(lambda: self._running(name) or 0, f"{name} runs")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.fault_counts[f"kill {name}"] += 1

    def kill_any(self) -> None:
        """Kill a random process of the service, a child of the web server, or Redis."""
        chosen = self.chance.choice([*PROCESSES, "web child", "redis"])
        if chosen == "web child":
            for child in self.service.tree("web")[1:2]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                    self.fault_counts["kill web child"] += 1
        elif chosen == "redis":
            self.kill_redis()
        else:
            self.kill(chosen)

    def kill_redis(self) -> None:
        """Kill Redis; the supervisor restarts a private one, this method another one after a random wait."""
        if self.valkey is None:
            self.kill("redis")
            return
        self.valkey.kill()
        self.fault_counts["kill redis"] += 1
        time.sleep(self.chance.random())
        self.valkey.start()

    def kill_supervisor(self) -> None:
        """Kill `up` itself with SIGKILL, and start it again at once."""
        self.service.kill_supervisor()
        self.fault_counts["kill supervisor"] += 1
        self.service.start()

    def flush_redis(self) -> None:
        """Empty Redis, if it answers: all wakeups, flags and registered workers are gone."""
        with self._redis() as client, contextlib.suppress(redis.RedisError):
            client.flushall()
            self.fault_counts["flush redis"] += 1

    def end_leases(self) -> None:
        """End every lease early, also of running workers: then two workers have the same rows."""
        with contextlib.suppress(DBAPIError):
            end_leases(self.engine)
            self.fault_counts["end leases"] += 1

    def stall_worker(self) -> None:
        """Stop a worker until its leases have ended, and then let it continue."""
        name = self.chance.choice(["worker 1", "worker 2", "clock"])
        with stalled(self.service, name):
            time.sleep(0.2)
            self.end_leases()
            time.sleep(self.chance.uniform(0.2, 1.5))
        self.fault_counts["stall"] += 1

    def lock_database(self) -> None:
        """Hold SQLite's write lock from another connection, sometimes longer than a writer's timeout."""
        path = self.engine.url.database
        assert path is not None
        with contextlib.closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(self.chance.choice([0.5, 1.0, 6.0]))
            connection.execute("ROLLBACK")
        self.fault_counts["lock database"] += 1

    def fill_disk(self) -> None:
        """Limit the size of the service's files for a while: writes beyond the first page fail, as on a full disk."""
        with full_disk(self.service):
            time.sleep(self.chance.uniform(0.5, 2))
        self.fault_counts["fill disk"] += 1

    def fill_redis_disk(self) -> None:
        """Let Redis write no file for a while: it refuses all writes, or crashes repeatedly."""
        with self.full_redis_disk():
            time.sleep(self.chance.uniform(0.5, 2))
        self.fault_counts["fill redis disk"] += 1

    @contextlib.contextmanager
    def full_redis_disk(self) -> Iterator[None]:
        """Let Redis, and the supervisor that restarts it, write no file during the block."""
        _limit_files(self._redis_pids(), 0)
        try:
            yield
        finally:
            _limit_files(self._redis_pids(), resource.RLIM_INFINITY)

    def restart_database_server(self) -> None:
        """Restart the database server."""
        assert self.restart_database is not None
        self.restart_database()
        self.fault_counts["restart database"] += 1

    def acts(self) -> Mapping[Callable[[], None], int]:
        """Return all faults with their weights."""
        common: dict[Callable[[], None], int] = {
            self.kill_any: 60,
            self.flush_redis: 10,
            self.end_leases: 10,
            self.stall_worker: 8,
            self.kill_supervisor: 3,
            self.fill_redis_disk: 4,
        }
        if self.restart_database is not None:
            return common | {self.restart_database_server: 5}
        return common | {self.lock_database: 5, self.fill_disk: 5}

    def strike(self) -> None:
        """Wait a random time, and inject one fault."""
        time.sleep(self.chance.uniform(0.05, 0.8))
        acts = self.acts()
        self.chance.choices(list(acts), weights=list(acts.values()))[0]()

    def _running(self, name: str) -> int | None:
        pid = self.service.pids.get(name)
        return pid if pid is not None and lives(pid) else None

    def _redis_pids(self) -> list[int]:
        if self.valkey is not None:
            return [self.valkey.process.pid] if self.valkey.process else []
        supervisor = [self.service.process.pid] if self.service.process else []
        # The supervisor first: a Redis that it starts inherits the limit.
        return [*supervisor, *self.service.tree("redis")]

    def _redis(self) -> redis.Redis:
        url = self.valkey.url if self.valkey else private_server(self.service.directory / "var").url
        return redis.Redis.from_url(url, socket_timeout=2)


def end_leases(engine: Engine) -> None:
    """Make every claimed row due now, as when its lease has ended."""
    with writing(engine) as tx:
        now = database_now(tx)
        for table in due.TABLES.values():
            claimed = sa.and_(table.c.due_at.isnot(None), table.c.lease.isnot(None))
            tx.execute(sa.update(table).where(claimed).values(due_at=now))


@contextlib.contextmanager
def stalled(service: Service, name: str) -> Iterator[None]:
    """Stop a process and its children with SIGSTOP during the block."""
    stopped = service.tree(name)
    _signal(stopped, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(stopped, signal.SIGCONT)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextlib.contextmanager
def full_disk(service: Service) -> Iterator[None]:
    """Let no file of the service grow beyond its first page during the block."""
    _limit_files(service.tree(*PROCESSES), 4096)
    try:
        yield
    finally:
        _limit_files(service.tree(*PROCESSES), resource.RLIM_INFINITY)


def _limit_files(pids: Iterable[int], most: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
