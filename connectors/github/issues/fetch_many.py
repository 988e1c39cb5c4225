"""Fetch many issues with one GraphQL call, and convert them to the shape of REST.

A hundred issues cost about five points of GraphQL's own rate limit; REST needs a hundred calls or more. Issues that
GraphQL can't show exactly as REST does are left out, and are fetched one by one: those that it does not find (deleted,
transferred or hidden), those of bots or deleted users, and those with more labels than a page.
https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from connectors.github.api.client import GitHubClient
from connectors.github.api.graphql_queries import IssuesQuery
from connectors.github.api.node_ids import NodeIdCache
from connectors.github.issues.project_fields import fetch_project_numbers
from connectors.github.model.closing_keywords import closing_references
from connectors.github.model.custom_fields import DATA_TYPES, OPTIONS_HIDDEN
from connectors.github.model.number_fields import ProjectValues, number_fields_of
from connectors.github.model.snapshots import read_issue, read_pull_request
from connectors.json_fields import Json, exact_text, identifier, json_object, json_objects
from sync_service.domain.trackers.connector import Gone, Refused, Rejected
from sync_service.domain.trackers.observations import ScopeRef, Snapshot

LEAST = 3
MOST = 100

_IDENTITY = re.compile(r"([1-9][0-9]{0,18})#([1-9][0-9]{0,9})", re.ASCII)
_LARGEST = (1 << 31) - 1
"""GraphQL's `Int` has 32 bits."""

IssueResults = dict[str, dict[str, Json]]
"""A repository's number → the identity of an issue → the issue."""


@dataclass(frozen=True, slots=True)
class BatchFetcher:
    """Fetch issues by their identities."""

    calls: GitHubClient
    nodes: NodeIdCache

    def fetch_issue(self, wanted: Mapping[str, str]) -> dict[str, Snapshot]:
        """Return the snapshots of the issues that GraphQL shows exactly. Raise any `ConnectorError`."""
        repositories = self._repositories(wanted)
        if not repositories:
            return {}
        question = IssuesQuery(
            wanted={node: numbers for node, (_, numbers) in repositories.items()},
            points=bool(number_fields_of(self.calls.connection).names),
            custom=bool(number_fields_of(self.calls.connection).custom),
        )
        repository = next(iter(repositories.values()))[0]
        answer = self.calls.graphql_partial(question, repository=repository)
        converted: list[_Converted] = []
        for index, (node, (number, _)) in enumerate(repositories.items()):
            found = json_object(answer.data.get(f"r{index}"))
            name = exact_text(found.get("nameWithOwner"), 200)
            if found.get("id") == node and name is not None:
                faulty = {path[1] for path in answer.faults if path[0] == f"r{index}" and len(path) > 1}
                whole = [work for key, work in _works(found, node) if key not in faulty]
                converted += self._convert(ScopeRef(number, name), whole)
        return {one.identity: one for one in self._snapshots(converted, repository) if one.identity in wanted}

    def _repositories(self, wanted: Mapping[str, str]) -> dict[str, tuple[str, list[int]]]:
        """Return each repository's node id with its number and the numbers of its issues."""
        numbers: dict[str, list[int]] = defaultdict(list)
        for identity in wanted:
            parts = _IDENTITY.fullmatch(identity)
            if parts and int(parts[2]) <= _LARGEST:
                numbers[parts[1]].append(int(parts[2]))
        found = {}
        for repository, some in numbers.items():
            node = self._node(repository)
            if node is not None:
                found[node] = (repository, some)
        return found

    def _node(self, repository: str) -> str | None:
        try:
            return self.nodes.repository(self.calls, repository)
        except (Gone, Refused, Rejected):
            return None  # its issues are fetched one by one, and show the error

    def _convert(self, scope: ScopeRef, works: list[Json]) -> Iterator["_Converted"]:
        """Convert the issues and pull requests of a repository to the shape of REST."""
        self._load_numbers(scope.id, works)
        for work in works:
            shown = self._as_by_rest(work)
            if shown is not None:
                yield _Converted(scope, work, shown)

    def _snapshots(self, converted: list["_Converted"], repository: str) -> Iterator[Snapshot]:
        """Yield the snapshots, with the numbers of projects."""
        issues = [one.shown for one in converted if not one.is_pull]
        in_projects = fetch_project_numbers(
            self.calls, issues, number_fields_of(self.calls.connection), repository=repository
        )
        for one in converted:
            seen = self._snapshot(one, in_projects.get(str(one.shown["node_id"]), {}))
            if seen is not None:
                yield seen

    def _snapshot(self, one: "_Converted", in_projects: ProjectValues) -> Snapshot | None:
        if one.is_pull:
            seen = read_pull_request(one.shown, one.scope, {})
            closes = closing_references(one.work, one.scope)
            return replace(seen, closes=closes) if isinstance(seen, Snapshot) and closes is not None else None
        seen = read_issue(one.shown, one.scope, number_fields_of(self.calls.connection), in_projects)
        return seen if isinstance(seen, Snapshot) else None

    def _load_numbers(self, repository: str, works: list[Json]) -> None:
        """Load the numbers of their labels and milestones into the cache."""
        labels = {node for work in works for row in _labels(work) if (node := exact_text(row.get("id"), 200))}
        milestones = {node for work in works if (node := exact_text(json_object(work.get("milestone")).get("id"), 200))}
        try:
            self.nodes.load_numbers(self.calls, repository, kind="labels", nodes=labels)
            self.nodes.load_numbers(self.calls, repository, kind="milestones", nodes=milestones)
        except (Gone, Refused, Rejected):
            return  # an issue with an unknown label or milestone is left out

    def _as_by_rest(self, work: Json) -> Json | None:
        """Convert an issue to the shape of REST; None when that is not possible exactly."""
        author, milestone = json_object(work.get("author")), json_object(work.get("milestone"))
        labels = [{"id": self.nodes.number(row.get("id")), "name": row.get("name")} for row in _labels(work)]
        assigned = json_objects(json_object(work.get("assignedActors", work.get("assignees"))).get("nodes"))
        people = [author, *assigned]
        more = json_object(json_object(work.get("labels")).get("pageInfo")).get("hasNextPage") is not False
        numbered = {"id": self.nodes.number(milestone.get("id")), "title": milestone.get("title")}
        unknown = any(one["id"] is None for one in (*labels, *([numbered] if milestone else [])))
        if more or unknown or any(one.get("__typename") != "User" for one in people):
            return None
        state = str(work.get("state", work.get("pullState"))).lower()
        reason = work.get("stateReason")
        return {
            "node_id": work.get("id"),
            "number": work.get("number"),
            "title": work.get("title"),
            "html_url": work.get("url"),
            "state": "closed" if state == "merged" else state,
            "state_reason": reason.lower() if isinstance(reason, str) else None,
            "merged_at": work.get("mergedAt"),
            "labels": labels,
            "milestone": numbered if milestone else None,
            "type": work.get("issueType"),
            "user": _user(author),
            "assignees": [_user(one) for one in assigned],
            "created_at": work.get("createdAt"),
            "updated_at": work.get("updatedAt"),
            "closed_at": work.get("closedAt"),
            **dict(_details(work)),
        }


