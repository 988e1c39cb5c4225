"""Credentials for GitHub: a token, or an app with its installations; and a cache with one object for each."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from connectors.github.api.app_auth import AppCredentials
from connectors.github.api.site import AttributedReply, AuthorizedCall, Site
from connectors.http import HttpClient
from sync_service.domain.trackers.connector import AppKey, Connection, Refused


class Credentials(Protocol):
    """Credentials to call with."""

    def use(self, repository: str, ask: AuthorizedCall) -> AttributedReply:
        """Call about a repository, named by its id or as owner/name. `ask` gets the header `Authorization`."""
        ...

    def bucket_owner(self, repository: str) -> str:
        """Return the owner of the rate limit that a call about a repository uses, if known. Makes no call."""
        ...

    def find_holder(self, repository: str) -> str:
        """Return the owner of the rate limit that a call about a repository uses. May call, and raise as `use` does."""
        ...


@dataclass(frozen=True, slots=True)
class TokenCredentials:
    """A personal access token, or any other token that needs no exchange."""

    token: str = field(repr=False)

    def use(self, repository: str, ask: AuthorizedCall) -> AttributedReply:
        """Call with the token."""
        return AttributedReply(ask(f"Bearer {self.token}"), self.bucket_owner(repository))

    def bucket_owner(self, repository: str) -> str:
        """Return `token`: all repositories share the rate limit of the token's user."""
        del repository
        return "token"

    def find_holder(self, repository: str) -> str:
        """Return `token`."""
        return self.bucket_owner(repository)


class CredentialsCache:
    """Cache of credentials and sites, so that app tokens and what a site supports are found out only once."""

    def __init__(self, http: HttpClient, *, sleep: Callable[[float], None]) -> None:
        self._http = http
        self._sleep = sleep
        self._lock = threading.Lock()
        self._sites: dict[str, Site] = {}
        self._apps: dict[tuple[str, AppKey], AppCredentials] = {}

    def site(self, url: str) -> Site:
        """Return the site at an address."""
        with self._lock:
            return self._sites.setdefault(url, Site(self._http, url))

    def of(self, connection: Connection) -> Credentials:
        """Return a connection's credentials. Raise `Refused` when it has none."""
        if connection.token:
            return TokenCredentials(connection.token)
        if connection.app is None:
            raise Refused("the connection has no token and no app to call with")
        site = self.site(connection.site)
        with self._lock:
            made = AppCredentials(site, connection.app, now=self._http.now, sleep=self._sleep)
            return self._apps.setdefault((connection.site, connection.app), made)
