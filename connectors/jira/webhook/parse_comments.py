"""Parse comment webhooks: which key results a `/okr` line in a Jira comment asks for.

Cloud sends a comment with a part of its issue. Data Center sends two webhooks: one with the comment only, whose `self`
address contains the issue's id, and one with the issue and the comment; a deletion comes only in the first form.
https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

import re

from connectors.jira.model.accounts import account
from connectors.jira.webhook.comment_text import plain_lines
from connectors.json_fields import Json, exact_text, identifier, json_object, required, timestamp
from sync_service.domain.rules.comment_commands import parse_lines
from sync_service.domain.trackers.connector import Connection, Rejected
from sync_service.domain.trackers.observations import CommentSeen, Ignored, Observation, ScopeRef

_IN_ADDRESS = re.compile(r"/issue/([0-9]{1,19})/comment/")


def read_comment(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read a comment webhook, with or without a part of the issue."""
    comment = json_object(payload.get("comment"))
    gone = payload.get("webhookEvent") == "comment_deleted"
    identity = _issue_of(payload, comment)
    if identity is None:
        return (Ignored("the delivery does not say which issue the comment is on"),)
    return _read(payload, comment, identity=identity, gone=gone) or (Ignored("the comment asks for no links"),)


def comment_on(payload: Json) -> tuple[CommentSeen, ...]:
    """Read the comment in an issue webhook; return nothing when it has none, or when the comment asks for no links."""
    comment, identity = json_object(payload.get("comment")), identifier(json_object(payload.get("issue")).get("id"))
    return _read(payload, comment, identity=identity, gone=False) if comment and identity else ()


def _read(payload: Json, comment: Json, *, identity: str, gone: bool) -> tuple[CommentSeen, ...]:
    """Read what a comment asks for. Report every edited comment: Jira does not send what it asked for before.

    The last editor is the one who asks: people other than the author may edit a comment.
    """
    wants = parse_lines(plain_lines(comment.get("body")))
    at = timestamp(comment.get("updated")) or timestamp(comment.get("created")) or timestamp(payload.get("timestamp"))
    if at is None:
        raise Rejected("the time of the comment is missing")
    edited = at != (timestamp(comment.get("created")) or at) or payload.get("webhookEvent") == "comment_updated"
    if wants is None and not edited and not gone:
        return ()
    issue = json_object(payload.get("issue"))
    key = exact_text(issue.get("key"))
    return (
        CommentSeen(
            identity=identity,
            key=key or f"issue {identity}",
            scope=_scope_of(issue) if key else None,
            id=required(identifier(comment.get("id")), "the comment's id"),
            author=account(json_object(comment.get("updateAuthor"))) or account(json_object(comment.get("author"))),
            at=at,
            wants=wants,
            edited=edited,
            gone=gone,
        ),
    )


def _issue_of(payload: Json, comment: Json) -> str | None:
    found = identifier(json_object(payload.get("issue")).get("id"))
    address = _IN_ADDRESS.search(str(comment.get("self"))[:2000])
    return found or (address[1] if address else None)


def _scope_of(issue: Json) -> ScopeRef | None:
    project = json_object(json_object(issue.get("fields")).get("project"))
    found, key = identifier(project.get("id")), exact_text(project.get("key"))
    return ScopeRef(found, key) if found and key else None
