"""Authorised calls to GitHub for one connection, and what its answers mean."""

import builtins
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.github.apps import AppCredentials
from connectors.github.asking import Held
from connectors.github.credentials import Credentials
from connectors.github.graph import InParts, Lacking, judge_graph, judge_parts
from connectors.github.questions import Asks
from connectors.github.site import Site, words_of
from connectors.http import Answer, Method
from connectors.replies import Reply, judge
from sync_service.domain.connectors import Connection, Gone, Refused, Rejected, Unavailable

FORBIDDEN = 403

WRITES = "core/writes"
"""The part of a credential that writes: it waits with all else of the resource `core`, and by itself."""

MENDED = timedelta(hours=1)
"""How long writes wait for a permission."""

_ABOUT_WRITES = "content creation"
_LACKING = "not accessible by"
_SUSPENDED = "suspended"
_ME = "/user"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}", re.ASCII)
_REPOSITORY = re.compile(r"/(?:repositories/([0-9]+)|repos/([^/]+/[^/]+))(?:/|\Z)")


@dataclass(frozen=True, slots=True)
class Calls:
    """Authorised calls for one connection. Each raises any `ConnectorError`; paths begin with a slash.

    What these credentials may not see of one repository (403: a permission, single sign-on, a policy of its owner) is
    `Gone`, not proven, in GitHub's words. `Refused` is about the credentials as a whole.

    Whoever writes takes turns by a part of its own, `writes`, since GitHub wants writes one by one and a second apart
    for each credential:
    https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
    """

    connection: Connection
    site: Site
    credentials: Credentials
    now: Callable[[], datetime]

    def get(self, path: str) -> Answer:
        """Fetch an object that belongs to a repository."""
        reply = self._get(path)
        return Answer(reply.url, reply.object())

    def list(self, path: str, params: Mapping[str, str]) -> builtins.list[dict[str, Any]]:
        """Fetch a page of a list that belongs to a repository."""
        return self._get(path, params).objects()

    def search(self, params: Mapping[str, str], *, repository: str) -> tuple[Mapping[str, Any], str]:
        """Search for issues as who sees a repository; give the answer, and whose limits it counts against."""
        reply, holder = self._ask("GET", "/search/issues", repository=repository, params=params)
        return reply.object(), holder

    def me(self, path: str) -> Mapping[str, Any]:
        """Tell whose token it is, with which a path about a repository is called.

        https://docs.github.com/en/rest/users/users#get-the-authenticated-user
        """
        reply, _ = self._ask("GET", _ME, repository=_repository_in(path))
        return reply.object()

    def write(self, method: Method, path: str, json: Any = None, *, params: Mapping[str, str] | None = None) -> Reply:
        """Write something that belongs to a repository, or by `GET` read what stands where it is to be written.

        What is not permitted is `Rejected` where it is about the one issue (locked, archived); where it is for lack of
        a permission, all writes wait for an hour, and reading goes on.
        """
        now = self.now()
        asked = self._use(method, path, repository=_repository_in(path), params=params, json=json)
        reply, words = asked.reply, words_of(asked.reply)
        part = f"{asked.holder}/{WRITES}"
        try:
            judge(reply, now=now, holder=asked.holder, words=words)
        except Unavailable as error:
            if error.part == asked.holder and _ABOUT_WRITES in words.lower():
                raise Unavailable(str(error), error.retry_at, part=part, guessed=error.guessed) from None
            raise
        except Refused:
            if reply.status != FORBIDDEN:
                raise
            if _LACKING in words.lower():
                raise Unavailable(f"not permitted to write comments: {words}", now + MENDED, part=part) from None
            raise Rejected(f"{reply.place} does not permit it (403): {words}") from None
        return reply

    def graph(self, query: str, variables: Mapping[str, Any], *, repository: str) -> Mapping[str, Any]:
        """Ask by GraphQL about a repository, named by its id or as owner/name; give what stands under `data`."""
        question = {"query": query, "variables": dict(variables)}
        reply, holder = self._ask("POST", "/graphql", repository=repository, json=question)
        return judge_graph(reply, now=self.now(), holder=holder)

    def graph_parts(self, question: Asks, *, repository: str) -> InParts:
        """Ask by GraphQL for what may be there in part. Words that the site lacks are left out, now and later."""
        while True:
            asked = {"query": question.text(self.site.lacks), "variables": dict(question.variables())}
            reply, holder = self._ask("POST", "/graphql", repository=repository, json=asked)
            try:
                return judge_parts(reply, now=self.now(), holder=holder)
            except Lacking as error:
                if error.names <= self.site.lacks:
                    raise Rejected(f"{reply.place} knows too little of GraphQL: {error}") from None
                self.site.lacks |= error.names

    def ask(
        self, method: Method, path: str, *, repository: str, params: Mapping[str, str] | None = None
    ) -> Reply | None:
        """Ask about what these credentials need not see: None where they may not, or where nothing is there.

        An empty `repository` means the app itself, where there is one. The credentials are used up by 401 alone.
        """
        try:
            held = self._held(method, path, repository=repository, params=params)
        except Gone:
            return None  # no installation sees the repository
        try:
            judge(held.reply, now=self.now(), holder=held.holder, words=words_of(held.reply))
        except Refused:
            if held.reply.status != FORBIDDEN:
                raise
            return None
        except Gone:
            return None
        return held.reply

    def _held(self, method: Method, path: str, *, repository: str, params: Mapping[str, str] | None) -> Held:
        if not repository and isinstance(self.credentials, AppCredentials):
            return self.credentials.as_app(method, path, params=params)
        return self.credentials.use(
            repository, lambda who: self.site.send(method, path, authorization=who, params=params)
        )

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
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
    ) -> tuple[Reply, str]:
        """Ask for a repository's sake: a 403 is about that, since the same credentials may see others."""
        asked = self._use(method, path, repository=repository, params=params, json=json)
        words = words_of(asked.reply)
        try:
            judge(asked.reply, now=self.now(), holder=asked.holder, words=words)
        except Refused as error:
            if asked.reply.status != FORBIDDEN or path == _ME or _SUSPENDED in words.lower():
                raise
            raise Gone(str(error), proven=False) from None
        return asked.reply, asked.holder

    def _use(
        self,
        method: Method,
        path: str,
        *,
        repository: str,
        params: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Held:
        def ask(authorization: str) -> Reply:
            return self.site.send(method, path, authorization=authorization, params=params, json=json)

        return self.credentials.use(repository, ask)


def is_name(name: str) -> bool:
    """Tell whether this can be the name of a repository, and stand in an address: owner/name."""
    return _NAME.fullmatch(name) is not None and not name.endswith(("/.", "/.."))


def path_by_name(name: str) -> str:
    """Give the path of a repository by its name; raise `Gone`, not proven, for what can be no name of one."""
    if not is_name(name):
        raise Gone("a repository is written owner/name", proven=False)
    return f"/repos/{name}"


def _repository_in(path: str) -> str:
    found = _REPOSITORY.match(path)
    assert found, f"{path} names no repository"
    return found[1] or found[2]
