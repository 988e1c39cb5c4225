"""Jira HTTP client of one connection: authorised calls, with errors by Jira's own rate limits."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors.http import HttpClient, Method
from connectors.jira.api.auth import JiraAuth
from connectors.jira.api.field_catalogue import FieldCatalogueCache, add_field_catalogue
from connectors.jira.api.identity import WHO, check_account, names_account, needs_proof
from connectors.jira.api.rate_limits import READ_BUCKET, raise_for_jira_response
from connectors.json_fields import Json
from connectors.responses import Response
from sync_service.domain.trackers.connector import Connection


@dataclass(frozen=True, slots=True)
class JiraClient:
    """Calls to one Jira. Paths begin with a slash. Every method but `send` may raise any `ConnectorError`."""

    http: HttpClient
    connection: Connection
    auth: JiraAuth
    catalogues: FieldCatalogueCache

    @property
    def is_cloud(self) -> bool:
        """Return True for Cloud, False for Data Center."""
        return self.auth.is_cloud

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Json:
        """GET a JSON object."""
        return self._successful(self.send("GET", path, params=params)).object()

    def with_field_catalogue(self) -> "JiraClient":
        """Return the same client with the site's field catalogue, which is fetched when it is not fresh."""
        known = self.catalogues.fetch(self.connection, lambda: self._successful(self.send("GET", "/field")).objects())
        return replace(self, connection=add_field_catalogue(self.connection, known))

    def post(self, path: str, body: Any) -> Json:
        """POST a request, such as a search that does not fit into a URL; return the JSON object of the response."""
        return self._successful(self.send("POST", path, json=body)).object()

    def send(self, method: Method, path: str, *, params: Mapping[str, str] | None = None, json: Any = None) -> Response:
        """Send a request and return the response, whatever its status.

        Raise `Stranger` when Jira answered without regard to the credentials. If the response does not name our
        account, ask for it afterwards: credentials that work then worked before.
        """
        reply = self._call(method, path, params=params, json=json)
        if needs_proof(reply) and not self.auth.by_gateway and not names_account(reply) and path != WHO:
            self._prove_account()
        return reply

    def _prove_account(self) -> None:
        """Raise `Stranger` when Jira does not know us, `Unavailable` when it can't say now."""
        answer = self._call("GET", WHO)
        check_account(answer)
        if answer.status == 429 or answer.status >= 500:
            self.raise_for_response(answer)

    def _call(
        self, method: Method, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> Response:
        address, authorization = f"{self.auth.rest_url}{path}", self.auth.authorization
        return self.http.send(method, address, authorization=authorization, params=params, json=json)

    def raise_for_response(self, reply: Response) -> None:
        """Raise a `ConnectorError` for any response but a successful one."""
        raise_for_jira_response(reply, now=self.http.now(), bucket=READ_BUCKET)

    def _successful(self, reply: Response) -> Response:
        self.raise_for_response(reply)
        return reply
