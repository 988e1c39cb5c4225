"""Read the histories of issues and pull requests: their states over time, from their timelines.

The timeline of REST does not say to which status a project moved an issue, so GraphQL is asked for that.
https://docs.github.com/en/rest/issues/timeline#list-timeline-events-for-an-issue
https://docs.github.com/en/graphql/reference/objects#projectv2itemstatuschangedevent
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connectors.github.api.client import GitHubClient
from connectors.github.issues.fetch import split_identity
from connectors.github.model.started_by import started_label, started_status
from connectors.github.model.timeline_states import STARTED, Event, read_events, states
from connectors.json_fields import Json, exact_text, json_object, json_objects, timestamp
from sync_service.domain.text import folded
from sync_service.domain.trackers.connector import Gone, Refused, Rejected
from sync_service.domain.trackers.observations import Kind
from sync_service.domain.trackers.state_changes import HistoryRef, IssueHistory

TOGETHER = 10
"""Issues of one page: each is a call or more."""

MOST_PAGES = 10
"""Most pages of one timeline; the history of an issue with more is not read."""

PER_PAGE = 100

_STATUSES = """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) { issue(number: $number) {
    timelineItems(first: 100, after: $after, itemTypes: [PROJECT_V2_ITEM_STATUS_CHANGED_EVENT]) {
      nodes { ... on ProjectV2ItemStatusChangedEvent { createdAt status } }
      pageInfo { hasNextPage endCursor } } } } }
"""


def read_histories(calls: GitHubClient, refs: Sequence[HistoryRef]) -> Iterator[IssueHistory]:
    """Yield the history of each issue. Raise any error that is not about a single issue."""
    for ref in refs:
        yield _History(calls, ref).read()


@dataclass(slots=True)
class _History:
    """The history of one issue, while it is read; `made` counts the calls."""

    calls: GitHubClient
    ref: HistoryRef
    made: int = 0

    def read(self) -> IssueHistory:
        """Read the timeline, and the statuses of projects where they show that work has started."""
        connection = self.calls.connection
        try:
            rows = self._timeline()
        except (Gone, Rejected):
            rows = None
        if rows is None:
            return IssueHistory(self.ref.identity, (), whole=False, calls=self.made)
        status = started_status(connection)
        starts = self._starts(status) if status is not None and self.ref.kind is Kind.ISSUE else []
        changes, whole = states(self.ref, [*read_events(rows), *starts], label=started_label(connection))
        return IssueHistory(self.ref.identity, changes, whole=whole, calls=self.made)

    def _timeline(self) -> list[Json] | None:
        """Return the events of the timeline, oldest first; None when it is too long to be read."""
        repository, number = split_identity(self.ref.identity)
        path, found = f"/repositories/{repository}/issues/{number}/timeline", list[Json]()
        for page in range(1, MOST_PAGES + 1):
            self.made += 1
            rows, more = self.calls.list_page(path, {"per_page": str(PER_PAGE), "page": str(page)})
            found += rows
            if not more:
                return found
        return None

    def _starts(self, wanted: str) -> list[Event]:
        """Return when the issue got the status that shows that work has started; none where GitHub does not say."""
        owner, _, rest = self.ref.key.partition("/")
        name, _, number = rest.partition("#")
        found, after = list[Event](), None
        for _ in range(MOST_PAGES):
            variables = {"owner": owner, "name": name, "number": int(number), "after": after}
            self.made += 1
            try:
                answer = self.calls.graphql(_STATUSES, variables, repository=split_identity(self.ref.identity)[0])
            except (Gone, Refused, Rejected):
                return []
            items = json_object(json_object(json_object(answer.get("repository")).get("issue")).get("timelineItems"))
            found += _status_events(items, wanted)
            page = json_object(items.get("pageInfo"))
            after = exact_text(page.get("endCursor"))
            if page.get("hasNextPage") is not True or after is None:
                break
        return found


def _status_events(items: Json, wanted: str) -> list[Event]:
    found = []
    for one in json_objects(items.get("nodes")):
        at, status = timestamp(one.get("createdAt")), exact_text(one.get("status"))
        if at is not None and status is not None and folded(status) == wanted:
            found.append(Event(at, STARTED))
    return found
