"""Jira HTTP client of one connection: authorised calls, with errors by Jira's own rate limits."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors.http import Http, Method
from connectors.jira.api.auth import Access
from connectors.jira.api.field_catalogue import Catalogues, informed
from connectors.jira.api.rate_limits import READING, judge_call
from connectors.json_fields import Json
from connectors.responses import Reply
from sync_service.domain.trackers.connector import Connection


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls to one Jira. Paths begin with a slash. Every method but `send` may raise any `ConnectorError`."""

    http: Http
    connection: Connection
    by: Access
    catalogues: Catalogues

    @property
    def is_cloud(self) -> bool:
        """Return True for Cloud, False for Data Center."""
        return self.by.is_cloud

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Json:
        """GET a JSON object."""
        return self._successful(self.send("GET", path, params=params)).object()

    def knowing(self) -> "Calls":
        """Return the same client with the site's field catalogue, which is fetched when it is not fresh."""
        known = self.catalogues.fetch(self.connection, lambda: self._successful(self.send("GET", "/field")).objects())
        return replace(self, connection=informed(self.connection, known))

    def post(self, path: str, body: Any) -> Json:
        """POST a request, such as a search that does not fit into a URL; return the JSON object of the response."""
        return self._successful(self.send("POST", path, json=body)).object()

    def send(self, method: Method, path: str, *, params: Mapping[str, str] | None = None, json: Any = None) -> Reply:
        """Send a request and return the response, whatever its status."""
        address, authorization = f"{self.by.rest}{path}", self.by.authorization
        return self.http.send(method, address, authorization=authorization, params=params, json=json)

    def judge(self, reply: Reply) -> None:
        """Raise a `ConnectorError` for any response but a successful one."""
        judge_call(reply, now=self.http.now(), part=READING)

    def _successful(self, reply: Reply) -> Reply:
        self.judge(reply)
        return reply
