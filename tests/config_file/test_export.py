"""Export: applying an export changes nothing."""

from collections.abc import Callable

import pytest
import yaml

from sync_service.config_file.plan.export import Exported, as_json, as_yaml, export_state
from sync_service.config_file.read.state import read_state
from sync_service.store.engine.database import reading
from tests.config_file.conftest import ConfigHarness
from tests.config_file.files import EXAMPLE, RICH


def export(harness: ConfigHarness) -> Exported:
    """Export what is stored."""
    with reading(harness.engine) as tx:
        return export_state(read_state(tx, harness.sealer))


@pytest.mark.parametrize("write", [as_yaml, as_json])
@pytest.mark.parametrize("text", [EXAMPLE, RICH, "teams: []"])
def test_applying_an_export_changes_nothing(
    harness: ConfigHarness, text: str, write: Callable[[Exported], str]
) -> None:
    """The rule holds for any file, and for an empty database."""
    harness.apply(text)
    assert harness.apply(write(export(harness)), prune=True).lines() == ["nothing to change"]


@pytest.mark.slow
def test_an_export_of_files_in_any_order_changes_nothing(harness: ConfigHarness) -> None:
    """Each of two files may start to number its objectives at the top."""
    harness.apply(RICH)
    harness.apply(EXAMPLE)
    assert harness.apply(as_yaml(export(harness)), prune=True).lines() == ["nothing to change"]


def test_secrets_are_exported_as_kept(harness: ConfigHarness) -> None:
    """The export has neither the secret nor its encrypted form."""
    harness.apply(EXAMPLE)
    written = as_yaml(export(harness))
    connection = yaml.safe_load(written)["connections"][0]
    assert (connection["token"], connection["webhook_secrets"]) == ("kept", ["kept"])
    assert "of-github" not in written


def test_an_export_with_kept_secrets_needs_its_own_database(harness: ConfigHarness) -> None:
    """Another database has no secret to keep."""
    harness.apply(EXAMPLE)
    written = as_yaml(export(harness))
    harness.apply("teams: []", prune=True)
    assert {error.found for error in harness.errors(written)} == {"kept"}
