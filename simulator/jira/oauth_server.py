"""The OAuth 2.0 server of Atlassian: consent pages, token refresh, and the API gateway to simulated sites.

A refresh token works once; used again within ten minutes it still works, and after that it ends the grant.
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

from simulator.base_tracker import BaseTracker
from simulator.clock import Clock, real_clock
from simulator.html_pages import Form, error_page, form_page
from simulator.jira.dynamic_webhooks import Caller
from simulator.jira.rest.dynamic_webhooks import CALLER
from simulator.jira.rest.problems import problem
from simulator.jira.server import Jira
from simulator.rest_server import View, json_response
from simulator.webhook_sender import WebhookSender

GRACE = timedelta(minutes=10)
"""How long a used refresh token still works."""

IDLE = timedelta(days=90)
"""A grant ends after so long without a refresh."""


@dataclass
class _Grant:
    """The grant of one person: access tokens and refresh tokens."""

    access: dict[str, datetime] = field(default_factory=dict)
    refresh: str = ""
    used: dict[str, datetime] = field(default_factory=dict)
    renewed_at: datetime | None = None


class Atlassian(BaseTracker):
    """Account server and gateway in one, on loopback. `sites` are the accessible sites by id.

    `lose_answer` makes the next refresh happen but loses its response, as a broken connection does.
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
        super().__init__(clock=clock, webhooks=WebhookSender(background=False), port=port)

    def withdraw(self) -> None:
        """End all grants, as a person does in the account's settings."""
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
        """Return whether a call to the gateway carries a site's own token, as scoped API tokens do."""
        site = self.sites.get(request.path.removeprefix("/ex/jira/").partition("/")[0])
        return site is not None and request.headers.get("Authorization") == site.authorization

    def _ask(self, request: Request) -> Response:
        """Show the consent page; its form redirects back."""
        payload = request.args
        if payload.get("client_id") != self.client_id or payload.get("audience") != "api.atlassian.com":
            return error_page(400, "There is no such app")
        hidden = {name: payload.get(name, "") for name in ("redirect_uri", "state", "scope")}
        lines = {"App": self.client_id, "It may": payload.get("scope", "")}
        return form_page("Authorize app", lines, Form(action="/authorize", button="Accept", hidden=hidden))

    def _accepted(self, request: Request) -> Response:
        code = secrets.token_urlsafe(16)
        with self.changing():
            self._codes[code] = request.form["redirect_uri"]
        back = urlencode({"state": request.form["state"], "code": code})
        return Response(status=302, headers={"Location": f"{request.form['redirect_uri']}?{back}"})

    def _token(self, request: Request) -> Response:
        try:
            payload: dict[str, Any] = request.get_json()
        except (BadRequest, UnsupportedMediaType):
            return _refusal(400, "invalid_request", "the body is not JSON")
        if (payload.get("client_id"), payload.get("client_secret")) != (self.client_id, self.client_secret):
            return _refusal(401, "access_denied", "Unauthorized")
        with self.changing() as now:
            if payload.get("grant_type") == "authorization_code":
                return self._first(payload, now)
            return self._renewed(str(payload.get("refresh_token")), now)

    def _first(self, payload: Mapping[str, Any], now: datetime) -> Response:
        redirect = self._codes.pop(str(payload.get("code")), None)
        if redirect is None or redirect != payload.get("redirect_uri"):
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
        return json_response(
            {
                "access_token": access,
                "refresh_token": grant.refresh,
                "token_type": "Bearer",
                "expires_in": seconds,
                "scope": scope,
            }
        )

    def _resources(self, _request: Request) -> Response:
        return json_response(
            [
                {"id": cloud_id, "url": site.url, "name": site.url, "scopes": ["read:jira-work"], "avatarUrl": ""}
                for cloud_id, site in self.sites.items()
            ]
        )

    def _gateway(self, request: Request, cloud_id: str, path: str) -> Response:
        """Forward the call to the site with the site's token."""
        site = self.sites.get(cloud_id)
        if site is None:
            return problem(404)
        environ = {**request.environ, "PATH_INFO": f"/{path}", "HTTP_AUTHORIZATION": site.authorization}
        if not self._has_site_token(request):
            environ[CALLER] = Caller(self.client_id, self.client_secret, self.consenter_is_owner)
        return Response.from_app(site.rest, environ)


def _refusal(status: int, error: str, description: str) -> Response:
    return json_response({"error": error, "error_description": description}, status=status)
