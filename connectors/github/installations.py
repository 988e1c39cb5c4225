"""Where an app is installed, and which of its installations sees a repository.

https://docs.github.com/en/rest/apps/apps#list-installations-for-the-authenticated-app
https://docs.github.com/en/rest/apps/installations#list-repositories-accessible-to-the-app-installation
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.fields import Json, identifier, rows, table
from sync_service.domain.connectors import Gone, Refused, Unavailable

FRESH = timedelta(minutes=1)
"""For how long what is not in a list is not looked for there again."""

SETTLED = timedelta(minutes=10)
"""After this a repository that its installation shows no longer may be another one's by now."""

SUSPENDED = "This installation has been suspended"

_PER_PAGE = 100
_MOST_PAGES = 1000

Page = Mapping[str, str]
"""The parameters of a page of a list."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The app on one account."""

    id: int
    account: str
    suspended: bool


@dataclass(slots=True)
class Installations:
    """What is known of an app's installations. Each call it makes may raise any `ConnectorError`.

    `installed` gives a page of the installations, `seen_by` a page of the repositories that one of them sees.
    They may need `lock` themselves.
    """

    now: Callable[[], datetime]
    installed: Callable[[Page], list[Json]]
    seen_by: Callable[[int, Page], list[Json]]
    lock: threading.RLock
    _all: tuple[Installation, ...] = ()
    _all_at: datetime | None = None
    _listed: dict[int, datetime] = field(default_factory=dict)
    _waiting: dict[int, Unavailable] = field(default_factory=dict)
    _known: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def known(self, repository: str) -> int | None:
        """Give the installation that sees a repository, if that is known already."""
        found = self._known.get(repository.casefold())
        return found and found[0]

    def covering(self, repository: str) -> int:
        """Give the installation that sees a repository, named by its id or as owner/name.

        Raise `Refused` where no installation works, `Gone`, not proven, where none sees it.
        """
        with self.lock:
            found = self.known(repository) or self._search(repository) or self._on_account_of(repository)
        if found is None:
            raise self._uncovered(repository)
        return found

    def _on_account_of(self, repository: str) -> int | None:
        """Give the installation on the owner of a name: it may be a former name, which GitHub leads on from."""
        owner, slash, _ = repository.casefold().partition("/")
        working = (one.id for one in self._all if one.account == owner and not one.suspended)
        return next(working, None) if slash else None

    def works(self) -> bool:
        """Tell whether any installation is not suspended."""
        with self.lock:
            return any(not one.suspended for one in self._read())

    def working(self) -> list[int]:
        """Give the installations that are not suspended."""
        with self.lock:
            return [one.id for one in self._read() if not one.suspended]

    def settled(self, repository: str) -> bool:
        """Tell whether it is long ago that an installation was seen to cover a repository."""
        found = self._known.get(repository.casefold())
        return found is not None and self.now() - found[1] > SETTLED

    def forget(self, repository: str) -> None:
        """Look for a repository anew when it is next asked for."""
        with self.lock:
            found = self._known.pop(repository.casefold(), None)
            if found:
                self._listed.pop(found[0], None)

    def forget_all(self) -> None:
        """Read everything anew: the app is no longer installed as it was."""
        with self.lock:
            self._all_at = None
            self._listed.clear()
            self._known.clear()

    def _search(self, repository: str) -> int | None:
        owner = repository.partition("/")[0].casefold()
        waiting: Unavailable | None = None
        for one in sorted(self._read(), key=lambda one: one.account != owner):
            if one.suspended or self._is_fresh(self._listed.get(one.id)):
                continue
            try:
                self._list(one)
            except Unavailable as error:
                waiting = error
            except Gone:
                continue  # suspended or uninstalled just now
            found = self.known(repository)
            if found is not None:
                return found
        if waiting:
            raise waiting
        return None

    def _list(self, one: Installation) -> None:
        """Note every repository that an installation sees; not before its limit ends, where it met one."""
        before = self._waiting.pop(one.id, None)
        if before and before.retry_at and before.retry_at > self.now():
            self._waiting[one.id] = before
            raise before
        try:
            for row in _paged(lambda page: self.seen_by(one.id, page)):
                for name in (identifier(row.get("id")), row.get("full_name")):
                    if isinstance(name, str):
                        self._known[name.casefold()] = (one.id, self.now())
        except Unavailable as error:
            self._waiting[one.id] = error
            raise
        self._listed[one.id] = self.now()

    def _read(self) -> Iterable[Installation]:
        if not self._is_fresh(self._all_at):
            self._all = tuple(_read_installations(_paged(self.installed)))
            self._all_at = self.now()
        return self._all

    def _is_fresh(self, at: datetime | None) -> bool:
        return at is not None and self.now() - at <= FRESH

    def _uncovered(self, repository: str) -> Gone | Refused:
        if not self._all:
            return Refused("the GitHub App is installed nowhere: install it on the account that has the repositories")
        if all(one.suspended for one in self._all):
            return Refused(f"GitHub says: {SUSPENDED}")
        what = f"repository {repository}" if repository.isdigit() else repository
        suspended = ", ".join(one.account for one in self._all if one.suspended)
        among = f"; suspended: {suspended}" if suspended else ""
        return Gone(f"no installation of the GitHub App sees {what}{among}", proven=False)


def _paged(fetch: Callable[[Page], list[Json]]) -> Iterator[Json]:
    for page in range(1, _MOST_PAGES + 1):
        found = fetch({"per_page": str(_PER_PAGE), "page": str(page)})
        yield from found
        if len(found) < _PER_PAGE:
            return


def _read_installations(found: Iterable[Json]) -> Iterator[Installation]:
    for row in rows(list(found)):
        id_ = identifier(row.get("id"))
        if id_:
            account = str(table(row.get("account")).get("login")).casefold()
            yield Installation(int(id_), account, row.get("suspended_at") is not None)
