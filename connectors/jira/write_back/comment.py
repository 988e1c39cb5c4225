"""Write-back of our one comment on a Jira issue: created once, edited in place, found again by the marker in its link.

The writer can't choose a comment's key. So we store the id; if it was lost, we search the account's own comments for
the marker.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-comments/
"""

import json
from collections.abc import Iterator

from connectors.jira.model.accounts import account
from connectors.jira.write_back.issue_client import IssueClient
from connectors.jira.write_back.markup import document, wiki
from connectors.json_fields import Json, identifier, json_object, json_objects, number, required
from connectors.paging import Rows, rows_by_page
from sync_service.domain.trackers.connector import Gone, Unavailable
from sync_service.domain.trackers.write_back import Note

_FORBIDS = frozenset({400, 403})
"""Jira's answers without permission to comment, or to edit an own comment. 403 is not documented, but handled."""

_PER_PAGE = 100
_MOST_PAGES = 5
"""Most pages searched for a comment of ours with a lost id: the search must end within a lease."""


def create_or_edit_comment(client: IssueClient, note: Note, *, known: str | None, make: bool) -> str | None:
    """Edit our comment, or create one if `make`; return its id, None when there is none."""
    known = known or _find(client)
    if known and edit_comment(client, note, known=known):
        return known
    if not make:
        return None
    made = client.send("POST", "comment", body={"body": _body(client, note)}, forbids=_FORBIDS).object()
    return required(identifier(made.get("id")), "the comment's id")


def edit_comment(client: IssueClient, note: Note | None, *, known: str) -> bool:
    """Edit our comment, without a note to the text that refers to the links; return whether it still exists.

    Cloud notifies nobody of the edit. A 404 means the comment: the issue's links were read just before.
    """
    body, params = {"body": _body(client, note)}, {"notifyUsers": "false"}
    try:
        client.send("PUT", "comment", known, params=params, body=body, forbids=_FORBIDS)
    except Gone:
        return False
    return True


def _find(client: IssueClient) -> str | None:
    """Find our comment by its marker. Of several, which a crash may leave, keep the oldest and delete the others.

    Ignore a copy by somebody else.
    """
    marked = [one for one in _listed(client) if client.mark in json.dumps(one.get("body"))]
    me = account(client.calls.get("/myself")) if marked else None
    by = ((one, account(json_object(one.get("author")))) for one in marked)
    mine = [one for one, author in by if me and author and author.id == me.id]
    ours = [id_ for one in mine if (id_ := identifier(one.get("id")))]
    for another in ours[:-1]:
        _remove(client, another)
    return ours[-1] if ours else None


def _remove(client: IssueClient, comment_id: str) -> None:
    """Delete a comment of ours; leave it when that is not permitted."""
    try:
        client.send("DELETE", "comment", comment_id)
    except Gone:
        return
    except Unavailable as error:
        if error.bucket != client.write_bucket:
            raise


def _listed(client: IssueClient) -> Iterator[Json]:
    """Yield the comments, newest first, so that a comment we created just now is found even among very many."""

    def page_from(_page: int, start: int) -> Rows:
        params = {"startAt": str(start), "maxResults": str(_PER_PAGE), "orderBy": "-created"}
        answer = client.send("GET", "comment", params=params).object()
        rows, total = json_objects(answer.get("comments")), number(answer.get("total"))
        return rows, len(rows) >= _PER_PAGE or start + len(rows) < (total or 0)

    return rows_by_page(page_from, most_pages=_MOST_PAGES)


def _body(client: IssueClient, note: Note | None) -> object:
    home = f"{client.calls.connection.own_url}#okr-sync-{client.mark}"
    return document(note, home=home) if client.calls.is_cloud else wiki(note, home=home)
