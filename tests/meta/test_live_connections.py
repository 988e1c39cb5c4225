"""Readers of connections take `live_connection`: a connection that is being removed must not count or show."""

import ast
from pathlib import Path

from tests.meta.import_graph import ROOT

EXCEPTIONS = {
    "sync_service/config_file/plan/save.py": "writes connections; a marked one has no slug that a file can name",
    "sync_service/store/jobs/write_backs.py": "writes the owner's marker",
    "sync_service/store/okrs/contributions.py": "joins links that count: none of a marked connection",
    "sync_service/store/okrs/linked_issues.py": "leaves out links of marked connections; names issues of old causes",
    "sync_service/store/trackers/connection_removal.py": "marks connections and deletes what is marked",
    "sync_service/store/trackers/connections.py": "writes refusals",
}
"""Modules that may use the table itself, marked rows and all, each with the reason."""


def uses_the_table(file: Path) -> bool:
    """Return whether a module takes the table `connection` from the tables, by import or as an attribute."""
    return any(_is_the_table(node) for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


def _is_the_table(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        is_tables = (node.module or "").startswith("sync_service.store.tables")
        return is_tables and any(one.name == "connection" for one in node.names)
    owner = node.value if isinstance(node, ast.Attribute) and node.attr == "connection" else None
    return isinstance(owner, ast.Name) and owner.id in {"t", "tables"}


def test_readers_of_connections_leave_out_what_is_being_removed() -> None:
    """A module not named here would show a connection's rows while they are deleted; one named needlessly may go."""
    files = (file for file in (ROOT / "sync_service").rglob("*.py") if "tables" not in file.parts)
    assert {str(file.relative_to(ROOT)) for file in files if uses_the_table(file)} == set(EXCEPTIONS)
