"""Resolve GraphQL node ids to issues: some deliveries name an issue by its node id only.

A node id can't be decoded: GraphQL says which issue it is. The issue is then fetched by its identity, once for
all deliveries and node ids that name it.
https://docs.github.com/en/graphql/guides/using-global-node-ids
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.github.api.client import GitHubClient
from connectors.github.api.node_ids import NodeIdCache
from connectors.json_fields import Json, exact_text, identifier, json_object
from sync_service.domain.trackers.connector import Gone, Refused, Rejected, ResolvedTo
from sync_service.domain.trackers.observations import FetchNeeded, ScopeRef

_PREFIX = "node:"


def node_identity(login: str, node: str) -> str:
    """Return the temporary identity of an issue of which only the organization and the node id are known."""
    return f"{_PREFIX}{login}/{node}"


def is_node_identity(identity: str) -> bool:
    """Return whether an identity is a temporary one, made from a node id."""
    return identity.startswith(_PREFIX)


def owner_prefix(identity: str) -> str:
    """Return the prefix of the organization's repository names: `acme/`."""
    return identity.removeprefix(_PREFIX).partition("/")[0] + "/"


@dataclass(frozen=True, slots=True)
class NodeResolver:
    """Resolve temporary identities to issues."""

    calls: GitHubClient
    nodes: NodeIdCache

    def resolve(self, wanted: Collection[str]) -> dict[str, ResolvedTo | Gone]:
        """Return for each identity which issue it is, or `Gone`. Raise any `ConnectorError`."""
        by_owner: dict[str, list[str]] = defaultdict(list)
        for identity in wanted:
            by_owner[owner_prefix(identity)].append(identity)
        found: dict[str, ResolvedTo | Gone] = {}
        for owner, identities in by_owner.items():
            question = _NodeQuery([identity.partition("/")[2] for identity in identities])
            answer = self.calls.graphql_partial(question, repository=owner)
            listed = answer.data.get("nodes")
            padded = [*(listed if isinstance(listed, list) else ()), *[None] * len(identities)]
            found |= {
                identity: self._resolved(json_object(one)) for identity, one in zip(identities, padded, strict=False)
            }
        return found

    def _resolved(self, node_json: Json) -> ResolvedTo | Gone:
        home = json_object(node_json.get("repository"))
        name, node = exact_text(home.get("nameWithOwner"), 200), exact_text(home.get("id"), 200)
        count = identifier(node_json.get("number"))
        repository = self._number(node, name) if name and node else None
        if not (count and name and repository):
            return Gone("the node id is not an issue that these credentials can see", proven=False)
        reason = "a delivery about a project named it by its node id"
        fetch = FetchNeeded(
            identity=f"{repository}#{count}", key=f"{name}#{count}", scope=ScopeRef(repository, name), reason=reason
        )
        return ResolvedTo(fetch)

    def _number(self, node: str, name: str) -> str | None:
        try:
            return self.nodes.number_of_repository(self.calls, node, name)
        except (Gone, Refused, Rejected):
            return None


@dataclass(frozen=True, slots=True)
class _NodeQuery:
    nodes: Sequence[str]

    def text(self, lacking: Collection[str]) -> str:
        """Return the query. Every server knows all of its fields."""
        del lacking
        return "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Issue { number repository { id nameWithOwner } } } }"

    def variables(self) -> Mapping[str, Any]:
        """Return the values of the query's variables."""
        return {"ids": list(self.nodes)}
