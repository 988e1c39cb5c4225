"""Cache of GraphQL node ids and their REST numbers, for repositories, labels and milestones.

REST replies contain both ids. GraphQL has no number for labels and milestones, and the numbers of repositories do not
fit its `Int`. Node ids are opaque: never decode them.
https://docs.github.com/en/graphql/guides/using-global-node-ids
"""

from collections.abc import Collection, Mapping

from connectors.github.api.client import GitHubClient, repository_path
from connectors.json_fields import Json, exact_text, identifier

MOST_KNOWN = 50_000
"""When the cache has more entries, it is cleared."""

MOST_PAGES = 5
"""Most pages of labels or milestones to read. Issues with one from a later page are fetched one by one."""

_PER_PAGE = 100
_LISTS: Mapping[str, Mapping[str, str]] = {"labels": {}, "milestones": {"state": "all"}}


class NodeIdCache:
    """The cache of one site. Threads may share it: at worst two of them fetch the same."""

    def __init__(self) -> None:
        self._repositories: dict[str, str] = {}
        self._numbers: dict[str, str] = {}

    def repository(self, calls: GitHubClient, number: str) -> str | None:
        """Return the node id of a repository; None when GitHub returns none. Raise any `ConnectorError`."""
        if number not in self._repositories:
            node = exact_text(calls.get(f"/repositories/{number}").body.get("node_id"), 200)
            if node is None:
                return None
            self._clear_if_full()
            self._repositories[number] = node
        return self._repositories[number]

    def number_of_repository(self, calls: GitHubClient, node: str, name: str) -> str | None:
        """Return the number of a repository by its node id; `name` is owner/name. Raise any `ConnectorError`."""
        if node not in self._numbers:
            self._add([calls.get(repository_path(name)).body])
        return self.number(node)

    def number(self, node: object) -> str | None:
        """Return the number of a label, milestone or repository, if it is in the cache."""
        return self._numbers.get(node) if isinstance(node, str) else None

    def load_numbers(self, calls: GitHubClient, repository: str, *, kind: str, nodes: Collection[str]) -> None:
        """Load the numbers of `labels` or `milestones` of a repository into the cache. Raise any `ConnectorError`."""
        for page in range(1, MOST_PAGES + 1):
            if all(node in self._numbers for node in nodes):
                return
            params = {**_LISTS[kind], "per_page": str(_PER_PAGE), "page": str(page)}
            found, named = calls.list_page(f"/repositories/{repository}/{kind}", params)
            self._add(found)
            if len(found) < _PER_PAGE and not named:
                return

    def _add(self, found: Collection[Json]) -> None:
        self._clear_if_full()
        for row in found:
            node, number = exact_text(row.get("node_id"), 200), identifier(row.get("id"))
            if node and number:
                self._numbers[node] = number

    def _clear_if_full(self) -> None:
        if len(self._numbers) + len(self._repositories) > MOST_KNOWN:
            self._numbers.clear()
            self._repositories.clear()
