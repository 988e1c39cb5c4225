"""The registry of connectors: built in or by entry point, one of each kind."""

from importlib.metadata import EntryPoint

import pytest

from connectors.github import GitHub
from connectors.registry import GROUP, RegistryError, load_connectors

HERE = "tests.connectors.test_registry"


class Trello(GitHub):
    """A connector of another package."""

    kind = "trello"


TRELLO = Trello()


def point(name: str, value: str) -> EntryPoint:
    """Return an entry point as another package would declare it."""
    return EntryPoint(name=name, value=value, group=GROUP)


def test_both_trackers_are_registered() -> None:
    """GitHub and Jira need no entry point."""
    assert set(load_connectors([])) == {"github", "jira"}


def test_another_package_adds_a_connector() -> None:
    """The registry has the entry point's object by its name."""
    assert load_connectors([point("trello", f"{HERE}:TRELLO")])["trello"] is TRELLO


@pytest.mark.parametrize("names", [("github",), ("trello", "trello")])
def test_two_connectors_of_one_kind_are_an_error_that_names_both(names: tuple[str, ...]) -> None:
    """Otherwise chance would decide."""
    with pytest.raises(RegistryError, match=r"two connectors claim the kind.* and tests\.connectors"):
        load_connectors([point(name, f"{HERE}:TRELLO") for name in names])


@pytest.mark.parametrize(
    ("name", "value"),
    [("board", f"{HERE}:TRELLO"), ("trello", f"{HERE}:Trello"), ("trello", f"{HERE}:HERE")],
)
def test_an_entry_point_must_name_a_connector_of_its_kind(name: str, value: str) -> None:
    """Another kind, a class, or any other object is an error at the start."""
    with pytest.raises(RegistryError, match="does not name a connector object of that kind"):
        load_connectors([point(name, value)])


@pytest.mark.parametrize("value", ["no.such.package:X", f"{HERE}:NOTHING"])
def test_a_connector_that_can_not_be_loaded_is_named(value: str) -> None:
    """The error says which package to repair."""
    with pytest.raises(RegistryError, match="can't be loaded"):
        load_connectors([point("trello", value)])
