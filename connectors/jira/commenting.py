"""How comments on Jira's issues are read: for what they ask by a line of `/okr`.

Cloud tells of a comment with a part of its issue. Data Center tells twice: of the comment alone, whose address holds
the issue's id, and of the issue with the comment; of a deletion the first way only.
https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

import re

from connectors.fields import Json, exact, identifier, moment, required, table
from connectors.jira.snapshots import account
from connectors.jira.spoken import spoken
from sync_service.domain.commands import asked_in
from sync_service.domain.connectors import Connection, Rejected
from sync_service.domain.issues import CommentSeen, Ignored, Observation, ScopeRef

_IN_ADDRESS = re.compile(r"/issue/([0-9]{1,19})/comment/")


def read_comment(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read a delivery about a comment alone, or with a part of its issue."""
    comment = table(payload.get("comment"))
    gone = payload.get("webhookEvent") == "comment_deleted"
    identity = _issue_of(payload, comment)
    if identity is None:
        return (Ignored("the delivery does not say which issue the comment is on"),)
    return _read(payload, comment, identity=identity, gone=gone) or (Ignored("the comment asks for no links"),)


def comment_on(payload: Json) -> tuple[CommentSeen, ...]:
    """Read the comment in a delivery about an issue; nothing where it holds none, or none that asks for links."""
    comment, identity = table(payload.get("comment")), identifier(table(payload.get("issue")).get("id"))
    return _read(payload, comment, identity=identity, gone=False) if comment and identity else ()


def _read(payload: Json, comment: Json, *, identity: str, gone: bool) -> tuple[CommentSeen, ...]:
    """Read what a comment asks for; what a changed one asked for before is not told, so each of those is told of.

    Who changes a comment is who asks: others than its author may, and then the words are theirs.
    """
    wants = asked_in(spoken(comment.get("body")))
    at = moment(comment.get("updated")) or moment(comment.get("created")) or moment(payload.get("timestamp"))
    if at is None:
        raise Rejected("the time of the comment is missing")
    edited = at != (moment(comment.get("created")) or at) or payload.get("webhookEvent") == "comment_updated"
    if wants is None and not edited and not gone:
        return ()
    issue = table(payload.get("issue"))
    key = exact(issue.get("key"))
    return (
        CommentSeen(
            identity=identity,
            key=key or f"issue {identity}",
            scope=_scope_of(issue) if key else None,
            id=required(identifier(comment.get("id")), "the comment's id"),
            author=account(table(comment.get("updateAuthor"))) or account(table(comment.get("author"))),
            at=at,
            wants=wants,
            edited=edited,
            gone=gone,
        ),
    )


def _issue_of(payload: Json, comment: Json) -> str | None:
    found = identifier(table(payload.get("issue")).get("id"))
    address = _IN_ADDRESS.search(str(comment.get("self"))[:2000])
    return found or (address[1] if address else None)


def _scope_of(issue: Json) -> ScopeRef | None:
    project = table(table(issue.get("fields")).get("project"))
    found, key = identifier(project.get("id")), exact(project.get("key"))
    return ScopeRef(found, key) if found and key else None
