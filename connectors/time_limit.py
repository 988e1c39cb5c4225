"""HTTP client with one time limit for several calls, for answers that a person waits for."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors.http import HttpClient, Method
from connectors.responses import Response, shown_host
from sync_service.domain.trackers.connector import Rejected, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpWithin(HttpClient):
    """A client whose calls end at a moment of the monotonic clock, all together."""

    inner: HttpClient
    ends: float

    @classmethod
    def of(cls, http: HttpClient, *, seconds: float) -> "HttpWithin":
        """Return a client that may call for some seconds from now on."""
        return cls(inner=http, ends=time.monotonic() + seconds, now=http.now)

    def send(
        self,
        method: Method,
        url: str,
        *,
        authorization: str | None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Response:
        """Send a request as `HttpClient` does. Raise `Unavailable` when the time is over, or no reply can be read."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise Unavailable(f"{shown_host(url)} does not answer in time")
        limited = replace(
            self.inner,
            connect_seconds=min(self.inner.connect_seconds, left),
            read_seconds=min(self.inner.read_seconds, left),
            total_seconds=min(self.inner.total_seconds, left),
        )
        try:
            return limited.send(method, url, authorization=authorization, headers=headers, params=params, json=json)
        except Rejected as error:  # a redirect loop, a huge reply: nothing about what was asked
            raise Unavailable(str(error)) from error


def answered_object(reply: Response) -> dict[str, Any]:
    """Decode a JSON object. Raise `Unavailable` for any other body: it says nothing about what was asked."""
    try:
        return reply.object()
    except Rejected as error:
        raise Unavailable(str(error)) from error
