"""Answers queries: who asks, what they may see, what it costs, and errors in GitHub's form."""

from __future__ import annotations

import base64
import re
import struct
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, GraphQLResolveInfo, build_schema, graphql_sync

from simulator.github.graph.schema import schema_text
from simulator.github.pull_request import PullRequest

if TYPE_CHECKING:
    from simulator.github.hub import GitHub
    from simulator.github.issue import Issue
    from simulator.github.repository import Repository
    from simulator.github.rest.callers import Caller

Info = GraphQLResolveInfo[Any]
Object = dict[str, Any]
"""A GraphQL object: values by field, or functions that give them when they are asked for."""

_SCHEMAS = {ghes: build_schema(schema_text(ghes=ghes)) for ghes in (False, True)}
_MOST = 100
_REQUESTS_PER_POINT = 100


class Asked:
    """One query on its way: whose it is, and how many connections it has asked for."""

    def __init__(self, hub: GitHub, caller: Caller) -> None:
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
        """Give the issue or pull request with a node id, if the caller may see it."""
        number = _number(node_id)
        found = None if number is None else self.hub.find_issue(number)
        return found if found is not None and found.node_id == node_id and self.sees(found.repository) else None

    def repository_with(self, node_id: str) -> Repository | None:
        """Give the repository with a node id, if the caller may see it."""
        found = self.hub.find_by_id(_number(node_id) or 0)
        return found if found is not None and found.node_id == node_id and self.sees(found) else None

    def sees(self, place: Repository) -> bool:
        """Say whether a repository is there for the caller."""
        return self.caller.sees(place)

    def allow(self, issue: Issue) -> Issue:
        """Give an issue or pull request that the caller has the permission to read; raises otherwise."""
        permission = "pull_requests" if isinstance(issue, PullRequest) else "issues"
        if not self.caller.may((permission, "read")):
            raise refusal("FORBIDDEN", self.caller.refusal)
        return issue

    def closers(self, issue: Issue) -> list[PullRequest]:
        """Give the pull requests that close an issue when they are merged, or did; found in one pass for all issues."""
        if self._closers is None:
            found = defaultdict[int, list[PullRequest]](list)
            for place in filter(self.sees, self.hub.repositories):
                for each in place.issues.each():
                    if isinstance(each, PullRequest):
                        for closed in each.closes():
                            found[closed.id].append(each)
            self._closers = found
        return self._closers.get(issue.id, [])

    def connection(
        self, name: str, write: Callable[[Any], Object], things: Callable[[Mapping[str, Any]], Sequence[Any]]
    ) -> Callable[..., Object]:
        """Give a field that is a list in pages; `things` takes the field's arguments."""

        def resolve(_info: Info, **arguments: Any) -> Object:
            first = arguments.get("first")
            if first is None:
                raise refusal(
                    "MISSING_PAGINATION_BOUNDARIES",
                    f"You must provide a `first` or `last` value to properly paginate the `{name}` connection.",
                )
            if not 1 <= first <= _MOST:
                excess = f"exceeds the `first` limit of {_MOST} records."
                raise refusal("EXCESSIVE_PAGINATION", f"Requesting {first} records on the `{name}` connection {excess}")
            self.connections += 1
            whole, start = things(arguments), _place(arguments.get("after"))
            end = min(len(whole), start + first)
            return {
                "nodes": [write(each) for each in whole[start:end]],
                "totalCount": len(whole),
                "pageInfo": {"hasNextPage": end < len(whole), "endCursor": _cursor(end) if end > start else None},
            }

        return resolve


def answer(asked: Asked, root: Object, body: Mapping[str, Any]) -> Object:
    """Answer one query with data, errors, or both."""
    result = graphql_sync(
        _SCHEMAS[bool(asked.hub.ghes)],
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
            raise error.original_error  # a mistake of the simulator's own, not of who asks
    if result.errors:
        answered["errors"] = [_error(error) for error in result.errors]
    return answered


def refusal(kind: str, message: str) -> GraphQLError:
    """Give an error with GitHub's own type of it."""
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
    """Name the word that is not known, as GitHub does beside its message.

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


def _place(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        return int(base64.b64decode(cursor).removeprefix(b"cursor:v2:"))
    except ValueError as error:
        raise refusal("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor.") from error
