"""Run GraphQL queries: what the caller may see, what a query costs, and errors in GitHub's form."""

from __future__ import annotations

import base64
import re
import struct
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, build_schema, graphql_sync

from simulator.github.graphql.schema import schema_text
from simulator.github.model.host import RepositoryIdentity
from simulator.github.model.issue import Issue
from simulator.github.model.pull_request import PullRequest
from simulator.github.model.repository import Repository
from simulator.github.rest.request.permissions import Caller
from simulator.github.state import GitHubState

Info = GraphQLResolveInfo[Any]
Object = dict[str, Any]
"""A GraphQL object: values by field, or functions that compute them on request."""

_SCHEMAS = {ghes: build_schema(schema_text(ghes=ghes)) for ghes in (False, True)}
_MOST = 100
_REQUESTS_PER_POINT = 100


class QueryContext:
    """The context of one query: its caller, and how many connections it has used."""

    def __init__(self, hub: GitHubState, caller: Caller) -> None:
        self.hub = hub
        self.caller = caller
        self.connections = 0
        self._closers: dict[int, list[PullRequest]] | None = None

    @property
    def cost(self) -> int:
        """What it costs in points: one for every hundred connections, and at least one.

        https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
        """
        return max(1, round(self.connections / _REQUESTS_PER_POINT))

    def issue_with(self, node_id: str) -> Issue | None:
        """Return the issue or pull request with a node id, if the caller may see it."""
        number = _number(node_id)
        found = None if number is None else self.hub.find_issue(number)
        return found if found is not None and found.node_id == node_id and self.can_see(found.repository) else None

    def repository_with(self, node_id: str) -> Repository | None:
        """Return the repository with a node id, if the caller may see it."""
        found = self.hub.find_by_id(_number(node_id) or 0)
        return found if found is not None and found.node_id == node_id and self.can_see(found) else None

    def can_see(self, repo: RepositoryIdentity) -> bool:
        """Return whether the caller can see a repository."""
        return self.caller.can_see(repo)

    def allow(self, issue: Issue) -> Issue:
        """Return an issue or pull request if the caller has permission to read it; raise otherwise."""
        permission = "pull_requests" if isinstance(issue, PullRequest) else "issues"
        if not self.caller.has_permission((permission, "read")):
            raise query_error("FORBIDDEN", self.caller.refusal)
        return issue

    def closers(self, issue: Issue) -> list[PullRequest]:
        """Return the pull requests that close an issue by their merge; computed once for all issues."""
        if self._closers is None:
            found = defaultdict[int, list[PullRequest]](list)
            for repo in filter(self.can_see, self.hub.repositories):
                for each in repo.issues.peek_all():
                    if isinstance(each, PullRequest):
                        for closed in each.closes():
                            found[closed.id].append(each)
            self._closers = found
        return self._closers.get(issue.id, [])

    def connection(
        self, name: str, write: Callable[[Any], Object], things: Callable[[Mapping[str, Any]], Sequence[Any]]
    ) -> Callable[..., Object]:
        """Return a field that is a paginated list; `things` takes the field's arguments."""

        def resolve(_info: Info, **arguments: Any) -> Object:
            first = arguments.get("first")
            if first is None:
                raise query_error(
                    "MISSING_PAGINATION_BOUNDARIES",
                    f"You must provide a `first` or `last` value to properly paginate the `{name}` connection.",
                )
            if not 1 <= first <= _MOST:
                excess = f"exceeds the `first` limit of {_MOST} records."
                raise query_error(
                    "EXCESSIVE_PAGINATION", f"Requesting {first} records on the `{name}` connection {excess}"
                )
            self.connections += 1
            whole, start = things(arguments), _offset(arguments.get("after"))
            end = min(len(whole), start + first)
            return {
                "nodes": [write(each) for each in whole[start:end]],
                "totalCount": len(whole),
                "pageInfo": {"hasNextPage": end < len(whole), "endCursor": _cursor(end) if end > start else None},
            }

        return resolve


def answer(context: QueryContext, root: Object, body: Mapping[str, Any]) -> Object:
    """Run one query; return data, errors, or both."""
    result = graphql_sync(
        _SCHEMAS[bool(context.hub.ghes)],
        body.get("query") or "",
        root_value=root,
        variable_values=body.get("variables") or {},
        operation_name=body.get("operationName"),
    )
    answered: Object = {}
    if result.data is not None:
        answered["data"] = result.data
    for error in result.errors or []:
        if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
            raise error.original_error  # a bug of the simulator, not of the query
    if result.errors:
        answered["errors"] = [_error(error) for error in result.errors]
    return answered


def query_error(kind: str, message: str) -> GraphQLError:
    """Return an error of one of GitHub's types."""
    return GraphQLError(message, extensions={"type": kind})


def _error(error: GraphQLError) -> Object:
    written = error.formatted
    shown: Object = {name: written[name] for name in ("path", "locations", "message") if name in written}
    kind = (error.extensions or {}).get("type")
    if kind is not None:
        return {"type": kind, **shown}
    code = _code(error.message)
    return {**shown, "extensions": code} if code else shown


def _code(message: str) -> Object | None:
    """Return the code of an unknown field, argument or type, as GitHub adds it to its message.

    https://github.com/rmosolgo/graphql-ruby/tree/master/lib/graphql/static_validation/rules
    """
    if found := re.match(r"Cannot query field '(\w+)' on type '(\w+)'", message):
        return {"code": "undefinedField", "typeName": found[2], "fieldName": found[1]}
    if found := re.match(r"Unknown argument '(\w+)' on field '\w+\.(\w+)'", message):
        return {"code": "argumentNotAccepted", "name": found[2], "typeName": "Field", "argumentName": found[1]}
    if found := re.match(r"Unknown type '(\w+)'", message):
        return {"code": "undefinedType", "typeName": found[1]}
    return None


def _number(node_id: str) -> int | None:
    packed = node_id.partition("_kwDO")[2]
    try:
        raw = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        number: int = struct.unpack(">BQ", raw)[1]
    except (struct.error, ValueError):
        return None
    return number


def _cursor(end: int) -> str:
    return base64.b64encode(b"cursor:v2:%d" % end).decode()


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        return int(base64.b64decode(cursor).removeprefix(b"cursor:v2:"))
    except ValueError as error:
        raise query_error("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor.") from error
