"""One GitHub: where its calls go, and what every one of them bears.

https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api
"""

from collections.abc import Mapping
from typing import Any

from connectors.fields import text
from connectors.http import Http, Method
from connectors.replies import Reply
from sync_service.domain.connectors import Rejected

API_VERSION = "2026-03-10"
"""https://docs.github.com/en/rest/about-the-rest-api/api-versions"""

_VERSION = "X-GitHub-Api-Version"
_MEDIA_TYPE = "application/vnd.github+json"
_OF_ENTERPRISE_SERVER = "/api/v3"


class Site:
    """github.com, a data residency host or an Enterprise Server; `url` is that of its REST API.

    An Enterprise Server answers 400 to a version of the API that is newer than itself. Once that is known, this object
    names none: then the server's own applies. `lacks` names what its GraphQL was found not to know.
    """

    def __init__(self, http: Http, url: str) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._knows_version = True
        self.lacks: frozenset[str] = frozenset()

    @property
    def is_enterprise_server(self) -> bool:
        """Tell whether it is an Enterprise Server, which keeps some things for longer."""
        return self._url.endswith(_OF_ENTERPRISE_SERVER)

    def send(
        self,
        method: Method,
        path: str,
        *,
        authorization: str | None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Reply:
        """Make a call, `path` with its slash; give the reply, whatever its status."""

        def sent(*, versioned: bool) -> Reply:
            headers = {"Accept": _MEDIA_TYPE} | ({_VERSION: API_VERSION} if versioned else {})
            return self._http.send(
                method, self._address(path), authorization=authorization, headers=headers, params=params, json=json
            )

        reply = sent(versioned=self._knows_version)
        if reply.status != 400 or not self._knows_version:
            return reply
        without = sent(versioned=False)
        if without.status == 400:
            return reply  # so the version was not the matter
        self._knows_version = False
        return without

    def _address(self, path: str) -> str:
        """Give the whole address; an Enterprise Server has GraphQL beside its REST API.

        https://docs.github.com/en/enterprise-server@3.19/graphql/guides/forming-calls-with-graphql
        """
        if path == "/graphql":
            return self._url.removesuffix(_OF_ENTERPRISE_SERVER) + (
                "/api/graphql" if self._url.endswith(_OF_ENTERPRISE_SERVER) else path
            )
        return self._url + path


def words_of(reply: Reply) -> str:
    """Give GitHub's own words for an error, and the permission it asks for; empty where it says nothing.

    https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
    """
    try:
        words = text(reply.object().get("message"), 200) or ""
    except Rejected:
        words = ""
    needed = text(reply.header("X-Accepted-GitHub-Permissions"), 200)
    if reply.status != 403 or not needed:
        return words
    permission = needed.replace("; ", " or ").replace(";", " or ").replace(",", " and ")
    return "; ".join(filter(None, (words, f"the permission it takes: {permission}")))
