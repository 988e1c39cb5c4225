"""Readers take `live_connection`, `live_key_result` and so on: what is being removed must not count or show."""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.meta.import_graph import ROOT

EXCEPTIONS: Mapping[str, Mapping[str, str]] = {
    "connection": {
        "sync_service/config_file/plan/saving/item_tables.py": "writes connections; a marked one has no name in a file",
        "sync_service/config_file/plan/save.py": "writes connections; a marked one has no slug that a file can name",
        "sync_service/store/jobs/write_backs.py": "writes the owner's marker",
        "sync_service/store/okrs/contributions.py": "joins links that count: none of a marked connection",
        "sync_service/store/okrs/linked_issues.py": "leaves out links of marked connections; names old issues",
        "sync_service/store/trackers/connection_removal.py": "marks connections and deletes what is marked",
        "sync_service/store/trackers/connections.py": "writes refusals",
    },
    "cycle": {
        "sync_service/config_file/plan/saving/item_tables.py": "writes cycles; a marked one has no name in a file",
        "sync_service/store/cycles/settlement.py": "writes when all outcomes were settled",
        "sync_service/store/okrs/okr_removal.py": "marks and deletes what is marked",
    },
    "key_result": {
        "sync_service/config_file/plan/saving/item_tables.py": "writes key results; a marked one has no name in a file",
        "sync_service/store/cycles/settlement.py": "writes outcomes",
        "sync_service/store/cycles/successors.py": "writes successors",
        "sync_service/store/okrs/applying/applied.py": "writes what applies",
        "sync_service/store/okrs/key_results.py": "writes values",
        "sync_service/store/okrs/okr_removal.py": "marks and deletes what is marked",
    },
    "objective": {
        "sync_service/config_file/plan/saving/item_tables.py": "writes objectives; a marked one has no name in a file",
        "sync_service/store/okrs/okr_removal.py": "marks and deletes what is marked",
    },
    "scope": {
        "sync_service/config_file/plan/save.py": "writes the coverage of a connection's scopes",
        "sync_service/store/jobs/polls.py": "writes the coverage",
        "sync_service/store/trackers/scope_changes.py": "writes what a tracker says",
        "sync_service/store/trackers/scope_moves.py": "moves scopes; one that moves is not marked",
        "sync_service/store/trackers/scope_names.py": "writes names and ids",
        "sync_service/store/trackers/scope_removal.py": "marks scopes and deletes what is marked",
    },
}
"""Modules that may use the table itself, marked rows and all, each with the reason."""


def uses_the_table(file: Path, table: str) -> bool:
    """Return whether a module takes a table from the tables, by import or as an attribute."""
    return any(_is_the_table(node, table) for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


def _is_the_table(node: ast.AST, table: str) -> bool:
    if isinstance(node, ast.ImportFrom):
        is_tables = (node.module or "").startswith("sync_service.store.tables")
        return is_tables and any(one.name == table for one in node.names)
    owner = node.value if isinstance(node, ast.Attribute) and node.attr == table else None
    return isinstance(owner, ast.Name) and owner.id in {"t", "tables"}


@pytest.mark.slow
@pytest.mark.parametrize("table", EXCEPTIONS)
def test_readers_leave_out_what_is_being_removed(table: str) -> None:
    """A module not named here would show rows while they are deleted; one named needlessly may go."""
    files = (file for file in (ROOT / "sync_service").rglob("*.py") if "tables" not in file.parts)
    assert {str(file.relative_to(ROOT)) for file in files if uses_the_table(file, table)} == set(EXCEPTIONS[table])
