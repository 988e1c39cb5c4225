"""The pasts of issues: what the values of a cycle that is over are computed from."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.cycles.as_of import IssuePast
from sync_service.domain.trackers.observations import State
from sync_service.store.engine.database import among
from sync_service.store.okrs.contributions import number_of
from sync_service.store.tables import issue
from sync_service.store.trackers import issue_states


def read(tx: Transaction, issue_ids: Collection[int], *, number_field: str | None = None) -> dict[int, IssuePast]:
    """Return the pasts of issues, by row id; with the time of a number field, where one is named."""
    changes = issue_states.read(tx, issue_ids)
    wanted = sa.select(issue).where(among(tx, issue.c.id, issue_ids), issue.c.state.isnot(None))
    return {
        row.id: IssuePast(
            state=State(row.state),
            created_at=row.created_at,
            started_at=row.started_at,
            closed_at=row.closed_at,
            updated_at=row.updated_at,
            number_at=number_of(row, number_field)[1] if number_field else None,
            changes=changes[row.id].changes,
        )
        for row in tx.execute(wanted)
    }
