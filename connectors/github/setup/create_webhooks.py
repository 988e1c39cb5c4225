"""Create and update webhooks by API: one for each repository with a token, or the app's own webhook.

https://docs.github.com/en/rest/repos/webhooks
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.github.api.app_auth import AppCredentials
from connectors.github.api.client import repository_path
from connectors.github.api.credentials import Credentials
from connectors.github.api.site import Site, error_text
from connectors.github.setup.onboarding import EVENTS, NEWER_EVENTS
from connectors.http import HttpClient, Method
from connectors.json_fields import identifier, json_object, json_objects, text
from connectors.paging import Rows, full_pages, rows_by_page
from connectors.responses import Response, raise_for_response
from sync_service.domain.trackers.capabilities import WebhookResult
from sync_service.domain.trackers.connector import ConnectorError, Rejected, Unavailable

_PER_PAGE = 100
_MOST_PAGES = 3
"""GitHub allows 20 webhooks for an event, an Enterprise Server 250."""

_HIDDEN = (
    "the credentials may not see or change its webhooks: give the token Webhooks: read and write "
    "(a classic one: admin:repo_hook), or create the webhook yourself"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCreator:
    """Create webhooks for one address. GitHub signs their deliveries with `secret`."""

    credentials: Credentials
    site: Site
    http: HttpClient
    url: str
    secret: str = field(repr=False)

    def create(self, scopes: Sequence[str]) -> list[WebhookResult]:
        """Create or update the webhook of each repository, or the app's own webhook, which covers all of them.

        When GitHub is unavailable for one repository, stop calling: the others get the same error.
        """
        if isinstance(self.credentials, AppCredentials):
            self.credentials.set_hook(self._config())
            return [WebhookResult(where="the app", made=True, says="its webhook leads here, with the newest secret")]
        made: list[WebhookResult] = []
        unavailable: Unavailable | None = None
        for name in scopes:
            try:
                if unavailable is not None:
                    raise unavailable
                says = self._create_or_update(name)
            except Unavailable as error:
                unavailable = error
                made.append(WebhookResult(where=name, made=False, says=str(error)))
            except ConnectorError as error:
                made.append(WebhookResult(where=name, made=False, says=str(error)))
            else:
                made.append(WebhookResult(where=name, made=True, says=says))
        return made

    def _create_or_update(self, name: str) -> str:
        path = f"{repository_path(name)}/hooks"
        found = self._find(path, name)
        if found is None:
            reply = self._with_events("POST", path, {"name": "web"}, name)
            if reply.status != 422 or (found := self._find(path, name)) is None:
                self._raise_for_reply(reply)
                return "the webhook was created"
        self._raise_for_reply(self._with_events("PATCH", f"{path}/{found}", {}, name))
        return "its webhook existed and was updated"

    def _find(self, path: str, name: str) -> str | None:
        """Return the id of the webhook that sends to our address; None when there is none."""

        def numbered(page: int) -> Rows:
            reply = self._send("GET", path, name, params={"per_page": str(_PER_PAGE), "page": str(page)})
            self._raise_for_reply(reply)
            return json_objects(list(reply.objects())), reply.names_next_page

        for one in rows_by_page(full_pages(numbered, size=_PER_PAGE), most_pages=_MOST_PAGES):
            if json_object(one.get("config")).get("url") == self.url:
                return identifier(one.get("id"))
        return None

    def _with_events(self, method: Method, path: str, body: Mapping[str, Any], name: str) -> Response:
        """Send the settings of a webhook. Retry without the newest events when an older server rejects them."""
        wanted = {**body, "active": True, "config": self._config()}
        reply = self._send(method, path, name, json={**wanted, "events": list(EVENTS)})
        if reply.status != 422 or "already exists" in _error_texts(reply):
            return reply
        known = [event for event in EVENTS if event not in NEWER_EVENTS]
        return self._send(method, path, name, json={**wanted, "events": known})

    def _config(self) -> dict[str, str]:
        return {"url": self.url, "content_type": "json", "secret": self.secret, "insecure_ssl": "0"}

    def _send(self, method: Method, path: str, name: str, **what: Any) -> Response:
        return self.credentials.use(
            name, lambda authorization: self.site.send(method, path, authorization=authorization, **what)
        ).reply

    def _raise_for_reply(self, reply: Response) -> None:
        if reply.status in (403, 404):
            self._raise_for_rate_limit(reply)
            raise Rejected(_HIDDEN)
        words = _error_texts(reply) if reply.status == 422 else error_text(reply)
        raise_for_response(reply, now=self.http.now(), bucket_owner="token", words=words)

    def _raise_for_rate_limit(self, reply: Response) -> None:
        """Raise `Unavailable` when a 403 is a rate limit, not a missing permission."""
        try:
            raise_for_response(reply, now=self.http.now(), bucket_owner="token")
        except Unavailable:
            raise
        except ConnectorError:
            return


def _error_texts(reply: Response) -> str:
    """Return GitHub's error text for a request that it rejects, including the list `errors`."""
    errors = json_objects(reply.object_or_empty().get("errors"))
    return "; ".join(filter(None, (error_text(reply), *(text(one.get("message"), 200) for one in errors))))
