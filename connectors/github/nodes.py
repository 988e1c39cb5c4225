"""The ids by which GraphQL knows what REST knows by numbers: told by REST, learned once, and never taken apart.

GraphQL gives labels and milestones no number at all, and has outgrown its own `Int` for repositories.
https://docs.github.com/en/graphql/guides/using-global-node-ids
"""

from collections.abc import Collection, Mapping

from connectors.fields import Json, exact, identifier
from connectors.github.calls import Calls, path_by_name

MOST_KNOWN = 50_000
"""Past this, what is known is forgotten and learned anew."""

MOST_PAGES = 5
"""Of labels or milestones read at once; what stands further back is not learned, and its issues are looked at alone."""

_PER_PAGE = 100
_LISTS: Mapping[str, Mapping[str, str]] = {"labels": {}, "milestones": {"state": "all"}}


class Nodes:
    """What is known at one site. Safe to share: at worst two learn the same."""

    def __init__(self) -> None:
        self._repositories: dict[str, str] = {}
        self._numbers: dict[str, str] = {}

    def repository(self, calls: Calls, number: str) -> str | None:
        """Give the node of a repository; None where GitHub tells none. Raises any `ConnectorError`."""
        if number not in self._repositories:
            node = exact(calls.get(f"/repositories/{number}").body.get("node_id"), 200)
            if node is None:
                return None
            self._bound()
            self._repositories[number] = node
        return self._repositories[number]

    def number_of_repository(self, calls: Calls, node: str, name: str) -> str | None:
        """Give the number of a repository by its node, and as owner/name. Raises any `ConnectorError`."""
        if node not in self._numbers:
            self._note([calls.get(path_by_name(name)).body])
        return self.number(node)

    def number(self, node: object) -> str | None:
        """Give the number of a label, milestone or repository, if it was learned."""
        return self._numbers.get(node) if isinstance(node, str) else None

    def learn(self, calls: Calls, repository: str, *, kind: str, nodes: Collection[str]) -> None:
        """Learn the numbers of `labels` or `milestones` of a repository. Raises any `ConnectorError`."""
        for page in range(1, MOST_PAGES + 1):
            if all(node in self._numbers for node in nodes):
                return
            params = {**_LISTS[kind], "per_page": str(_PER_PAGE), "page": str(page)}
            found = calls.list(f"/repositories/{repository}/{kind}", params)
            self._note(found)
            if len(found) < _PER_PAGE:
                return

    def _note(self, found: Collection[Json]) -> None:
        self._bound()
        for row in found:
            node, number = exact(row.get("node_id"), 200), identifier(row.get("id"))
            if node and number:
                self._numbers[node] = number

    def _bound(self) -> None:
        if len(self._numbers) + len(self._repositories) > MOST_KNOWN:
            self._numbers.clear()
            self._repositories.clear()
