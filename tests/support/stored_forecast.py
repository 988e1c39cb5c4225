"""A stored forecast of a key result, as a worker leaves it."""

from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.domain.forecasts.forecast import Forecast
from sync_service.domain.forecasts.goal import Goal, Position
from sync_service.domain.forecasts.likely import Likely
from sync_service.domain.forecasts.samples import Week
from sync_service.domain.forecasts.track_record import TrackRecord
from sync_service.store import tables
from sync_service.store.okrs import forecasts
from sync_service.store.okrs.forecasts import Basis, Deciding, Found

FORECAST = Forecast(
    weeks=5,
    on_50=date(2026, 12, 10),
    on_70=date(2026, 12, 17),
    on_85=date(2026, 12, 24),
    on_95=None,
    chance=0.36,
    likely=Likely(100, 87.5, 75),
    pace_needed=2,
    track_record=TrackRecord(called=6, came_true=5),
)


def save_forecast(tx: Connection, key_result_id: int, *, found: Forecast = FORECAST, today: date) -> None:
    """Save a forecast of the key result's present goal, made two weeks before the end of its cycle."""
    k = tables.key_result
    row = tx.execute(sa.select(k).where(k.c.id == key_result_id)).one()
    basis = Basis(
        measure=row.measure,
        goal=Goal(row.measure["kind"], row.start, row.target),
        position=Position.of(4, 8),
        weeks=(*[Week(done=1)] * 4, Week(done=3)),
        today=today,
        ends=today + timedelta(days=14),
    )
    deciding = Deciding(connection="c", key="acme/checkout#3", title="Pay", reasons=("blocked",), effect=0.12)
    forecasts.request(tx, [key_result_id])
    held = tx.execute(sa.select(tables.forecast).where(tables.forecast.c.key_result_id == key_result_id)).one()
    at = datetime.combine(today, datetime.min.time()).astimezone()
    forecasts.save(
        tx, _leased(tx, held), Found(forecast=found, basis=basis, deciding=(deciding,)), at=at, wait=timedelta(days=1)
    )


def _leased(tx: Connection, row: sa.Row[object]) -> sa.Row[object]:
    """Return a row as its worker holds it."""
    f = tables.forecast
    tx.execute(sa.update(f).where(f.c.id == row.id).values(lease="mine"))
    return tx.execute(sa.select(f).where(f.c.id == row.id)).one()
