"""Logins in a condition that mean no account of a known issue, each with the nearest ones: a typo is not a zero.

An old login of a renamed account means that account, so it is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from sync_service.domain.people.accounts import Site
from sync_service.domain.rules.requirements import leaves
from sync_service.domain.rules.rule_index import EQUALITIES
from sync_service.domain.text import folded
from sync_service.progress.previews.matching.known_values import KnownValue, UnknownValue, nearest
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.trackers import value_counts
from sync_service.store.trackers.value_counts import AccountCount


def unknown_logins(
    tx: Connection,
    ruleset: Ruleset,
    connection_id: int,
    condition: Mapping[str, Any],
    read: Mapping[str, Sequence[Any]],
) -> list[UnknownValue]:
    """Return the logins in a valid condition that mean nobody, in its order.

    `ruleset` has the accounts that logins mean; `read` are columns of issues that were read already.
    """
    counted: dict[str, list[AccountCount]] = {}
    found = []
    for path, field, login in _logins(condition):
        if field not in counted:
            counted[field] = value_counts.accounts(tx, connection_id, field, read)
        if not _means_one(ruleset, connection_id, login, counted[field]):
            found.append(_unknown(ruleset, connection_id, path, field, login, counted[field]))
    return found


def _logins(condition: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    for path, leaf in leaves(condition):
        for operator in leaf.keys() & set(EQUALITIES) if leaf["field"] in value_counts.ACCOUNT_FIELDS else ():
            values = leaf[operator] if isinstance(leaf[operator], list) else [leaf[operator]]
            yield from (((*path, operator), leaf["field"], one.strip()) for one in values if isinstance(one, str))


def _means_one(ruleset: Ruleset, connection_id: int, login: str, counted: Sequence[AccountCount]) -> bool:
    site = _site(ruleset, connection_id)
    return any(folded(login) in ruleset.people.names(site, one.account) for one in counted)


def _unknown(
    ruleset: Ruleset,
    connection_id: int,
    path: tuple[str | int, ...],
    field: str,
    login: str,
    counted: Sequence[AccountCount],
) -> UnknownValue:
    """Return a login that means no account of an issue. It is known where it is pinned to an account all the same."""
    known = (_site(ruleset, connection_id), folded(login)) in ruleset.people.pins
    counts: dict[str, int] = {}
    for one in counted:
        counts[one.account.id] = counts.get(one.account.id, 0) + one.issues
    names = [KnownValue(name, counts[name]) for name in nearest(login, counts.keys(), counts)]
    return UnknownValue(path=path, field=field, value=login, known=known, nearest=names)


def _site(ruleset: Ruleset, connection_id: int) -> Site:
    return ruleset.trackers[connection_id].site
