"""Comments that ask for links: the newest word of each, whatever the order in which words arrive."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from sync_service.domain.issues import CommentSeen
from sync_service.store.database import upsert
from sync_service.store.tables import comment


def take(tx: Connection, connection_id: int, seen: CommentSeen, *, identity: str) -> bool:
    """Keep what a comment on an issue asks for; tell whether that is news. A deletion is final, else the newest wins.

    What asks for nothing is kept too, since an older word of it may come later, but it is no news unless it did.
    GitHub's times have a resolution of one second: at equal times an edit beats what was there before.
    """
    mine = sa.and_(comment.c.connection_id == connection_id, comment.c.external_id == seen.id)
    known = tx.execute(sa.select(comment).where(mine).with_for_update()).mappings().one_or_none()
    columns = {
        "connection_id": connection_id,
        "external_id": seen.id,
        "identity": identity,
        "author": seen.author.id.casefold() if seen.author else "",
        "at": seen.at,
        "edited": seen.edited,
        "gone": seen.gone,
        "wants": None if seen.wants is None else list(seen.wants),
    }
    if known is not None and _order(known) >= _order(columns):
        return False
    upsert(tx, comment, [columns], unique=("connection_id", "external_id"))
    return _asks(columns) or (known is not None and _asks(known))


def _asks(columns: Any) -> bool:
    return columns["wants"] is not None and not columns["gone"]


def _order(columns: Any) -> tuple[Any, ...]:
    return (columns["gone"], columns["at"], columns["edited"], columns["author"], repr(columns["wants"]))


def of_issues(tx: Connection, connection_id: int, identities: Collection[str]) -> dict[str, list[Row[Any]]]:
    """Give the comments on issues that ask or asked for links, the newest word first, by the issue's identity."""
    here = sa.and_(comment.c.connection_id == connection_id, comment.c.identity.in_(identities))
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in tx.execute(sa.select(comment).where(here).order_by(comment.c.at.desc(), comment.c.external_id.desc())):
        found[row.identity].append(row)
    return found


def follow(tx: Connection, connection_id: int, *, from_identity: str, to_identity: str) -> None:
    """Let comments go where their issue went."""
    here = sa.and_(comment.c.connection_id == connection_id, comment.c.identity == from_identity)
    tx.execute(sa.update(comment).where(here).values(identity=to_identity))


def connections_with_any(tx: Connection) -> list[int]:
    """Give the ids of the connections on whose issues somebody asked for links by a comment."""
    return list(tx.scalars(sa.select(comment.c.connection_id).distinct().order_by(comment.c.connection_id)))
