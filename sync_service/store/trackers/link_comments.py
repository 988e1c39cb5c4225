"""Link comments (`/okr`): store the newest version of each, in any order of arrival."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.text import folded
from sync_service.domain.trackers.observations import CommentSeen
from sync_service.store.engine.database import upsert
from sync_service.store.tables import link_comment


def save(tx: Transaction, connection_id: int, seen: CommentSeen, *, identity: str) -> bool:
    """Store what a comment asks for; return whether links may change. A deletion is final, else the newest wins.

    A comment that asks for nothing is stored too, since an older version may arrive later; it changes links only if
    the stored version asked for some.
    GitHub's times have a resolution of one second: at equal times an edit wins over the original.
    """
    mine = sa.and_(link_comment.c.connection_id == connection_id, link_comment.c.external_id == seen.id)
    known = tx.execute(sa.select(link_comment).where(mine).with_for_update()).mappings().one_or_none()
    columns = {
        "connection_id": connection_id,
        "external_id": seen.id,
        "identity": identity,
        "author": folded(seen.author.id) if seen.author else "",
        "author_id": seen.author.stable_id if seen.author else None,
        "at": seen.at,
        "edited": seen.edited,
        "gone": seen.gone,
        "wants": None if seen.wants is None else list(seen.wants),
    }
    if known is not None and _order(known) >= _order(columns):
        return False
    upsert(tx, link_comment, [columns], unique=("connection_id", "external_id"))
    return _asks(columns) or (known is not None and _asks(known))


def _asks(columns: Any) -> bool:
    return columns["wants"] is not None and not columns["gone"]


def _order(columns: Any) -> tuple[Any, ...]:
    return (columns["gone"], columns["at"], columns["edited"], columns["author"], repr(columns["wants"]))


def of_issues(tx: Transaction, connection_id: int, identities: Collection[str]) -> dict[str, list[Row[Any]]]:
    """Return the comments that ask or asked for links, by the issue's identity, the latest edit first."""
    here = sa.and_(link_comment.c.connection_id == connection_id, link_comment.c.identity.in_(identities))
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in tx.execute(
        sa.select(link_comment).where(here).order_by(link_comment.c.at.desc(), link_comment.c.external_id.desc())
    ):
        found[row.identity].append(row)
    return found


def by_another(tx: Transaction, connection_ids: Collection[int], *, login: str, stable_id: str) -> list[int]:
    """Return the connections with comments of this account under another login, or of another under this login."""
    c = link_comment.c
    differs = sa.or_(
        sa.and_(c.author == login, c.author_id != stable_id), sa.and_(c.author != login, c.author_id == stable_id)
    )
    found = sa.select(c.connection_id).where(c.connection_id.in_(connection_ids), differs)
    return list(tx.scalars(found.distinct().order_by(c.connection_id)))


def follow(tx: Transaction, connection_id: int, *, from_identity: str, to_identity: str) -> None:
    """Move comments to the new identity of a transferred issue."""
    here = sa.and_(link_comment.c.connection_id == connection_id, link_comment.c.identity == from_identity)
    tx.execute(sa.update(link_comment).where(here).values(identity=to_identity))


def connections_with_any(tx: Transaction) -> list[int]:
    """Return the ids of the connections that have link comments."""
    return list(tx.scalars(sa.select(link_comment.c.connection_id).distinct().order_by(link_comment.c.connection_id)))
