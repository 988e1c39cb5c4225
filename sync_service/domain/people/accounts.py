"""People's accounts at trackers: a login means the account that had it when it was first seen.

A GitHub login, or a username of Jira Data Center, can be renamed, and the old one taken by another person. So the
tracker's own id of the account is kept with the login that a person's `accounts` setting names: the login is pinned.
From then on the id decides. An account under its new login is still the person, another account under the old login is
a stranger.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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


def login_of(site: Site, account: Account) -> Login:
    """Return the login of an account for comparison."""
    return site, folded(account.id)


@dataclass(frozen=True, slots=True)
class People:
    """People by (tracker kind, folded login), and the pinned logins."""

    by_login: Mapping[tuple[str, str], Person]
    pins: Pins
    _logins: Mapping[tuple[Site, str], str] = field(init=False)

    def __post_init__(self) -> None:
        by_id = {(site, id_): login for (site, login), id_ in self.pins.items()}
        object.__setattr__(self, "_logins", by_id)

    def find(self, site: Site, account: Account) -> Person | None:
        """Return whose account it is; None when it is nobody's."""
        if account.stable_id is not None:
            pinned = self._logins.get((site, account.stable_id))
            person = self.by_login.get((site.kind, pinned)) if pinned is not None else None
            if person is not None:
                return person
        return None if self.is_stranger(site, account) else self.named(site, account)

    def named(self, site: Site, account: Account) -> Person | None:
        """Return the person whose login it has, even if it is another account."""
        return self.by_login.get((site.kind, folded(account.id)))

    def is_stranger(self, site: Site, account: Account) -> bool:
        """Return whether it is another account than the one that had its login first."""
        return account.stable_id is not None and self.pins.get(login_of(site, account)) not in (None, account.stable_id)

    def unpinned(self, seen: Iterable[tuple[Site, Account]]) -> dict[Login, str]:
        """Return the logins of people that are seen for the first time, each with the id of its account.

        An account that has another person's pinned id pins no second login.
        """
        found: dict[Login, str] = {}
        for site, account in seen:
            login = login_of(site, account)
            if account.stable_id is None or login in self.pins or (site.kind, login[1]) not in self.by_login:
                continue
            if self._logins.get((site, account.stable_id)) is None:
                found.setdefault(login, account.stable_id)
        return found

    def strangers(self, seen: Iterable[tuple[Site, Account]]) -> dict[Login, str]:
        """Return the pinned logins that other accounts have now, each with the other account's id."""
        return {
            login_of(site, account): account.stable_id
            for site, account in seen
            if account.stable_id is not None and self.is_stranger(site, account)
        }
