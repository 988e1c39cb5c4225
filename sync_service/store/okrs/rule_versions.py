"""Versions of rules: each saved form with its author and time. They outlive their rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.versions import differences
from sync_service.store.tables import live_connection, live_key_result, person, rule, rule_version

AT_ONCE = 500
"""Slugs in one statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One saved form of a rule. `definition` is as in the configuration file, None: the rule was removed.

    `differences` are the words for what it changed.
    """

    number: int
    at: datetime
    changed_by: str
    what: str
    definition: Mapping[str, Any] | None
    differences: Sequence[str] = ()


def add(tx: Transaction, words: Mapping[str, str], *, changed_by: str, now: datetime) -> None:
    """Add the current forms of rules as their newest versions: slug → what was done to it."""
    slugs, rows = list(words), []
    for first in range(0, len(slugs), AT_ONCE):
        found = tx.execute(_present().where(rule.c.slug.in_(slugs[first : first + AT_ONCE])))
        rows += [
            {
                "rule_slug": row.slug,
                "number": (row.newest or 0) + 1,
                "at": now,
                "changed_by": changed_by,
                "what": words[row.slug],
                "definition": _definition(row),
            }
            for row in found
        ]
    if rows:
        tx.execute(sa.insert(rule_version), rows)


def _definition(row: sa.Row[Any]) -> dict[str, Any]:
    definition = {name: getattr(row, name) for name in ("owner", "connection", "key_result", "query", "state")}
    return definition | {"when": None if row.query else row.condition}


def _present() -> sa.Select[Any]:
    newest = sa.select(sa.func.max(rule_version.c.number)).where(rule_version.c.rule_slug == rule.c.slug)
    return (
        sa.select(
            *(rule.c[name] for name in ("slug", "query", "state", "condition")),
            person.c.email.label("owner"),
            live_connection.c.slug.label("connection"),
            live_key_result.c.slug.label("key_result"),
            newest.scalar_subquery().label("newest"),
        )
        .join(live_connection, live_connection.c.id == rule.c.connection_id)
        .join(live_key_result, live_key_result.c.id == rule.c.key_result_id)
        .outerjoin(person, person.c.id == rule.c.owner_id)
    )


def add_removals(tx: Transaction, slugs: Sequence[str], *, changed_by: str, now: datetime) -> None:
    """Add that rules were removed, as their newest versions."""
    v = rule_version.c
    for first in range(0, len(slugs), AT_ONCE):
        named = v.rule_slug.in_(slugs[first : first + AT_ONCE])
        newest = sa.select(v.rule_slug, sa.func.max(v.number).label("number")).where(named).group_by(v.rule_slug)
        rows = [
            {"rule_slug": row.rule_slug, "number": row.number + 1, "at": now, "changed_by": changed_by}
            for row in tx.execute(newest)
        ]
        if rows:
            tx.execute(sa.insert(rule_version).values(what="removed", definition=sa.null()), rows)


def read(tx: Transaction, slug: str) -> list[Version]:
    """Return the versions of a rule, the newest first, each with what it changed."""
    found: list[Version] = []
    before: Mapping[str, Any] | None = None
    rows = tx.execute(sa.select(rule_version).where(rule_version.c.rule_slug == slug).order_by(rule_version.c.number))
    for row in rows:
        found.append(
            Version(
                number=row.number,
                at=row.at,
                changed_by=row.changed_by,
                what=row.what,
                definition=row.definition,
                differences=differences(before, row.definition),
            )
        )
        before = row.definition
    return found[::-1]


def removed(tx: Transaction, *, limit: int) -> list[str]:
    """Return the slugs of rules that were removed and have versions, the last removed first."""
    v, newest = rule_version.c, rule_version.alias()
    last = sa.select(sa.func.max(newest.c.number)).where(newest.c.rule_slug == v.rule_slug).scalar_subquery()
    exists = sa.exists().where(rule.c.slug == v.rule_slug)
    gone = sa.select(v.rule_slug).where(v.what == "removed", v.number == last, ~exists)
    return list(tx.scalars(gone.order_by(v.at.desc(), v.rule_slug).limit(limit)))
