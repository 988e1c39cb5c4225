"""Links: read and save which issues are linked to which key results, and why."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.store.tables import link, live_key_result, manual_link

LinkKey = tuple[int, str, int]
"""(key result id, origin of the link, source: the id of a rule revision or manual link, 0 for a label)."""

PROPOSED = "proposed"
"""The origin of a link that waits for the owner of the key result; it does not count."""

Links = dict[LinkKey, float]
"""The links of one issue with their weights."""


def read(tx: Transaction, issue_ids: Collection[int]) -> dict[int, Links]:
    """Return the links of issues, including those of pending revisions."""
    found: dict[int, Links] = defaultdict(dict)
    for row in tx.execute(sa.select(link).where(link.c.issue_id.in_(issue_ids))):
        found[row.issue_id][row.key_result_id, row.origin, row.source] = row.weight
    return found


def key_result_slugs(tx: Transaction, ids: Collection[int]) -> dict[int, str]:
    """Return the slugs of linked key results, by id."""
    found = sa.select(live_key_result.c.id, live_key_result.c.slug).where(live_key_result.c.id.in_(ids))
    return {row.id: row.slug for row in tx.execute(found)}


def of_revisions(tx: Transaction, revision_ids: Collection[int], *, origin: str = "rule") -> set[int]:
    """Return the ids of the issues that these rule revisions link, or propose."""
    mine = sa.select(link.c.issue_id).where(link.c.origin == origin, link.c.source.in_(revision_ids))
    return set(tx.scalars(mine))


def save(tx: Transaction, changes: Mapping[int, tuple[Links, Links]]) -> None:
    """Save the changed links of issues: issue id → (links before, links after)."""
    removed, added = [], []
    for issue_id, (before, after) in changes.items():
        removed += [(issue_id, *key) for key in before if before[key] != after.get(key)]
        added += [(issue_id, *key, after[key]) for key in after if before.get(key) != after[key]]
    if removed:
        columns = ("issue_id", "key_result_id", "origin", "source")
        matching = [link.c[name] == sa.bindparam(f"old_{name}") for name in columns]
        parameters = [{f"old_{name}": value for name, value in zip(columns, row, strict=True)} for row in removed]
        tx.execute(sa.delete(link).where(*matching), parameters)
    if added:
        names = ("issue_id", "key_result_id", "origin", "source", "weight")
        tx.execute(sa.insert(link), [dict(zip(names, row, strict=True)) for row in added])


def manual(
    tx: Transaction, connection_id: int, issue_ids: Collection[int], keys: Mapping[str, int]
) -> dict[int, list[Row[Any]]]:
    """Return the manual links of issues by issue id; links still without an issue match by key (key → issue id)."""
    by_key = {key.lower(): issue_id for key, issue_id in keys.items()}  # GitHub's names have no case
    wanted = sa.or_(
        manual_link.c.issue_id.in_(issue_ids),
        sa.and_(
            manual_link.c.issue_id.is_(None),
            manual_link.c.connection_id == connection_id,
            sa.func.lower(manual_link.c.key).in_(by_key),
        ),
    )
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in tx.execute(sa.select(manual_link).where(wanted)):
        found[row.issue_id or by_key[row.key.lower()]].append(row)
    return found


def bind_manual(tx: Transaction, found: Mapping[int, Iterable[Row[Any]]]) -> None:
    """Store the issue id of manual links that were matched by key, so that they follow the issue to a new key."""
    waiting = [
        {"row_id": row.id, "found": issue_id} for issue_id, rows in found.items() for row in rows if not row.issue_id
    ]
    if waiting:
        statement = sa.update(manual_link).where(manual_link.c.id == sa.bindparam("row_id"))
        tx.execute(statement.values(issue_id=sa.bindparam("found")), waiting)


def follow(tx: Transaction, *, connection_id: int, from_issue_id: int, from_key: str, to_key: str) -> None:
    """Give the manual links of a transferred issue its new key, to be matched when the issue is seen there.

    This includes links that were still waiting for the issue by its old key.
    """
    there = sa.and_(manual_link.c.connection_id == connection_id, sa.func.lower(manual_link.c.key) == to_key.lower())
    taken = sa.select(manual_link.c.key_result_id).where(there).scalar_subquery()
    waiting = sa.and_(
        manual_link.c.issue_id.is_(None),
        manual_link.c.connection_id == connection_id,
        sa.func.lower(manual_link.c.key) == from_key.lower(),
    )
    statement = sa.update(manual_link).where(sa.or_(manual_link.c.issue_id == from_issue_id, waiting))
    tx.execute(statement.where(manual_link.c.key_result_id.notin_(taken)).values(key=to_key, issue_id=None))
