"""What shows that work on a GitHub issue has started: `started_by` of a connection."""

from collections.abc import Callable
from fnmatch import fnmatch

import pytest
import yaml
from jsonschema import Draft202012Validator

from connectors.registry import load_connectors
from sync_service.config_file.read.json_schema import schema
from sync_service.store import tables
from tests.config_file.conftest import ConfigHarness
from tests.config_file.files import EXAMPLE, replace
from tests.config_file.test_github_app_settings import export

MakeHarness = Callable[[], ConfigHarness]

TOKEN = "    token: env:GITHUB_TOKEN\n"


def with_start(written: str) -> str:
    """Return the example with this `started_by` of the connection to GitHub."""
    return replace(EXAMPLE, (TOKEN, f"{TOKEN}    started_by: {written}\n"))


@pytest.mark.parametrize("start", [{"label": "in progress"}, {"project_status": "In Progress"}])
def test_what_starts_work_is_stored_and_exported(sqlite_harness: MakeHarness, start: dict[str, str]) -> None:
    """An apply of the export changes nothing."""
    harness = sqlite_harness()
    harness.apply(EXAMPLE)
    lines = harness.apply(with_start(str(start))).lines()
    assert lines[0].startswith("~ connection acme-github: options.started_by none → ")
    with harness.engine.connect() as tx:
        stored = tx.execute(tables.connection.select().order_by(tables.connection.c.slug)).first()
    assert stored is not None
    assert stored.options["started_by"] == start
    written = export(harness)
    assert yaml.safe_load(written)["connections"][0]["started_by"] == start
    assert harness.apply(written).lines()[0].startswith("nothing")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("in progress", "*started_by: found 'in progress'; allowed: *{label: …} or {project_status: …}*"),
        ("{}", "*started_by: found *; allowed: *{label: …} or {project_status: …}*"),
        ("{label: a, project_status: b}", "*started_by: found *; allowed: *{label: …} or {project_status: …}*"),
        ("{status: a}", "*started_by.status: found the unknown field 'status'; allowed: label, project_status*"),
        ("{label: 7}", "*started_by.label: found 7; allowed: the name of a label*"),
    ],
)
def test_a_mistake_says_what_is_allowed(sqlite_harness: MakeHarness, written: str, expected: str) -> None:
    """With its place."""
    errors = [str(one) for one in sqlite_harness().errors(with_start(written))]
    assert any(fnmatch(one, expected.replace("[", "[[]")) for one in errors), errors


def test_the_schema_has_it_for_github_alone() -> None:
    """As one of the two."""
    validator = Draft202012Validator(schema(load_connectors().values()))

    def fits(**changes: object) -> bool:
        made = {"slug": "a", "kind": "github", "earlier": "ignore", **changes}
        return validator.is_valid({"connections": [made]})

    assert fits(started_by={"label": "in progress"})
    assert fits(started_by={"project_status": "In Progress"})
    assert not fits(started_by={"label": "a", "project_status": "b"})
    assert not fits(started_by={})
    assert not fits(started_by={"label": "a"}, kind="jira", site="https://acme.atlassian.net")
