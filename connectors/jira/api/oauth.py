"""OAuth 2.0 (3LO) for Jira Cloud: authorization URL, code exchange, token refresh; a refresh token works once.

https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlencode

from connectors.http import HttpClient
from connectors.jira.api.auth import Hosts
from connectors.json_fields import exact_text, number, required
from connectors.responses import Response, raise_for_response
from sync_service.domain.trackers.capabilities import OAuthTokens
from sync_service.domain.trackers.connector import Connection, OAuthClient, Refused, Rejected, Unavailable

READING = ("read:jira-work", "read:jira-user", "manage:jira-webhook", "offline_access")
"""OAuth scopes; `offline_access` gives refresh tokens."""

WRITING = "write:jira-work"
"""Extra OAuth scope of a connection with write-back."""

_LONGEST_TOKEN = 16_384
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class OAuth:
    """Requests and refreshes OAuth tokens."""

    http: HttpClient
    hosts: Hosts

    def consent_address(self, connection: Connection, *, redirect: str, state: str) -> str:
        """Return the authorization URL. Raise `Refused` when the connection has no client."""
        wanted = (*READING, WRITING) if connection.writes_back else READING
        params = {
            "audience": "api.atlassian.com",
            "client_id": _client(connection).id,
            "scope": " ".join(wanted),
            "redirect_uri": redirect,
            "state": state,
            "response_type": "code",
            "prompt": "consent",
        }
        return f"{self.hosts.auth}/authorize?{urlencode(params)}"

    def consent(self, connection: Connection, *, code: str, redirect: str) -> OAuthTokens:
        """Exchange an authorization code for OAuth tokens for the connection's site."""
        found = self._exchange(connection, {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect})
        return self._at_site(connection, found)

    def renew(self, connection: Connection, *, refresh: str) -> OAuthTokens:
        """Refresh the OAuth tokens; this uses up the refresh token."""
        renewed = self._exchange(connection, {"grant_type": "refresh_token", "refresh_token": refresh})
        # The site's id does not change, so no second call may fail before the new tokens are stored.
        return replace(renewed, site_id=required(connection.site_id, "the site's id"))

    def _exchange(self, connection: Connection, params: Mapping[str, str]) -> OAuthTokens:
        client = _client(connection)
        body = {"client_id": client.id, "client_secret": client.secret, **params}
        now = self.http.now()
        reply = self.http.send("POST", f"{self.hosts.auth}/oauth/token", authorization=None, json=body)
        if reply.status in (400, 401, 403):
            raise _refusal(reply)
        raise_for_response(reply, now=self.http.now())
        granted = reply.object()
        access, refresh = (exact_text(granted.get(name), _LONGEST_TOKEN) for name in ("access_token", "refresh_token"))
        if access is None or refresh is None:
            raise Rejected(f"{reply.shown_host} gives no usable tokens")
        seconds = number(granted.get("expires_in")) or _HOUR
        until = now + timedelta(seconds=min(max(seconds, 0.0), 24 * _HOUR))
        return OAuthTokens(access=access, refresh=refresh, expires_at=until, site_id="")

    def _at_site(self, connection: Connection, found: OAuthTokens) -> OAuthTokens:
        """Add the id of the connection's site. Raise `Refused` when the tokens are for other sites."""
        address = f"{self.hosts.api}/oauth/token/accessible-resources"
        sites = self.http.list(address, authorization=f"Bearer {found.access}")
        wanted = connection.site.rstrip("/").casefold()
        for one in sites:
            site_id = exact_text(one.get("id"), 100)
            if site_id and str(one.get("url")).rstrip("/").casefold() == wanted:
                return replace(found, site_id=site_id)
        others = ", ".join(sorted(str(one.get("url")) for one in sites)[:5]) or "none"
        raise Refused(f"the OAuth token is for other sites ({others}), not for {connection.site}")


def _client(connection: Connection) -> OAuthClient:
    if connection.client is None:
        raise Refused("the connection has no OAuth app")
    return connection.client


def _refusal(reply: Response) -> Refused | Unavailable:
    """Return `Refused` for an OAuth error, `Unavailable` for any other body: a proxy's answer must not end the grant.

    https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    """
    body = reply.object_or_empty()
    errors = [exact_text(body.get(name), 200) for name in ("error", "error_description")]
    if errors[0] is None:
        return Unavailable(f"{reply.shown_host} answers {reply.status} without an OAuth error")
    says = f"{reply.shown_host} refuses the grant ({reply.status}): {': '.join(filter(None, errors))}"
    return Refused(says, about_credentials=True)
