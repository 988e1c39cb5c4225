"""Mapping rules: save and remove them; each edit is a rule revision that counts once its links are created."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.rule_state import RuleState
from sync_service.store.engine import versions
from sync_service.store.engine.database import DatabaseNow, among
from sync_service.store.engine.many_rows import chunks, insert_rows, update_rows
from sync_service.store.okrs import query_listings, rule_versions
from sync_service.store.tables import rule, rule_revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A rule as edited. `condition` is valid (see `domain/rules/conditions.py`), and empty when there is a `query`."""

    slug: str
    owner_id: int | None
    connection_id: int
    key_result_id: int
    condition: Mapping[str, Any]
    query: str | None = None
    state: RuleState = RuleState.ACTIVE


_DECIDES = ("connection_id", "key_result_id", "condition")


def save(tx: Transaction, wanted: Definition, *, changed_by: str, now: datetime, what: str = "") -> bool:
    """Create a rule, or change the one with that slug; return whether anything changed.

    `what` describes the new version, such as that it repeats an earlier one.

    No value changes at once: this adds a due revision, whose links `relink_jobs.py` creates. What a page wrote is
    noted, so that a file does not revert it unasked.
    """
    versions.lock_rules(tx)
    before = tx.execute(sa.select(rule).where(rule.c.slug == wanted.slug)).one_or_none()
    changed = write(tx, [wanted], changed_by=changed_by, now=now, what=what)
    if changed:
        _note_page_edits(tx, wanted, before, changed_by)
    if changed:
        versions.bump(tx, versions.RULES)
        versions.bump(tx, versions.CHANGES)
    return changed


_FIELDS = {
    "owner_id": "owner",
    "connection_id": "connection",
    "key_result_id": "key_result",
    "condition": "when",
    "query": "query",
    "state": "state",
}
"""The columns that people write, with their names in the configuration file."""


def _note_page_edits(tx: Transaction, wanted: Definition, before: sa.Row[Any] | None, changed_by: str) -> None:
    """Store which fields a page wrote: those that differ, or those that a new rule has."""
    if before is None:
        written = [name for column, name in _FIELDS.items() if getattr(wanted, column) not in (None, {})]
        columns: dict[str, Any] = {"origin": "page", "page_edits": dict.fromkeys(written, changed_by)}
    else:
        written = [name for column, name in _FIELDS.items() if getattr(wanted, column) != getattr(before, column)]
        columns = {"page_edits": {**before.page_edits, **dict.fromkeys(written, changed_by)}}
    edited = sa.update(rule).where(rule.c.slug == wanted.slug)
    tx.execute(edited.values(columns | {"changed_by": changed_by}))


