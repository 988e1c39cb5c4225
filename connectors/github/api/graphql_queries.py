"""GraphQL queries for issues and pull requests, adapted to the server's version.

An Enterprise Server lacks fields that are new on github.com. Its error names the missing field; later queries leave
that field out.
https://docs.github.com/en/graphql/reference/objects#issue
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from connectors.json_fields import Json, json_object

PROJECTS = "projects"

NEWER_FEATURES: Mapping[str, frozenset[str]] = {
    "parent": frozenset({"parent"}),
    "type": frozenset({"issueType"}),
    "fields": frozenset({"issueFieldValues", "IssueFieldNumberValue", "IssueFieldNumber"}),
    "field ids": frozenset({"fullDatabaseId"}),
    "field texts": frozenset(
        {
            "IssueFieldDateValue",
            "IssueFieldDate",
            "IssueFieldTextValue",
            "IssueFieldText",
            "IssueFieldSingleSelectValue",
            "IssueFieldSingleSelect",
        }
    ),
    "assignees": frozenset({"assignedActors"}),
    "duplicates": frozenset({"enableDuplicate"}),
    PROJECTS: frozenset({"projectItems", "ProjectV2ItemFieldNumberValue"}),
}
"""Features that a site may lack, each with the GraphQL names that its error contains then."""

CLOSING_ISSUES_QUERY = """
query($id: ID!) { node(id: $id) { ... on PullRequest {
  closingIssuesReferences(first: 100) { nodes { number repository { nameWithOwner } } } } } }
"""

_COMMON = """
  id number title url createdAt updatedAt closedAt
  repository { id }
  author { __typename login ... on User { databaseId } }
  milestone { id title }
  labels(first: 100) { nodes { id name } pageInfo { hasNextPage } }
"""
_ASSIGNEES = "assignees(first: 20) { nodes { __typename login databaseId } }"
_ASSIGNED = "assignedActors(first: 20) { nodes { __typename ... on User { login databaseId } } }"
_FIELDS = """issueFieldValues(first: 100) { nodes {
  ... on IssueFieldNumberValue { value field { ... on IssueFieldNumber { name %(id)s } } } %(texts)s } }"""
_FIELD_TEXTS = """
  ... on IssueFieldTextValue { written: value field { ... on IssueFieldText { name %(id)s } } }
  ... on IssueFieldSingleSelectValue { written: name field { ... on IssueFieldSingleSelect { name %(id)s } } }"""
_FIELD_DATES = """
  __typename ... on IssueFieldDateValue { written: value field { ... on IssueFieldDate { name %(id)s } } }"""
_PULL = """
  pullState: state mergedAt
  closingIssuesReferences(first: 100) { nodes { number repository { nameWithOwner } } }
"""


class GraphQLQuery(Protocol):
    """A query with fields that a site may lack."""

    def text(self, lacking: Collection[str]) -> str:
        """Return the query for a site that lacks these features."""
        ...

    def variables(self) -> Mapping[str, Any]:
        """Return the values of the query's variables."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuesQuery:
    """The query for many issues: node id of the repository → issue numbers.

    `points` adds the fields that may hold numbers, `custom` those that hold dates.
    """

    wanted: Mapping[str, Collection[int]]
    points: bool
    custom: bool = False

    def text(self, lacking: Collection[str]) -> str:
        """Return the query for a site that lacks these features."""
        fragments = self._fragments(lacking)
        repositories = [
            f"r{index}: node(id: $r{index}) {{ ... on Repository {{ id nameWithOwner {_numbered(numbers)} }} }}"
            for index, numbers in enumerate(self.wanted.values())
        ]
        declared = ", ".join(f"$r{index}: ID!" for index in range(len(self.wanted)))
        return f"query({declared}) {{ {' '.join(repositories)} }} {fragments}"

    def variables(self) -> dict[str, Any]:
        """Return the values of the query's variables."""
        return {f"r{index}": node for index, node in enumerate(self.wanted)}

    def _fragments(self, lacking: Collection[str]) -> str:
        both = _COMMON + (_ASSIGNEES if "assignees" in lacking else _ASSIGNED)
        issue = [
            "state",
            "stateReason" if "duplicates" in lacking else "stateReason(enableDuplicate: true)",
            "" if "type" in lacking else "issueType { name }",
            "" if "parent" in lacking else "parent { number repository { nameWithOwner } }",
            _field_values(lacking, custom=self.custom) if self.points and "fields" not in lacking else "",
        ]
        return (
            f"fragment OfIssue on Issue {{ {both} {' '.join(issue)} }}"
            f" fragment OfPull on PullRequest {{ {both} {_PULL} }}"
        )


def _field_values(lacking: Collection[str], *, custom: bool) -> str:
    id_ = {"id": "" if "field ids" in lacking else "fullDatabaseId"}
    texts = _FIELD_TEXTS + (_FIELD_DATES if custom else "")
    return _FIELDS % {**id_, "texts": "" if "field texts" in lacking else texts % id_}


def _numbered(numbers: Iterable[int]) -> str:
    what = "__typename ...OfIssue ...OfPull"
    return " ".join(f"i{number}: issueOrPullRequest(number: {number}) {{ {what} }}" for number in numbers)


def missing_features(errors: Iterable[Json]) -> frozenset[str]:
    """Return which features the errors say that a site lacks; none when the errors are about anything else.

    https://docs.github.com/en/graphql/guides/forming-calls-with-graphql#working-with-variables
    """
    named = {str(value) for error in errors for value in json_object(error.get("extensions")).values()}
    return frozenset(name for name, words in NEWER_FEATURES.items() if words & named)