@dataclass(frozen=True, slots=True)
class _Converted:
    """An issue or pull request in the shape of GraphQL (`work`) and in the shape of REST (`shown`)."""

    scope: ScopeRef
    work: Json
    shown: Json

    @property
    def is_pull(self) -> bool:
        return self.work.get("__typename") == "PullRequest"


def _works(found: Json, node: str) -> Iterator[tuple[str, Json]]:
    """Yield the issues of a repository with their aliases. Skip those of another repository or with another number."""
    for key, one in found.items():
        work = json_object(one)
        if key == f"i{work.get('number')}" and json_object(work.get("repository")).get("id") == node:
            yield key, work


def _labels(work: Json) -> list[Json]:
    return json_objects(json_object(work.get("labels")).get("nodes"))


def _user(shown: Json) -> Json:
    return {"login": shown.get("login"), "id": shown.get("databaseId")}


def _details(work: Json) -> Iterator[tuple[str, object]]:
    """Yield the keys that REST leaves out when they have no value: the parent, and the values of fields."""
    parent = json_object(work.get("parent"))
    home, number = (
        exact_text(json_object(parent.get("repository")).get("nameWithOwner"), 200),
        identifier(parent.get("number")),
    )
    if home and number:
        yield "parent_issue_url", f"/repos/{home}/issues/{number}"
    if "issueFieldValues" in work:
        yield OPTIONS_HIDDEN, True
        yield (
            "issue_field_values",
            [
                {
                    "issue_field_name": json_object(row.get("field")).get("name"),
                    "issue_field_id": json_object(row.get("field")).get("fullDatabaseId"),
                    "value": row.get("value", row.get("written")),
                    "data_type": DATA_TYPES.get(str(row.get("__typename"))),
                }
                for row in json_objects(json_object(work["issueFieldValues"]).get("nodes"))
            ],
        )
