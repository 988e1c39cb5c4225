"""Parse deliveries about comments on issues and pull requests: which links a line `/okr` asks for.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#issue_comment
"""

from connectors.github.model.snapshots import account, identity_and_key, scope_of
from connectors.github.webhook.parse_issues import repository_of
from connectors.github.write_back.comment import is_by_app, is_marked
from connectors.json_fields import Json, identifier, json_object, required, timestamp
from connectors.markdown import own_lines
from sync_service.domain.rules.comment_commands import parse_lines
from sync_service.domain.trackers.connector import Connection, Rejected
from sync_service.domain.trackers.observations import CommentSeen, Ignored, Observation


def read_comment(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Read which links a created, edited or deleted comment asks for, now or before the edit.

    The author of an edited comment is the person who edited it: others than its author may edit, and the text is then
    theirs.
    """
    comment, action = json_object(payload.get("comment")), payload.get("action")
    if is_by_app(comment, connection) or (connection.owner_marker and is_marked(comment, connection.owner_marker)):
        return (Ignored("it is our own comment"),)
    wants = _asked_for(comment.get("body"))
    before = _asked_for(json_object(json_object(payload.get("changes")).get("body")).get("from"))
    if wants is None and before is None:
        return (Ignored("the comment asks for no links"),)
    scope = scope_of(repository_of(payload))
    identity, key = identity_and_key(json_object(payload.get("issue")), scope)
    at = timestamp(comment.get("updated_at"))
    if at is None:
        raise Rejected("the time of the comment is missing")
    edited = action == "edited"
    author = account(json_object(payload.get("sender") if edited else comment.get("user")))
    return (
        CommentSeen(
            identity=identity,
            key=key,
            scope=scope,
            id=required(identifier(comment.get("id")), "the comment's id"),
            author=author,
            at=at,
            wants=wants,
            edited=edited,
            gone=action == "deleted",
        ),
    )


def _asked_for(body: object) -> tuple[str, ...] | None:
    return parse_lines(own_lines(body)) if isinstance(body, str) else None
