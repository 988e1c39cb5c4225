"""Calls to GitHub's REST API, with what every one of them bears.

https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.http import Answer, Http
from sync_service.domain.connectors import Connection, Refused

API_VERSION = "2026-03-10"
"""https://docs.github.com/en/rest/about-the-rest-api/api-versions"""

HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION}


@dataclass(frozen=True, slots=True)
class Calls:
    """Authorised calls for one connection. Each raises any `ConnectorError`; paths begin with a slash."""

    http: Http
    connection: Connection

    def get(self, path: str) -> Answer:
        """Fetch an object."""
        return self.http.get(self._url(path), authorization=self._authorization(), headers=HEADERS)

    def list(self, path: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """Fetch a page of a list."""
        return self.http.list(self._url(path), authorization=self._authorization(), headers=HEADERS, params=params)

    def _url(self, path: str) -> str:
        return self.connection.site.rstrip("/") + path

    def _authorization(self) -> str:
        if not self.connection.token:
            raise Refused("the connection has no token to look with")
        return f"Bearer {self.connection.token}"
