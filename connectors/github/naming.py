"""Issues that deliveries name by node ids, and finding by which identity we hold them.

A node can't be taken apart: GraphQL says which issue it is. That leads to a look at the issue itself, one for each
however many nodes and letters ask for it.
https://docs.github.com/en/graphql/guides/using-global-node-ids
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.fields import Json, exact, identifier, table
from connectors.github.calls import Calls
from connectors.github.nodes import Nodes
from sync_service.domain.connectors import Elsewhere, Gone, Refused, Rejected
from sync_service.domain.issues import Look, ScopeRef

_NAMING = "node:"


def naming(login: str, node: str) -> str:
    """Write the identity of a look at the issue with a node id, of which nothing but its organization is known."""
    return f"{_NAMING}{login}/{node}"


def is_naming(identity: str) -> bool:
    """Tell whether an identity only names a node."""
    return identity.startswith(_NAMING)


def owner_of(identity: str) -> str:
    """Give the beginning of the names of repositories that the organization has: `acme/`."""
    return identity.removeprefix(_NAMING).partition("/")[0] + "/"


@dataclass(frozen=True, slots=True)
class Naming:
    """Finds issues by their nodes."""

    calls: Calls
    nodes: Nodes

    def find(self, wanted: Collection[str]) -> dict[str, Elsewhere | Gone]:
        """Say for each where to look instead. Raises any `ConnectorError`."""
        by_owner: dict[str, list[str]] = defaultdict(list)
        for identity in wanted:
            by_owner[owner_of(identity)].append(identity)
        found: dict[str, Elsewhere | Gone] = {}
        for owner, identities in by_owner.items():
            question = _Question([identity.partition("/")[2] for identity in identities])
            answer = self.calls.graph_parts(question, repository=owner)
            told = answer.data.get("nodes")
            listed = [*(told if isinstance(told, list) else ()), *[None] * len(identities)]
            found |= {identity: self._found(table(one)) for identity, one in zip(identities, listed, strict=False)}
        return found

    def _found(self, told: Json) -> Elsewhere | Gone:
        home = table(told.get("repository"))
        name, node = exact(home.get("nameWithOwner"), 200), exact(home.get("id"), 200)
        count = identifier(told.get("number"))
        repository = self._number(node, name) if name and node else None
        if not (count and name and repository):
            return Gone("the node is no issue that these credentials see", proven=False)
        reason = "a project's item led to it"
        look = Look(
            identity=f"{repository}#{count}", key=f"{name}#{count}", scope=ScopeRef(repository, name), reason=reason
        )
        return Elsewhere(look)

    def _number(self, node: str, name: str) -> str | None:
        try:
            return self.nodes.number_of_repository(self.calls, node, name)
        except (Gone, Refused, Rejected):
            return None


@dataclass(frozen=True, slots=True)
class _Question:
    nodes: Sequence[str]

    def text(self, lacking: Collection[str]) -> str:
        """Write the query, of words that every server knows."""
        del lacking
        return "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Issue { number repository { id nameWithOwner } } } }"

    def variables(self) -> Mapping[str, Any]:
        """Give what the query's variables stand for."""
        return {"ids": list(self.nodes)}
