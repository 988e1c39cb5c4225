"""GitHub API client of one connection: authorised REST and GraphQL calls, and errors by their meaning at GitHub."""

import builtins
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.github.api.app_auth import AppCredentials
from connectors.github.api.credentials import Credentials
from connectors.github.api.graphql import MissingFields, PartialData, partial_data_or_raise, raise_for_graphql_errors
from connectors.github.api.graphql_queries import GraphQLQuery
from connectors.github.api.site import AttributedReply, Site, error_text
from connectors.http import JsonResponse, Method
from connectors.responses import Response, raise_for_response
from sync_service.domain.trackers.connector import Connection, Gone, Refused, Rejected, Unavailable

FORBIDDEN = 403
GONE = 410

WRITE_BUCKET = "core/writes"
"""The write bucket of a credential: blocked together with its resource `core`, or alone."""

PERMISSION_RETRY = timedelta(hours=1)
"""How long writes are blocked after a permission was missing."""

_WRITE_LIMIT = "content creation"
_MISSING_PERMISSION = "not accessible by"
_SUSPENDED = "suspended"
_DELETED = "issue was deleted"
_ME = "/user"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}", re.ASCII)
_REPOSITORY = re.compile(r"/(?:repositories/([0-9]+)|repos/([^/]+/[^/]+))(?:/|\Z)")


