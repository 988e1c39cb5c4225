"""The commands `up`, `worker`, `clock` and `migrate`: run everything at once, or the processes one by one."""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from types import FrameType

import click
from setproctitle import setproctitle

from config.listening import local_url
from config.settings import Settings
from sync_service.cli.main import main
from sync_service.cli.startup import (
    ADDRESS,
    await_database,
    bind_or_refuse,
    open_engine,
    services_for,
    settings_for,
)
from sync_service.runtime import scheduler as the_clock
from sync_service.runtime import worker as jobs
from sync_service.runtime.child_process import freeze_shared_memory
from sync_service.runtime.instance_lock import hold_instance_lock, write_process_status
from sync_service.runtime.redis_server import end_leftover, private_server
from sync_service.runtime.supervisor import ProcessSpec, ProcessStatus, supervise
from sync_service.runtime.wiring import utc_now
from sync_service.store.engine.migrate import migrate as run_migrations

FORKS = sys.platform == "linux"
"""Whether the processes are forks of `up`. On macOS, system libraries do not support that."""

PORT = click.IntRange(0, 65535)

PORT_SECONDS = 12.0
"""How long to wait for the port of a web process that an earlier `up` left behind: longer than its grace period."""


@click.command(short_help="Start everything and keep it running.")
@click.option("--host", help="The interface to listen on. [default: this machine only, unless PORT is set]")
@click.option("--port", type=PORT, help="Where the pages and webhooks are served; 0 takes a free port. [default: 8080]")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="How many worker processes.")
def up(host: str | None, port: int | None, workers: int) -> None:
    """Start everything: web, workers, clock and, unless REDIS_URL is set, a private Redis.

    Migrates the database first. While there is no admin, prints the link for the first one. Restarts a process that
    dies. Ctrl-C stops all of them.
    """
    settings = settings_for()
    with hold_instance_lock(settings.data_dir):
        address_file = settings.data_dir / ADDRESS
        # After a SIGKILL the address file is still there, and the old web process may still finish its requests.
        host = host or settings.host
        port = _free_port(host, settings.port if port is None else port, patient=address_file.exists())
        address = settings.given_base_url or local_url(host, port)
        redis = _redis(settings)
        _prepare_database(settings)
        environment = os.environ | {"OKR_SYNC_BASE_URL": address}
        processes = [
            *redis,
            _process("web", environment, "--host", host, "--port", str(port)),
            *(_process("worker", environment, number=number) for number in range(1, workers + 1)),
            _process("clock", environment),
        ]
        address_file.write_text(address, encoding="utf-8")
        if FORKS:
            _import_for_all_processes()

        def write_status(statuses: Sequence[ProcessStatus]) -> None:
            write_process_status(settings.data_dir, statuses, now=utc_now())

        try:
            supervise(processes, started=lambda: _greet(address), changed=write_status)
        finally:
            address_file.unlink(missing_ok=True)


def _redis(settings: Settings) -> list[ProcessSpec]:
    if settings.redis_url is not None:
        return []
    server = private_server(settings.data_dir)
    end_leftover(server)
    return [ProcessSpec(name="redis", command=server.command(), outlives=True)]


def _process(name: str, environment: Mapping[str, str], *options: str, number: int | None = None) -> ProcessSpec:
    called = f"{name} {number}" if number else name
    if FORKS:
        return ProcessSpec(name=called, run=partial(_run_as, called, name, *options), environment=environment)
    command = [sys.executable, "-m", "sync_service.cli", name, *options]
    return ProcessSpec(name=called, command=command, environment=environment)


def _run_as(called: str, *words: str) -> None:
    """Continue as another command in a fork of this process."""
    setproctitle(f"okr-sync {called}")
    main(list(words), prog_name="okr-sync")


def _import_for_all_processes() -> None:
    """Import now what all processes need, so that the forks share the memory."""
    importlib.import_module("sync_service.cli.serve_command")
    importlib.import_module("sync_service.web.server.worker")
    freeze_shared_memory()


def _prepare_database(settings: Settings) -> None:
    """Migrate the database and create the secret key."""
    settings.secret_keys()
    with open_engine(settings) as engine:
        await_database(engine)
        run_migrations(engine)


def _free_port(host: str, port: int, *, patient: bool) -> int:
    """Check that the port is free, or choose one when it is 0; wait for it if `patient`."""
    with bind_or_refuse(host, port, seconds=PORT_SECONDS if patient else 0) as bound:
        return int(bound.getsockname()[1])


def _greet(address: str) -> None:
    click.echo(f"OKR Sync is starting at {address} (Ctrl-C stops it)")


@click.command(short_help="Do the work of due rows.")
def worker() -> None:
    """Do the work of due rows, when woken by Redis. Run as many as you like, on as many machines as you like."""
    jobs.work(services_for(settings_for(), patient=True))


@click.command(short_help="Wake the workers for due rows.")
def clock() -> None:
    """Wake the workers for due rows, and do the work here while Redis does not answer. One is enough."""
    services = services_for(settings_for(), patient=True)
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    the_clock.run(services, stop)


@click.command(short_help="Migrate the database to this version.")
def migrate() -> None:
    """Migrate the database to this version. Safe to repeat, and to run in several processes at once."""
    settings = settings_for(quiet=True)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open_engine(settings) as engine:
        await_database(engine)
        run_migrations(engine)
    click.echo("the database is up to date")


COMMANDS = (up, worker, clock, migrate)
