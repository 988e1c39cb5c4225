"""Our own comment on a Jira issue: made once, edited in place, and found again by an address in it that bears our mark.

Comments have no key that a writer chooses. So the id is remembered, and where it was lost, what the account itself
wrote there is searched for the mark.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-comments/
"""

import json
from collections.abc import Iterator

from connectors.fields import Json, identifier, required, rows, table
from connectors.jira.markup import document, wiki
from connectors.jira.place import Place
from connectors.jira.snapshots import account
from sync_service.domain.connectors import Gone, Unavailable
from sync_service.domain.writing import Note

_FORBIDS = frozenset({400, 403})
"""What Jira answers to who may not comment, or not edit what he wrote. 403 is not described, and believed."""

_PER_PAGE = 100
_MOST_PAGES = 5
"""Pages of comments gone through for one of ours that we do not remember: all must end within a lease."""


def keep_comment(place: Place, note: Note, *, known: str | None, make: bool) -> str | None:
    """Let our comment say this, a new one only if `make`; give its id, None where there is none."""
    known = known or _find(place)
    if known and edit_comment(place, note, known=known):
        return known
    if not make:
        return None
    made = place.send("POST", "comment", body={"body": _body(place, note)}, forbids=_FORBIDS).object()
    return required(identifier(made.get("id")), "the comment's id")


def edit_comment(place: Place, note: Note | None, *, known: str) -> bool:
    """Let our comment say this, or without a note that the links alone do; tell whether it is still there.

    Cloud tells nobody of the edit. The issue is there: its links were read just before.
    """
    body, params = {"body": _body(place, note)}, {"notifyUsers": "false"}
    try:
        place.send("PUT", "comment", known, params=params, body=body, forbids=_FORBIDS)
    except Gone:
        return False
    return True


def _find(place: Place) -> str | None:
    """Find our comment by its mark. Of several, which a crash may leave, the oldest stays, and others go.

    A copy by somebody else is none.
    """
    marked = [one for one in _listed(place) if place.mark in json.dumps(one.get("body"))]
    me = account(place.calls.get("/myself")) if marked else None
    by = ((one, account(table(one.get("author")))) for one in marked)
    mine = [one for one, author in by if me and author and author.id == me.id]
    ours = [id_ for one in mine if (id_ := identifier(one.get("id")))]
    for another in ours[:-1]:
        _remove(place, another)
    return ours[-1] if ours else None


def _remove(place: Place, comment_id: str) -> None:
    """Take a comment of ours away; where that is not permitted, it stays."""
    try:
        place.send("DELETE", "comment", comment_id)
    except Gone:
        return
    except Unavailable as error:
        if error.part != place.own:
            raise


def _listed(place: Place) -> Iterator[Json]:
    """Give the comments, the newest first: what we have just made is among these, however many there are."""
    for page in range(_MOST_PAGES):
        params = {"startAt": str(page * _PER_PAGE), "maxResults": str(_PER_PAGE), "orderBy": "-created"}
        found = rows(place.send("GET", "comment", params=params).object().get("comments"))
        yield from found
        if len(found) < _PER_PAGE:
            return


def _body(place: Place, note: Note | None) -> object:
    home = f"{place.calls.connection.home}#okr-sync-{place.mark}"
    return document(note, home=home) if place.calls.is_cloud else wiki(note, home=home)
