"""An export is the file again: applying it changes nothing."""

from collections.abc import Callable

import pytest
import yaml

from sync_service.config_file.plan.export import Exported, as_json, as_yaml, export_state
from sync_service.config_file.read.state import read_state
from sync_service.store.engine.database import reading
from tests.config_file.conftest import Desk
from tests.config_file.files import EXAMPLE, RICH


def export(desk: Desk) -> Exported:
    """Export what is stored."""
    with reading(desk.engine) as tx:
        return export_state(read_state(tx, desk.sealer))


@pytest.mark.parametrize("write", [as_yaml, as_json])
@pytest.mark.parametrize("text", [EXAMPLE, RICH, "teams: []"])
def test_applying_an_export_changes_nothing(desk: Desk, text: str, write: Callable[[Exported], str]) -> None:
    """Whatever the file held, and even where nothing is stored."""
    desk.apply(text)
    assert desk.apply(write(export(desk)), prune=True).lines() == ["nothing to change"]


def test_an_export_of_files_in_any_order_changes_nothing(desk: Desk) -> None:
    """Two files may both begin to count their objectives at the top."""
    desk.apply(RICH)
    desk.apply(EXAMPLE)
    assert desk.apply(as_yaml(export(desk)), prune=True).lines() == ["nothing to change"]


def test_secrets_read_kept(desk: Desk) -> None:
    """Neither the secret nor what is stored of it is ever written."""
    desk.apply(EXAMPLE)
    written = as_yaml(export(desk))
    connection = yaml.safe_load(written)["connections"][0]
    assert (connection["token"], connection["webhook_secrets"]) == ("kept", ["kept"])
    assert "of-github" not in written


def test_an_export_is_no_file_for_another_database(desk: Desk) -> None:
    """There is nothing there to keep."""
    desk.apply(EXAMPLE)
    written = as_yaml(export(desk))
    desk.apply("teams: []", prune=True)
    assert {mistake.found for mistake in desk.errors(written)} == {"kept"}
