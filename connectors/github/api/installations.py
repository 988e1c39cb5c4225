"""Installations of a GitHub App: where it is installed, and which installation can see a repository.

https://docs.github.com/en/rest/apps/apps#list-installations-for-the-authenticated-app
https://docs.github.com/en/rest/apps/installations#list-repositories-accessible-to-the-app-installation
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.json_fields import Json, identifier, json_object, json_objects
from connectors.paging import Rows, full_pages, rows_by_page
from sync_service.domain.trackers.connector import Gone, Refused, Unavailable

LIST_MAX_AGE = timedelta(minutes=1)
"""How long a list is trusted: a repository that is not in it is not searched again before."""

ENTRY_MAX_AGE = timedelta(minutes=10)
"""After this time a repository that its installation no longer shows may belong to another installation."""

SUSPENDED = "This installation has been suspended"

_PER_PAGE = 100
_MOST_PAGES = 1000

Page = Mapping[str, str]
"""The parameters of a page of a list."""


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation: the app on one account."""

    id: int
    account: str
    suspended: bool


@dataclass(slots=True)
class Installations:
    """Cache of an app's installations and their repositories. Each call may raise any `ConnectorError`.

    `installed` returns a page of the installations, `seen_by` a page of the repositories that one of them can see.
    Both may take `lock` themselves.
    """

    now: Callable[[], datetime]
    installed: Callable[[Page], Rows]
    seen_by: Callable[[int, Page], Rows]
    lock: threading.RLock
    _installations: tuple[Installation, ...] = ()
    _listed_at: datetime | None = None
    _repositories_listed_at: dict[int, datetime] = field(default_factory=dict)
    _rate_limited: dict[int, Unavailable] = field(default_factory=dict)
    _by_repository: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def cached(self, repository: str) -> int | None:
        """Return the installation that can see a repository, if it is in the cache. Makes no call."""
        found = self._by_repository.get(repository.casefold())
        return found and found[0]

    def find(self, repository: str) -> int:
        """Return the installation that can see a repository, named by its id or as owner/name.

        Raise `Refused` when no installation works, `Gone`, not proven, when none can see it.
        """
        with self.lock:
            found = self.cached(repository) or self._search(repository) or self._on_account_of(repository)
        if found is None:
            raise self._not_found_error(repository)
        return found

    def _on_account_of(self, repository: str) -> int | None:
        """Return the installation on the owner of a name: it may be a former name, which GitHub redirects."""
        owner, slash, _ = repository.casefold().partition("/")
        working = (one.id for one in self._installations if one.account == owner and not one.suspended)
        return next(working, None) if slash else None

    def any_active(self) -> bool:
        """Return whether any installation is not suspended."""
        with self.lock:
            return any(not one.suspended for one in self._read())

    def active(self) -> list[int]:
        """Return the installations that are not suspended."""
        with self.lock:
            return [one.id for one in self._read() if not one.suspended]

    def is_old(self, repository: str) -> bool:
        """Return whether the cached installation of a repository is old: it may have changed meanwhile."""
        found = self._by_repository.get(repository.casefold())
        return found is not None and self.now() - found[1] > ENTRY_MAX_AGE

    def discard(self, repository: str) -> None:
        """Remove a repository from the cache, so that the next call searches it again."""
        with self.lock:
            found = self._by_repository.pop(repository.casefold(), None)
            if found:
                self._repositories_listed_at.pop(found[0], None)

    def clear(self) -> None:
        """Clear the cache: the app's installations have changed."""
        with self.lock:
            self._listed_at = None
            self._repositories_listed_at.clear()
            self._by_repository.clear()

    def _search(self, repository: str) -> int | None:
        owner = repository.partition("/")[0].casefold()
        unavailable: Unavailable | None = None
        for one in sorted(self._read(), key=lambda one: one.account != owner):
            if one.suspended or self._is_fresh(self._repositories_listed_at.get(one.id)):
                continue
            try:
                self._list_repositories(one)
            except Unavailable as error:
                unavailable = error
            except Gone:
                continue  # it was suspended or uninstalled just now
            found = self.cached(repository)
            if found is not None:
                return found
        if unavailable:
            raise unavailable
        return None

    def _list_repositories(self, one: Installation) -> None:
        """Cache every repository that an installation can see. Raise again while its rate limit lasts."""
        before = self._rate_limited.pop(one.id, None)
        if before and before.retry_at and before.retry_at > self.now():
            self._rate_limited[one.id] = before
            raise before
        try:
            for row in _paged(lambda page: self.seen_by(one.id, page)):
                for name in (identifier(row.get("id")), row.get("full_name")):
                    if isinstance(name, str):
                        self._by_repository[name.casefold()] = (one.id, self.now())
        except Unavailable as error:
            self._rate_limited[one.id] = error
            raise
        self._repositories_listed_at[one.id] = self.now()

    def _read(self) -> Iterable[Installation]:
        if not self._is_fresh(self._listed_at):
            self._installations = tuple(_read_installations(_paged(self.installed)))
            self._listed_at = self.now()
        return self._installations

    def _is_fresh(self, at: datetime | None) -> bool:
        return at is not None and self.now() - at <= LIST_MAX_AGE

    def _not_found_error(self, repository: str) -> Gone | Refused:
        if not self._installations:
            return Refused("the GitHub App is not installed: install it on the account that has the repositories")
        if all(one.suspended for one in self._installations):
            return Refused(f"GitHub says: {SUSPENDED}")
        shown = f"repository {repository}" if repository.isdigit() else repository
        suspended = ", ".join(one.account for one in self._installations if one.suspended)
        suffix = f"; suspended: {suspended}" if suspended else ""
        return Gone(f"no installation of the GitHub App can see {shown}{suffix}", proven=False)


def _paged(fetch: Callable[[Page], Rows]) -> Iterator[Json]:
    def numbered(page: int) -> Rows:
        return fetch({"per_page": str(_PER_PAGE), "page": str(page)})

    return rows_by_page(full_pages(numbered, size=_PER_PAGE), most_pages=_MOST_PAGES)


def _read_installations(found: Iterable[Json]) -> Iterator[Installation]:
    for row in json_objects(list(found)):
        id_ = identifier(row.get("id"))
        if id_:
            account = str(json_object(row.get("account")).get("login")).casefold()
            yield Installation(int(id_), account, row.get("suspended_at") is not None)
