"""Versions of rules: each saved form with its author and time. They outlive their rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.versions import differences
from sync_service.store.engine.many_rows import chunks
from sync_service.store.tables import live_connection, live_key_result, person, rule, rule_version


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


def add(
    tx: Transaction,
    words: Mapping[str, str],
    *,
    changed_by: str,
    now: datetime,
    forms: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> None:
    """Add the current forms of rules as their newest versions: slug → what was done to it.

    `forms` are the current forms, as far as they are known.
    """
    slugs, rows = list(words), []
    for some in chunks(slugs):
        newest = {row.rule_slug: row.number for row in tx.execute(_newest(some))}
        found = _read(tx, [slug for slug in some if slug not in forms])
        rows += [
            {
                "rule_slug": slug,
                "number": newest.get(slug, 0) + 1,
                "at": now,
                "changed_by": changed_by,
                "what": words[slug],
                "definition": {name: form[name] for name in _NAMES},
            }
            for slug, form in ((slug, forms.get(slug) or found[slug]) for slug in some)
        ]
    if rows:
        tx.execute(sa.insert(rule_version), rows)


_NAMES = ("owner", "connection", "key_result", "query", "state", "when")


def _read(tx: Transaction, slugs: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return the present forms of rules."""
    found = tx.execute(_present().where(rule.c.slug.in_(slugs))).mappings() if slugs else ()
    return {row["slug"]: {**row, "when": None if row["query"] else row["condition"]} for row in found}


def _newest(slugs: Sequence[str]) -> sa.Select[Any]:
    v = rule_version.c
    return (
        sa.select(v.rule_slug, sa.func.max(v.number).label("number"))
        .where(v.rule_slug.in_(slugs))
        .group_by(v.rule_slug)
    )


def _present() -> sa.Select[Any]:
    return (
        sa.select(
            *(rule.c[name] for name in ("slug", "query", "state", "condition")),
            person.c.email.label("owner"),
            live_connection.c.slug.label("connection"),
            live_key_result.c.slug.label("key_result"),
        )
        .join(live_connection, live_connection.c.id == rule.c.connection_id)
        .join(live_key_result, live_key_result.c.id == rule.c.key_result_id)
        .outerjoin(person, person.c.id == rule.c.owner_id)
    )


def add_removals(tx: Transaction, slugs: Sequence[str], *, changed_by: str, now: datetime) -> None:
    """Add that rules were removed, as their newest versions."""
    for some in chunks(slugs):
        rows = [
            {"rule_slug": row.rule_slug, "number": row.number + 1, "at": now, "changed_by": changed_by}
            for row in tx.execute(_newest(some))
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
