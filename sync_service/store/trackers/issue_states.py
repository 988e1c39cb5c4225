"""Changes of the states of issues: read and saved in batches, by issue row id."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.trackers.observations import State
from sync_service.domain.trackers.state_changes import IssueStates, StateChange
from sync_service.store.engine.database import among, upsert
from sync_service.store.tables import issue_state

SEEN = "seen"
HISTORY = "history"

Rows = dict[tuple[int, StateChange], str]
"""(issue row id, change) → where it comes from."""


def read(tx: Transaction, issue_ids: Iterable[int]) -> dict[int, IssueStates]:
    """Return the known changes of state of each of these issues, also where there are none."""
    ids = sorted(issue_ids)
    columns = (issue_state.c.issue_id, issue_state.c.at, issue_state.c.state, issue_state.c.source)
    wanted = sa.select(*columns).where(among(tx, issue_state.c.issue_id, ids))
    found: dict[int, dict[str, list[StateChange]]] = {one: {SEEN: [], HISTORY: []} for one in ids}
    for issue_id, at, state, source in tx.execute(wanted.order_by(issue_state.c.issue_id, issue_state.c.at)):
        found[issue_id][source].append(StateChange(at, State(state)))
    return {one: IssueStates(tuple(lists[SEEN]), tuple(lists[HISTORY])) for one, lists in found.items()}


def save(tx: Transaction, before: Mapping[int, IssueStates], after: Mapping[int, IssueStates]) -> None:
    """Save the changes of state of issues, of which `before` is stored. The caller has locked the issues."""
    stored, wanted = _rows(before), _rows(after)
    times = {(issue_id, one.at) for issue_id, one in wanted}
    gone = [(issue_id, one.at) for issue_id, one in stored if (issue_id, one.at) not in times]
    if gone:
        mine = issue_state.c.issue_id == sa.bindparam("of")
        delete = sa.delete(issue_state).where(mine, issue_state.c.at == sa.bindparam("then"))
        tx.execute(delete, [{"of": issue_id, "then": at} for issue_id, at in gone])
    new = [_columns(*key, source) for key, source in wanted.items() if stored.get(key) != source]
    upsert(tx, issue_state, new, unique=("issue_id", "at"))


def _rows(states: Mapping[int, IssueStates]) -> Rows:
    seen = {(issue_id, one): SEEN for issue_id, known in states.items() for one in known.seen}
    return seen | {(issue_id, one): HISTORY for issue_id, known in states.items() for one in known.history}


def _columns(issue_id: int, one: StateChange, source: str) -> dict[str, Any]:
    return {"issue_id": issue_id, "at": one.at, "state": one.state, "source": source}
