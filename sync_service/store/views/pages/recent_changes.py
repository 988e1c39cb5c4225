"""The latest changes of several key results, newest first."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.trackers.causes import Cause
from sync_service.store import tables
from sync_service.store.okrs.applying.causes import from_columns
from sync_service.store.okrs.history import is_shown


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentChange:
    """A change of a key result's value, or of its progress alone, with its causes. `unit` is that of the value."""

    id: int
    at: datetime
    key_result: str
    title: str
    unit: str
    target: float | None
    before: float | None
    after: float | None
    progress_before: float | None
    progress_after: float | None
    causes: tuple[Cause, ...]

    @property
    def improved(self) -> bool | None:
        """Whether the progress rose; None where it is unknown or the same."""
        before, after = self.progress_before, self.progress_after
        return None if before is None or after is None or before == after else after > before

    @property
    def goal_moved(self) -> bool:
        """Whether only the progress changed: the start, target or weights did, and not the value."""
        return self.before == self.after


def recent_changes(
    tx: Transaction, key_result_ids: Collection[int], *, since: datetime | None = None, limit: int
) -> list[RecentChange]:
    """Return the latest changes of key results (by their row ids), those after `since` if given."""
    h, k = tables.history, tables.live_key_result
    later = sa.true() if since is None else h.c.at > since
    entries = (h.c.id, h.c.at, h.c["from"].label("before"), h.c.to.label("after"), h.c.progress_from, h.c.progress_to)
    found = (
        sa.select(*entries, h.c.causes, k.c.slug, k.c.title, k.c.unit, k.c.target)
        .join(k, k.c.id == h.c.key_result_id)
        .where(h.c.key_result_id.in_(key_result_ids), later, is_shown)
        .order_by(h.c.id.desc())
        .limit(limit)
    )
    return [
        RecentChange(
            id=row.id,
            at=row.at,
            key_result=row.slug,
            title=row.title,
            unit=row.unit,
            target=row.target,
            before=row.before,
            after=row.after,
            progress_before=row.progress_from,
            progress_after=row.progress_to,
            causes=tuple(from_columns(one) for one in row.causes),
        )
        for row in tx.execute(found)
    ]
