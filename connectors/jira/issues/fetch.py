"""Fetch issues by their ids, which survive moves: one, or up to a hundred with one call.

Many are fetched by `bulkfetch` on Cloud, and by a search by ids on Data Center.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-get
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-bulkfetch-post
https://docs.atlassian.com/software/jira/docs/api/REST/9.12.0/#api/2/search-searchUsingSearchRequest
"""

from collections.abc import Iterable, Mapping

from connectors.jira.api.client import JiraClient
from connectors.jira.model.requested_fields import requested_fields
from connectors.jira.model.snapshots import read_issue
from connectors.json_fields import Json, identifier, json_objects
from sync_service.domain.trackers.capabilities import FetchResult
from sync_service.domain.trackers.connector import Gone, Rejected
from sync_service.domain.trackers.observations import FetchNeeded, Snapshot

MOST_TOGETHER = 100


def fetch_issue(calls: JiraClient, *, identity: str, key: str) -> Snapshot:
    """Fetch one issue. A 404 never proves a deletion: Jira also answers it for hidden issues."""
    if identifier(identity) is None:
        raise Rejected(f"{identity[:60]!r} is not the id of a Jira issue")
    calls = calls.with_field_catalogue()
    answer = calls.get(f"/issue/{identity}", {"fields": ",".join(requested_fields(calls.connection))})
    if identifier(answer.get("id")) != identity:
        raise Gone(f"Jira answers with another issue than {key}", proven=False)
    found = read_issue(answer, calls.connection, changelog={}, asked=True)
    if isinstance(found, FetchNeeded):
        raise Rejected(f"Jira's answer for {key} is incomplete")
    return found


def fetch_issues(calls: JiraClient, *, wanted: Mapping[str, str]) -> Mapping[str, FetchResult]:
    """Fetch issues by their ids. The result omits issues that must be fetched again.

    `bulkfetch` omits both deleted and hidden issues, so a deletion is never proven. On Data Center the search index
    may miss a new issue, so an issue that is not found is fetched alone.
    """
    seen: dict[str, FetchResult] = {
        identity: Rejected(f"{identity[:60]!r} is not the id of a Jira issue")
        for identity in wanted
        if identifier(identity) is None
    }
    asked = [identity for identity in wanted if identity not in seen]
    if not asked:
        return seen
    calls = calls.with_field_catalogue()
    return {**seen, **(_by_bulk(calls, asked, wanted) if calls.is_cloud else _by_search(calls, asked, wanted))}


def _by_bulk(calls: JiraClient, asked: list[str], wanted: Mapping[str, str]) -> dict[str, FetchResult]:
    fields = list(requested_fields(calls.connection))
    answer = calls.post("/issue/bulkfetch", {"issueIdsOrKeys": asked, "fields": fields})
    again = {identifier(error.get("id")) for error in json_objects(answer.get("issueErrors"))}
    shown = _shown(calls, json_objects(answer.get("issues")), wanted)
    hidden = (identity for identity in asked if identity not in shown and identity not in again)
    return {**shown, **{identity: _gone(wanted[identity]) for identity in hidden}}


def _by_search(calls: JiraClient, asked: list[str], wanted: Mapping[str, str]) -> dict[str, FetchResult]:
    fields = list(requested_fields(calls.connection))
    # Without validation, unknown ids cause no error.
    search = {"jql": f"id in ({','.join(asked)})", "fields": fields, "validateQuery": False}
    answer = calls.post("/search", {**search, "maxResults": MOST_TOGETHER, "startAt": 0})
    return _shown(calls, json_objects(answer.get("issues")), wanted)


def _shown(calls: JiraClient, issues: Iterable[Json], wanted: Mapping[str, str]) -> dict[str, FetchResult]:
    found: dict[str, FetchResult] = {}
    for issue in issues:
        identity = identifier(issue.get("id"))
        if identity is None or identity not in wanted:
            continue
        seen = read_issue(issue, calls.connection, changelog={}, asked=True)
        rejected = Rejected(f"Jira's answer for {wanted[identity]} is incomplete")
        found[identity] = seen if isinstance(seen, Snapshot) else rejected
    return found


def _gone(key: str) -> Gone:
    return Gone(f"Jira does not show {key}: deleted, or hidden from these credentials", proven=False)
