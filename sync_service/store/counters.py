"""Two counters: the version of everything that decides links, and the count of visible changes."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.store.tables import counter

RULES = "rules"
CHANGES = "changes"


def bump(tx: Connection, name: str) -> None:
    """Move a counter. Its row stays locked until `tx` ends, so bump `changes` last and `rules` first."""
    tx.execute(sa.update(counter).where(counter.c.name == name).values(value=counter.c.value + 1))


def value(tx: Connection, name: str) -> int:
    """Read a counter."""
    found: int = tx.scalars(sa.select(counter.c.value).where(counter.c.name == name)).one()
    return found


def take_rules(tx: Connection) -> None:
    """Keep everybody else from the rules until `tx` ends. First of all locks, for whoever may change them."""
    tx.execute(sa.select(counter.c.value).where(counter.c.name == RULES).with_for_update())


def hold_rules(tx: Connection) -> int:
    """Read the rules' version and keep it from moving until `tx` ends."""
    statement = sa.select(counter.c.value).where(counter.c.name == RULES).with_for_update(read=True)
    found: int = tx.scalars(statement).one()
    return found
