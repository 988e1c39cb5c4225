"""Siblings: connections to one site. An issue that several of them watch has a row for each, and counts once.

What one of them hears is applied to the rows of all. A scope that is moved from one to another, as from a token to an
app, brings along what is known of its issues.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.store.engine.database import insert_or_skip
from sync_service.store.tables import closing_link, issue, issue_state, link_comment, live_connection, scope, term

Groups = Mapping[int, int]
"""The id of each connection that has siblings, with the lowest id among them."""


_PORTS = {"http": 80, "https": 443}


def site_key(site: str) -> str:
    """Return the same text for every spelling of a site: letter case, a port that goes without saying, a last slash."""
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


def adopt_scope(tx: Transaction, connection_id: int, name: str) -> bool:
    """Copy what a sibling knows of a scope that a connection begins to watch; return whether one watches it.

    The scope's id and coverage, its issues and their comments are copied, so that nothing has to be imported again.
    """
    group = groups(tx)
    siblings = [one for one, first in group.items() if first == group.get(connection_id) and one != connection_id]
    folded = name.casefold()
    named = sa.or_(sa.func.lower(scope.c.name) == folded, sa.func.lower(scope.c.current_name) == folded)
    known = sa.select(scope).where(scope.c.connection_id.in_(siblings), named, scope.c.gone_reason.is_(None))
    theirs = tx.execute(known.order_by(scope.c.covered_at.is_(None), scope.c.id)).first()
    if theirs is None:
        return False
    ours = tx.execute(sa.select(scope).where(scope.c.connection_id == connection_id, scope.c.name == name)).one()
    copied = {"external_id": theirs.external_id, "covered_at": ours.covered_at or theirs.covered_at}
    tx.execute(sa.update(scope).where(scope.c.id == ours.id).values(copied))
    _copy_issues(tx, theirs, connection_id=connection_id, scope_id=ours.id)
    _copy_terms(tx, theirs.connection_id, connection_id)
    return True


def _copy_issues(tx: Transaction, theirs: Row[tuple[int]], *, connection_id: int, scope_id: int) -> None:
    mine, replaced = issue.alias("mine"), {"connection_id": connection_id, "scope_id": scope_id}
    names = [column.name for column in issue.columns if column.name != "id"]
    known = sa.exists().where(mine.c.connection_id == connection_id, mine.c.identity == issue.c.identity)
    values = [sa.literal(replaced[name]) if name in replaced else issue.c[name] for name in names]
    copied = sa.select(*values).where(issue.c.scope_id == theirs.id, ~known)
    tx.execute(sa.insert(issue).from_select(names, copied))
    _copy_rows(tx, closing_link, theirs.id, connection_id)
    _copy_rows(tx, issue_state, theirs.id, connection_id)
    _copy_comments(tx, theirs, connection_id)


def _copy_rows(tx: Transaction, table: sa.Table, scope_id: int, connection_id: int) -> None:
    """Copy rows about a scope's issues, such as closing links, to the same issues, where these have none."""
    mine, have = issue.alias("mine"), table.alias("have")
    names = [column.name for column in table.columns if column.name != "id"]
    replaced = {"connection_id": sa.literal(connection_id), "issue_id": mine.c.id}
    copied = (
        sa.select(*(replaced.get(name, table.c[name]) for name in names))
        .join(issue, issue.c.id == table.c.issue_id)
        .join(mine, sa.and_(mine.c.connection_id == connection_id, mine.c.identity == issue.c.identity))
        .where(issue.c.scope_id == scope_id, ~sa.exists().where(have.c.issue_id == mine.c.id))
    )
    tx.execute(sa.insert(table).from_select(names, copied))


def _copy_comments(tx: Transaction, theirs: Row[tuple[int]], connection_id: int) -> None:
    have = link_comment.alias("have")
    names = [column.name for column in link_comment.columns if column.name not in ("id", "connection_id")]
    known = sa.exists().where(have.c.connection_id == connection_id, have.c.external_id == link_comment.c.external_id)
    here = sa.exists().where(
        issue.c.connection_id == link_comment.c.connection_id,
        issue.c.identity == link_comment.c.identity,
        issue.c.scope_id == theirs.id,
    )
    copied = sa.select(sa.literal(connection_id), *(link_comment.c[name] for name in names)).where(here, ~known)
    tx.execute(sa.insert(link_comment).from_select(["connection_id", *names], copied))


def _copy_terms(tx: Transaction, from_id: int, to_id: int) -> None:
    """Copy the names of labels, milestones and so on that the connection does not know yet."""
    theirs = sa.select(term.c.kind, term.c.external_id, term.c.name, term.c.at).where(term.c.connection_id == from_id)
    rows = [dict(row) for row in tx.execute(theirs).mappings()]
    insert_or_skip(tx, term, rows, unique=("connection_id", "kind", "external_id"), connection_id=to_id)
