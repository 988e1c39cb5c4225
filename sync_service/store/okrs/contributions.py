"""Contributions: what each linked issue contributes to a key result's value, now and when it was last computed."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.measures.contributions import ClosedWhen, Contribution, Tally
from sync_service.domain.measures.parts import ContributionChange
from sync_service.domain.measures.settings import Measure
from sync_service.domain.measures.status import Span
from sync_service.domain.text import folded
from sync_service.domain.trackers.observations import CLOSED, State
from sync_service.store.engine.database import among
from sync_service.store.okrs.linked_issues import PreviewLinks, close_something, linked, through, weighed
from sync_service.store.tables import connection, contribution, issue, live_scope

Contributions = dict[int, Contribution]
"""The contributions of one key result, by issue id."""

ConditionTest = Callable[[Transaction, Measure, Collection[int]], Mapping[int, bool | None]]
"""Return whether issues, by id, meet the condition of a measure."""

_FIELDS = tuple(one.name for one in fields(Contribution))
_TIMES = ("number_at", "created_at", "started_at", "closed_at")
_FROM_ISSUE = ("created_at", "started_at", "closed_at", "reopened")


def present(
    tx: Transaction,
    measures: Mapping[int, Measure],
    *,
    test: ConditionTest,
    supposed: PreviewLinks | None = None,
    issue_ids: Collection[int] | None = None,
) -> dict[int, Contributions]:
    """Return what linked issues contribute now to key results, by id, with their measures; of some issues, if given.

    A pull request is left out when an issue that it closes is linked to the same key result: the issue counts. These
    pairs, rarely any, are read first: inside the main statement they would be its most expensive part.
    """
    found: dict[int, Contributions] = {one: {} for one in measures}
    beside = (
        {
            (row.key_result_id, row.issue_id)
            for row in tx.execute(through(tx, measures, supposed=supposed, issue_ids=issue_ids))
        }
        if issue_ids is None or close_something(tx, issue_ids)
        else set()
    )
    own = weighed(linked(tx, measures, supposed=supposed, issue_ids=issue_ids)).subquery()
    reads = {one: measure.reads for one, measure in measures.items()}
    for row in tx.execute(_with_issues(tx, own)):
        # A preview may link issues to a key result that reads none, such as one that is checked in.
        if row.key_result_id in measures and (row.key_result_id, row.issue_id) not in beside:
            found[row.key_result_id][row.issue_id] = _of_issue(
                row, measures[row.key_result_id], reads[row.key_result_id]
            )
    for key_result_id, measure in measures.items():
        if "met" in measure.reads:
            met = test(tx, measure, found[key_result_id])
            found[key_result_id] = {id_: replace(one, met=met.get(id_)) for id_, one in found[key_result_id].items()}
    return found


def _with_issues(tx: Transaction, own: sa.Subquery) -> sa.Select[Any]:
    """Select the linked issues with what measures read of them.

    For a batch of ten thousand links, PostgreSQL's planner prefers to read the whole issue table. `OFFSET 0` in the
    lateral subquery stops the planner from merging it, so each issue is read by its id.
    """
    names = ("id", "state", "points", "points_at", "numbers", *_FROM_ISSUE)
    one: sa.FromClause = issue
    if tx.dialect.name == "postgresql":
        one = sa.select(*(issue.c[name] for name in names)).where(issue.c.id == own.c.issue_id).offset(0).lateral()
    columns = (one.c[name] for name in names if name != "id")
    return sa.select(own, *columns).join(one, one.c.id == own.c.issue_id)


def _of_issue(row: Row[Any], measure: Measure, reads: Collection[str]) -> Contribution:
    read: dict[str, Any] = {name: getattr(row, name) for name in _FROM_ISSUE if name in reads}
    if "weight" in reads:
        read["weight"] = float(row.weight)
    if measure.number_field is not None:
        number, at = number_of(row, measure.number_field)
        read |= {"number": number} | ({"number_at": at} if "number_at" in reads else {})
    return Contribution(state=State(row.state), **read)


def number_of(row: Row[Any], name: str) -> tuple[float | None, datetime | None]:
    """Return a number field of an issue, and the tracker's time of it; None: it has none, or it is unknown.

    A measure may name the field in any letter case.
    """
    wanted = folded(name)
    if wanted == "points":
        return row.points, row.points_at
    for field, value, at in row.numbers or ():
        if folded(field) == wanted:
            return value, datetime.fromisoformat(at) if at else None
    return None, None


def stored(
    tx: Transaction, key_result_ids: Collection[int], *, issue_ids: Collection[int] | None = None
) -> dict[int, Contributions]:
    """Return the contributions that the values of key results were last computed from; of some issues, if given."""
    found: dict[int, Contributions] = {one: {} for one in key_result_ids}
    c = contribution.c
    wanted = sa.select(c.issue_id, c.key_result_id, *(c[name] for name in _FIELDS))
    wanted = wanted.where(among(tx, c.key_result_id, key_result_ids))
    if issue_ids is not None:
        wanted = wanted.where(among(tx, c.issue_id, issue_ids))
    for row in tx.execute(wanted):
        values = {name: getattr(row, name) for name in _FIELDS if name != "state"}
        found[row.key_result_id][row.issue_id] = Contribution(state=State(row.state), **values)
    return found


def of_issues(tx: Transaction, issue_ids: Collection[int]) -> dict[int, Contributions]:
    """Return what issues contributed to key results when these were last computed, by key result."""
    found: dict[int, Contributions] = defaultdict(dict)
    for row in tx.execute(sa.select(contribution).where(among(tx, contribution.c.issue_id, issue_ids))):
        values = {name: getattr(row, name) for name in _FIELDS if name != "state"}
        found[row.key_result_id][row.issue_id] = Contribution(state=State(row.state), **values)
    return found


def if_linked(tx: Transaction, measure: Measure, issue_id: int, weight: float) -> Contribution:
    """Return what an issue would contribute if it were linked with a weight."""
    row = tx.execute(sa.select(issue, sa.literal(weight).label("weight")).where(issue.c.id == issue_id)).one()
    return _of_issue(row, measure, measure.reads)


def changes(
    before: Mapping[int, Contribution], after: Mapping[int, Contribution], *, by_rule: bool
) -> dict[int, ContributionChange]:
    """Return the differences between contributions of a key result, by issue id."""
    ids = sorted(before.keys() | after.keys())
    return {
        one: ContributionChange(before.get(one), after.get(one), by_rule=by_rule)
        for one in ids
        if before.get(one) != after.get(one)
    }


def save(tx: Transaction, changed: Mapping[int, Mapping[int, ContributionChange]]) -> None:
    """Store changed contributions, by key result id and issue id.

    A changed row stays where it is: the rows of a key result are stored side by side and read together.
    """
    each = [(key_result_id, id_, one) for key_result_id, some in changed.items() for id_, one in some.items()]
    c = contribution.c
    same = (c.key_result_id == sa.bindparam("of"), c.issue_id == sa.bindparam("from_issue"))
    removed = [{"of": key_result_id, "from_issue": id_} for key_result_id, id_, one in each if one.after is None]
    if removed:
        tx.execute(sa.delete(contribution).where(*same), removed)
    updated = [
        {"of": key_result_id, "from_issue": id_, **_values(one.after)}
        for key_result_id, id_, one in each
        if one.before is not None and one.after is not None
    ]
    if updated:
        values = {name: sa.bindparam(f"new_{name}", type_=c[name].type) for name in _FIELDS}
        tx.execute(sa.update(contribution).where(*same).values(values), updated)
    added = [
        {"key_result_id": key_result_id, "issue_id": id_, **_values(one.after, prefix="")}
        for key_result_id, id_, one in each
        if one.before is None and one.after is not None
    ]
    if added:
        tx.execute(sa.insert(contribution), added)


def _values(one: Contribution, *, prefix: str = "new_") -> dict[str, Any]:
    return {f"{prefix}{name}": getattr(one, name) for name in _FIELDS}


def tallies(tx: Transaction, spans: Mapping[int, Span]) -> dict[int, list[Tally]]:
    """Return the sums of the stored contributions of key results, by id, with the spans of their cycles."""
    by_span: dict[Span, list[int]] = defaultdict(list)
    for key_result_id, span in spans.items():
        by_span[span].append(key_result_id)
    found: dict[int, list[Tally]] = defaultdict(list)
    for span, ids in by_span.items():
        for row in tx.execute(_summed(tx, ids, span)):
            when = ClosedWhen(row.closed) if row.closed else None
            sums = {name: getattr(row, name) for name in _SUMS}
            found[row.key_result_id].append(Tally(state=State(row.state), closed=when, **sums))
    return found


_WITHOUT = sa.case((contribution.c.number.is_(None), 1), else_=0)
_SUMS = {
    "issues": sa.func.count(),
    "weight": sa.func.sum(contribution.c.weight),
    "number": sa.func.coalesce(sa.func.sum(contribution.c.number), 0.0),
    "weighted_number": sa.func.coalesce(sa.func.sum(contribution.c.weight * contribution.c.number), 0.0),
    "without_number": sa.func.sum(_WITHOUT),
    "weight_without_number": sa.func.sum(_WITHOUT * contribution.c.weight),
}


def _summed(tx: Transaction, key_result_ids: Sequence[int], span: Span) -> sa.Select[Any]:
    c = contribution.c
    closed = sa.case(
        (sa.or_(c.closed_at.is_(None), c.state.notin_(CLOSED)), None),
        (c.closed_at < span.starts_at, ClosedWhen.BEFORE.value),
        (c.closed_at < span.ends_at, ClosedWhen.DURING.value),
        else_=ClosedWhen.AFTER.value,
    ).label("closed")
    sums = (column.label(name) for name, column in _SUMS.items())
    return (
        sa.select(c.key_result_id, c.state, closed, *sums)
        .where(among(tx, c.key_result_id, key_result_ids))
        .group_by(c.key_result_id, c.state, closed)
    )


def known_since(
    tx: Transaction, key_result_ids: Collection[int], *, supposed: PreviewLinks | None = None
) -> dict[int, datetime]:
    """Return since when all closings of linked issues are known, if a connection ignores earlier issues.

    Imported issues are known with their dates. With `supposed` links: of the issues that they link.
    """
    if not key_result_ids:
        return {}
    counting: sa.FromClause = linked(tx, key_result_ids, supposed=supposed) if supposed else contribution
    c = counting.c
    statement = (
        sa.select(c.key_result_id, sa.func.max(live_scope.c.covered_at).label("since"))
        .join(issue, issue.c.id == c.issue_id)
        .join(live_scope, live_scope.c.id == issue.c.scope_id)
        .join(connection, connection.c.id == issue.c.connection_id)
        .where(among(tx, c.key_result_id, key_result_ids), connection.c.earlier == "ignore")
        .group_by(c.key_result_id)
    )
    return {row.key_result_id: row.since for row in tx.execute(statement) if row.since is not None}


def to_columns(one: Contribution | None) -> dict[str, Any] | None:
    """Convert a contribution to JSON; defaults are left out to keep rows small."""
    if one is None:
        return None
    values = {name: getattr(one, name) for name in _FIELDS}
    kept = {name: value for name, value in values.items() if value != _DEFAULTS.get(name, ...)}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in kept.items()}


def from_columns(columns: Mapping[str, Any] | None) -> Contribution | None:
    """Convert JSON to a contribution."""
    if columns is None:
        return None
    values: dict[str, Any] = {
        name: datetime.fromisoformat(value) if name in _TIMES else value for name, value in columns.items()
    }
    return Contribution(**values | {"state": State(columns["state"])})


_DEFAULTS = {one.name: one.default for one in fields(Contribution)}
