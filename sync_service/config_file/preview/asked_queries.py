"""Ask trackers about new queries of a file, before it is applied: what a tracker rejects is an error of the file.

A tracker that can't answer now is no reason to refuse a file: a warning says so, and the listing checks the query.
"""

from collections.abc import Callable, Iterable, Iterator

from sync_service.config_file.plan.apply import ConfigApplier, Files
from sync_service.config_file.plan.diff import Change
from sync_service.config_file.read.cross_checks import name_of
from sync_service.config_file.read.errors import InvalidFiles, format_value
from sync_service.config_file.read.models import connection_models
from sync_service.config_file.read.parse import Document, read_document
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.text import counted
from sync_service.domain.trackers.queries import Asked, QueryReply

Ask = Callable[[str, str], QueryReply | None]
"""Asks about a query at a connection, given by its slug; None when there is no such connection yet."""

MOST_ASKED = 20
"""Most queries of one file about which trackers are asked; the rest is checked when it is listed."""

LATER = "it is checked when it is listed"

_DECIDING = ("connection", "query", "state")


def ask_before(applying: ConfigApplier, files: Files, *, prune: bool, ask: Ask) -> list[str]:
    """Ask about the new queries of files that are going to be applied; return warnings.

    Raise as `ConfigApplier.plan` does, and `InvalidFiles` for queries that a tracker rejects.
    """
    if not any(b"query" in content for _, content in files):
        return []  # planning takes long with many items
    changes = applying.plan(files, prune=prune).changes
    document = read_document(files, connection_models(applying.connectors.values()))
    return ask_about(document, changes, ask=ask)


def ask_about(document: Document, changes: Iterable[Change], *, ask: Ask) -> list[str]:
    """Ask about the queries of rules that are new or changed, and that would link or propose; return warnings.

    Raise `InvalidFiles` for queries that a tracker rejects. A connection whose tracker does not answer is asked once.
    """
    parts = {str(name_of(part)): part for part in document.items["rules"]}
    wanted = list(_new_queries(changes))
    errors, warnings, silent = [], [], set[str]()
    for slug, connection, query in wanted[:MOST_ASKED]:
        reply = None if connection in silent else ask(connection, query)
        if reply is None:
            continue
        if reply.outcome is Asked.REJECTED and slug in parts:
            found = f"{format_value(query)} ({reply.words})"
            errors.append(parts[slug].error_at(("query",), found, "a query that the tracker accepts, or state: draft"))
        elif reply.answer:
            warnings += [f"rule {slug}: the tracker warns: {words}" for words in reply.answer.warnings]
        elif reply.outcome in (Asked.NOT_NOW, Asked.REFUSED):
            silent.add(connection)
            why = f"connection {connection} can't be asked about its query ({reply.words})"
            warnings.append(f"rule {slug}: {why}; {LATER}")
    if (left := len(wanted) - MOST_ASKED) > 0:
        warnings.append(f"{counted(left, 'more query', 'more queries')}: no tracker was asked; {LATER}")
    if errors:
        raise InvalidFiles(errors)
    return warnings


def _new_queries(changes: Iterable[Change]) -> Iterator[tuple[str, str, str]]:
    """Yield rule, connection and query of each rule whose query is new to its tracker.

    A connection that changes, too, may get other credentials, with which nobody can ask yet.
    """
    listed = list(changes)
    changing = {str(one.key) for one in listed if one.section == "connections"}
    for change in listed:
        after = change.after
        if change.section != "rules" or after is None or not after["query"]:
            continue
        if not RuleState(after["state"]).matches or after["connection"] in changing:
            continue
        if change.before is None or any(change.differs(name) for name in _DECIDING):
            yield str(change.key), after["connection"], after["query"]
