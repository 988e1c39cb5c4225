"""The command reconcile: poll trackers, with a progress bar."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import GitHub
from tests.cli.conftest import Run
from tests.support.config_file import GITHUB, github, okrs


@pytest.fixture
def hub() -> Iterator[GitHub]:
    """Yield a GitHub with thirty issues in one watched repository."""
    with GitHub("acme") as made:
        for number in range(30):
            made.repository("checkout").create_issue(f"Pay {number}", labels=["checkout"]).close()
        yield made


@pytest.fixture
def configured(run: Run, hub: GitHub, directory: Path) -> None:
    """Watch that repository, with an import of everything in it."""
    (directory / "okrs.yaml").write_bytes(okrs(github(hub, earlier="import")))
    assert run("migrate").exit_code == 0
    assert run("apply", "okrs.yaml").exit_code == 0


@pytest.mark.slow
def test_reconcile_polls_now_and_prints_what_changed(run: Run, configured: None, hub: GitHub) -> None:
    """First an import, then only changes."""
    first = run("reconcile", "gh")
    assert first.exit_code == 0
    assert "gh, acme/checkout: 30 issues seen, 30 new or changed" in first.output
    assert '"current": 100.0' in run("explain", "KR-1", "--json").output
    hub.repository("checkout").create_issue("Pay more", labels=["checkout"])
    again = run("reconcile")
    assert again.exit_code == 0
    assert " 1 new or changed" in again.output


@pytest.mark.slow
def test_reconcile_and_status_show_the_outcomes_of_scheduled_tasks(run: Run, configured: None) -> None:
    """In words, and as JSON with the time."""
    outcome = "found no webhook that leads to http://127.0.0.1:8080/hooks/gh"
    assert "redeliver" not in run("status").output
    assert f"gh, redeliver: {outcome}" in run("reconcile", "gh").output
    assert f"    redeliver: {outcome} (2" in run("status").output
    (connection,) = json.loads(run("status", "--json").output)["connections"]
    tasks = {task["name"]: task for task in connection["scheduled_tasks"]}
    task = tasks["redeliver"]
    assert tasks.keys() == {"redeliver", "read histories"}
    assert (task["name"], task["outcome"], task["ran_at"][:2]) == ("redeliver", outcome, "20")


def test_reconcile_refuses_an_unknown_connection_or_one_without_credentials(run: Run, configured: None) -> None:
    """It can poll neither."""
    absent = run("reconcile", "nothing")
    assert absent.exit_code == 1
    assert "there is no connection 'nothing'" in absent.stderr


@pytest.mark.slow
def test_reconcile_without_credentials_is_refused(run: Run, directory: Path) -> None:
    """Webhooks alone do not allow polls."""
    (directory / "okrs.yaml").write_bytes(okrs({**GITHUB, "token": None}))
    assert run("migrate").exit_code == 0
    assert run("apply", "okrs.yaml").exit_code == 0
    refused = run("reconcile", "gh")
    assert refused.exit_code == 1
    assert "needs credentials" in refused.stderr
