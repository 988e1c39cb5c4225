"""Conditions of measures (`share-meeting`): which linked issues meet them."""

from collections.abc import Collection, Mapping

from sqlalchemy.engine import Connection

from sync_service.domain.measures.settings import Measure
from sync_service.domain.rules.condition_reach import mentions
from sync_service.domain.trackers.issue import with_fields
from sync_service.domain.trackers.observations import State
from sync_service.progress.rule_subjects import Parents, accounts_at, subject_of
from sync_service.progress.term_names import TermNames, keys_of
from sync_service.store.okrs import linked_issues
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.trackers import issues


def met(
    tx: Connection, ruleset: Ruleset, measure: Measure, issue_ids: Collection[int], *, if_done: bool = False
) -> Mapping[int, bool | None]:
    """Return whether issues meet the condition of a measure on the fields of rules; None where it is unknown.

    With `if_done`: whether they would if they were done.
    """
    meets = measure.meets
    if meets is None or meets.other is None:
        return {}
    found: dict[int, bool | None] = {}
    under = mentions(meets.condition, "under")
    for connection_id, ids in linked_issues.by_connection(tx, issue_ids).items():
        known = [(row.id, row.issue) for row in issues.read(tx, ids) if row.issue]
        names = TermNames.read(tx, {key for _, one in known for key in keys_of(connection_id, one)})
        parents = Parents.read(tx, ruleset, connection_id, (one for _, one in known), under=under)
        people = accounts_at(ruleset, connection_id)
        for row_id, one in known:
            scope = ruleset.scope_of(connection_id, one.scope) if one.scope else None
            if scope is not None:
                seen = with_fields(one, state=State.DONE) if if_done else one
                subject = subject_of(seen, scope, connection_id, names, people, parents=parents)
                found[row_id] = meets.other(subject)
    return found
