"""Asking trackers from the command line, with a bar that shows how far it has come."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import GitHub
from tests.cli.conftest import Run
from tests.support.config_file import GITHUB, github, okrs


@pytest.fixture
def hub() -> Iterator[GitHub]:
    """Run a GitHub with thirty issues in one watched repository."""
    with GitHub("acme") as made:
        for number in range(30):
            made.repository("checkout").create_issue(f"Pay {number}", labels=["checkout"]).close()
        yield made


@pytest.fixture
def configured(run: Run, hub: GitHub, directory: Path) -> None:
    """Have that repository watched, everything in it to be imported."""
    (directory / "okrs.yaml").write_bytes(okrs(github(hub, earlier="import")))
    assert run("migrate").exit_code == 0
    assert run("apply", "okrs.yaml").exit_code == 0


def test_reconcile_asks_now_and_says_what_was_found(run: Run, configured: None, hub: GitHub) -> None:
    """First everything, then only what is news."""
    first = run("reconcile", "gh")
    assert first.exit_code == 0
    assert "gh, acme/checkout: 30 issues seen, 30 new or changed" in first.output
    assert '"current": 100.0' in run("explain", "KR-1", "--json").output
    hub.repository("checkout").create_issue("Pay more", labels=["checkout"])
    again = run("reconcile")
    assert again.exit_code == 0
    assert " 1 new or changed" in again.output


def test_what_errands_found_is_said_by_reconcile_and_by_status(run: Run, configured: None) -> None:
    """In words, and as JSON with the time."""
    said = "found no webhook that leads to http://127.0.0.1:8080/hooks/gh"
    assert "redeliver" not in run("status").output
    assert f"gh, redeliver: {said}" in run("reconcile", "gh").output
    assert f"    redeliver: {said} (2" in run("status").output
    (connection,) = json.loads(run("status", "--json").output)["connections"]
    (errand,) = connection["errands"]
    assert (errand["name"], errand["outcome"], errand["ran_at"][:2]) == ("redeliver", said, "20")


def test_reconcile_says_what_can_not_be_asked(run: Run, configured: None) -> None:
    """Neither a connection that is not there nor one without credentials."""
    absent = run("reconcile", "nothing")
    assert absent.exit_code == 1
    assert "there is no connection 'nothing'" in absent.stderr


def test_reconcile_without_credentials_is_refused(run: Run, directory: Path) -> None:
    """Webhooks alone are no way to ask."""
    (directory / "okrs.yaml").write_bytes(okrs({**GITHUB, "token": None}))
    assert run("migrate").exit_code == 0
    assert run("apply", "okrs.yaml").exit_code == 0
    refused = run("reconcile", "gh")
    assert refused.exit_code == 1
    assert "needs credentials" in refused.stderr
