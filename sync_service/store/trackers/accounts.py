"""Pinned accounts: which account a login in a person's `accounts` setting or in a rule meant when it was first seen."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.measures.settings import parse_measure
from sync_service.domain.people.accounts import Login, People, Person, Pin, Sight, Site
from sync_service.domain.rules.named_people import named_people
from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.text import folded
from sync_service.store.engine import versions
from sync_service.store.engine.database import database_now, insert_or_skip, upsert
from sync_service.store.queue import relink_requests
from sync_service.store.tables import (
    forgotten_login,
    live_connection,
    live_key_result,
    person,
    pinned_account,
    rule_revision,
)
from sync_service.store.trackers import issue_people, link_comments
from sync_service.store.trackers.siblings import site_key

RELINKED = RelinkReason(what="permission to link by comments changed", origin="comment")

LATE = timedelta(days=3)
"""How late a delivery may arrive and still decide which account had a login first: how long GitHub redelivers."""


def people(tx: Transaction) -> People:
    """Return people by their accounts, and the pinned logins; of two with one account, the one who may link wins."""
    found: dict[tuple[str, str], Person] = {}
    ordered = sa.select(person.c.name, person.c.role, person.c.accounts).order_by(person.c.role.desc(), person.c.id)
    for row in tx.execute(ordered):
        one = Person(row.name, may_link=row.role in ("admin", "member"))
        found |= {(kind, folded(account)): one for kind, account in row.accounts.items()}
    rows = tx.execute(sa.select(pinned_account).order_by(pinned_account.c.first_seen_at, pinned_account.c.id)).all()
    now = database_now(tx)
    return People(
        found,
        {(Site(row.kind, row.site), row.login): row.stable_id for row in rows},
        named_in_rules(tx),
        {
            (Site(row.kind, row.site), row.login): row.first_seen_at
            for row in rows
            if row.open_until is not None and row.open_until > now
        },
    )


@dataclass(frozen=True, slots=True)
class Naming:
    """A condition that names logins: of a rule, or of the measure of a key result (`rule` None)."""

    key_result_id: int
    logins: frozenset[Login]
    rule: str | None = None
    measure_of: str = ""

    @property
    def words(self) -> str:
        """Which condition it is, in words."""
        return f"measure of {self.measure_of}" if self.rule is None else f"rule {self.rule}"


def named_in_rules(tx: Transaction) -> frozenset[Login]:
    """Return the logins that the conditions of rules and measures name."""
    return frozenset(login for one in naming(tx) for login in one.logins)


def naming(tx: Transaction) -> list[Naming]:
    """Return the conditions of rules and measures that name logins: rules at their site, measures at any."""
    sites = _sites(tx)
    r, k = rule_revision.c, live_key_result.c
    in_force = sa.and_(r.state.in_(("pending", "active")), r.query.is_(None), _is_about_people(r.condition))
    found = [
        Naming(row.key_result_id, _at([sites[row.connection_id]], row.condition), rule=row.rule_slug)
        for row in tx.execute(sa.select(r.connection_id, r.condition, r.key_result_id, r.rule_slug).where(in_force))
        if row.connection_id in sites
    ]
    for row in tx.execute(sa.select(k.id, k.slug, k.measure).where(_is_about_people(k.measure))):
        meets = parse_measure(row.measure).meets
        if meets is not None:
            found.append(Naming(row.id, _at(set(sites.values()), meets.condition), measure_of=row.slug))
    return [one for one in found if one.logins]


def _at(sites: Iterable[Site], condition: Mapping[str, Any]) -> frozenset[Login]:
    return frozenset((site, login) for login in named_people(condition) for site in sites)


def conditional_on_people(tx: Transaction) -> dict[int, frozenset[str]]:
    """Return the key results with a condition on people in their measure, each with the logins that it names."""
    return {one.key_result_id: frozenset(login for _, login in one.logins) for one in naming(tx) if one.rule is None}


def _is_about_people(column: sa.ColumnElement[object]) -> sa.ColumnElement[bool]:
    text = sa.cast(column, sa.Text)
    return sa.or_(text.contains("author"), text.contains("assignee"))


def _sites(tx: Transaction) -> dict[int, Site]:
    rows = tx.execute(sa.select(live_connection.c.id, live_connection.c.kind, live_connection.c.site))
    return {row.id: Site(row.kind, site_key(row.site)) for row in rows}


def pin(tx: Transaction, logins: Mapping[Login, Pin], *, now: datetime) -> None:
    """Pin logins to the ids of their accounts, and relink the issues for which that changes the account.

    A login that is pinned already moves to an account that had it earlier.
    """
    versions.bump(tx, versions.RULES)
    concerned: dict[Site, dict[str, set[str]]] = defaultdict(dict)
    for (site, login), found in sorted(logins.items()):
        before = _pin(tx, site, login, found, now=now)
        concerned[site][login] = {found.stable_id, *([before] if before else [])}
        _relink_comments(tx, site, login, concerned[site][login])
    for site, ids in concerned.items():
        _relink_issues(tx, site, ids, what="{} means the account that had it first")


def _pin(tx: Transaction, site: Site, login: str, found: Pin, *, now: datetime) -> str | None:
    """Pin a login; return the id of the account that it meant before."""
    before = tx.execute(sa.select(pinned_account).where(_is(site, login)).with_for_update()).one_or_none()
    columns: dict[str, Any] = {"stable_id": found.stable_id, "first_seen_at": found.at}
    if before is None:
        columns["open_until"] = None if _forgotten_at(tx, site, login) else database_now(tx) + LATE
        mine = {"kind": site.kind, "site": site.address, "login": login}
        insert_or_skip(tx, pinned_account, [mine | columns], unique=("kind", "site", "login"))
        return None
    if before.open_until is not None and (found.at, found.stable_id) < (before.first_seen_at, before.stable_id):
        if found.stable_id != before.stable_id:
            columns |= {"stranger_id": before.stable_id, "stranger_seen_at": now}
        tx.execute(sa.update(pinned_account).where(_is(site, login)).values(columns))
    return str(before.stable_id)


def _is(site: Site, login: str) -> sa.ColumnElement[bool]:
    p = pinned_account.c
    return sa.and_(p.kind == site.kind, p.site == site.address, p.login == login)


def _forgotten_at(tx: Transaction, site: Site, login: str) -> datetime | None:
    f = forgotten_login.c
    return tx.scalar(sa.select(f.at).where(f.kind == site.kind, f.login == login))


def _relink_comments(tx: Transaction, site: Site, login: str, ids: Collection[str]) -> None:
    connections = _connections(tx, site)
    affected = {one for id_ in ids for one in link_comments.by_another(tx, connections, login=login, stable_id=id_)}
    relink_requests.add(tx, [(one, [RELINKED]) for one in sorted(affected)])


def _relink_issues(tx: Transaction, site: Site, logins: Mapping[str, Collection[str]], *, what: str) -> None:
    """Relink the known issues of accounts, by login and ids, where rules or measures name them."""
    named = {login for at, login in named_in_rules(tx) if at == site}
    accounts = {login: (login, *sorted(ids)) for login, ids in sorted(logins.items()) if login in named}
    why = [RelinkReason(what=what.format(login), origin="rule", people=found) for login, found in accounts.items()]
    if why:
        relink_requests.of_accounts(tx, _connections(tx, site), sorted({*chain(*accounts.values())}), why)


def note_earlier(tx: Transaction, logins: Mapping[Login, Pin]) -> None:
    """Note that accounts had their pinned logins earlier than was known."""
    p = pinned_account.c
    for (site, login), found in sorted(logins.items()):
        earlier = sa.and_(_is(site, login), p.stable_id == found.stable_id, p.first_seen_at > found.at)
        tx.execute(sa.update(pinned_account).where(earlier).values(first_seen_at=found.at))


def known(tx: Transaction, held: People, connection_id: int, logins: Collection[str]) -> dict[Login, Pin]:
    """Return which accounts these logins mean if they are named from now on, by the issues that are known."""
    site = _sites(tx)[connection_id]
    new = {login for login in logins if (site, login) not in held.pins}
    if not new:
        return {}
    since = {login: _forgotten_at(tx, site, login) for login in new}
    found = []
    for row, account in issue_people.having(tx, _connections(tx, site), new):
        forgotten_at = since[folded(account.id)]
        if forgotten_at is None or (row.received_at is not None and row.received_at > forgotten_at):
            found.append(Sight(site, row.received_at if row.fetched else row.updated_at, account))
    named = People(held.by_login, held.pins, frozenset((site, login) for login in new))
    return named.unpinned(found)


def note_strangers(tx: Transaction, logins: Mapping[Login, str], *, now: datetime) -> list[Login]:
    """Note that other accounts have pinned logins; return those for which this one was not known."""
    p = pinned_account.c
    new = []
    for (site, login), id_ in sorted(logins.items()):
        mine = sa.and_(p.kind == site.kind, p.site == site.address, p.login == login)
        unknown = sa.or_(p.stranger_id.is_(None), p.stranger_id != id_)
        noted = {"stranger_id": id_, "stranger_seen_at": now}
        if tx.execute(sa.update(pinned_account).where(mine, unknown).values(noted)).rowcount:
            new.append((site, login))
    return new


def forget(tx: Transaction, logins: Collection[tuple[str, str]]) -> int:
    """Forget which accounts had these logins, given as (kind, login); return how many were known."""
    versions.bump(tx, versions.RULES)
    names, now = {(kind, folded(login)) for kind, login in logins}, database_now(tx)
    forgotten = [{"kind": kind, "login": login, "at": now} for kind, login in sorted(names)]
    upsert(tx, forgotten_login, forgotten, unique=("kind", "login"))
    mine = sa.tuple_(pinned_account.c.kind, pinned_account.c.login).in_(names)
    rows = tx.execute(sa.select(pinned_account).where(mine)).all()
    tx.execute(sa.delete(pinned_account).where(mine))
    relink_requests.add(tx, [(one, [RELINKED]) for one in link_comments.connections_with_any(tx)])
    for row in rows:
        what = "the account that {} meant was forgotten"
        _relink_issues(tx, Site(row.kind, row.site), {row.login: [row.stable_id]}, what=what)
    return len(rows)


def delete_unnamed(tx: Transaction) -> None:
    """Delete the pinned accounts whose logins are in no person's `accounts` and in no rule any more."""
    held = people(tx)
    p = pinned_account.c
    rows = tx.execute(sa.select(p.id, p.kind, p.site, p.login))
    unnamed = [
        row.id
        for row in rows
        if (row.kind, row.login) not in held.by_login and (Site(row.kind, row.site), row.login) not in held.named
    ]
    tx.execute(sa.delete(pinned_account).where(p.id.in_(unnamed)))


def _connections(tx: Transaction, site: Site) -> list[int]:
    rows = tx.execute(
        sa.select(live_connection.c.id, live_connection.c.site).where(live_connection.c.kind == site.kind)
    )
    return [row.id for row in rows if site_key(row.site) == site.address]