@dataclass(frozen=True, slots=True)
class GitHubClient:
    """Authorised calls for one connection. Each may raise any `ConnectorError`. Paths start with a slash.

    A 403 about one repository (a missing permission, single sign-on, a policy of its owner) raises `Gone`, not proven,
    with GitHub's error text. `Refused` is about the credentials as a whole.

    Writes have their own bucket, `core/writes`, because GitHub wants the writes of a credential one by one and a second
    apart:
    https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
    """

    connection: Connection
    site: Site
    credentials: Credentials
    now: Callable[[], datetime]

    def get(self, path: str) -> JsonResponse:
        """Fetch an object of a repository."""
        reply = self._get(path)
        return JsonResponse(reply.url, reply.object())

    def get_issue(self, repository: str, number: str) -> JsonResponse:
        """Fetch an issue by its repository's id. Raise `Gone`, proven, only when GitHub says that it was deleted.

        GitHub answers 410 also where a repository's issues are switched off; then the issue is only hidden.
        https://docs.github.com/en/rest/issues/issues#get-an-issue
        """
        path = f"/repositories/{repository}/issues/{number}"
        sent = self._use("GET", path, repository=repository)
        words = error_text(sent.reply)
        if sent.reply.status == GONE and _DELETED in words.lower():
            raise Gone(f"{sent.reply.shown_host} says: {words} (410)", proven=True)
        self._raise_for(sent, path)
        return JsonResponse(sent.reply.url, sent.reply.object())

    def list(self, path: str, params: Mapping[str, str]) -> builtins.list[dict[str, Any]]:
        """Fetch a page of a list of a repository."""
        return self._get(path, params).objects()

    def list_page(self, path: str, params: Mapping[str, str]) -> tuple[builtins.list[dict[str, Any]], bool]:
        """Fetch a page of a list of a repository; return its rows, and whether the header `Link` names a next page.

        https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
        """
        reply = self._get(path, params)
        return reply.objects(), reply.names_next_page

    def search(self, params: Mapping[str, str], *, repository: str) -> tuple[Response, str]:
        """Search for issues with the credential that can see a repository. Return the response and the bucket owner."""
        return self._ask("GET", "/search/issues", repository=repository, params=params)

    def token_user(self, path: str) -> Mapping[str, Any]:
        """Return the user of the token that is used for a path about a repository.

        https://docs.github.com/en/rest/users/users#get-the-authenticated-user
        """
        reply, _ = self._ask("GET", _ME, repository=_repository_in(path))
        return reply.object()

    def write(
        self, method: Method, path: str, json: Any = None, *, params: Mapping[str, str] | None = None
    ) -> Response:
        """Write to a repository. With `GET`, read there before a write.

        Raise `Rejected` for a 403 about one issue (locked, archived). A 403 for a missing permission blocks all writes
        for an hour (`Unavailable`), while reads continue.
        """
        now = self.now()
        sent = self._use(method, path, repository=_repository_in(path), params=params, json=json)
        reply, words = sent.reply, error_text(sent.reply)
        bucket = f"{sent.bucket_owner}/{WRITE_BUCKET}"
        try:
            raise_for_response(reply, now=now, bucket_owner=sent.bucket_owner, words=words)
        except Unavailable as error:
            if error.bucket == sent.bucket_owner and _WRITE_LIMIT in words.lower():
                raise Unavailable(str(error), error.retry_at, bucket=bucket, guessed=error.guessed) from None
            raise
        except Refused:
            if reply.status != FORBIDDEN:
                raise
            if _MISSING_PERMISSION in words.lower():
                raise Unavailable(
                    f"not permitted to write comments: {words}", now + PERMISSION_RETRY, bucket=bucket
                ) from None
            raise Rejected(f"{reply.shown_host} does not permit this (403): {words}") from None
        return reply

    def graphql(self, query: str, variables: Mapping[str, Any], *, repository: str) -> Mapping[str, Any]:
        """Run a GraphQL query about a repository, named by its id or as owner/name. Return its `data`."""
        body = {"query": query, "variables": dict(variables)}
        reply, bucket_owner = self._ask("POST", "/graphql", repository=repository, json=body)
        return raise_for_graphql_errors(reply, now=self.now(), bucket_owner=bucket_owner)

    def graphql_partial(self, question: GraphQLQuery, *, repository: str) -> PartialData:
        """Run a GraphQL query that may succeed partly. Leave out fields that the site lacks, now and in later calls."""
        while True:
            body = {"query": question.text(self.site.lacks), "variables": dict(question.variables())}
            reply, bucket_owner = self._ask("POST", "/graphql", repository=repository, json=body)
            try:
                return partial_data_or_raise(reply, now=self.now(), bucket_owner=bucket_owner)
            except MissingFields as error:
                if error.names <= self.site.lacks:
                    raise Rejected(f"{reply.shown_host} lacks GraphQL fields that we need: {error}") from None
                self.site.lacks |= error.names

    def call_optional(
        self, method: Method, path: str, *, repository: str, params: Mapping[str, str] | None = None
    ) -> Response | None:
        """Call for something optional: return None when these credentials may not see it, or nothing is there.

        An empty `repository` means the app itself, if there is one. Raise `Refused` for 401 only.
        """
        try:
            sent = self._send(method, path, repository=repository, params=params)
        except Gone:
            return None  # no installation can see the repository
        try:
            raise_for_response(sent.reply, now=self.now(), bucket_owner=sent.bucket_owner, words=error_text(sent.reply))
        except Refused:
            if sent.reply.status != FORBIDDEN:
                raise
            return None
        except Gone:
            return None
        return sent.reply

    def _send(self, method: Method, path: str, *, repository: str, params: Mapping[str, str] | None) -> AttributedReply:
        if not repository and isinstance(self.credentials, AppCredentials):
            return self.credentials.as_app(method, path, params=params)
        return self.credentials.use(
            repository,
            lambda authorization: self.site.send(method, path, authorization=authorization, params=params),
        )

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Response:
        reply, _ = self._ask("GET", path, repository=_repository_in(path), params=params)
        return reply

    def _ask(
        self,
        method: Method,
        path: str,
        *,
        repository: str,
        params: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> tuple[Response, str]:
        """Call about a repository. A 403 raises `Gone`: the same credentials may see other repositories."""
        sent = self._use(method, path, repository=repository, params=params, json=json)
        self._raise_for(sent, path)
        return sent.reply, sent.bucket_owner

    def _raise_for(self, sent: AttributedReply, path: str) -> None:
        words = error_text(sent.reply)
        try:
            raise_for_response(sent.reply, now=self.now(), bucket_owner=sent.bucket_owner, words=words)
        except Refused as error:
            if sent.reply.status != FORBIDDEN or path == _ME or _SUSPENDED in words.lower():
                raise
            raise Gone(str(error), proven=False) from None

    def _use(
        self,
        method: Method,
        path: str,
        *,
        repository: str,
        params: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> AttributedReply:
        def ask(authorization: str) -> Response:
            return self.site.send(method, path, authorization=authorization, params=params, json=json)

        return self.credentials.use(repository, ask)


def is_repository_name(name: str) -> bool:
    """Return whether this is a valid repository name, owner/name, and safe in a path."""
    return _NAME.fullmatch(name) is not None and not name.endswith(("/.", "/.."))


def repository_path(name: str) -> str:
    """Return the path of a repository by its name. Raise `Gone`, not proven, for an invalid name."""
    if not is_repository_name(name):
        raise Gone("a repository is written owner/name", proven=False)
    return f"/repos/{name}"


def _repository_in(path: str) -> str:
    found = _REPOSITORY.match(path)
    assert found, f"{path} names no repository"
    return found[1] or found[2]
