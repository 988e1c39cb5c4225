"""PgBouncer for tests: a pooler in front of the PostgreSQL of the run, on a free loopback port."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from sync_service.runtime.child_process import stop_with
from tests.support.skip_guard import find_program
from tests.support.wait_until import until

PGBOUNCER = "pgbouncer"


@contextmanager
def pgbouncer(server: str, *, pool_mode: str = "transaction", pool_size: int = 4) -> Iterator[int]:
    """Run PgBouncer in front of `server` (a URL for psycopg) and yield its port; any user may connect.

    Few connections to the server, and each transaction gets the one used longest ago: so statements that rely on the
    state of a connection fail.
    """
    program = find_program(PGBOUNCER)
    assert program is not None
    directory = Path(tempfile.mkdtemp(prefix="okr-pgbouncer-"))
    directory.chmod(0o755)
    port = free_port()
    (directory / "pgbouncer.ini").write_text(_settings(server, port, pool_mode, pool_size))
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [program, *_as_user(server), str(directory / "pgbouncer.ini")],
            stdout=log,
            stderr=log,
            preexec_fn=stop_with(os.getpid()),  # noqa: PLW1509  # it only makes the kernel end it with this process
        )
    try:
        until(lambda: _answers(port), "PgBouncer answers")
        yield port
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(directory)


def free_port() -> int:
    """Return a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def behind(url: str, port: int, **options: str) -> str:
    """Return the SQLAlchemy URL of a database by way of PgBouncer."""
    one = make_url(url).set(host="127.0.0.1", port=port, query=options)
    return one.render_as_string(hide_password=False)


def _settings(server: str, port: int, pool_mode: str, pool_size: int) -> str:
    to = conninfo_to_dict(server)
    target = " ".join(f"{name}={to[name]}" for name in ("host", "port", "user", "password") if to.get(name))
    return f"""\
[databases]
* = {target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {pool_mode}
default_pool_size = {pool_size}
server_round_robin = 1
"""


def _as_user(server: str) -> list[str]:
    """Return the option of the user to run as: PgBouncer refuses to run as root."""
    if os.geteuid() != 0:
        return []
    directory = Path(str(conninfo_to_dict(server).get("host", "")))
    owner = pwd.getpwuid(directory.stat().st_uid).pw_name if directory.is_dir() else "nobody"
    return ["-u", owner]


def _answers(port: int) -> bool:
    url = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
    with suppress(psycopg.OperationalError), psycopg.connect(url):
        return True
    return False
