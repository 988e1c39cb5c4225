"""Views of people for the command line: who may sign in, their accounts at trackers, and what a person owns."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.people.accounts import Login
from sync_service.domain.text import folded, instant
from sync_service.store import tables
from sync_service.store.trackers import accounts


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A person who may sign in, and the number of sessions that have not expired."""

    email: str
    name: str
    role: str
    team: str | None
    sessions: int


def person_lines(tx: Transaction, now: datetime) -> list[PersonLine]:
    """Return everybody who may sign in, by address."""
    p, s, t = tables.person, tables.session, tables.team
    mine = sa.select(sa.func.count()).select_from(s).where(s.c.person_id == p.c.id, s.c.expires_at > now)
    found = sa.select(p.c.email, p.c.name, p.c.role, t.c.slug, mine.scalar_subquery())
    return [PersonLine(*row) for row in tx.execute(found.outerjoin(t, t.c.id == p.c.team_id).order_by(p.c.email))]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """A person's account at a tracker's site; `stranger_id` is another account that has its login now.

    `site`, `stable_id` and `first_seen_at` are None until the account is seen, and always if accounts can't be renamed.
    """

    email: str
    kind: str
    login: str
    site: str | None = None
    stable_id: str | None = None
    first_seen_at: datetime | None = None
    stranger_id: str | None = None
    stranger_seen_at: datetime | None = None


def account_lines(tx: Transaction, email: str | None = None) -> list[AccountLine]:
    """Return the accounts of everybody, or of one person, with what is known of them at each site."""
    a, p = tables.pinned_account, tables.person
    pinned = list(tx.execute(sa.select(a).order_by(a.c.kind, a.c.login, a.c.site)))
    found = []
    for row in tx.execute(sa.select(p.c.email, p.c.accounts).order_by(p.c.email)):
        for kind, login in sorted(row.accounts.items()) if email in (None, row.email) else ():
            mine = [one for one in pinned if (one.kind, one.login) == (kind, folded(login))]
            found += [_account_line(row.email, login, one) for one in mine] or [
                AccountLine(email=row.email, kind=kind, login=login)
            ]
    return found


def _account_line(email: str, login: str, row: Row[Any]) -> AccountLine:
    return AccountLine(
        email=email,
        kind=row.kind,
        login=login,
        site=row.site,
        stable_id=row.stable_id,
        first_seen_at=row.first_seen_at,
        stranger_id=row.stranger_id,
        stranger_seen_at=row.stranger_seen_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAccount:
    """A login that conditions name, and the account that it means; `stranger_id` is another one that has it now.

    `places` are the rules and measures that name it. Without a `stable_id` it means any account that has it.
    """

    kind: str
    site: str
    login: str
    places: tuple[str, ...]
    stable_id: str | None = None
    first_seen_at: datetime | None = None
    stranger_id: str | None = None
    stranger_seen_at: datetime | None = None

    @property
    def words(self) -> str:
        """Which account the login means, in words."""
        if self.stable_id is None or self.first_seen_at is None:
            return f"{self.login} means whoever the {self.kind} site shows by it: no account with an id was seen yet"
        text = f"{self.login} means the {self.kind} account {self.stable_id}, since {instant(self.first_seen_at)}"
        if self.stranger_id is None:
            return text
        return f"{text}; another account, {self.stranger_id}, has it now and does not match"


def named_accounts(tx: Transaction, *, rule: str | None = None, key_result_id: int | None = None) -> list[NamedAccount]:
    """Return which accounts the logins mean that all rules and measures name, or one rule, or a key result's rules."""
    places: dict[Login, list[str]] = defaultdict(list)
    for one in accounts.naming(tx):
        if rule in (None, one.rule) and key_result_id in (None, one.key_result_id):
            for named in one.logins:
                places[named].append(one.words)
    a = tables.pinned_account
    pinned = {(row.kind, row.site, row.login): row for row in tx.execute(sa.select(a))}
    found = []
    for (site, login), words in sorted(places.items()):
        row = pinned.get((site.kind, site.address, login))
        known = {} if row is None else {name: getattr(row, name) for name in _KNOWN}
        found.append(
            NamedAccount(kind=site.kind, site=site.address, login=login, places=tuple(sorted(set(words))), **known)
        )
    return found


_KNOWN = ("stable_id", "first_seen_at", "stranger_id", "stranger_seen_at")


def owned_by(tx: Transaction, email: str) -> Iterator[str]:
    """Yield what a person owns, like `key result KR-1`."""
    person_id = sa.select(tables.person.c.id).where(tables.person.c.email == email).scalar_subquery()
    for word, table in _OWNED.items():
        mine = sa.select(table.c.slug).where(table.c.owner_id == person_id).order_by(table.c.slug)
        yield from (f"{word} {slug}" for slug in tx.scalars(mine))


_OWNED = {
    "objective": tables.live_objective,
    "key result": tables.live_key_result,
    "rule": tables.rule,
    "connection": tables.live_connection,
}
