"""Match all issues below changed issues again, in chunks: rules with `under` follow an ancestor that moved."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.trackers.causes import Cause
from sync_service.progress.ancestors.chains import DEEPEST
from sync_service.progress.link_issues import LinkInput, known_entries, relink
from sync_service.progress.term_names import TermNames, keys_of
from sync_service.store import tables
from sync_service.store.okrs import key_results
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.queue import due
from sync_service.store.trackers import descendants, issues
from sync_service.store.trackers.descendants import Child


def is_about(row: Row[Any]) -> bool:
    """Return whether a relink request is about the issues below some others."""
    return "below" in (row.renamed or {})


def match_chunk(
    tx: Transaction, ruleset: Ruleset, row: Row[Any], *, limit: int, now: datetime
) -> dict[int, list[Cause]]:
    """Match the next issues of a request again; return the touched key results, each with its causes."""
    connection_ids = ruleset.same_site(row.connection_id)
    step = descendants.next_step(tx, row.id, connection_ids, after=row.cursor, limit=limit)
    if step is None:
        cause = Cause(what="issues are under others than before")
        key_results.recompute(tx, sorted(ruleset.measures_of_ancestors), causes=[cause])
        due.settle(tx, tables.relink_request, [row], [{"outcome": "done"}])
        return {}
    entries = _entries(tx, ruleset, step.children)
    names = TermNames.read(tx, {key for one in entries for key in keys_of(one.connection_id, one.issue)})
    touched = relink(tx, ruleset, entries, names, now=now)
    due.release(tx, tables.relink_request, row, cursor=step.end(tx, deepest=DEEPEST))
    return touched


def _entries(tx: Transaction, ruleset: Ruleset, children: Sequence[Child]) -> list[LinkInput]:
    """Lock the children that rules with `under` may match, and return them with what changed above them."""
    asked = {one.row_id: one for one in children if one.connection_id in ruleset.rules.connections_with_ancestors}
    found: dict[tuple[int, str], list[tuple[int, Any]]] = defaultdict(list)
    for held in issues.lock_by_id(tx, list(asked)) if asked else ():
        if held.issue:
            one = asked[held.id]
            found[one.connection_id, one.what].append((held.id, held.issue))
    return [
        entry
        for (connection_id, what), known in found.items()
        for entry in known_entries(ruleset, connection_id, known, reasons=[RelinkReason(what=what, origin="rule")])
    ]
