"""Authorised calls to Jira for one connection, each judged by Jira's own limits."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors.fields import Json
from connectors.http import Http, Method
from connectors.jira.access import Access
from connectors.jira.catalogue import Catalogues, informed
from connectors.jira.limits import READING, judge_call
from connectors.replies import Reply
from sync_service.domain.connectors import Connection


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls to one Jira. Each but `send` raises any `ConnectorError`; paths begin with a slash."""

    http: Http
    connection: Connection
    by: Access
    catalogues: Catalogues

    @property
    def is_cloud(self) -> bool:
        """Tell Cloud from Data Center."""
        return self.by.is_cloud

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Json:
        """Fetch a JSON object."""
        return self._judged(self.send("GET", path, params=params)).object()

    def knowing(self) -> "Calls":
        """Give the same calls for a connection that knows the fields of its site, which is asked where it must be."""
        known = self.catalogues.fetch(self.connection, lambda: self._judged(self.send("GET", "/field")).objects())
        return replace(self, connection=informed(self.connection, known))

    def post(self, path: str, body: Any) -> Json:
        """Ask a question that does not fit into an address; the answer is a JSON object."""
        return self._judged(self.send("POST", path, json=body)).object()

    def send(self, method: Method, path: str, *, params: Mapping[str, str] | None = None, json: Any = None) -> Reply:
        """Make a call and give the reply, whatever its status."""
        address, authorization = f"{self.by.rest}{path}", self.by.authorization
        return self.http.send(method, address, authorization=authorization, params=params, json=json)

    def judge(self, reply: Reply) -> None:
        """Raise for any reply but a good one."""
        judge_call(reply, now=self.http.now(), part=READING)

    def _judged(self, reply: Reply) -> Reply:
        self.judge(reply)
        return reply
