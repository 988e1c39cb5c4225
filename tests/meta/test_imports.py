"""Who may import whom: the arrows of docs/architecture.md, walked through every import."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("sync_service", "connectors", "config", "simulator", "tests")

OUTER = ("web", "jobs", "clock", "cli")
MIDDLE = (
    "apply",
    "asking",
    "breakings",
    "children",
    "commenting",
    "computing",
    "doorbell",
    "drains",
    "consenting",
    "errands",
    "failing",
    "forging",
    "gathering",
    "holding",
    "judging",
    "ledger",
    "letters",
    "linking",
    "looking",
    "mail",
    "naming",
    "noting",
    "previewing",
    "querying",
    "receive",
    "reconcile",
    "refresh",
    "relinking",
    "renaming",
    "send",
    "supervise",
    "valkey",
    "writing_back",
)


def modules() -> Iterator[tuple[str, Path]]:
    """Give every module of the house by its dotted name."""
    for top in ("sync_service", "connectors", "config", "simulator"):
        for file in sorted((ROOT / top).rglob("*.py")):
            dotted = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            yield dotted.removesuffix(".__init__"), file


@cache
def imports(file: Path) -> frozenset[str]:
    """Give the dotted name of everything a file imports, wherever in it."""
    return frozenset(_imports(file))


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            # `from package import module` may name a module.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(dotted: str) -> str:
    """Give the room a module of ours stands in: `domain`, `store`, `connectors.github`, `config`."""
    parts = dotted.split(".")
    if parts[0] == "sync_service":
        return parts[1] if len(parts) > 1 else "sync_service"
    if parts[0] == "connectors":
        return ".".join(parts[:2])
    return parts[0]


def allowed(importer: str, imported: str) -> bool:
    """Say whether the arrow between two modules of ours may be there."""
    one, other = room(importer), room(imported)
    if other in (one, "sync_service"):
        return True
    if one == "wiring":
        return other not in OUTER
    if one in OUTER:
        # The command reads the settings, and says what is wrong with them.
        return (
            other == "wiring" or other in (*MIDDLE, *OUTER, "domain", "store") or (one == "cli" and other == "config")
        )
    if one in MIDDLE:
        return other in (*MIDDLE, "store", "domain")
    if one == "store":
        return other == "domain"
    if one.startswith("connectors"):
        shared = ("connectors", *(f"connectors.{name}" for name in ("fields", "http", "letters", "replies")))
        return other == "domain" or other in shared or one in ("connectors", "connectors.registry")
    return False


def test_every_import_goes_the_right_way() -> None:
    """Inward, never outward, and never from one connector to another."""
    wrong = [
        f"{importer} imports {imported}"
        for importer, file in modules()
        for imported in imports(file)
        if imported.split(".")[0] in OURS and not allowed(importer, imported)
    ]
    assert wrong == []


def test_the_core_knows_only_the_standard_library() -> None:
    """No clock of its own either: `now` is passed in."""
    for importer, file in modules():
        if room(importer) == "domain":
            others = {name.split(".")[0] for name in imports(file)} - {"sync_service"}
            assert others <= sys.stdlib_module_names, importer
            text = file.read_text(encoding="utf-8")
            assert ".now(" not in text, importer
            assert "time()" not in text, importer


@pytest.mark.parametrize(
    ("library", "rooms"), [("flask", {"web"}), ("sqlalchemy", None), ("requests", {"connectors.http"})]
)
def test_a_library_stays_in_its_room(library: str, rooms: set[str] | None) -> None:
    """Flask in the web, HTTP calls in one place, and no connector ever at the database."""
    found = {room(name) for name, file in modules() if any(one.split(".")[0] == library for one in imports(file))}
    if rooms is None:
        assert not {one for one in found if one.startswith("connectors") or one in ("domain", "config")}
    else:
        assert {one for one in found if one != "simulator"} == rooms


def test_no_module_grows_past_three_hundred_lines() -> None:
    """What is longer has two rooms in it."""
    long = [
        name
        for name, file in modules()
        if "migrations.versions" not in name and len(file.read_text().splitlines()) > 300
    ]
    assert long == []
