"""Two version counters: `rules`, the version of everything that decides links, and `changes`, of visible changes."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.tables import counter

RULES = "rules"
CHANGES = "changes"


def bump(tx: Transaction, name: str) -> None:
    """Increment a counter. Its row stays locked until `tx` ends, so bump `rules` first and `changes` last."""
    tx.execute(sa.update(counter).where(counter.c.name == name).values(value=counter.c.value + 1))


def value(tx: Transaction, name: str) -> int:
    """Return a counter's value."""
    found: int = tx.scalars(sa.select(counter.c.value).where(counter.c.name == name)).one()
    return found


def lock_rules(tx: Transaction) -> None:
    """Lock the rules exclusively until `tx` ends. A transaction that may change rules takes this lock first."""
    tx.execute(sa.select(counter.c.value).where(counter.c.name == RULES).with_for_update())


def lock_rules_shared(tx: Transaction) -> int:
    """Lock the rules' version (shared) until `tx` ends and return it."""
    statement = sa.select(counter.c.value).where(counter.c.name == RULES).with_for_update(read=True)
    found: int = tx.scalars(statement).one()
    return found
