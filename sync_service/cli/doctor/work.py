"""Checks of the work: workers and the clock, late and buried rows, logins of other accounts, rules that overlap."""

from collections.abc import Iterator, Sequence

from redis.exceptions import RedisError

from sync_service.domain.text import counted
from sync_service.domain.trackers.diagnostics import Finding
from sync_service.runtime.instance_lock import ProcessView, read_process_status
from sync_service.runtime.wiring import Services
from sync_service.runtime.worker import count_workers
from sync_service.store.engine.database import reading
from sync_service.store.views.people import AccountLine, NamedAccount, account_lines, named_accounts
from sync_service.store.views.rule_details.overlaps import Overlap, double
from sync_service.store.views.service_status import Backlog, backlogs

OVERLAPS = 10
"""Pairs of rules that doctor names."""

LATE_SECONDS, FAR_TOO_LATE_SECONDS = 60, 300
_LATE = "check that a worker and the clock run; okr-sync status and their logs say more"


def check_work(services: Services) -> Iterator[Finding]:
    """Yield the findings about workers and the clock, late and buried rows, people's accounts, and rules."""
    processes = read_process_status(services.settings.data_dir)
    yield _workers(services, processes)
    yield from _clock(processes)
    with reading(services.engine) as tx:
        waiting, accounts, overlaps = backlogs(tx), account_lines(tx), double(tx, limit=OVERLAPS)
        named = named_accounts(tx)
    yield from _late(waiting)
    yield from _buried(waiting)
    yield from _strangers(accounts)
    yield from _named(named)
    yield from _overlaps(overlaps)


def _overlaps(found: Sequence[Overlap]) -> Iterator[Finding]:
    for one in found:
        both = f"rules {one.rule} and {one.other} both match {counted(one.issues, 'issue')} for {one.key_result}"
        mend = "where one of them is enough, disable or remove the other: okr-sync rule show " + one.rule
        yield Finding(what="rules", well=None, says=f"{both}; an issue counts once", mend=mend)


def _workers(services: Services, processes: Sequence[ProcessView] | None) -> Finding:
    try:
        count = count_workers(services.redis)
    except RedisError:
        return Finding(what="workers", well=None, says="cannot be counted while Redis does not answer")
    if count:
        return Finding(what="workers", well=True, says=f"{count} running")
    mend = "start one: okr-sync up, or okr-sync worker" if processes is None else "okr-sync up restarts it; see its log"
    return Finding(what="workers", well=False, says="none is running", mend=mend)


def _clock(processes: Sequence[ProcessView] | None) -> Iterator[Finding]:
    """Yield the finding about the clock, if it is known: as a process of `up` on this machine."""
    if processes is None:
        yield Finding(
            what="clock", well=None, says="unknown: no okr-sync up runs here; late rows show whether a clock runs"
        )
        return
    for process in processes:
        if process.pid is None:
            says = "not running; it died repeatedly" if process.deaths > 1 else "not running"
            yield Finding(what=process.name, well=False, says=says, mend="okr-sync status and the log say why")
        elif process.name == "clock":
            yield Finding(what="clock", well=True, says=f"running as process {process.pid}")


def _late(waiting: Sequence[Backlog]) -> Iterator[Finding]:
    late = [rows for rows in waiting if rows.lag_seconds > LATE_SECONDS]
    for rows in late:
        verb = "is" if rows.due == 1 else "are"
        says = f"{counted(rows.due, f'{rows.table} row')} {verb} due, the oldest for {rows.lag_seconds:.0f} s"
        well = False if rows.lag_seconds > FAR_TOO_LATE_SECONDS else None
        yield Finding(what="late rows", well=well, says=says, mend=_LATE)
    if not late:
        yield Finding(what="late rows", well=True, says="none")


def _buried(waiting: Sequence[Backlog]) -> Iterator[Finding]:
    buried = [rows for rows in waiting if rows.buried]
    for rows in buried:
        mend = "the page Deliveries and the log say why; fix that, then run okr-sync replay --buried"
        yield Finding(what="buried rows", well=False, says=f"{rows.buried} of {rows.table}", mend=mend)
    if not buried:
        yield Finding(what="buried rows", well=True, says="none")


def _strangers(accounts: Sequence[AccountLine]) -> Iterator[Finding]:
    for one in accounts:
        if one.stranger_id is not None:
            says = (
                f"the {one.kind} login {one.login} of {one.email} belongs to another account now "
                f"(id {one.stranger_id}, before {one.stable_id}), whose /okr comments make no links"
                "; rules with assignee or author do not match it"
            )
            mend = f"correct the file; for the same person: okr-sync people accounts {one.email} --forget"
            yield Finding(what="accounts", well=None, says=says, mend=mend)


SHOWN_NAMES = 20
"""Logins in rules that are named one by one; first those that another account has now."""


def _named(named: Sequence[NamedAccount]) -> Iterator[Finding]:
    """Yield whom the logins in rules mean."""
    ordered = sorted(named, key=lambda one: one.stranger_id is None)
    for one in ordered[:SHOWN_NAMES]:
        mend = f"if it is meant, run okr-sync people forget {one.kind} {one.login}" if one.stranger_id else ""
        well = None if one.stranger_id else True
        yield Finding(what="logins in rules", well=well, says=f"{one.words} ({', '.join(one.places)})", mend=mend)
    if len(ordered) > SHOWN_NAMES:
        says = f"{len(ordered) - SHOWN_NAMES} more; the page of each rule shows whom its logins mean"
        yield Finding(what="logins in rules", well=True, says=says)
