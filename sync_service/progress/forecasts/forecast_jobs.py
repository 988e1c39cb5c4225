"""Compute forecasts that are due: after values change, and each night."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Engine, Row

from sync_service.progress.forecasts.compute_forecast import compute_forecast
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import forecasts, key_results
from sync_service.store.queue.retry import drain_rows

BATCH = 5
"""Rows claimed at a time: each may take a second."""

AFTER_MIDNIGHT = timedelta(minutes=2)
"""How long after the beginning of a day its forecast is computed: values are computed first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecaster:
    """Drains forecasts. They are computed in a transaction that only reads; a short one saves each."""

    engine: Engine
    now: Callable[[], datetime]

    def drain(self) -> int:
        """Compute due forecasts; return how many rows were claimed."""
        return drain_rows(self.engine, tables.forecast, self._compute, limit=BATCH)

    def _compute(self, rows: Sequence[Row[Any]]) -> None:
        (row,) = rows
        now = self.now()
        with reading(self.engine) as tx:
            found = compute_forecast(tx, row.key_result_id, now)
            here = now.astimezone(key_results.zone(tx, row.key_result_id))
        midnight = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        wait = midnight.astimezone(now.tzinfo) + AFTER_MIDNIGHT - now
        with writing(self.engine) as tx:
            if forecasts.save(tx, row, found, at=now, wait=wait):
                versions.bump(tx, versions.CHANGES)
