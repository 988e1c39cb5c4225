"""Siblings: connections to one site. An issue that several of them watch has a row for each, and counts once.

What one of them receives is applied to the rows of all. A scope can move from one to another, such as from a token to
an app: `scope_moves.py`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.store.engine.database import among
from sync_service.store.tables import issue, live_connection, live_scope

Groups = Mapping[int, int]
"""The id of each connection that has siblings, with the lowest id among them."""


_PORTS = {"http": 80, "https": 443}


def site_key(site: str) -> str:
    """Return the same text for every spelling of a site: letter case, a default port, a last slash."""
    folded = site.strip().rstrip("/").casefold()
    try:
        address = urlsplit(folded)
        usual = address.port is not None and address.port == _PORTS.get(address.scheme)
    except ValueError:  # an unclosed bracket, or no number for a port
        return folded
    return folded.replace(f":{address.port}", "", 1) if usual else folded


def groups(tx: Transaction) -> Groups:
    """Return the connections that have siblings."""
    return groups_of(tx.execute(sa.select(live_connection.c.id, live_connection.c.kind, live_connection.c.site)))


def all_of(tx: Transaction, connection_ids: Collection[int]) -> dict[int, list[int]]:
    """Return each of the connections with itself and its siblings."""
    known = groups(tx)
    return {
        one: [other for other, first in known.items() if first == known[one]] if one in known else [one]
        for one in connection_ids
    }


def groups_of(connections: Iterable[Row[tuple[int, str, str]]]) -> dict[int, int]:
    """Return which of the connections have siblings among them, each with the lowest id of them."""
    by_site: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in connections:
        by_site[row.kind, site_key(row.site)].append(row.id)
    return {one: min(ids) for ids in by_site.values() if len(ids) > 1 for one in ids}


def first_of_each(found: sa.Subquery, groups: Groups) -> sa.ColumnElement[int]:
    """Return, for each row of `found`, the lowest id of an issue among its key result's rows of the same issue.

    `found` has the columns `key_result_id` and `issue_id`, and is joined to the table of issues.
    """
    site = sa.case(groups, value=issue.c.connection_id, else_=issue.c.connection_id)
    same = (found.c.key_result_id, site, issue.c.identity)
    return sa.func.min(found.c.issue_id).over(partition_by=same)


def pairs(groups: Groups) -> sa.Subquery:
    """Return a table of siblings: each `connection_id` with each `sibling_id`."""
    one, other = live_connection.alias(), live_connection.alias()
    same = sa.case(groups, value=one.c.id) == sa.case(groups, value=other.c.id)
    columns = (one.c.id.label("connection_id"), other.c.id.label("sibling_id"))
    return sa.select(*columns).join(other, sa.and_(same, one.c.id != other.c.id)).subquery()


def with_theirs(tx: Transaction, issue_ids: Collection[int], groups: Groups) -> set[int]:
    """Return issues, by row id, with the rows that siblings have of them."""
    if not groups or not issue_ids:
        return set(issue_ids)
    rows = tx.execute(sa.select(issue.c.connection_id, issue.c.identity).where(among(tx, issue.c.id, issue_ids)))
    identities: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        if row.connection_id in groups:
            identities[groups[row.connection_id]].add(row.identity)
    found = set(issue_ids)
    for first, some in identities.items():  # a join of the table with itself would read all issues, on SQLite
        members = [one for one, group in groups.items() if group == first]
        same = sa.and_(issue.c.connection_id.in_(members), issue.c.identity.in_(some))
        found.update(tx.scalars(sa.select(issue.c.id).where(same)))
    return found


def watched_by_sibling(tx: Transaction, connection_id: int, name: str) -> Row[tuple[int]] | None:
    """Return the scope with a name that a sibling of a connection watches; None where there is none."""
    group = groups(tx)
    siblings = [one for one, first in group.items() if first == group.get(connection_id) and one != connection_id]
    s = live_scope.c
    known = sa.select(live_scope).where(s.connection_id.in_(siblings), s.gone_reason.is_(None))
    rows = tx.execute(known.order_by(s.covered_at.is_(None), s.id))
    # SQLite folds the case of ASCII only, PostgreSQL as its locale says, and neither as `casefold`.
    return next((row for row in rows if _is_named(row, name.casefold())), None)


def _is_named(row: Row[Any], folded: str) -> bool:
    return folded in (row.name.casefold(), (row.current_name or row.name).casefold())
