"""Skip guard: count the skipped tests of a run, and fail the run for an unexpected one.

In the last line a skipped test looks like a passed one, so a machine without PostgreSQL or Chromium would be green
without having tested anything.
"""

import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

from tests.support import proxies

SHARED = Path(__file__).parents[3] / "shared"
SHARED_IS_ABSENT = "the sibling folder shared is absent"
NOT_LINUX = "only Linux can do this"
NO_IPV6 = "this machine has no IPv6"
PGBOUNCER_IS_ABSENT = "PgBouncer is absent, and its package can't be installed here"


def find_program(name: str) -> str | None:
    """Return the path of a program, also of one that Debian installs for root only; None when there is none."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))


def has_ipv6() -> bool:
    """Return whether this machine has IPv6's own loopback address."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def expected_reasons() -> frozenset[str]:
    """Return the accepted reasons on this machine. `make setup-dev` tries to install Debian's packages as root."""
    reasons = {
        SHARED_IS_ABSENT: not SHARED.is_dir(),
        NO_IPV6: not has_ipv6(),
        NOT_LINUX: sys.platform != "linux",
        proxies.ABSENT: not proxies.can_be_had(),
        PGBOUNCER_IS_ABSENT: find_program("pgbouncer") is None,
    }
    return frozenset(reason for reason, is_true in reasons.items() if is_true)


class SkipCount:
    """A pytest plugin: counts skips by reason, prints the count, and fails the run for an unexpected one."""

    def __init__(self, expected: frozenset[str]) -> None:
        self.expected = expected
        self.skips: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a skipped test."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self.record(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count a module that skipped itself."""
        if report.skipped:
            self.record(report)

    def record(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        """Store which test was skipped and why."""
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        self.skips.append((report.nodeid, reason.removeprefix("Skipped: ")))

    def unexpected(self) -> list[tuple[str, str]]:
        """Return the skips without an accepted reason."""
        return [(test, reason) for test, reason in self.skips if reason not in self.expected]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if there was an unexpected skip."""
        if self.unexpected() and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the counts, and the unexpected skips by name."""
        unexpected = self.unexpected()
        terminalreporter.write_line(
            f"skips: {len(self.skips) - len(unexpected)} expected, {len(unexpected)} not expected"
        )
        for test, reason in unexpected:
            terminalreporter.write_line(f"  not expected: {test}: {reason}", red=True)
