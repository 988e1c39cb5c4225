"""Ask GitHub what a search finds, before a rule has it: count, newest matches, errors in GitHub's own words.

https://docs.github.com/en/rest/search/search#search-issues-and-pull-requests
"""

from collections.abc import Sequence

from connectors.github.api.client import GitHubClient
from connectors.github.model.number_fields import number_fields_of
from connectors.github.model.snapshots import read_issue
from connectors.github.query.evaluate import check_times
from connectors.github.query.parse import read_query
from connectors.github.query.search import in_watched_scopes, reachable_repositories
from connectors.json_fields import TITLE_LENGTH, Json, json_objects, text, web_address
from connectors.time_limit import answered_object
from sync_service.domain.trackers.connector import Unavailable
from sync_service.domain.trackers.observations import ScopeRef, Snapshot, State
from sync_service.domain.trackers.queries import ASKED_FIRST, FoundIssue, QueryAnswer


def ask(calls: GitHubClient, *, query: str, scopes: Sequence[ScopeRef]) -> QueryAnswer:
    """Ask about a search. Raise `Rejected` with GitHub's error text when GitHub refuses it."""
    check_times(read_query(query))
    reachable = reachable_repositories(query, scopes)
    reply, owner = calls.search(_params(query), repository=reachable[0])
    answer = answered_object(reply)
    total, listed = answer.get("total_count"), answer.get("items")
    if not isinstance(total, int) or isinstance(total, bool) or not isinstance(listed, list):
        raise Unavailable(f"{reply.shown_host} answers a search without a count or a list")
    rows = json_objects(listed)[:ASKED_FIRST]
    seen, outside = in_watched_scopes(calls, rows, scopes)
    reason = _incomplete_reason(calls, answer, owner, reachable)
    whole = total <= len(rows) and reason is None
    return QueryAnswer(
        count=len(seen) if whole else total,
        exact=whole,
        first=tuple(_found(calls, row, scope) for row, scope in seen),
        whole=whole,
        outside=outside,
        incomplete_reason=reason,
    )


def _params(query: str) -> dict[str, str]:
    return {
        "q": query,
        "sort": "created",
        "order": "desc",
        "per_page": str(ASKED_FIRST),
        "page": "1",
        "advanced_search": "true",
    }


def _incomplete_reason(calls: GitHubClient, answer: Json, owner: str, reachable: Sequence[str]) -> str | None:
    """Return why matches may be missing: GitHub's time was over, or another installation of the app sees more."""
    if answer.get("incomplete_results") is not False:
        return "GitHub did not search everything in time"
    elsewhere = [name for name in reachable if calls.credentials.bucket_owner(name) != owner]
    return f"only one installation of the app was asked; another one sees {elsewhere[0]}" if elsewhere else None


def _found(calls: GitHubClient, row: Json, scope: ScopeRef) -> FoundIssue:
    issue = read_issue(row, scope, number_fields_of(calls.connection))
    state: State | None = issue.state if isinstance(issue, Snapshot) else None
    key = issue.key or issue.identity
    title, url = text(row.get("title"), TITLE_LENGTH) or key, web_address(row.get("html_url"))
    return FoundIssue(identity=issue.identity, key=key, title=title, url=url, state=state)
