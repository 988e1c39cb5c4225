"""The present and earlier keys of issues: rules and links that name an earlier key still mean the issue.

An issue gets another key when it moves, and when its project or repository is renamed. The names of renamed scopes are
stored once for the scope, not for each of its issues.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.engine.database import insert_or_skip
from sync_service.store.tables import former_scope_name, issue, known_key, live_scope

ParentRef = tuple[str | None, str]
"""The identity of a parent, if known, and its key as a child has it."""


def record(tx: Transaction, keys: Iterable[tuple[int, str, str]]) -> None:
    """Store keys that issues have or had: (connection id, identity, key)."""
    rows = [{"connection_id": c, "identity": i, "folded_key": key.lower()} for c, i, key in sorted(set(keys))]
    insert_or_skip(tx, known_key, rows, unique=("connection_id", "folded_key", "identity"))


def are_known(tx: Transaction, connection_id: int, identity: str, key: str) -> bool:
    """Return whether a key of an issue was stored before."""
    k = known_key.c
    same = sa.and_(k.connection_id == connection_id, k.identity == identity, k.folded_key == key.lower())
    return tx.scalar(sa.select(sa.exists().where(same))) is True


def taken_over(tx: Transaction, connection_ids: Collection[int], keys: Mapping[str, str]) -> set[str]:
    """Return which issues, given with their keys, have a key that another one had before."""
    k, by_key = known_key.c, {key.lower(): identity for identity, key in keys.items()}
    had = sa.select(k.folded_key, k.identity).where(k.connection_id.in_(connection_ids), k.folded_key.in_(by_key))
    return {by_key[row.folded_key] for row in tx.execute(had) if row.identity != by_key[row.folded_key]}


def record_scope_name(tx: Transaction, connection_id: int, *, external_id: str, name: str) -> None:
    """Store a name that a scope had before."""
    row = {"connection_id": connection_id, "external_id": external_id, "folded_name": name.lower()}
    insert_or_skip(tx, former_scope_name, [row], unique=("connection_id", "folded_name", "external_id"))


def former_keys(tx: Transaction, connection_id: int, identities: Collection[str]) -> dict[str, set[str]]:
    """Return the stored keys of issues, in lower case, by identity."""
    return _former_keys(tx, (connection_id,), identities)


def _former_keys(tx: Transaction, connection_ids: Collection[int], identities: Collection[str]) -> dict[str, set[str]]:
    k = known_key.c
    found: dict[str, set[str]] = defaultdict(set)
    wanted = sa.select(k.identity, k.folded_key).where(k.connection_id.in_(connection_ids), k.identity.in_(identities))
    for row in tx.execute(wanted):
        found[row.identity].add(row.folded_key)
    return found


def other_keys(tx: Transaction, connection_id: int, parents: Collection[ParentRef]) -> dict[ParentRef, frozenset[str]]:
    """Return for each parent its other keys, in lower case: those it has or had, also by other names of its scope."""
    found = named(tx, (connection_id,), parents)
    return {ref: one.keys - {ref[1].lower()} for ref, one in found.items()}


@dataclass(frozen=True, slots=True)
class Named:
    """All keys of an issue that is named by identity and key, in lower case, and the identities that it may have.

    `by_present` are those of the identities whose present key is the one that names it, by any name of its scope.
    """

    keys: frozenset[str]
    identities: frozenset[str]
    by_present: frozenset[str]


def named(
    tx: Transaction, connection_ids: Collection[int], references: Collection[ParentRef]
) -> dict[ParentRef, Named]:
    """Return what some connections to one site know of the keys of issues that are named by identity and key."""
    names = _scope_names(tx, connection_ids)
    spelled = {key: _spellings({key.lower()}, names) for _, key in references}
    every = set(chain.from_iterable(spelled.values()))
    present, former = _present(tx, connection_ids, every), _former(tx, connection_ids, every)
    identities = {one for one, _ in references if one}
    identities |= set(chain.from_iterable((*present.values(), *former.values())))
    by_identity = _all_keys(tx, connection_ids, identities)
    found = {}
    for identity, key in references:
        now = {one for name in spelled[key] for one in present.get(name, ())}
        meant = {
            *now,
            *(one for name in spelled[key] for one in former.get(name, ())),
            *([identity] if identity else ()),
        }
        keys = spelled[key] | _spellings({other for one in meant for other in by_identity.get(one, ())}, names)
        found[identity, key] = Named(frozenset(keys), frozenset(meant), frozenset(now))
    return found


def keys_of(tx: Transaction, connection_ids: Collection[int], identities: Collection[str]) -> dict[str, set[str]]:
    """Return all keys of issues, in lower case, by identity: present and former ones, by all names of their scopes."""
    names = _scope_names(tx, connection_ids)
    found = _all_keys(tx, connection_ids, identities)
    return {identity: _spellings(keys, names) for identity, keys in found.items()}


def _all_keys(tx: Transaction, connection_ids: Collection[int], identities: Collection[str]) -> dict[str, set[str]]:
    found, i = _former_keys(tx, connection_ids, identities), issue.c
    present = sa.select(i.identity, i.folded_key).where(i.connection_id.in_(connection_ids), i.identity.in_(identities))
    for row in tx.execute(present):
        found[row.identity].add(row.folded_key)
    return found


def _present(tx: Transaction, connection_ids: Collection[int], folded: Collection[str]) -> dict[str, set[str]]:
    """Return the identities of the issues that have these keys."""
    return _identities(tx, issue, connection_ids, folded)


def _former(tx: Transaction, connection_ids: Collection[int], folded: Collection[str]) -> dict[str, set[str]]:
    """Return the identities of the issues whose stored keys these are."""
    return _identities(tx, known_key, connection_ids, folded)


def _identities(
    tx: Transaction, table: sa.Table, connection_ids: Collection[int], folded: Collection[str]
) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    mine = sa.and_(table.c.connection_id.in_(connection_ids), table.c.folded_key.in_(folded))
    for row in tx.execute(sa.select(table.c.folded_key, table.c.identity).where(mine)):
        found[row.folded_key].add(row.identity)
    return found


def _scope_names(tx: Transaction, connection_ids: Collection[int]) -> Mapping[str, Collection[str]]:
    """Return all names of each scope that has or had several, by each of them."""
    s, f = live_scope.c, former_scope_name.c
    groups: dict[str, set[str]] = defaultdict(set)
    known = sa.select(s.external_id, s.name, s.current_name).where(
        s.connection_id.in_(connection_ids), s.external_id.isnot(None)
    )
    for row in tx.execute(known):
        groups[row.external_id] |= {name.lower() for name in (row.name, row.current_name) if name}
    for former in tx.execute(sa.select(f.external_id, f.folded_name).where(f.connection_id.in_(connection_ids))):
        groups[former.external_id].add(former.folded_name)
    return {name: group for group in groups.values() if len(group) > 1 for name in group}


def _spellings(keys: Collection[str], names: Mapping[str, Collection[str]]) -> set[str]:
    """Return keys, also by the other names of their scopes."""
    return {*keys, *(other for one in keys for other in _by_other_names(one, names))}


def _by_other_names(key: str, names: Mapping[str, Collection[str]]) -> Iterable[str]:
    """Yield a key by the other names of its scope: `store-50` for `shop-50`, `acme/pay#3` for `acme/checkout#3`."""
    mark = "#" if "#" in key else "-"
    name, _, number = key.rpartition(mark)
    return (f"{other}{mark}{number}" for other in names.get(name, ()))


def issues_with_key(tx: Transaction, connection_id: int, key: str) -> list[int]:
    """Return the row ids of the issues that have or had a key: first those that exist, the newest first."""
    keys = {key.lower(), *other_keys(tx, connection_id, {(None, key)})[None, key]}
    mine = sa.and_(issue.c.connection_id == connection_id, issue.c.folded_key.in_(keys))
    exists_first = (issue.c.gone_reason.isnot(None), issue.c.folded_key != key.lower(), issue.c.id.desc())
    return list(tx.scalars(sa.select(issue.c.id).where(mine).order_by(*exists_first)))


def issues_with_keys(tx: Transaction, wanted: Iterable[tuple[int, str]]) -> list[int]:
    """Return the row ids of the issues that have or had one of these keys, (connection id, key), in one query."""
    i, k, f = issue.c, known_key.c, former_scope_name.c
    had = sa.and_(k.connection_id == i.connection_id, k.identity == i.identity)
    by_former_name = sa.and_(f.connection_id == i.connection_id, f.external_id == i.scope_external_id)
    found: list[sa.Select[tuple[int]]] = []
    for connection_id, key in wanted:
        folded = key.lower()
        mark = "#" if "#" in folded else "-"
        name, _, number = folded.rpartition(mark)
        mine = i.connection_id == connection_id
        found += [
            sa.select(i.id).where(mine, i.folded_key == folded),
            sa.select(i.id).join(known_key, had).where(mine, k.folded_key == folded),
            sa.select(i.id)
            .join(former_scope_name, by_former_name)
            .where(mine, f.folded_name == name, i.folded_key.endswith(mark + number, autoescape=True)),
        ]
    return list(tx.scalars(sa.union(*found))) if found else []
