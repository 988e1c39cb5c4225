"""Authorised calls to Jira for one connection, each judged by Jira's own limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.fields import Json
from connectors.http import Http
from connectors.jira.access import Access
from connectors.jira.limits import READING, judge_call
from connectors.replies import Reply
from sync_service.domain.connectors import Connection


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls by which nothing changes. Each raises any `ConnectorError`; paths begin with a slash."""

    http: Http
    connection: Connection
    by: Access

    @property
    def is_cloud(self) -> bool:
        """Tell Cloud from Data Center."""
        return self.by.is_cloud

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Json:
        """Fetch a JSON object."""
        return self._judged(self.send_get(path, params)).object()

    def post(self, path: str, body: Any) -> Json:
        """Ask a question that does not fit into an address; the answer is a JSON object."""
        return self._judged(self.send_post(path, body)).object()

    def send_get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """Make a call and give the reply, whatever its status."""
        return self.http.send("GET", f"{self.by.rest}{path}", authorization=self.by.authorization, params=params)

    def send_post(self, path: str, body: Any) -> Reply:
        """Make a call and give the reply, whatever its status."""
        return self.http.send("POST", f"{self.by.rest}{path}", authorization=self.by.authorization, json=body)

    def judge(self, reply: Reply) -> None:
        """Raise for any reply but a good one."""
        judge_call(reply, now=self.http.now(), part=READING)

    def _judged(self, reply: Reply) -> Reply:
        self.judge(reply)
        return reply
