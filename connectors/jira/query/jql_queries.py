"""The part of the Jira connector for queries in JQL: check, ask about, list and match them."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace

from connectors.http import HttpClient
from connectors.jira.api.auth import is_on_cloud
from connectors.jira.api.client import JiraClient
from connectors.jira.api.rate_limits import READ_BUCKET
from connectors.jira.query.ask import ask
from connectors.jira.query.match import match
from connectors.jira.query.order_by import restriction
from connectors.jira.query.search import members
from connectors.jira.query.validate import check
from connectors.jira.query.vocabulary import TASK_NAME, VALUE_FIELDS, read_vocabulary
from connectors.time_limit import HttpWithin
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import ScopeRef
from sync_service.domain.trackers.queries import ASKING_SECONDS, Candidate, MemberPage, QueryAnswer, Vocabulary


class JqlQueries:
    """The methods of `Jira` about queries."""

    _http: HttpClient

    @abstractmethod
    def _calls(self, connection: Connection) -> JiraClient:
        """Return the client of a connection."""

    evaluates_locally = False
    vocabulary_task: str | None = TASK_NAME
    value_fields: Mapping[str, str] = VALUE_FIELDS

    def vocabulary(self, memory: str | None) -> Vocabulary | None:
        """Return the words of JQL that the daily task kept."""
        return read_vocabulary(memory)

    def check_query(self, connection: Connection, *, query: str) -> None:
        """Raise `Rejected` when JQL can't be a rule's query; with credentials, ask Jira and give its error text."""
        restriction(query)
        if connection.has_credentials:
            check(self._calls(connection), query)

    def not_evaluable(self, connection: Connection, *, query: str) -> Sequence[str]:
        """Return the parts of a query that can't be evaluated for single issues: on Data Center, all of it."""
        del query
        return () if is_on_cloud(connection) or not connection.has_credentials else ("JQL on Data Center",)

    def query_bucket(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef]) -> str:
        """Return the rate limit bucket of searches: the same as for fetches."""
        del connection, query, scopes
        return READ_BUCKET

    def list_members(
        self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef], cursor: str | None
    ) -> MemberPage:
        """List the members of a query, one page."""
        return members(self._calls(connection), query=query, scopes=scopes, cursor=cursor)

    def match(
        self, connection: Connection, *, queries: Sequence[str], candidates: Sequence[Candidate]
    ) -> Mapping[str, Mapping[str, bool | None]]:
        """Ask Jira Cloud which candidates match which queries; Data Center has no such call."""
        return match(self._calls(connection), queries=queries, ids=[one.issue.identity for one in candidates])

    def ask_query(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef]) -> QueryAnswer:
        """Ask Jira what a query finds in the watched projects."""
        calls = replace(self._calls(connection), http=HttpWithin.of(self._http, seconds=ASKING_SECONDS))
        return ask(calls, query=query, scopes=scopes)
