"""Measures that are about certain issues: those that meet a condition, and those that do a step."""

from collections import defaultdict
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.measures.kinds.meets import Meets
from sync_service.domain.measures.settings import parse_measure
from sync_service.store.tables import live_key_result


def conditional(tx: Transaction) -> dict[int, Meets]:
    """Return the key results whose measure has a condition on the fields of rules, with the condition."""
    kind = live_key_result.c.measure["kind"].as_string()
    rows = tx.execute(sa.select(live_key_result.c.id, live_key_result.c.measure).where(kind == "share-meeting"))
    found = ((row.id, parse_measure(row.measure).meets) for row in rows)
    return {id_: meets for id_, meets in found if meets is not None and meets.other is not None}


def step_issues(tx: Transaction, connections: Mapping[str, int]) -> dict[tuple[int, str], frozenset[int]]:
    """Return the key results with a step that an issue, by connection and key in lower case, does."""
    kind = live_key_result.c.measure["kind"].as_string()
    found: dict[tuple[int, str], set[int]] = defaultdict(set)
    for row in tx.execute(sa.select(live_key_result.c.id, live_key_result.c.measure).where(kind == "steps")):
        for step in parse_measure(row.measure).steps:
            slug, _, key = (step.issue or "").lower().partition(":")
            if slug in connections:
                found[connections[slug], key].add(row.id)
    return {issue: frozenset(ids) for issue, ids in found.items()}
