"""The forecast of a key result from the database. Workers compute it: it may take a second with 10,000 links."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.forecasts.at_end import AtEnd
from sync_service.domain.forecasts.burn_up.amounts import amounts, as_done
from sync_service.domain.forecasts.deciding_issues import DecidingIssue, OpenIssue, deciding_issues
from sync_service.domain.forecasts.forecast import Forecast, forecast
from sync_service.domain.forecasts.goal import KINDS, Goal
from sync_service.domain.forecasts.samples import last_weeks
from sync_service.domain.measures.line import PastIssue
from sync_service.domain.measures.status import Status
from sync_service.domain.trackers.observations import CLOSED
from sync_service.progress.forecasts.burn_up import BurnUp, read_burn_up
from sync_service.store.okrs import key_results, linked_issues, open_issues
from sync_service.store.okrs.forecasts import Basis, Deciding, Found
from sync_service.store.okrs.key_results import KeyResult

MOST_DECIDING = 10
"""Issues that are named as deciding a forecast."""

OVER = "the cycle is over"
PARTLY_SEEN = "some of its issues are not imported yet"


def compute_forecast(tx: Connection, key_result_id: int, now: datetime) -> Found | None:
    """Return the forecast of a key result as of now; None where its measure has none, or it has to stay in a range."""
    (one,) = key_results.read(tx, [key_result_id])
    if one.measure.kind not in KINDS or one.start is None or one.target is None:
        return None
    goal = Goal(one.measure.kind, one.start, one.target)
    burn_up = read_burn_up(tx, one, now)
    samples = last_weeks(burn_up.history.weeks).weeks
    basis = Basis(
        measure=one.settings,
        goal=goal,
        position=burn_up.position,
        weeks=samples,
        today=burn_up.today,
        ends=one.days[1],
    )
    reason = _why_not(one, now)
    if reason:
        return Found(forecast=Forecast(weeks=len(samples), enough=False, reason=reason), basis=basis)
    found = forecast(goal, burn_up.position, burn_up.history, today=burn_up.today, ends=basis.ends)
    if found is None:
        return None
    return Found(forecast=found, basis=basis, deciding=_deciding(tx, one, basis, burn_up) if found.enough else ())


def _why_not(one: KeyResult, now: datetime) -> str:
    if one.span.ends_at <= now:
        return OVER
    return PARTLY_SEEN if one.state.status is Status.PARTIAL else ""


def end_of(basis: Basis) -> AtEnd:
    """Return the distribution at the end of the cycle of what a forecast was computed from."""
    return AtEnd(basis.goal, basis.weeks, max((basis.ends - basis.today).days, 0))


def _deciding(tx: Connection, one: KeyResult, basis: Basis, burn_up: BurnUp) -> tuple[Deciding, ...]:
    """Return the open issues that decide a forecast, those with the greatest effect."""
    now = burn_up.now
    still_open = {id_: each for id_, each in burn_up.issues.items() if each.now.state not in CLOSED}
    blocked = open_issues.blocked(tx, still_open)
    ages = {
        id_: (now - each.created_at).total_seconds() / 86400
        for id_, each in still_open.items()
        if each.created_at is not None
    }
    found = deciding_issues(
        [
            OpenIssue(key=str(id_), age=int(ages.get(id_, 0.0)), blocked=id_ in blocked, size=_adds(one, each, now))
            for id_, each in still_open.items()
        ],
        end=end_of(basis),
        position=basis.position,
        old_age=open_issues.old_age(tx, one.team_id, now),
    )[:MOST_DECIDING]
    return _named(found, linked_issues.names(tx, [int(each.key) for each in found]))


def _adds(one: KeyResult, issue: PastIssue, now: datetime) -> float | None:
    """Return what an open issue adds when it is done; None: it has no estimate, where the measure counts one."""
    if one.measure.number_field is not None and issue.now.number is None:
        return None
    done = as_done(issue.now, now, one.measure.reads)
    return amounts(one.measure, done, one.span)[0] - amounts(one.measure, issue.now, one.span)[0]


def _named(found: Sequence[DecidingIssue], names: Mapping[int, linked_issues.IssueName]) -> tuple[Deciding, ...]:
    return tuple(
        Deciding(connection=name.connection, key=name.key, title=name.title, reasons=each.reasons, effect=each.effect)
        for each in found
        if (name := names.get(int(each.key))) is not None
    )
