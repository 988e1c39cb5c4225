"""Issues and term names (labels, milestones, ...): lock, read and save them in batches."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.text import folded
from sync_service.domain.trackers.closing_date import ClosedSeen, ClosingHistory, ClosingSource
from sync_service.domain.trackers.issue import MULTI_VALUED_TERMS, Issue, TimedNumber, transfer_target
from sync_service.domain.trackers.observations import Account, Closing, Kind, ScopeRef, State
from sync_service.store.engine.database import DatabaseNow, insert_or_skip
from sync_service.store.tables import issue
from sync_service.store.trackers import closing_links
from sync_service.store.trackers.custom_values import custom_columns, custom_values
from sync_service.store.trackers.issue_people import to_columns
from sync_service.store.trackers.issue_subset import ALL, Subset

Identity = tuple[int, str]
"""(connection id, the connector's stable identity of an issue)."""

_PLAIN = (
    "key",
    "type",
    "title",
    "url",
    "resolution",
    "milestone",
    "parent_key",
    "parent_identity",
    "parent_at",
    "parent_received_at",
    "closes_at",
    "closes_fetched",
    "priority",
    "points",
    "points_at",
    "components_at",
    "versions_at",
    "sprints_at",
    "created_at",
    "closed_at",
    "started_at",
    "reopened",
    "states_known_since",
    "updated_at",
    "received_at",
    "digest",
    "fetched",
    "in_doubt",
    "gone_reason",
    "successor",
)
_plain_of = attrgetter(*_PLAIN)


@dataclass(frozen=True, slots=True)
class IssueRow:
    """An issue row: its id, the id of its watched scope, and the stored issue (None: never seen)."""

    id: int
    scope_id: int | None
    issue: Issue | None


def lock(tx: Transaction, wanted: Mapping[Identity, str | None]) -> dict[Identity, IssueRow]:
    """Lock the issues of these identities in one fixed order; insert a missing one when `wanted` gives its key.

    Inserts come first. An insert waits for another worker that inserts the same row, so that both lock the same row.
    """
    ordered = sorted(wanted)
    known = _existing(tx, ordered)
    rows: list[dict[str, Any]] = [
        {
            "connection_id": c,
            "identity": i,
            "key": key,
            "folded_key": key.lower(),
            "labels": [],
            "assignees": [],
        }
        for c, i in ordered
        if (c, i) not in known and (key := wanted[c, i]) is not None
    ]
    insert_or_skip(tx, issue, rows, unique=("connection_id", "identity"))
    return _select(tx, ordered)


def _existing(tx: Transaction, identities: Sequence[Identity]) -> set[Identity]:
    found: set[Identity] = set()
    for connection_id, names in _by_connection(identities).items():
        rows = sa.select(issue.c.identity).where(issue.c.connection_id == connection_id, issue.c.identity.in_(names))
        found |= {(connection_id, identity) for identity in tx.scalars(rows)}
    return found


def _by_connection(identities: Sequence[Identity]) -> dict[int, list[str]]:
    grouped: dict[int, list[str]] = defaultdict(list)
    for connection_id, identity in identities:
        grouped[connection_id].append(identity)
    return grouped


def _select(tx: Transaction, identities: Sequence[Identity]) -> dict[Identity, IssueRow]:
    """Lock rows in id order, as `relink_jobs` does: any other order could deadlock with it."""
    wanted = [
        sa.and_(issue.c.connection_id == connection_id, issue.c.identity.in_(names))
        for connection_id, names in _by_connection(identities).items()
    ]
    rows = sa.select(issue).where(sa.or_(sa.false(), *wanted)).order_by(issue.c.id).with_for_update()
    found = tx.execute(rows).all()
    return {(row.connection_id, row.identity): held for row, held in zip(found, _from_rows(tx, found), strict=True)}


def any_after(tx: Transaction, *, connection_id: int, after: int, subset: Subset = ALL) -> bool:
    """Return whether a connection has issues with a higher row id in a subset."""
    wanted = subset.after(connection_id, after)
    return tx.scalar(sa.select(issue.c.id).where(wanted).limit(1)) is not None


def parent_keys(tx: Transaction, parents: Iterable[Identity]) -> list[tuple[Identity, str]]:
    """Return the keys by which children name these parents."""
    found: list[tuple[Identity, str]] = []
    for connection_id, names in _by_connection(sorted(parents)).items():
        children = sa.and_(issue.c.connection_id == connection_id, issue.c.parent_identity.in_(names))
        keys = sa.select(issue.c.parent_identity, issue.c.parent_key).where(children, issue.c.parent_key.isnot(None))
        found += [((connection_id, row.parent_identity), row.parent_key) for row in tx.execute(keys.distinct())]
    return found


def key_of(tx: Transaction, connection_id: int, identity: str) -> str | None:
    """Return the present key of an issue; None when it is not known."""
    mine = sa.and_(issue.c.connection_id == connection_id, issue.c.identity == identity)
    return tx.scalar(sa.select(issue.c.key).where(mine))


def lock_chunk(tx: Transaction, *, connection_id: int, after: int, limit: int, subset: Subset = ALL) -> list[IssueRow]:
    """Lock and return the next issues of a subset of a connection by row id."""
    found = sa.select(issue).where(subset.after(connection_id, after))
    return _from_rows(tx, tx.execute(found.order_by(issue.c.id).limit(limit).with_for_update()).all())


def lock_by_id(tx: Transaction, row_ids: Sequence[int]) -> list[IssueRow]:
    """Lock and return issues by row id, in the order of these ids."""
    found = sa.select(issue).where(issue.c.id.in_(row_ids)).order_by(issue.c.id).with_for_update()
    return _from_rows(tx, tx.execute(found).all())


def read_chunk(tx: Transaction, *, connection_id: int, after: int, limit: int) -> list[IssueRow]:
    """Return the next issues of a connection by row id, without a lock: read only."""
    found = sa.select(issue).where(issue.c.connection_id == connection_id, issue.c.id > after)
    return _from_rows(tx, tx.execute(found.order_by(issue.c.id).limit(limit)).all())


def read(tx: Transaction, row_ids: Sequence[int]) -> list[IssueRow]:
    """Return issues by row id, the highest id first, without a lock."""
    found = sa.select(issue).where(issue.c.id.in_(row_ids)).order_by(issue.c.id.desc())
    return _from_rows(tx, tx.execute(found).all())


def read_named(tx: Transaction, connection_id: int, identities: Sequence[str]) -> list[IssueRow]:
    """Return the issues with these identities that are known, without a lock."""
    found = sa.select(issue).where(issue.c.connection_id == connection_id, issue.c.identity.in_(identities))
    return _from_rows(tx, tx.execute(found.order_by(issue.c.id)).all())


def count(tx: Transaction, *, connection_id: int) -> int:
    """Count the issues of a connection, except those that are gone or known only as children."""
    there = sa.and_(issue.c.gone_reason.is_(None), issue.c.state.isnot(None))
    return tx.scalars(sa.select(sa.func.count()).where(issue.c.connection_id == connection_id, there)).one()


def _from_rows(tx: Transaction, rows: Sequence[Row[Any]]) -> list[IssueRow]:
    closes = closing_links.read(tx, [row.id for row in rows if row.closes_at is not None])
    return [_from_row(row, closes.get(row.id, ())) for row in rows]


def _from_row(row: Row[Any], closes: tuple[Closing, ...]) -> IssueRow:
    if row.updated_at is None and row.gone_reason is None and row.parent_at is None:
        return IssueRow(row.id, None, None)
    scope = ScopeRef(row.scope_external_id, row.scope_name) if row.scope_external_id else None
    return IssueRow(
        row.id,
        row.scope_id,
        Issue(
            identity=row.identity,
            scope=scope,
            kind=Kind(row.kind or Kind.ISSUE),
            state=State(row.state) if row.state else None,
            labels=tuple(row.labels),
            assignees=tuple(Account(*account) for account in row.assignees),
            author=Account(*row.author) if row.author else None,
            closes=closes,
            numbers=tuple(
                TimedNumber(name, value, datetime.fromisoformat(at)) for name, value, at in row.numbers or ()
            ),
            custom_fields=custom_values(row.custom_fields),
            components=tuple(row.components or ()),
            versions=tuple(row.versions or ()),
            sprints=tuple(row.sprints or ()),
            closing=_closing_history(row),
            closed_at_source=ClosingSource(row.closed_at_source) if row.closed_at_source else None,
            **dict(zip(_PLAIN, _plain_of(row), strict=True)),
        ),
    )


def _closing_history(row: Row[Any]) -> ClosingHistory:
    """Return what decides the closing date. Rows of the first schema have the date only."""
    if row.closed_seen is None and row.closed_at is not None:
        return ClosingHistory(closed=(ClosedSeen(row.updated_at, (row.closed_at,)),))
    closed = (
        ClosedSeen(datetime.fromisoformat(at), tuple(datetime.fromisoformat(date) for date in dates))
        for at, dates in row.closed_seen or ()
    )
    return ClosingHistory(row.last_open_at, tuple(closed))


def save(
    tx: Transaction, changed: Sequence[tuple[int, int | None, Issue]], *, reported: Collection[int] = frozenset()
) -> None:
    """Save issues, given as (row id, id of the watched scope, issue); the tracker has just `reported` some of them."""
    if not changed:
        return
    parameters = [_columns(row_id, scope_id, one) for row_id, scope_id, one in changed]
    values: dict[str, sa.BindParameter[Any]] = {name: sa.bindparam(name) for name in parameters[0] if name != "row_id"}
    for columns in parameters:
        columns["is_reported"] = columns["row_id"] in reported
    seen_at = sa.case((sa.bindparam("is_reported", type_=sa.Boolean), DatabaseNow()), else_=issue.c.seen_at)
    statement = sa.update(issue).where(issue.c.id == sa.bindparam("row_id"))
    tx.execute(statement.values({**values, "seen_at": seen_at}), parameters)
    closing_links.save(tx, {row_id: one.closes for row_id, _, one in changed if one.closes_at is not None})


def note_seen(tx: Transaction, row_ids: Sequence[int]) -> None:
    """Note that the tracker has just reported these issues."""
    if row_ids:
        tx.execute(sa.update(issue).where(issue.c.id.in_(row_ids)).values(seen_at=DatabaseNow()))


def _columns(row_id: int, scope_id: int | None, one: Issue) -> dict[str, Any]:
    columns: dict[str, Any] = dict(zip(_PLAIN, _plain_of(one), strict=True))
    columns |= {name: list(getattr(one, name)) for name in MULTI_VALUED_TERMS}
    return columns | {
        "numbers": [[number.name, number.value, number.at.isoformat()] for number in one.numbers],
        "custom_fields": custom_columns(one.custom_fields),
        "row_id": row_id,
        "folded_key": one.key.lower(),
        "folded_title": folded(one.title),
        "scope_id": scope_id,
        "scope_external_id": one.scope.id if one.scope else None,
        "scope_name": one.scope.name if one.scope else None,
        "kind": one.kind,
        "state": one.state,
        "last_open_at": one.closing.open_at,
        "closed_seen": [
            [seen.at.isoformat(), [date.isoformat() for date in seen.dates]] for seen in one.closing.closed
        ],
        "closed_at_source": one.closed_at_source,
        "labels": list(one.labels),
        "assignees": [to_columns(account) for account in one.assignees],
        "author": to_columns(one.author) if one.author else None,
    }


def transferred_to(tx: Transaction, connection_id: int, identity: str) -> tuple[str, str] | None:
    """Return the identity and key of an issue after its transfer; None when no transfer is known."""
    mine = sa.and_(issue.c.connection_id == connection_id, issue.c.identity == identity)
    found = tx.execute(sa.select(issue.c.gone_reason, issue.c.successor).where(mine)).one_or_none()
    return transfer_target(found.gone_reason, found.successor) if found else None
