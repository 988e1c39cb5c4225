"""Accounts at trackers: a login of a person or in a rule means the account that had it when it was first seen.

A GitHub login, or a username of Jira Data Center, can be renamed, and the old one taken by another person. So the
tracker's own id of the account is kept with a login that a person's `accounts` setting or a rule names: the login is
pinned. From then on the id decides. An account under its new login is still the person, another account under the old
login is a stranger.

The first account is the one that had the login first by the tracker's time, in any order of arrival.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sync_service.domain.text import folded
from sync_service.domain.trackers.observations import Account


@dataclass(frozen=True, slots=True)
class Person:
    """A person with a tracker account, and whether they may create links."""

    name: str
    may_link: bool


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """A tracker's site, whichever connections lead to it."""

    kind: str
    address: str


Login = tuple[Site, str]
"""A site, and the login of an account there, folded."""

Pins = Mapping[Login, str]
"""The tracker's ids of the accounts that the logins meant when they were first seen."""


@dataclass(frozen=True, slots=True, order=True)
class Sight:
    """An account as it was seen: it had a login at a time of the tracker, or before.

    `since`, if it is earlier, is the time of the change that was shown: later sights do not replace a pin of that time.
    """

    site: Site
    at: datetime
    account: Account = field(compare=False)
    since: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Pin:
    """The id of the account that a login means, and since when it is known to have the login."""

    stable_id: str
    at: datetime


def login_of(site: Site, account: Account) -> Login:
    """Return the login of an account for comparison."""
    return site, folded(account.id)


@dataclass(frozen=True, slots=True)
class People:
    """People by (tracker kind, folded login), and the pinned logins.

    `named` are the logins that rules name. `open` has the time of the first sight of those pinned logins that may still
    turn out to have meant another account, because a late delivery shows it.
    """

    by_login: Mapping[tuple[str, str], Person]
    pins: Pins
    named: frozenset[Login] = frozenset()
    open: Mapping[Login, datetime] = field(default_factory=dict)
    _logins: Mapping[tuple[Site, str], tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        by_id: dict[tuple[Site, str], tuple[str, ...]] = {}
        for (site, login), id_ in self.pins.items():
            by_id[site, id_] = (*by_id.get((site, id_), ()), login)
        object.__setattr__(self, "_logins", by_id)

    def find(self, site: Site, account: Account) -> Person | None:
        """Return the person who has the account; None when no person has it."""
        persons = self._persons(site, account)
        if persons:
            return self.by_login[site.kind, persons[0]]
        return None if self.is_stranger(site, account) else self.named_by(site, account)

    def _persons(self, site: Site, account: Account) -> list[str]:
        """Return the pinned logins of an account that are in people's `accounts`."""
        pinned = self._logins.get((site, account.stable_id), ()) if account.stable_id is not None else ()
        return [login for login in pinned if (site.kind, login) in self.by_login]

    def named_by(self, site: Site, account: Account) -> Person | None:
        """Return the person whose login it has, even if it is another account."""
        return self.by_login.get((site.kind, folded(account.id)))

    def names(self, site: Site, account: Account) -> tuple[str, ...]:
        """Return the logins that mean an account, folded, its present one first.

        If its present login means another account, a text that no condition can name takes its place.
        """
        login = folded(account.id)
        if account.stable_id is None or not self.pins:
            return (login,)
        present = f"\0{account.stable_id}" if self.is_stranger(site, account) else login
        mine = self._logins.get((site, account.stable_id), ())
        return (present, *(one for one in mine if one != present))

    def is_stranger(self, site: Site, account: Account) -> bool:
        """Return whether it is another account than the one that had its login first."""
        return account.stable_id is not None and self.pins.get(login_of(site, account)) not in (None, account.stable_id)

    def unpinned(self, seen: Iterable[Sight]) -> dict[Login, Pin]:
        """Return logins to be pinned: seen for the first time, or now known to have meant another account before.

        An account that has another person's pinned id pins no second login of a person.
        """
        found: dict[Login, Pin] = {}
        for one in sorted(seen, key=_order):
            login, id_ = login_of(one.site, one.account), one.account.stable_id
            if id_ is not None and self._means(login, id_, one):
                found.setdefault(login, Pin(id_, one.since or one.at))
        return found

    def _means(self, login: Login, id_: str, one: Sight) -> bool:
        if login in self.pins:
            held = self.open.get(login)
            return held is not None and self.pins[login] != id_ and (one.at, id_) < (held, self.pins[login])
        of_person = (one.site.kind, login[1]) in self.by_login
        if of_person and self._persons(one.site, one.account):
            return False
        return of_person or login in self.named

    def earlier(self, seen: Iterable[Sight]) -> dict[Login, Pin]:
        """Return the pinned logins that their accounts are now known to have had earlier."""
        found: dict[Login, Pin] = {}
        for one in sorted(seen, key=_order):
            login, id_ = login_of(one.site, one.account), one.account.stable_id
            if id_ is not None and self.pins.get(login) == id_ and login in self.open and one.at < self.open[login]:
                found.setdefault(login, Pin(id_, one.at))
        return found

    def strangers(self, seen: Iterable[Sight]) -> dict[Login, str]:
        """Return the pinned logins that other accounts have now, each with the other account's id."""
        return {
            login_of(one.site, one.account): one.account.stable_id
            for one in seen
            if one.account.stable_id is not None and self.is_stranger(one.site, one.account)
        }

    def with_pins(self, more: Mapping[Login, Pin]) -> "People":
        """Return a copy with further pinned logins."""
        return replace(self, pins={**self.pins, **{login: pin.stable_id for login, pin in more.items()}})


def _order(one: Sight) -> tuple[datetime, str]:
    return one.at, one.account.stable_id or ""
