"""One GitHub site: base URL, API version and media type headers of every call.

https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.http import HttpClient, Method
from connectors.json_fields import Json, json_objects, text
from connectors.responses import Response

API_VERSION = "2026-03-10"
"""https://docs.github.com/en/rest/about-the-rest-api/api-versions"""

_VERSION = "X-GitHub-Api-Version"
_MEDIA_TYPE = "application/vnd.github+json"
_ENTERPRISE_PATH = "/api/v3"

AuthorizedCall = Callable[[str], Response]
"""Make one call with a value of the header `Authorization`. It may be called again with another value."""


@dataclass(frozen=True, slots=True)
class AttributedReply:
    """A reply of any status, with the owner of the rate limit it counts against: `token`, `app`, `installation 7`."""

    reply: Response
    bucket_owner: str


class Site:
    """github.com, a data residency host or an Enterprise Server. `url` is the base URL of its REST API.

    An Enterprise Server answers 400 to an API version that is newer than the server. After the first such answer this
    object sends no version, so that the server's own applies. `lacks` names the GraphQL features that the site is
    known not to have.
    """

    def __init__(self, http: HttpClient, url: str) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._knows_version = True
        self.lacks: frozenset[str] = frozenset()

    @property
    def is_enterprise_server(self) -> bool:
        """Return whether it is an Enterprise Server, which stores deliveries for longer."""
        return self._url.endswith(_ENTERPRISE_PATH)

    def send(
        self,
        method: Method,
        path: str,
        *,
        authorization: str | None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Response:
        """Send a request; `path` starts with a slash. Return the reply, whatever its status."""

        def sent(*, versioned: bool) -> Response:
            headers = {"Accept": _MEDIA_TYPE} | ({_VERSION: API_VERSION} if versioned else {})
            return self._http.send(
                method, self._address(path), authorization=authorization, headers=headers, params=params, json=json
            )

        reply = sent(versioned=self._knows_version)
        if reply.status != 400 or not self._knows_version:
            return reply
        unversioned = sent(versioned=False)
        if unversioned.status == 400:
            return reply  # the version was not the cause
        self._knows_version = False
        return unversioned

    def _address(self, path: str) -> str:
        """Return the whole address. On an Enterprise Server GraphQL is not below the REST API's path.

        https://docs.github.com/en/enterprise-server@3.19/graphql/guides/forming-calls-with-graphql
        """
        if path == "/graphql":
            return self._url.removesuffix(_ENTERPRISE_PATH) + (
                "/api/graphql" if self._url.endswith(_ENTERPRISE_PATH) else path
            )
        return self._url + path


def _details(body: Json) -> list[str]:
    """Return what a 422 says is wrong: "Validation Failed" alone helps nobody."""
    found = (text(one.get("message"), 200) for one in json_objects(body.get("errors")))
    return [words for words in found if words][:3]


def error_text(reply: Response) -> str:
    """Return GitHub's error text, the details of a 422, the permission that a 403 requires; empty when it says nothing.

    https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
    """
    body = reply.object_or_empty()
    words = text(body.get("message"), 200) or ""
    if reply.status == 422:
        return ": ".join(filter(None, (words, " ".join(_details(body)))))
    needed = text(reply.header("X-Accepted-GitHub-Permissions"), 200)
    if reply.status != 403 or not needed:
        return words
    permission = needed.replace("; ", " or ").replace(";", " or ").replace(",", " and ")
    return "; ".join(filter(None, (words, f"the required permission: {permission}")))
