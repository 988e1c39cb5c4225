"""Pinned accounts: which account a login in a person's `accounts` setting meant when it was first seen."""

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.people.accounts import Login, People, Person, Site
from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.text import folded
from sync_service.store.engine import versions
from sync_service.store.engine.database import insert_or_skip
from sync_service.store.queue import relink_requests
from sync_service.store.tables import live_connection, person, pinned_account
from sync_service.store.trackers import link_comments
from sync_service.store.trackers.siblings import site_key

RELINKED = RelinkReason(what="permission to link by comments changed", origin="comment")


def people(tx: Transaction) -> People:
    """Return people by their accounts, and the pinned logins; of two with one account, the one who may link wins."""
    found: dict[tuple[str, str], Person] = {}
    ordered = sa.select(person.c.name, person.c.role, person.c.accounts).order_by(person.c.role.desc(), person.c.id)
    for row in tx.execute(ordered):
        one = Person(row.name, may_link=row.role in ("admin", "member"))
        found |= {(kind, folded(account)): one for kind, account in row.accounts.items()}
    rows = tx.execute(sa.select(pinned_account).order_by(pinned_account.c.id))
    return People(found, {(Site(row.kind, row.site), row.login): row.stable_id for row in rows})


def pin(tx: Transaction, logins: Mapping[Login, str], *, now: datetime) -> None:
    """Pin logins to the ids of their accounts, and relink where comments of other accounts counted so far."""
    versions.bump(tx, versions.RULES)
    rows = [
        {"kind": site.kind, "site": site.address, "login": login, "stable_id": id_, "first_seen_at": now}
        for (site, login), id_ in sorted(logins.items())
    ]
    insert_or_skip(tx, pinned_account, rows, unique=("kind", "site", "login"))
    for (site, login), id_ in sorted(logins.items()):
        affected = link_comments.by_another(tx, _connections(tx, site), login=login, stable_id=id_)
        relink_requests.add(tx, [(one, [RELINKED]) for one in affected])


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
    mine = sa.tuple_(pinned_account.c.kind, pinned_account.c.login).in_([(k, folded(login)) for k, login in logins])
    count = tx.execute(sa.delete(pinned_account).where(mine)).rowcount
    relink_requests.add(tx, [(one, [RELINKED]) for one in link_comments.connections_with_any(tx)])
    return count


def forget_unnamed(tx: Transaction) -> None:
    """Forget the accounts whose logins are no longer in anybody's `accounts` setting."""
    named = people(tx).by_login
    known = tx.execute(sa.select(pinned_account.c.id, pinned_account.c.kind, pinned_account.c.login))
    unnamed = [row.id for row in known if (row.kind, row.login) not in named]
    tx.execute(sa.delete(pinned_account).where(pinned_account.c.id.in_(unnamed)))


def _connections(tx: Transaction, site: Site) -> list[int]:
    rows = tx.execute(
        sa.select(live_connection.c.id, live_connection.c.site).where(live_connection.c.kind == site.kind)
    )
    return [row.id for row in rows if site_key(row.site) == site.address]
