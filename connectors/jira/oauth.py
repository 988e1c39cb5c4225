"""A person's consent that we call Jira Cloud: OAuth 2.0 with three legs, and refresh tokens good for one renewal.

https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlencode

from connectors.fields import exact, number, required
from connectors.http import Http
from connectors.jira.access import Hosts
from connectors.replies import Reply, judge
from sync_service.domain.abilities import Consent
from sync_service.domain.connectors import Client, Connection, Refused, Rejected, Unavailable

READING = ("read:jira-work", "read:jira-user", "manage:jira-webhook", "offline_access")
"""The scopes we ask for; the last one brings refresh tokens."""

WRITING = "write:jira-work"
"""Asked for besides where the connection writes back."""

_LONGEST_TOKEN = 16_384
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class OAuth:
    """Asks for consents and renews them."""

    http: Http
    hosts: Hosts

    def consent_address(self, connection: Connection, *, redirect: str, state: str) -> str:
        """Give the address where a person consents. Raises `Refused` where the connection has no client."""
        wanted = (*READING, WRITING) if connection.writes_back else READING
        asked = {
            "audience": "api.atlassian.com",
            "client_id": _client(connection).id,
            "scope": " ".join(wanted),
            "redirect_uri": redirect,
            "state": state,
            "response_type": "code",
            "prompt": "consent",
        }
        return f"{self.hosts.auth}/authorize?{urlencode(asked)}"

    def consent(self, connection: Connection, *, code: str, redirect: str) -> Consent:
        """Turn a code into a consent for the connection's site."""
        found = self._exchange(connection, {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect})
        return self._at_site(connection, found)

    def renew(self, connection: Connection, *, refresh: str) -> Consent:
        """Renew a consent; what it was made with is used up by that."""
        renewed = self._exchange(connection, {"grant_type": "refresh_token", "refresh_token": refresh})
        # The site's id does not change, and nothing may fail between the tracker's answer and keeping it.
        return replace(renewed, site_id=required(connection.site_id, "the id of the site consented for"))

    def _exchange(self, connection: Connection, asked: Mapping[str, str]) -> Consent:
        client = _client(connection)
        body = {"client_id": client.id, "client_secret": client.secret, **asked}
        now = self.http.now()
        reply = self.http.send("POST", f"{self.hosts.auth}/oauth/token", authorization=None, json=body)
        if reply.status in (400, 401, 403):
            raise _refusal(reply)
        judge(reply, now=self.http.now())
        given = reply.object()
        access, refresh = (exact(given.get(name), _LONGEST_TOKEN) for name in ("access_token", "refresh_token"))
        if access is None or refresh is None:
            raise Rejected(f"{reply.place} gives no tokens that could be used")
        seconds = number(given.get("expires_in")) or _HOUR
        until = now + timedelta(seconds=min(max(seconds, 0.0), 24 * _HOUR))
        return Consent(access=access, refresh=refresh, expires_at=until, site_id="")

    def _at_site(self, connection: Connection, found: Consent) -> Consent:
        """Name the connection's site, which must be among those that the person consented for."""
        address = f"{self.hosts.api}/oauth/token/accessible-resources"
        sites = self.http.list(address, authorization=f"Bearer {found.access}")
        wanted = connection.site.rstrip("/").casefold()
        for one in sites:
            site_id = exact(one.get("id"), 100)
            if site_id and str(one.get("url")).rstrip("/").casefold() == wanted:
                return replace(found, site_id=site_id)
        others = ", ".join(sorted(str(one.get("url")) for one in sites)[:5]) or "none"
        raise Refused(f"the consent is for other sites ({others}), not for {connection.site}")


def _client(connection: Connection) -> Client:
    if connection.client is None:
        raise Refused("the connection has no OAuth app to consent to")
    return connection.client


def _refusal(reply: Reply) -> Refused | Unavailable:
    """Tell what Atlassian says of a grant from what some proxy on the way says, which must end no consent.

    https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    """
    try:
        body = reply.object()
    except Rejected:
        body = {}
    said = [exact(body.get(name), 200) for name in ("error", "error_description")]
    if said[0] is None:
        return Unavailable(f"{reply.place} answers {reply.status} without an error of OAuth")
    return Refused(f"{reply.place} does not take it ({reply.status}): {': '.join(filter(None, said))}")