def write(
    tx: Transaction,
    wanted: Sequence[Definition],
    *,
    changed_by: str,
    now: datetime,
    what: str = "",
    forms: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> bool:
    """Save many rules like `save`, with a few statements: the caller bumps `rules` before and `changes` after.

    `forms` are the rules as in the configuration file, by slug; those that lack are read. Return whether anything
    changed.
    """
    found = {row.slug: row for row in _locked(tx, [one.slug for one in wanted])}
    changed = [one for one in wanted if one.slug not in found or _differs(found[one.slug], one, _WRITTEN)]
    new = [_columns(one) for one in changed if one.slug not in found]
    ids = {row.slug: row.id for row in found.values()} | insert_rows(tx, rule, new, by="slug")
    old = [{"id": found[one.slug].id, **_columns(one)} for one in changed if one.slug in found]
    update_rows(tx, rule, old)
    words = {one.slug: what or ("changed" if one.slug in found else "created") for one in changed}
    rule_versions.add(tx, words, changed_by=changed_by, now=now, forms=forms)
    revised = [one for one in changed if one.slug not in found or _differs(found[one.slug], one, _REVISED)]
    _retire_unfinished(tx, [ids[one.slug] for one in revised if one.slug in found])
    _revise(tx, [(ids[one.slug], one) for one in revised], changed_by=changed_by, now=now)
    return bool(changed)


_REVISED = (*_DECIDES, "state", "query")
_WRITTEN = (*_REVISED, "slug", "owner_id")


def _columns(one: Definition) -> dict[str, Any]:
    return {name: getattr(one, name) for name in _WRITTEN}


def _differs(row: sa.Row[Any], one: Definition, names: Sequence[str]) -> bool:
    return any(getattr(row, name) != getattr(one, name) for name in names)


def _locked(tx: Transaction, slugs: Sequence[str]) -> Iterator[sa.Row[Any]]:
    """Lock and yield the rules with these slugs."""
    for some in chunks(slugs):
        named = rule.c.slug.in_(some)
        yield from tx.execute(sa.select(rule).where(named).order_by(rule.c.id).with_for_update())


def _retire_unfinished(tx: Transaction, rule_ids: Sequence[int]) -> None:
    unfinished = sa.and_(among(tx, rule_revision.c.rule_id, rule_ids), rule_revision.c.state == "pending")
    retired = {"state": "retired", "due_at": DatabaseNow(), "lease": None}
    if rule_ids:
        tx.execute(sa.update(rule_revision).where(unfinished).values(retired))


def _revise(tx: Transaction, revised: Sequence[tuple[int, Definition]], *, changed_by: str, now: datetime) -> None:
    """Add revisions of rules. One with a query is made due by the listing of its query."""
    asking = [_revision(*one, changed_by=changed_by, now=now) for one in revised if _asks(one[1])]
    others = [_revision(*one, changed_by=changed_by, now=now) for one in revised if not _asks(one[1])]
    if others:
        tx.execute(sa.insert(rule_revision).values(due_at=DatabaseNow()), others)
    ids = insert_rows(tx, rule_revision, asking, by="rule_slug")
    query_listings.begin(tx, {ids[row["rule_slug"]]: row["connection_id"] for row in asking})


def _asks(one: Definition) -> bool:
    return one.state.matches and one.query is not None


def _revision(rule_id: int, wanted: Definition, *, changed_by: str, now: datetime) -> dict[str, Any]:
    """Return the columns of a revision. The revision of a draft or a disabled rule matches nothing."""
    return {
        "rule_id": rule_id,
        "rule_slug": wanted.slug,
        "connection_id": wanted.connection_id,
        "key_result_id": wanted.key_result_id,
        "condition": dict(wanted.condition) if wanted.state.matches else MATCHES_NOTHING,
        "query": wanted.query if wanted.state.matches else None,
        "proposing": wanted.state is RuleState.PROPOSING,
        "state": "pending",
        "changed_by": changed_by,
        "created_at": now,
    }


MATCHES_NOTHING: dict[str, Any] = {"none": [{"field": "title", "matches": "*"}]}
"""The condition of a draft or a disabled rule: it matches no issue."""


def remove(tx: Transaction, slugs: Sequence[str], *, changed_by: str, now: datetime) -> None:
    """Remove rules; their links are removed as if the rules were disabled.

    The caller bumps `rules` before and `changes` after.
    """
    for some in chunks(slugs):
        found = list(_locked(tx, some))
        _retire_unfinished(tx, [row.id for row in found])
        disabled = [_revision(row.id, _disabled(row), changed_by=changed_by, now=now) for row in found]
        if disabled:
            tx.execute(sa.insert(rule_revision).values(due_at=DatabaseNow()), disabled)
        tx.execute(sa.delete(rule).where(rule.c.slug.in_(some)))
    rule_versions.add_removals(tx, slugs, changed_by=changed_by, now=now)


def _disabled(row: sa.Row[Any]) -> Definition:
    return replace(definition_of(row), state=RuleState.DISABLED)


def definition_of(row: sa.Row[Any]) -> Definition:
    """Return a stored rule as a definition."""
    return Definition(
        slug=row.slug,
        owner_id=row.owner_id,
        connection_id=row.connection_id,
        key_result_id=row.key_result_id,
        condition=row.condition,
        query=row.query,
        state=RuleState(row.state),
    )
