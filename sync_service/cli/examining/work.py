"""What is found of the work: whether anybody does it, what is late, and what was put aside."""

from collections.abc import Iterator, Sequence

from redis.exceptions import RedisError

from sync_service.domain.examining import Finding
from sync_service.holding import PartView, parts_told
from sync_service.jobs import count_workers
from sync_service.store.database import reading
from sync_service.store.standing import Backlog, backlogs
from sync_service.wiring import House

LATE_SECONDS, FAR_TOO_LATE_SECONDS = 60, 300
_LATE = "does a worker run, and the clock? okr-sync status says more, and their logs say why"


def work_found(house: House) -> Iterator[Finding]:
    """Look at workers and the clock, and at late and buried rows."""
    parts = parts_told(house.settings.data_dir)
    yield _workers(house, parts)
    yield from _clock(parts)
    with reading(house.engine) as tx:
        waiting = backlogs(tx)
    yield from _late(waiting)
    yield from _buried(waiting)


def _workers(house: House, parts: Sequence[PartView] | None) -> Finding:
    try:
        count = count_workers(house.redis)
    except RedisError:
        return Finding(what="workers", well=None, says="can't be counted while Redis does not answer")
    if count:
        return Finding(what="workers", well=True, says=f"{count} {'lives' if count == 1 else 'live'}")
    mend = "start one: okr-sync up, or okr-sync worker" if parts is None else "it is started again; its log says why"
    return Finding(what="workers", well=False, says="none lives", mend=mend)


def _clock(parts: Sequence[PartView] | None) -> Iterator[Finding]:
    """Tell of the clock where it can be told: as a part of `up` on this machine."""
    if parts is None:
        yield Finding(
            what="clock", well=None, says="no okr-sync up runs here; whether a clock runs shows in what is late"
        )
        return
    for part in parts:
        if part.pid is None:
            says = "does not run; it died again and again" if part.deaths > 1 else "does not run"
            yield Finding(what=part.name, well=False, says=says, mend="okr-sync status and the log say why")
        elif part.name == "clock":
            yield Finding(what="clock", well=True, says=f"runs as process {part.pid}")


def _late(waiting: Sequence[Backlog]) -> Iterator[Finding]:
    late = [rows for rows in waiting if rows.lag_seconds > LATE_SECONDS]
    for rows in late:
        says = f"{rows.due} {rows.table} rows are due, the oldest for {rows.lag_seconds:.0f} s"
        well = False if rows.lag_seconds > FAR_TOO_LATE_SECONDS else None
        yield Finding(what="late rows", well=well, says=says, mend=_LATE)
    if not late:
        yield Finding(what="late rows", well=True, says="none")


def _buried(waiting: Sequence[Backlog]) -> Iterator[Finding]:
    buried = [rows for rows in waiting if rows.buried]
    for rows in buried:
        mend = "the page Deliveries and the log say why; once that is mended: okr-sync replay --buried"
        yield Finding(what="buried rows", well=False, says=f"{rows.buried} of {rows.table}", mend=mend)
    if not buried:
        yield Finding(what="buried rows", well=True, says="none")
