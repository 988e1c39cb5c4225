"""Who we are to GitHub: a token, or an app with its installations; one object for each, for as long as we run."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from connectors.github.apps import AppCredentials
from connectors.github.asking import Ask, Held
from connectors.github.site import Site
from connectors.http import Http
from sync_service.domain.connectors import App, Connection, Refused


class Credentials(Protocol):
    """What calls are made with."""

    def use(self, repository: str, ask: Ask) -> Held:
        """Make a call about a repository, named by its id or as owner/name; `ask` is given the authorization."""
        ...

    def holder(self, repository: str) -> str:
        """Name whose limits a call about a repository would use, as far as is known; makes no call."""
        ...

    def find_holder(self, repository: str) -> str:
        """Name whose limits a call about a repository uses; calls where that is not known. Raises as `use` does."""
        ...


@dataclass(frozen=True, slots=True)
class TokenCredentials:
    """A personal token, or any other text that opens everything it opens by itself."""

    token: str = field(repr=False)

    def use(self, repository: str, ask: Ask) -> Held:
        """Call with the token."""
        return Held(ask(f"Bearer {self.token}"), self.holder(repository))

    def holder(self, repository: str) -> str:
        """Name the token: its limits are those of its person."""
        del repository
        return "token"

    def find_holder(self, repository: str) -> str:
        """Name the token."""
        return self.holder(repository)


class Keyring:
    """The credentials and sites known so far. What an app's tokens are, and a site's ways, is learned but once."""

    def __init__(self, http: Http, *, sleep: Callable[[float], None]) -> None:
        self._http = http
        self._sleep = sleep
        self._lock = threading.Lock()
        self._sites: dict[str, Site] = {}
        self._apps: dict[tuple[str, App], AppCredentials] = {}

    def site(self, url: str) -> Site:
        """Give the site at an address."""
        with self._lock:
            return self._sites.setdefault(url, Site(self._http, url))

    def of(self, connection: Connection) -> Credentials:
        """Give a connection's credentials. Raises `Refused` where it has none."""
        if connection.token:
            return TokenCredentials(connection.token)
        if connection.app is None:
            raise Refused("the connection has no token and no app to call with")
        site = self.site(connection.site)
        with self._lock:
            made = AppCredentials(site, connection.app, now=self._http.now, sleep=self._sleep)
            return self._apps.setdefault((connection.site, connection.app), made)
