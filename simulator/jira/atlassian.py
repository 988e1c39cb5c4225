"""The Atlassian beside a simulated Jira Cloud: where people consent to apps, and the gateway for calls by consent.

Refresh tokens are good for one renewal; what was used is taken again for ten minutes, and after that ends the consent.
https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Request, Response

from simulator.clock import Clock, real_clock
from simulator.courier import Courier
from simulator.jira.answers import problem
from simulator.jira.dynamic import Caller
from simulator.jira.hook_views import CALLER
from simulator.jira.site import Jira
from simulator.pages import Form, form_page, refusal_page
from simulator.rest import View, json_answer
from simulator.tracker import Tracker

GRACE = timedelta(minutes=10)
"""For how long a used refresh token is taken again."""

IDLE = timedelta(days=90)
"""After so long without a renewal a consent ends."""


@dataclass
class _Grant:
    """What one person consented to: the tokens of the hour, and those that renew them."""

    access: dict[str, datetime] = field(default_factory=dict)
    refresh: str = ""
    used: dict[str, datetime] = field(default_factory=dict)
    renewed_at: datetime | None = None


class Atlassian(Tracker):
    """Account service and gateway in one, on loopback. `sites` are those that whoever consents may reach, by their ids.

    `lose_answer` makes the next renewal happen and its answer get lost, as when a line breaks at that moment.
    """

    def __init__(
        self,
        sites: Mapping[str, Jira],
        *,
        client_id: str = "simulated-client",
        client_secret: str = "simulated-client-secret",  # noqa: S107  opens nothing but this simulator
        hour: timedelta = timedelta(hours=1),
        clock: Clock = real_clock,
        port: int = 0,
    ) -> None:
        self.sites = dict(sites)
        self.consenter_is_owner = True
        self.client_id = client_id
        self.client_secret = client_secret
        self.hour = hour
        self.lose_answer = False
        self.renewals = 0
        self._codes: dict[str, str] = {}
        self._grants: list[_Grant] = []
        super().__init__(clock=clock, webhooks=Courier(background=False), port=port)

    def withdraw(self) -> None:
        """End all consents, as a person does in the account's settings."""
        with self.changing():
            self._grants.clear()

    def _views(self) -> Mapping[tuple[str, str], View]:
        calls: dict[tuple[str, str], View] = {
            ("POST", "/oauth/token"): self._token,
            ("GET", "/oauth/token/accessible-resources"): self._resources,
        }
        for method in ("GET", "POST", "PUT", "DELETE"):
            calls[method, "/ex/jira/<cloud_id>/<path:path>"] = self._gateway
        return calls

    def _pages(self) -> Mapping[str, View]:
        return {"/authorize": self._ask}

    def _forms(self) -> Mapping[str, View]:
        return {"/authorize": self._accepted}

    def _admit(self, request: Request) -> Response | None:
        if request.path == "/oauth/token" or self._has_site_token(request):
            return None
        given = request.authorization
        token = given.token if given is not None and given.type == "bearer" else None
        known = any(
            until > self.clock() for grant in self._grants for one, until in grant.access.items() if one == token
        )
        return None if known else problem(401)

    def _problem(self, status: int) -> Response:
        return problem(status)

    def _has_site_token(self, request: Request) -> bool:
        """Tell whether a call to the gateway bears the token of a site, as scoped ones do."""
        site = self.sites.get(request.path.removeprefix("/ex/jira/").partition("/")[0])
        return site is not None and request.headers.get("Authorization") == site.authorization

    def _ask(self, request: Request) -> Response:
        """Ask a person for consent; the form's answer leads back."""
        asked = request.args
        if asked.get("client_id") != self.client_id or asked.get("audience") != "api.atlassian.com":
            return refusal_page(400, "There is no such app")
        hidden = {name: asked.get(name, "") for name in ("redirect_uri", "state", "scope")}
        lines = {"App": self.client_id, "It may": asked.get("scope", "")}
        return form_page("Authorize app", lines, Form(action="/authorize", button="Accept", hidden=hidden))

    def _accepted(self, request: Request) -> Response:
        code = secrets.token_urlsafe(16)
        with self.changing():
            self._codes[code] = request.form["redirect_uri"]
        back = urlencode({"state": request.form["state"], "code": code})
        return Response(status=302, headers={"Location": f"{request.form['redirect_uri']}?{back}"})

    def _token(self, request: Request) -> Response:
        try:
            asked: dict[str, Any] = request.get_json()
        except (BadRequest, UnsupportedMediaType):
            return _refusal(400, "invalid_request", "the body is not JSON")
        if (asked.get("client_id"), asked.get("client_secret")) != (self.client_id, self.client_secret):
            return _refusal(401, "access_denied", "Unauthorized")
        with self.changing() as now:
            if asked.get("grant_type") == "authorization_code":
                return self._first(asked, now)
            return self._renewed(str(asked.get("refresh_token")), now)

    def _first(self, asked: Mapping[str, Any], now: datetime) -> Response:
        redirect = self._codes.pop(str(asked.get("code")), None)
        if redirect is None or redirect != asked.get("redirect_uri"):
            return _refusal(403, "invalid_grant", "Invalid authorization code")
        self._grants.append(_Grant())
        return self._handed(self._grants[-1], now)

    def _renewed(self, refresh: str, now: datetime) -> Response:
        for grant in self._grants:
            idle = grant.renewed_at is not None and now - grant.renewed_at > IDLE
            in_grace = refresh in grant.used and now - grant.used[refresh] <= GRACE
            if not idle and (refresh == grant.refresh or in_grace):
                grant.used.setdefault(refresh, now)
                self.renewals += 1
                answer = self._handed(grant, now)
                if self.lose_answer:
                    self.lose_answer = False
                    return problem(502)
                return answer
            if refresh in grant.used:
                self._grants.remove(grant)
                break
        return _refusal(403, "invalid_grant", "Unknown or invalid refresh token.")

    def _handed(self, grant: _Grant, now: datetime) -> Response:
        access, grant.refresh, grant.renewed_at = secrets.token_urlsafe(48), secrets.token_urlsafe(48), now
        grant.access[access] = now + self.hour
        seconds = int(self.hour.total_seconds())
        scope = "read:jira-work read:jira-user manage:jira-webhook offline_access"
        return json_answer(
            {
                "access_token": access,
                "refresh_token": grant.refresh,
                "token_type": "Bearer",
                "expires_in": seconds,
                "scope": scope,
            }
        )

    def _resources(self, _request: Request) -> Response:
        return json_answer(
            [
                {"id": cloud_id, "url": site.url, "name": site.url, "scopes": ["read:jira-work"], "avatarUrl": ""}
                for cloud_id, site in self.sites.items()
            ]
        )

    def _gateway(self, request: Request, cloud_id: str, path: str) -> Response:
        """Let the site answer, as whoever has its token."""
        site = self.sites.get(cloud_id)
        if site is None:
            return problem(404)
        environ = {**request.environ, "PATH_INFO": f"/{path}", "HTTP_AUTHORIZATION": site.authorization}
        if not self._has_site_token(request):
            environ[CALLER] = Caller(self.client_id, self.client_secret, self.consenter_is_owner)
        return Response.from_app(site.rest, environ)


def _refusal(status: int, error: str, description: str) -> Response:
    return json_answer({"error": error, "error_description": description}, status=status)
