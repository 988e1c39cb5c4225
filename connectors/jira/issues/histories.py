"""Read the histories of issues: their states over time, from their changelogs.

Cloud gives the changes of chosen fields of many issues with one call; where a site lacks that call, each issue has a
changelog in pages, oldest first. Data Center gives it with the issue, and may leave some out.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-changelog-bulkfetch-post
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-changelog-get
https://docs.atlassian.com/software/jira/docs/api/REST/9.12.0/#api/2/issue-getIssue
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from connectors.jira.api.client import JiraClient
from connectors.jira.api.status_catalogue import Categories, StatusCatalogueCache
from connectors.jira.model.changelog_states import FIELDS, Changelog, read_states
from connectors.json_fields import Json, exact_text, identifier, json_object, json_objects, number, timestamp
from sync_service.domain.listing import ListingProgress
from sync_service.domain.trackers.connector import Gone, Rejected
from sync_service.domain.trackers.state_changes import HistoryRef, IssueHistory

TOGETHER = 100
"""Issues of one call on Cloud: as many as `bulkfetch` gives."""

TOGETHER_ON_DATA_CENTER = 10
"""Issues of one page on Data Center, where each is a call."""

MOST_PAGES = 20
"""Most pages of one changelog, or of the changes of many issues. What is longer is not read."""

TOO_LONG = f"the list is longer than {MOST_PAGES} pages"

PER_PAGE = 100
PER_BULK_PAGE = 1000

_WANTED = ["status", "resolution", "created"]
_LACKS_CALL = (404, 405, 410, 501)
"""Answers of a site that does not have the call for many changelogs."""


def histories_together(calls: JiraClient) -> int:
    """Return for how many issues histories are read at a time."""
    return TOGETHER if calls.is_cloud else TOGETHER_ON_DATA_CENTER


@dataclass(slots=True)
class HistoryCalls:
    """Reads histories, and counts its calls. Raise any error that is not about a single issue."""

    calls: JiraClient
    statuses: StatusCatalogueCache
    _made: int = field(init=False, default=0)

    def read(self, refs: Sequence[HistoryRef]) -> Iterator[IssueHistory]:
        """Yield the history of each issue that can be seen."""
        asked = [ref.identity for ref in refs if identifier(ref.identity) == ref.identity]
        if asked:
            categories = self._categories()
            yield from (self._on_cloud if self.calls.is_cloud else self._on_data_center)(asked, categories)

    def _on_cloud(self, asked: Sequence[str], categories: Categories) -> Iterator[IssueHistory]:
        """Fetch the issues first: what changes after that is not taken for how an issue began."""
        answer = self._post("/issue/bulkfetch", {"issueIdsOrKeys": list(asked), "fields": _WANTED})
        by_id = {identifier(one.get("id")) or "": one for one in json_objects(answer.get("issues"))}
        shown = {id_: by_id[id_] for id_ in asked if id_ in by_id}
        if not shown:
            return
        together = self._changes_together(list(shown))
        for id_, issue in shown.items():
            changelog = self._changelog(id_) if together is None else together[id_]
            yield self._history(issue, changelog, categories)

    def _on_data_center(self, asked: Sequence[str], categories: Categories) -> Iterator[IssueHistory]:
        for id_ in asked:
            self._made += 1
            try:
                issue = self.calls.get(f"/issue/{id_}", {"fields": ",".join(_WANTED), "expand": "changelog"})
            except (Gone, Rejected):
                yield IssueHistory(id_, (), whole=False, calls=self._take())
                continue
            yield self._history(issue, _expanded(issue), categories)

    def _history(self, issue: Json, changelog: Changelog, categories: Categories) -> IssueHistory:
        return read_states(issue, changelog, categories, self.calls.connection, calls=self._take())

    def _changes_together(self, ids: Sequence[str]) -> dict[str, Changelog] | None:
        """Return the changes of many issues; None where the site can't give them with one call."""
        body = {"issueIdsOrKeys": list(ids), "fieldIds": list(FIELDS), "maxResults": PER_BULK_PAGE}
        histories: defaultdict[str, list[Json]] = defaultdict(list)
        token, listing = None, ListingProgress()
        for _ in range(MOST_PAGES):
            self._made += 1
            reply = self.calls.send(
                "POST", "/changelog/bulkfetch", json=body | ({"nextPageToken": token} if token else {})
            )
            if reply.status in _LACKS_CALL:
                return None
            self.calls.raise_for_response(reply)
            answer = reply.object()
            shown: list[str] = []
            for one in json_objects(answer.get("issueChangeLogs")):
                of, some = identifier(one.get("issueId")) or "", json_objects(one.get("changeHistories"))
                histories[of] += some
                shown += (f"{of} {_id_of(row)}" for row in some)
            token = exact_text(answer.get("nextPageToken"), 4000)
            listing = listing.after(shown, token)
            if token is None or listing.problem:
                break
        return {id_: _without_end(histories[id_], listing) if token else Changelog(histories[id_]) for id_ in ids}

    def _changelog(self, id_: str) -> Changelog:
        """Return the changelog of one issue, page by page. Some empty pages that promise more are passed over."""
        found: list[Json] = []
        listing = ListingProgress()
        for page_number in range(MOST_PAGES):
            self._made += 1
            try:
                page = self.calls.get(
                    f"/issue/{id_}/changelog", {"startAt": str(len(found)), "maxResults": str(PER_PAGE)}
                )
            except (Gone, Rejected):
                return Changelog((), whole=False, ends_now=False)
            rows = json_objects(page.get("values"))
            found += rows
            total = number(page.get("total"))
            if page.get("isLast") is True or (total is not None and len(found) >= total):
                return Changelog(found)
            listing = listing.after(map(_id_of, rows), str(page_number))
            if listing.problem:
                break
        return _without_end(found, listing)

    def _categories(self) -> Categories:
        """Return the category of each status; fetched once an hour."""
        known = self.statuses.known(self.calls.connection)
        if known is not None:
            return known
        self._made += 1
        reply = self.calls.send("GET", "/status")
        self.calls.raise_for_response(reply)
        return self.statuses.keep(self.calls.connection, reply.objects())

    def _post(self, path: str, body: Json) -> Json:
        self._made += 1
        return self.calls.post(path, body)

    def _take(self) -> int:
        """Return the calls made since the last history."""
        made, self._made = self._made, 0
        return made


def _id_of(history: Json) -> str:
    return identifier(history.get("id")) or str(history.get("created"))


def _without_end(histories: Sequence[Json], listing: ListingProgress) -> Changelog:
    """Return what was read of a changelog that did not come to its end, and why not."""
    return Changelog(histories, whole=False, ends_now=False, problem=listing.problem or TOO_LONG)


def _expanded(issue: Json) -> Changelog:
    """Return the changelog in an issue. Where it lacks some, those that it has may be the oldest or the newest."""
    changelog = json_object(issue.get("changelog"))
    histories, total = json_objects(changelog.get("histories")), number(changelog.get("total"))
    whole = total is not None and total <= len(histories)
    times = [at for one in histories if (at := timestamp(one.get("created"))) is not None]
    return Changelog(histories, whole=whole, ends_now=whole or (len(times) > 1 and times[0] > times[-1]))
