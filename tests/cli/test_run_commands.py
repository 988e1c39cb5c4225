"""The command `okr-sync up`: one command, and a signed webhook changes a key result."""

import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest
import requests

from tests.cli.conftest import Run
from tests.support.skip_guard import NO_IPV6, has_ipv6
from tests.support.wait_until import until

FILE = """\
people:
  - {email: ana@example.com, name: Ana Ruiz, role: admin}
cycles:
  - {slug: ever, name: Ever, starts: 2020-01-01, ends: 2199-12-31}
connections:
  - {slug: gh, kind: github, owner: ana@example.com, earlier: ignore,
     webhook_secrets: [hush-hush], scopes: [acme/checkout]}
objectives:
  - slug: fast
    title: Fast
    cycle: ever
    key_results:
      - {slug: KR-1, title: Ship it, measure: {kind: done-share}}
rules:
  - {slug: all, connection: gh, key_result: KR-1, when: {field: kind, is: issue}}
"""

REPOSITORY = Path(__file__).parents[2]


@contextmanager
def service(directory: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield the process and the URL of an `up` on a free port; the file `printed` has its lines so far.

    The web part prints the first admin's link before or after the supervisor says the URL.
    """
    command = [sys.executable, "-m", "sync_service.cli", "up", "--port", "0", *options]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or (lines[-1] and "is starting at" not in lines[-1]):
            lines.append(process.stdout.readline())
        (directory / "printed").write_text("".join(lines))
        found = re.search(r"http://\S+:\d+", lines[-1])
        assert found, (directory / "log").read_text()
        yield process, found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def answers(address: str) -> bool:
    """Return whether the web process answers."""
    try:
        return requests.get(f"{address}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False


def post(address: str, *, state: str) -> int:
    """Send a signed webhook as GitHub does and return the HTTP status."""
    issue = {
        "id": 1001,
        "number": 1,
        "title": "Pay by card",
        "html_url": "https://github.com/acme/checkout/issues/1",
        "state": state,
        "state_reason": "completed" if state == "closed" else None,
        "labels": [],
        "assignees": [],
        "user": {"login": "ana", "id": 3},
        "milestone": None,
        "created_at": "2026-10-01T00:00:00Z",
        "updated_at": "2026-10-03T00:00:00Z" if state == "closed" else "2026-10-02T00:00:00Z",
        "closed_at": "2026-10-03T00:00:00Z" if state == "closed" else None,
    }
    repository = {"id": 77, "full_name": "acme/checkout", "name": "checkout", "owner": {"login": "acme", "id": 1}}
    action = "closed" if state == "closed" else "opened"
    payload = {"action": action, "issue": issue, "repository": repository, "sender": {"login": "ana", "id": 3}}
    body = json.dumps(payload).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": f"delivery-{state}",
        "X-Hub-Signature-256": "sha256=" + hmac.digest(b"hush-hush", body, hashlib.sha256).hex(),
    }
    return requests.post(f"{address}/hooks/gh", data=body, headers=headers, timeout=10).status_code


@pytest.mark.slow
def test_up_starts_everything_moves_a_key_result_and_stops_clean(run: Run, directory: Path) -> None:
    """From an empty directory: start, apply, two webhooks, explain. After SIGTERM nothing is left."""
    (directory / "okrs.yaml").write_text(FILE)
    with service(directory) as (process, address):
        assert address.startswith("http://127.0.0.1:")
        until(lambda: answers(address), "the web part answers")
        assert run("apply", "okrs.yaml").exit_code == 0
        until(lambda: nothing_is_due(run), "what applying made due is done", seconds=60)
        assert post(address, state="open") == 202
        until(lambda: current(run) == 0, "the open issue counts")
        assert post(address, state="closed") == 202
        until(lambda: current(run) == 100, "the closed issue counts")
        found = json.loads(run("status", "--json").stdout)
        assert found["workers"] == 1
        assert [(process["name"], process["deaths"]) for process in found["processes"]] == [
            ("redis", 0),
            ("web", 0),
            ("worker 1", 0),
            ("clock", 0),
        ]
        assert f"web         running as process {found['processes'][1]['pid']} since" in run("status").stdout
        text = run("explain", "KR-1").stdout
        assert "done     acme/checkout#1  Pay by card" in text
        assert "closed as done, by ana (delivery delivery-closed)" in text
        second = run("up", "--port", "0")
        assert (second.exit_code, f"process {process.pid}" in second.stderr) == (1, True)
    assert process.returncode == 0, (directory / "log").read_text()
    assert not answers(address)
    assert json.loads(run("status", "--json").stdout)["redis"] == "away"


@pytest.mark.slow
@pytest.mark.only_in_test_all(options=())
@pytest.mark.only_in_test_all(options=("--host", "127.0.0.1"))
@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ((), "http://127.0.0.1:"),
        (("--host", "127.0.0.1"), "http://127.0.0.1:"),
        pytest.param(("--host", "::1"), "http://[::1]:", marks=pytest.mark.skipif(not has_ipv6(), reason=NO_IPV6)),
    ],
)
def test_up_listens_where_its_printed_link_leads(directory: Path, options: tuple[str, ...], shown: str) -> None:
    """On this machine only by default; on IPv6 with brackets in the link, also in the one for the first admin."""
    with service(directory, *options) as (process, address):
        assert address.startswith(shown)
        until(lambda: answers(address), "the web part answers")
        assert process.stdout is not None
        lines = chain((directory / "printed").read_text().splitlines(), process.stdout)
        link = next(word for line in lines for word in line.split() if "/first-admin/" in word)
        assert link.startswith(f"{address}/first-admin/")
        assert requests.get(link, timeout=5).status_code == 200


def nothing_is_due(run: Run) -> bool:
    """Return whether no table has a row that is due now."""
    return not any(rows["due"] for rows in json.loads(run("status", "--json").stdout)["rows"])


def current(run: Run) -> object:
    """Return the current value."""
    return json.loads(run("explain", "KR-1", "--json").stdout)["current"]


@pytest.mark.slow
@pytest.mark.parametrize("first", [("migrate",), ("status",), ("export",), ("sign-in", "ana@example.com")])
def test_what_commands_create_is_private_from_the_start(run: Run, directory: Path, first: tuple[str, ...]) -> None:
    """Whatever command comes first: the database, its directory and the secret key are for their owner only."""
    run(*first)
    run("migrate")
    run("apply", "okrs.yaml")
    created = [directory / "var", *(directory / "var").rglob("*")]
    assert {"okr-sync.db", "secret-key"} <= {file.name for file in created}
    assert [file for file in created if file.stat().st_mode & 0o077] == []
