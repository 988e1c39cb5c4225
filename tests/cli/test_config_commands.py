"""The commands apply, export and schema."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.slow
@pytest.mark.usefixtures("either_database")
def test_a_file_is_applied_exported_and_applied_again(run: Run, directory: Path) -> None:
    """Both export formats, on each database."""
    run("migrate")
    first = run("apply", "okrs.yaml")
    assert (first.exit_code, first.stdout.splitlines()[-1]) == (0, "11 created, 0 changed, 0 removed")
    assert "warning" not in first.stderr
    for format_ in ("yaml", "json"):
        exported = run("export", "--format", format_)
        (directory / "again").write_text(exported.stdout)
        assert run("apply", "--prune", "again").stdout == "nothing to change\n"


@pytest.mark.slow
def test_a_dry_run_changes_nothing(run: Run) -> None:
    """It prints the same lines and says that it was a dry run."""
    run("migrate")
    tried = run("apply", "--dry-run", "okrs.yaml").stdout.splitlines()
    assert tried[-1] == "dry run: nothing was changed"
    assert run("apply", "okrs.yaml").stdout.splitlines() == tried[:-1]


@pytest.mark.slow
def test_file_errors_go_to_standard_error(run: Run, directory: Path) -> None:
    """Exit code 1. Each line has the form that editors link to."""
    run("migrate")
    (directory / "okrs.yaml").write_text("teams:\n  - {slug: a b, name: A}\n  - 3\n")
    result = run("apply", "okrs.yaml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[0] == "Error: nothing was applied: 2 errors:"
    assert [line.split(" ")[0] for line in result.stderr.splitlines()[1:]] == ["okrs.yaml:2:", "okrs.yaml:3:"]


def test_a_missing_file_is_a_usage_error(run: Run) -> None:
    """Exit code 2."""
    assert run("apply", "nope.yaml").exit_code == 2
    assert run("apply").exit_code == 2


def test_the_schema_needs_no_database(run: Run) -> None:
    """The schema does not depend on stored data."""
    result = run("schema")
    assert result.exit_code == 0
    assert {"teams", "people", "rules"} <= set(json.loads(result.stdout)["properties"])
