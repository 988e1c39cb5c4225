"""The part of the GitHub connector for searches as queries: check, ask about, list and evaluate them."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace

from connectors.github.api.client import GitHubClient
from connectors.github.api.credentials import CredentialsCache
from connectors.github.api.site import Site
from connectors.github.model import started_by
from connectors.github.query.ask import ask
from connectors.github.query.evaluate import check_times, evaluate, not_evaluable
from connectors.github.query.parse import read_query
from connectors.github.query.search import members, reachable_repositories
from connectors.github.query.vocabulary import VALUE_FIELDS, VOCABULARY
from connectors.http import HttpClient
from connectors.time_limit import HttpWithin
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import ScopeRef
from sync_service.domain.trackers.queries import ASKING_SECONDS, Candidate, MemberPage, QueryAnswer, Vocabulary


class GitHubQueries:
    """The methods of `GitHub` about searches."""

    _http: HttpClient
    _credentials: CredentialsCache

    @abstractmethod
    def _calls(self, connection: Connection) -> GitHubClient:
        """Return the client of a connection."""

    evaluates_locally = True
    vocabulary_task: str | None = None
    value_fields: Mapping[str, str] = VALUE_FIELDS

    def vocabulary(self, memory: str | None) -> Vocabulary | None:
        """Return the words of GitHub's search, which are fixed."""
        del memory
        return VOCABULARY

    def check_query(self, connection: Connection, *, query: str) -> None:
        """Raise `Rejected` when a rule can't have this search. Makes no call."""
        del connection
        check_times(read_query(query))

    def not_evaluable(self, connection: Connection, *, query: str) -> Sequence[str]:
        """Return the terms of a search that only GitHub can evaluate."""
        del connection
        return not_evaluable(read_query(query))

    def query_bucket(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef]) -> str:
        """Return the rate limit bucket of the first search call."""
        return f"{self._credentials.of(connection).bucket_owner(reachable_repositories(query, scopes)[0])}/search"

    def list_members(
        self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef], cursor: str | None
    ) -> MemberPage:
        """List the members of a search, one page."""
        return started_by.page_with_starts(
            members(self._calls(connection), query=query, scopes=scopes, cursor=cursor), connection
        )

    def ask_query(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef]) -> QueryAnswer:
        """Ask GitHub what a search finds. The time limit leaves out a new token of an app, which has its own."""
        limited = HttpWithin.of(self._http, seconds=ASKING_SECONDS)
        calls = replace(self._calls(connection), site=Site(limited, connection.site))
        return ask(calls, query=query, scopes=scopes)

    def match(
        self, connection: Connection, *, queries: Sequence[str], candidates: Sequence[Candidate]
    ) -> Mapping[str, Mapping[str, bool | None]]:
        """Evaluate searches on issues as they are stored. Makes no call."""
        del connection
        trees = {query: read_query(query) for query in queries}
        return {query: {one.issue.identity: evaluate(tree, one) for one in candidates} for query, tree in trees.items()}
