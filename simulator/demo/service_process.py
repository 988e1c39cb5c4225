"""Run the product as a user does: the command `okr-sync` in its own processes and its own directory."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import requests

OURS = ("DATABASE_URL", "REDIS_URL", "SMTP_URL", "PORT")
"""Environment settings that the demo must not inherit, besides those that begin with OKR_SYNC_."""

SOURCE = Path(__file__).resolve().parents[2]
STOP_TIMEOUT = 12.0
"""Seconds: `okr-sync up` stops within ten."""


class DemoFailed(Exception):
    """The demo can't continue; the message says why."""


@dataclass(slots=True, kw_only=True)
class Service:
    """`okr-sync` on a data directory of its own, with these settings. `port` is where `up` serves."""

    directory: Path
    port: int
    settings: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def address(self) -> str:
        """Where the pages, the API and the webhooks are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """The log of `up` and its processes."""
        return self.directory / "up.log"

    def environment(self) -> dict[str, str]:
        """Return the environment of the product, with the demo's settings only."""
        kept = {name: value for name, value in os.environ.items() if name not in OURS and name[:9] != "OKR_SYNC_"}
        paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join(paths),
            "OKR_SYNC_DATA_DIR": str(self.directory / "data"),
            "OKR_SYNC_BASE_URL": self.address,
            "OKR_SYNC_SETTLE_SECONDS": "0",
            **self.settings,
        }

    def run(self, *arguments: str) -> str:
        """Run one command and return its output; raise `DemoFailed` with its errors when it fails."""
        done = subprocess.run(
            command(*arguments),
            cwd=self.directory,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode != 0:
            raise DemoFailed(f"okr-sync {' '.join(arguments)} failed ({done.returncode}):\n{done.stderr.strip()}")
        return done.stdout.strip()

    def apply(self, name: str, text: str) -> str:
        """Write a configuration file and apply it."""
        (self.directory / name).write_text(text, encoding="utf-8")
        return self.run("apply", name)

    def start(self, *, workers: int = 2) -> None:
        """Start `okr-sync up`. On Linux it ends with this process, even if that is killed."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command("up", "--port", str(self.port), "--workers", str(workers)),
                cwd=self.directory,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C in the terminal reaches only the demo, which stops it
                preexec_fn=_end_with_parent(),  # noqa: PLW1509  # the trackers' threads start later
            )

    def wait_until_ready(self, *, seconds: float = 90) -> None:
        """Wait until it can store deliveries; raise `DemoFailed`."""
        deadline = time.monotonic() + seconds
        while not self._is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise DemoFailed(f"okr-sync up was not ready within {seconds:g} s.\n{self._end_of_log()}")
            time.sleep(0.05)

    def check(self) -> None:
        """Raise `DemoFailed` when `up` has ended by itself."""
        if self.process is None or (code := self.process.poll()) is None:
            return
        raise DemoFailed(f"okr-sync up has ended by itself ({code}).\n{self._end_of_log()}")

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Turn a connection error into a `DemoFailed` with the end of the service's log."""
        try:
            yield
        except requests.ConnectionError as error:
            if self.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(2)  # it may be ending now
            self.check()
            raise DemoFailed(f"the service does not answer ({error}).\n{self._end_of_log()}") from error

    def stop(self) -> None:
        """Stop `up` and its processes; a second signal meanwhile stops them at once."""
        if self.process is None:
            return
        with _passing_signals_on(self.process):
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def _is_ready(self) -> bool:
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.get(f"{self.address}/readyz", timeout=5).ok
            except requests.RequestException:
                return False

    def _end_of_log(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines[-15:])])


def command(*arguments: str) -> list[str]:
    """Return the command line of `okr-sync` under the Python that runs the demo."""
    return [sys.executable, "-m", "sync_service.cli", *arguments]


def _end_with_parent() -> Callable[[], None] | None:
    """Make the kernel stop the child when this process ends (https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(1, signal.SIGTERM)


@contextlib.contextmanager
def _passing_signals_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass signals on to the process while we wait for its end, so that our own cleanup completes."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: process.terminate()) for number in numbers}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


@contextlib.contextmanager
def fresh_directory(directory: Path) -> Iterator[Path]:
    """Empty and lock the demo's directory; raise `DemoFailed` when another demo holds the lock."""
    directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with directory.with_name(f"{directory.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoFailed(f"another demo runs in {directory}; stop it first") from None
        if directory.exists():
            shutil.rmtree(directory)
        directory.mkdir(mode=0o700)
        yield directory


def choose_port(requested: int = 8080, *, other: bool = True) -> int:
    """Return the requested port if it is free, else, with `other`, any free port; raise `DemoFailed`."""
    for port in (requested, 0) if other else (requested,):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise DemoFailed(f"port {requested} on 127.0.0.1 is taken; choose another one by PORT or --port")
