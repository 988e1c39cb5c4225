"""Run the whole service as real processes, and track their process ids for the nemesis."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from config.settings import Settings, known_names
from sync_service.runtime import wiring
from sync_service.runtime.wiring import Services
from tests.support.wait_until import until

REPOSITORY = Path(__file__).parents[2]
KEY = "-".join(["a key for tests"] * 3)


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Service:
    """`okr-sync up` on a data directory, with two workers or another number; its supervisor restarts processes fast."""

    directory: Path
    settings: Mapping[str, str]
    workers: int = 2
    port: int = field(default_factory=free_port)
    pids: dict[str, int] = field(default_factory=dict)
    log_lines: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    _reader: threading.Thread | None = None

    @property
    def address(self) -> str:
        """The service's URL."""
        return f"http://127.0.0.1:{self.port}"

    def services(self) -> Services:
        """Return services of the test on the same database, to read and change data."""
        return wiring.build(Settings.model_validate({"_env_file": None, **self._settings()}))

    def start(self) -> None:
        """Start it, and wait until its web server answers."""
        self.pids.clear()
        self.process = subprocess.Popen(
            self._command("up", "--port", str(self.port), "--workers", str(self.workers)),
            cwd=self.directory,
            env=self._environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        # Through a pipe: faults on files must not affect the log.
        self._reader = threading.Thread(target=self._read, args=(self.process,))
        self._reader.start()
        until(self.answers, "the service answers", seconds=40)

    def kill_supervisor(self) -> None:
        """Kill `up` with SIGKILL; the kernel then signals its processes, which may still be stopping on return."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self) -> None:
        """Stop it with SIGTERM, and wait until it has ended."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)
            self.process = None
        if self._reader is not None:
            self._reader.join(timeout=30)

    def answers(self) -> bool:
        """Return whether the web server answers."""
        assert self.process is not None
        assert self.process.poll() is None, "\n".join(self.log_lines[-20:])
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.address}/healthz", timeout=2).ok
        return False

    def tree(self, *names: str) -> list[int]:
        """Return the ids of these running processes: each one first, then its children."""
        found: list[int] = []
        for name in names:
            leader = self.pids.get(name)
            if leader is not None and lives(leader):
                found += [leader, *children(leader)]
        return found

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run an `okr-sync` command with the same settings."""
        return subprocess.run(
            self._command(*words),
            cwd=self.directory,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def status(self) -> dict[str, Any]:
        """Return the JSON of `okr-sync status`."""
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "tests.faults.fast_restart", *words]

    def _environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if name not in known_names()}
        return {**others, **self._settings(), "PYTHONPATH": str(REPOSITORY)}

    def _settings(self) -> dict[str, str]:
        fixed = {
            "OKR_SYNC_DATA_DIR": str(self.directory / "var"),
            "OKR_SYNC_SECRET_KEY": KEY,
            "OKR_SYNC_SETTLE_SECONDS": "0",
            "OKR_SYNC_LOG_FORMAT": "json",
        }
        return fixed | dict(self.settings)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self.log_lines.append(line.rstrip())
                with contextlib.suppress(ValueError):
                    entry = json.loads(line)
                    if entry.get("event") == "process started":
                        self.pids[entry["process"]] = entry["pid"]


def lives(pid: int) -> bool:
    """Return whether a process exists and is not a zombie; a stopped one counts."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    """Return the ids of a process's children."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [int(word) for word in (Path("/proc") / str(pid) / "task" / str(pid) / "children").read_text().split()]
    return []
