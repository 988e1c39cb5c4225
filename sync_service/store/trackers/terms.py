"""Names of labels, milestones and other terms of trackers, by the ids that trackers give them."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.store.engine.database import TransactionConflict, upsert
from sync_service.store.tables import term

TermKey = tuple[int, str, str]
"""(connection id, kind of term, the term's id in the tracker)."""


def read_terms(tx: Transaction, keys: Iterable[TermKey]) -> dict[TermKey, Row[Any]]:
    """Return the stored rows of labels, milestones and other terms."""
    grouped: dict[tuple[int, str], set[str]] = defaultdict(set)
    for connection_id, kind, external_id in keys:
        grouped[connection_id, kind].add(external_id)
    known: dict[TermKey, Row[Any]] = {}
    for (connection_id, kind), external_ids in sorted(grouped.items()):
        found = sa.select(term).where(
            term.c.connection_id == connection_id, term.c.kind == kind, term.c.external_id.in_(sorted(external_ids))
        )
        known |= {(connection_id, kind, row.external_id): row for row in tx.execute(found)}
    return known


def save_terms(tx: Transaction, rows: Iterable[dict[str, Any]]) -> None:
    """Save names of terms in one fixed order. Raise `TransactionConflict` when another worker stored a newer name."""
    ordered = sorted(rows, key=lambda row: (row["connection_id"], row["kind"], row["external_id"]))
    upsert(tx, term, ordered, unique=("connection_id", "kind", "external_id"), newer="at")
    known = read_terms(tx, [(row["connection_id"], row["kind"], row["external_id"]) for row in ordered])
    for row in ordered:
        if known[row["connection_id"], row["kind"], row["external_id"]].name != row["name"]:
            raise TransactionConflict(f"another worker has a newer name for {row['kind']} {row['external_id']}")
