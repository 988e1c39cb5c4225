"""What GraphQL is asked about issues and pull requests, as far as a site knows the words.

An Enterprise Server lacks what is new on github.com. It says so in an error that names the word; that is left out from
then on.
https://docs.github.com/en/graphql/reference/objects#issue
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from connectors.fields import Json, table

PROJECTS = "projects"

NEWS: Mapping[str, frozenset[str]] = {
    "parent": frozenset({"parent"}),
    "type": frozenset({"issueType"}),
    "fields": frozenset({"issueFieldValues", "IssueFieldNumberValue", "IssueFieldNumber"}),
    "field ids": frozenset({"fullDatabaseId"}),
    "assignees": frozenset({"assignedActors"}),
    "duplicates": frozenset({"enableDuplicate"}),
    PROJECTS: frozenset({"projectItems", "ProjectV2ItemFieldNumberValue"}),
}
"""What a site may lack, each with the words that its error names then."""

CLOSES = """
query($id: ID!) { node(id: $id) { ... on PullRequest {
  closingIssuesReferences(first: 100) { nodes { number repository { nameWithOwner } } } } } }
"""

_COMMON = """
  id number title url createdAt updatedAt closedAt
  repository { id }
  author { __typename login }
  milestone { id title }
  labels(first: 100) { nodes { id name } pageInfo { hasNextPage } }
"""
_ASSIGNEES = "assignees(first: 20) { nodes { __typename login } }"
_ASSIGNED = "assignedActors(first: 20) { nodes { __typename ... on User { login } } }"
_FIELDS = """issueFieldValues(first: 100) { nodes { ... on IssueFieldNumberValue {
  value field { ... on IssueFieldNumber { name %s } } } } }"""
_PULL = """
  pullState: state mergedAt
  closingIssuesReferences(first: 100) { nodes { number repository { nameWithOwner } } }
"""


class Asks(Protocol):
    """A question of which a site may not know every word."""

    def text(self, lacking: Collection[str]) -> str:
        """Write the query for a site that lacks some words."""
        ...

    def variables(self) -> Mapping[str, Any]:
        """Give what the query's variables stand for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which issues of which repositories are asked for: node of the repository → their numbers."""

    wanted: Mapping[str, Collection[int]]
    points: bool

    def text(self, lacking: Collection[str]) -> str:
        """Write the query for a site that lacks some words."""
        work = self._work(lacking)
        places = [
            f"r{place}: node(id: $r{place}) {{ ... on Repository {{ id nameWithOwner {_numbered(numbers)} }} }}"
            for place, numbers in enumerate(self.wanted.values())
        ]
        declared = ", ".join(f"$r{place}: ID!" for place in range(len(self.wanted)))
        return f"query({declared}) {{ {' '.join(places)} }} {work}"

    def variables(self) -> dict[str, Any]:
        """Give what the query's variables stand for."""
        return {f"r{place}": node for place, node in enumerate(self.wanted)}

    def _work(self, lacking: Collection[str]) -> str:
        both = _COMMON + (_ASSIGNEES if "assignees" in lacking else _ASSIGNED)
        issue = [
            "state",
            "stateReason" if "duplicates" in lacking else "stateReason(enableDuplicate: true)",
            "" if "type" in lacking else "issueType { name }",
            "" if "parent" in lacking else "parent { number repository { nameWithOwner } }",
            _FIELDS % ("" if "field ids" in lacking else "fullDatabaseId")
            if self.points and "fields" not in lacking
            else "",
        ]
        return (
            f"fragment OfIssue on Issue {{ {both} {' '.join(issue)} }}"
            f" fragment OfPull on PullRequest {{ {both} {_PULL} }}"
        )


def _numbered(numbers: Iterable[int]) -> str:
    what = "__typename ...OfIssue ...OfPull"
    return " ".join(f"i{number}: issueOrPullRequest(number: {number}) {{ {what} }}" for number in numbers)


def lacks(errors: Iterable[Json]) -> frozenset[str]:
    """Tell which news the errors say that a site lacks; none where they are about anything else.

    https://docs.github.com/en/graphql/guides/forming-calls-with-graphql#working-with-variables
    """
    named = {str(value) for error in errors for value in table(error.get("extensions")).values()}
    return frozenset(name for name, words in NEWS.items() if words & named)
