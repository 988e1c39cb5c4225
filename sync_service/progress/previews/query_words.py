"""The words that an editor of queries may offer: of the query language at a connection, and of known issues."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.trackers.connector import Connector
from sync_service.domain.trackers.queries import HasVocabulary, Vocabulary
from sync_service.store.queue import scheduled_tasks
from sync_service.store.trackers.connections import Configured
from sync_service.store.views.rules import suggestions

REFRESH_AFTER = timedelta(minutes=1)
"""How soon after its last run a task runs again when somebody wants newer words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryWords:
    """Words of queries at a connection.

    `vocabulary` is None while nothing is kept yet. `values` are known values by what a query calls their field, the
    most frequent first. `outcome` is what the last run of the task said, if there is a task.
    """

    vocabulary: Vocabulary | None
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    outcome: str = ""


def query_words(tx: Transaction, connector: Connector, connection: Configured) -> QueryWords:
    """Return the words that are known now. Asks nobody."""
    if not isinstance(connector, HasVocabulary):
        return QueryWords(vocabulary=None)
    task = connector.vocabulary_task
    row = scheduled_tasks.find(tx, connection.id, task) if task else None
    known = suggestions(tx, connection.id)
    return QueryWords(
        vocabulary=connector.vocabulary(row.memory if row else None),
        values={name: known.get(ours, []) for ours, name in connector.value_fields.items()},
        outcome=(row.outcome or "") if row else "",
    )


def refresh_words(tx: Transaction, connector: Connector, connection: Configured, *, now: datetime) -> bool:
    """Make the task that keeps the words due now; return False where there is none, or where it has just run."""
    task = connector.vocabulary_task if isinstance(connector, HasVocabulary) else None
    row = scheduled_tasks.find(tx, connection.id, task) if task else None
    if row is None or (row.ran_at is not None and now - row.ran_at < REFRESH_AFTER):
        return False
    scheduled_tasks.hurry_one(tx, connection.id, row.name)
    return True
