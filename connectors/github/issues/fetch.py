"""Fetch one issue or pull request by REST, by paths with the repository's id, which survive renames.

https://docs.github.com/en/rest/issues/issues#get-an-issue
"""

import re
from dataclasses import KW_ONLY, dataclass, replace

from connectors.github.api.client import GitHubClient
from connectors.github.api.graphql_queries import CLOSING_ISSUES_QUERY
from connectors.github.issues.project_fields import fetch_project_numbers
from connectors.github.model.closing_keywords import closing_references
from connectors.github.model.number_fields import number_fields_of
from connectors.github.model.snapshots import read_issue, read_pull_request, repository_in_url
from connectors.http import JsonResponse
from connectors.json_fields import exact_text, identifier, json_object
from sync_service.domain.trackers.connector import Gone, Refused, Rejected
from sync_service.domain.trackers.observations import FetchNeeded, ScopeRef, Snapshot

_IDENTITY = re.compile(r"([1-9][0-9]{0,18})#([1-9][0-9]{0,18})", re.ASCII)
_BY_ID = re.compile(r"/repositories/([0-9]+)/issues/([0-9]+)/?\Z")


def fetch_issue(calls: GitHubClient, *, identity: str, key: str) -> Snapshot:
    """Fetch one issue. Raise `Gone`, proven, when GitHub shows that it was deleted or transferred."""
    repository_id, count = split_identity(identity)
    found = _Fetch(calls, repository_id=repository_id, count=count, key=key).seen()
    if isinstance(found, FetchNeeded):
        raise Rejected(f"GitHub's reply for {key} is incomplete: {found.reason}")
    return found


def split_identity(identity: str) -> tuple[str, str]:
    """Split an identity into the repository's id and the issue's number. Raise `Rejected` when it is invalid."""
    parts = _IDENTITY.fullmatch(identity)
    if parts is None:
        raise Rejected(f"{identity[:60]!r} is not the identity of a GitHub issue")
    return parts[1], parts[2]


@dataclass(frozen=True)
class _Fetch:
    """One fetch of issue number `count` of a repository. `key` is used in messages only."""

    calls: GitHubClient
    _: KW_ONLY
    repository_id: str
    count: str
    key: str

    def seen(self) -> Snapshot | FetchNeeded:
        """Fetch the issue; for a pull request also the pull request, because only that says whether it was merged."""
        answer = self.calls.get_issue(self.repository_id, self.count)
        scope = self._scope(answer)
        if answer.body.get("pull_request"):
            pull = self.calls.get(f"/repositories/{self.repository_id}/pulls/{self.count}").body
            return self._with_closes(read_pull_request(pull, scope, {}), exact_text(pull.get("node_id"), 200), scope)
        wanted = number_fields_of(self.calls.connection)
        shown = fetch_project_numbers(self.calls, [answer.body], wanted, repository=self.repository_id)
        return read_issue(answer.body, scope, wanted, shown.get(str(answer.body.get("node_id")), {}))

    def _with_closes(self, seen: Snapshot | FetchNeeded, node: str | None, scope: ScopeRef) -> Snapshot | FetchNeeded:
        """Ask GraphQL which issues a pull request closes. When that fails, use the keywords in its text."""
        if node is None or not isinstance(seen, Snapshot):
            return seen
        try:
            data = self.calls.graphql(CLOSING_ISSUES_QUERY, {"id": node}, repository=self.repository_id)
        except (Gone, Refused, Rejected):
            return seen
        closes = closing_references(json_object(data.get("node")), scope)
        return seen if closes is None else replace(seen, closes=closes)

    def _scope(self, answer: JsonResponse) -> ScopeRef:
        """Return the issue's repository; raise `Gone` when that is no longer the requested one.

        GitHub redirects a transferred issue (301), so the reply may come from another repository.
        """
        home = repository_in_url(answer.body.get("repository_url"))
        if home is None:
            raise Rejected(f"GitHub's reply for {self.key} does not name its repository")
        repository_id = identifier(json_object(answer.body.get("repository")).get("id")) or self.repository_id
        same_number = identifier(answer.body.get("number")) == self.count
        if repository_id != self.repository_id or not same_number or not self._is_same_repository(answer.url, home[0]):
            raise self._moved(answer, home[0])
        return ScopeRef(self.repository_id, home[0])

    def _moved(self, answer: JsonResponse, home: str) -> Gone:
        """Return the error with the issue's new identity and key, so that links can follow it without a webhook."""
        by_id, number = _BY_ID.search(answer.url), identifier(answer.body.get("number"))
        known = by_id is not None and by_id[2] == number and by_id[1] != self.repository_id
        return Gone(
            f"{self.key} was transferred to {home}",
            proven=True,
            successor=f"{by_id[1]}#{number}" if by_id and known else None,
            moved_to=f"{home}#{number}" if known else None,
        )

    def _is_same_repository(self, url: str, home: str) -> bool:
        by_id = _BY_ID.search(url)
        if by_id:
            return by_id[1] == self.repository_id
        # The redirect led to an address by name: compare it with the repository's present name.
        repository = self.calls.get(f"/repositories/{self.repository_id}").body
        return home.lower() == str(repository.get("full_name")).lower()
