"""What the command line shows of people: who may come in, and what one person owns."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store import tables


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A person who may sign in, and the number of sessions that have not expired."""

    email: str
    name: str
    role: str
    team: str | None
    sessions: int


def person_lines(tx: Transaction, now: datetime) -> list[PersonLine]:
    """Return everybody who may sign in, by address."""
    p, s, t = tables.person, tables.session, tables.team
    mine = sa.select(sa.func.count()).select_from(s).where(s.c.person_id == p.c.id, s.c.expires_at > now)
    found = sa.select(p.c.email, p.c.name, p.c.role, t.c.slug, mine.scalar_subquery())
    return [PersonLine(*row) for row in tx.execute(found.outerjoin(t, t.c.id == p.c.team_id).order_by(p.c.email))]


def owned_by(tx: Transaction, email: str) -> Iterator[str]:
    """Yield what a person owns, like `key result KR-1`."""
    person_id = sa.select(tables.person.c.id).where(tables.person.c.email == email).scalar_subquery()
    for word, table in _OWNED.items():
        mine = sa.select(table.c.slug).where(table.c.owner_id == person_id).order_by(table.c.slug)
        yield from (f"{word} {slug}" for slug in tx.scalars(mine))


_OWNED = {
    "objective": tables.objective,
    "key result": tables.key_result,
    "rule": tables.rule,
    "connection": tables.live_connection,
}
