"""GitHub App authentication: find the installation of a repository, create and cache its token, valid for one hour.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from connectors.github.api.app_jwt import app_jwt, clock_skew, private_key
from connectors.github.api.installations import SUSPENDED, Installations
from connectors.github.api.site import AttributedReply, AuthorizedCall, Site, error_text
from connectors.http import Method
from connectors.json_fields import Json, exact_text, json_objects, timestamp
from connectors.paging import Rows, full_pages, rows_by_page
from connectors.responses import Response, raise_for_response
from sync_service.domain.trackers.connector import AppKey, Gone, Refused, Rejected

RENEW_BEFORE_EXPIRY = timedelta(minutes=5)
"""A token is replaced this long before it expires."""

NEW_TOKEN_RETRY_SECONDS = (0.5, 1.0, 1.5, 2.0)
"""Seconds between retries with a new token that is refused: not all of GitHub's servers know it at once."""

_NEW = timedelta(seconds=sum(NEW_TOKEN_RETRY_SECONDS))
_PER_PAGE, _MOST_PAGES = 100, 20
_LONGEST_TOKEN = 4096
"""The format of tokens is not defined, and has changed: https://github.blog/changelog/2026-05-15-github-app-installation-tokens-per-request-override-header."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    expires: datetime
    created: datetime


class _Uninstalled(Gone):
    """The installation is no longer there."""


class AppCredentials:
    """One app at one site. Tokens are cached in memory only, and shared by threads."""

    def __init__(self, site: Site, app: AppKey, *, now: Callable[[], datetime], sleep: Callable[[float], None]) -> None:
        self._site = site
        self._app = app
        self._key: RSAPrivateKey | None = None
        self._our_clock = now
        self._sleep = sleep
        self._skew = timedelta(0)
        self._lock = threading.RLock()
        self._tokens: dict[int, _Token] = {}
        self._installations = Installations(now, self._page_of_installations, self._page_of_repositories, self._lock)

    def use(self, repository: str, ask: AuthorizedCall) -> AttributedReply:
        """Call as the installation that can see a repository. Retry as another one when that has changed.

        Raise `Gone`, not proven, when none can see it, and `Refused` when the app can't be used at all.
        """
        installation = self._installations.find(repository)
        try:
            reply = self._as_installation(installation, ask)
            if reply.status != 404 or not self._installations.is_old(repository):
                return AttributedReply(reply, _bucket_owner(installation))
            self._installations.discard(repository)
        except _Uninstalled:
            reply = None
            self._installations.clear()
        another = self._installations.find(repository)
        if reply is not None and another == installation:
            return AttributedReply(reply, _bucket_owner(installation))
        return AttributedReply(self._as_installation(another, ask), _bucket_owner(another))

    def as_app(self, method: Method, path: str, *, params: Mapping[str, str] | None = None) -> AttributedReply:
        """Call as the app itself, for what belongs to no installation: its webhook and that webhook's deliveries."""
        return AttributedReply(self._as_app(method, path, params=params), "app")

    def bucket_owner(self, repository: str) -> str:
        """Return the installation that can see a repository; `app`, which would have to search it, when unknown."""
        known = self._installations.cached(repository)
        return "app" if known is None else _bucket_owner(known)

    def app_info(self) -> Json:
        """Fetch the app's own data."""
        reply = self._as_app("GET", "/app")
        self._raise_for_app(reply)
        return reply.object()

    def set_hook(self, config: Mapping[str, str]) -> None:
        """Set the URL and the secret of the app's webhook.

        https://docs.github.com/en/rest/apps/webhooks#update-a-webhook-configuration-for-an-app
        """
        reply = self._as_app("PATCH", "/app/hook/config", json=config)
        if reply.status == 404 and "Integration" not in error_text(reply):
            raise Rejected("the app has no webhook: activate it on the app's page at GitHub")
        self._raise_for_app(reply)

    def list_repositories(self, *, most: int) -> tuple[list[Json], bool]:
        """List about `most` repositories of all installations, uncached; also return whether there are more."""
        self._installations.clear()
        found: list[Json] = []
        for installation in self._installations.active():
            pages = full_pages(partial(self._numbered_repositories, installation), size=_PER_PAGE)
            found += islice(rows_by_page(pages, most_pages=_MOST_PAGES), most - len(found))
            if len(found) >= most:
                return found, True
        return found, False

    def _numbered_repositories(self, installation: int, page: int) -> Rows:
        return self._page_of_repositories(installation, {"per_page": str(_PER_PAGE), "page": str(page)})

    def find_holder(self, repository: str) -> str:
        """Return the installation that can see a repository; search it when it is unknown."""
        return _bucket_owner(self._installations.find(repository))

    def _now(self) -> datetime:
        """Return the time of GitHub's clock, as far as we know the skew."""
        return self._our_clock() + self._skew

    def _as_installation(self, installation: int, ask: AuthorizedCall) -> Response:
        """Call with an installation's token. Replace a refused one once; retry a new one until GitHub knows it."""
        token = self._token(installation)
        reply = ask(f"Bearer {token.text}")
        if reply.status == 401 and self._now() - token.created > _NEW:
            token = self._token(installation, refused=token)
            reply = ask(f"Bearer {token.text}")
        for wait in NEW_TOKEN_RETRY_SECONDS:
            if reply.status != 401:
                break
            self._sleep(wait)
            reply = ask(f"Bearer {token.text}")
        self._refuse_suspended(reply)
        return reply

    def _token(self, installation: int, *, refused: _Token | None = None) -> _Token:
        with self._lock:
            cached = self._tokens.get(installation)
            if cached is None or cached is refused or cached.expires - self._now() < RENEW_BEFORE_EXPIRY:
                self._tokens.pop(installation, None)
                cached = self._tokens[installation] = self._create_token(installation)
            return cached

    def _create_token(self, installation: int) -> _Token:
        """Create a token. https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app."""
        reply = self._as_app("POST", f"/app/installations/{installation}/access_tokens")
        if reply.status == 404:
            raise _Uninstalled("the GitHub App is no longer installed there", proven=False)
        self._refuse_suspended(reply)
        self._raise_for_app(reply)
        made = reply.object()
        text, expires = exact_text(made.get("token"), _LONGEST_TOKEN), timestamp(made.get("expires_at"))
        if text is None or expires is None:
            raise Rejected(f"{reply.shown_host} returns no valid token")
        return _Token(text, expires, self._now())

    def _refuse_suspended(self, reply: Response) -> None:
        """Raise for a suspended installation: `Gone` when another one works, else `Refused`.

        https://docs.github.com/en/apps/maintaining-github-apps/suspending-a-github-app-installation
        """
        if reply.status != 403 or SUSPENDED.lower() not in error_text(reply).lower():
            return
        message = f"GitHub says: {error_text(reply)}"
        self._installations.clear()
        if self._installations.any_active():
            raise Gone(message, proven=False)
        raise Refused(message)

    def _as_app(
        self,
        method: Method,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, str] | None = None,
    ) -> Response:
        """Call as the app itself. When GitHub's clock differs too much from ours, retry with the time of its clock."""
        reply = self._sign_and_send(method, path, params, json)
        skew = clock_skew(reply, now=self._our_clock())
        if skew is None:
            return reply
        self._skew = skew
        return self._sign_and_send(method, path, params, json)

    def _sign_and_send(
        self, method: Method, path: str, params: Mapping[str, str] | None, json: Mapping[str, str] | None
    ) -> Response:
        self._key = self._key or private_key(self._app)  # loading it costs more than signing with it
        signed = app_jwt(self._app, self._key, at=self._now())
        return self._site.send(method, path, authorization=f"Bearer {signed}", params=params, json=json)

    def _raise_for_app(self, reply: Response) -> None:
        words = error_text(reply)
        if reply.status == 401:
            says = f"{reply.shown_host} does not accept the private key of app {self._app.id} (401): {words}"
            raise Refused(says, about_credentials=True)
        if reply.status == 404:
            says = f"{reply.shown_host} knows no app {self._app.id}: give its client id or its number ({words})"
            raise Refused(says, about_credentials=True)
        raise_for_response(reply, now=self._our_clock(), bucket_owner="app", words=words)

    def _page_of_installations(self, page: Mapping[str, str]) -> Rows:
        reply = self._as_app("GET", "/app/installations", params=page)
        self._raise_for_app(reply)
        return reply.objects(), reply.names_next_page

    def _page_of_repositories(self, installation: int, page: Mapping[str, str]) -> Rows:
        def ask(authorization: str) -> Response:
            return self._site.send("GET", "/installation/repositories", authorization=authorization, params=page)

        reply = self._as_installation(installation, ask)
        raise_for_response(
            reply, now=self._our_clock(), bucket_owner=_bucket_owner(installation), words=error_text(reply)
        )
        return json_objects(reply.object().get("repositories")), reply.names_next_page


def _bucket_owner(installation: int) -> str:
    return f"installation {installation}"
