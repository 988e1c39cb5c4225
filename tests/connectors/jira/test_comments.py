"""Parse `/okr` comments in Jira: wiki markup and ADF documents, from Cloud and Data Center."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.jira import Jira
from connectors.jira.webhook.comment_text import plain_lines
from sync_service.domain.rules.comment_commands import parse_lines
from sync_service.domain.trackers.connector import Rejected, WebhookRequest
from sync_service.domain.trackers.observations import (
    Account,
    CommentSeen,
    FetchNeeded,
    Ignored,
    Observation,
    ScopeRef,
    Snapshot,
)
from tests.connectors.jira.payloads import ANA, ANA_ON_SERVER, SITE, Json, connection, delivery, issue

MADE, CHANGED = "2026-10-05T11:30:00.250+0200", "2026-10-05T11:31:00.000+0200"
AT = datetime(2026, 10, 5, 9, 30, 0, 250_000, tzinfo=UTC)
BO: Json = {"accountId": "bo", "displayName": "Bo Lind"}
INCOMPLETE = issue(without=("updated", "labels", "created", "creator", "reporter"))


def comment(body: object = "/okr KR-1", **fields: Any) -> Json:
    """Return a comment by Ana, as webhooks contain it."""
    address = f"{SITE}/rest/api/2/issue/20012/comment/700"
    plain = {"self": address, "id": "700", "author": ANA, "updateAuthor": ANA, "created": MADE, "updated": MADE}
    return plain | {"body": body} | fields


def read(post: WebhookRequest) -> list[Observation]:
    """Return the observations of a delivery, without a token."""
    return [*Jira().parse_delivery(post, connection()).observations]


def seen(post: WebhookRequest) -> CommentSeen:
    """Return the one observation of a delivery about a comment."""
    (found,) = (one for one in read(post) if isinstance(one, CommentSeen))
    return found


def paragraph(*content: Json) -> Json:
    """Return a paragraph node."""
    return {"type": "paragraph", "content": list(content)}


def words(text: str, *marks: str) -> Json:
    """Return a text node."""
    return {"type": "text", "text": text, "marks": [{"type": mark} for mark in marks]}


def block(kind: str, *content: Json) -> Json:
    """Return a node with child nodes."""
    return {"type": kind, "content": list(content)}


def test_a_comment_on_cloud_has_its_author_and_an_incomplete_issue() -> None:
    """Cloud sends it without a user."""
    assert seen(delivery("comment_created", comment=comment(), issue=INCOMPLETE, user=None)) == CommentSeen(
        identity="20012",
        key="SHOP-12",
        scope=ScopeRef("10000", "SHOP"),
        id="700",
        author=Account(ANA["accountId"], "Ana Ruiz"),
        at=AT,
        wants=("KR-1",),
    )


def test_an_edited_comment_counts_for_its_editor() -> None:
    """From the time of the edit."""
    changed = comment(updated=CHANGED, updateAuthor=BO)
    found = seen(delivery("comment_updated", comment=changed, issue=INCOMPLETE))
    assert (found.author, found.edited) == (Account("bo", "Bo Lind"), True)
    assert found.at == AT + timedelta(seconds=59.75)


@pytest.mark.parametrize("event", ["comment_updated", "comment_deleted"])
def test_every_edited_or_deleted_comment_gives_an_observation(event: str) -> None:
    """Jira does not send the earlier text, which may have had a command."""
    found = seen(delivery(event, comment=comment("Never mind"), issue=INCOMPLETE))
    assert (found.wants, found.gone) == (None, event == "comment_deleted")


def test_data_center_sends_a_comment_twice() -> None:
    """Once alone with the issue's id in its URL, once with the issue. The second gives the issue too."""
    body = comment(author=ANA_ON_SERVER, updateAuthor=ANA_ON_SERVER)
    alone = seen(delivery("comment_created", comment=body))
    whole = delivery("jira:issue_updated", comment=body, issue=issue(), issue_event_type_name="issue_commented")
    assert [type(one) for one in read(whole)] == [Snapshot, CommentSeen]
    both = seen(whole)
    assert alone.author == both.author == Account("aruiz", "Ana Ruiz")
    assert (alone.identity, alone.id, alone.at, alone.wants, alone.edited) == (
        both.identity,
        both.id,
        both.at,
        both.wants,
        both.edited,
    )
    assert (alone.scope, both.scope) == (None, ScopeRef("10000", "SHOP"))


def test_a_comment_with_an_incomplete_issue_is_parsed_too() -> None:
    """The incomplete issue also needs a fetch."""
    found = read(delivery("jira:issue_updated", comment=comment(), issue=INCOMPLETE))
    assert [type(one) for one in found] == [FetchNeeded, CommentSeen]


def test_a_comment_without_commands_is_ignored() -> None:
    """With an updated issue it gives no observation at all."""
    written = comment("I like /okr KR-1")
    assert read(delivery("comment_created", comment=written, issue=INCOMPLETE)) == [
        Ignored("the comment asks for no links")
    ]
    assert [type(one) for one in read(delivery("jira:issue_updated", comment=written, issue=issue()))] == [Snapshot]


@pytest.mark.parametrize("address", [None, "https://acme.atlassian.net/rest/api/2/comment/700", 7])
def test_a_comment_without_a_known_issue_is_ignored(address: object) -> None:
    """The result has the reason."""
    (found,) = read(delivery("comment_created", comment=comment(self=address)))
    assert found == Ignored("the delivery does not say which issue the comment is on")


def test_a_comment_without_an_id_or_any_time_is_rejected() -> None:
    """If the comment has no time, the delivery's time counts."""
    with pytest.raises(Rejected, match="the comment's id"):
        read(delivery("comment_created", comment=comment(id=None), issue=INCOMPLETE))
    bare = comment(created=None, updated=None)
    assert seen(delivery("comment_created", comment=bare, issue=INCOMPLETE)).at.year == 2026
    with pytest.raises(Rejected, match="time of the comment"):
        read(delivery("comment_created", comment=bare, issue=INCOMPLETE, timestamp=None))


@pytest.mark.parametrize(
    ("body", "wants"),
    [
        ("/okr KR-1", ("KR-1",)),
        ("Sure:\r\n  /OKR KR-1, KR\\-2\r\nThanks", ("KR-1", "KR-2")),
        ("/okr none", ()),
        ("/okr\u00a0KR-1\u202fKR-2", ("KR-1", "KR-2")),
        (paragraph(words("\u00a0/okr\u00a0KR-1")), ("KR-1",)),
        ("* /okr KR-1", None),
        ("bq. /okr KR-1", None),
        ("{{/okr KR-1}}", None),
        ("{quote}\n/okr KR-1\n{quote}\n/okr KR-2", ("KR-2",)),
        ("{code:java|title={x}\n/okr KR-1\n{code}", None),
        ("{noformat}\n{code}\n/okr KR-1\n{noformat}\n/okr KR-2", ("KR-2",)),
        ("{code}\n/okr KR-1", None),
        ("\\{code}\n/okr KR-1", ("KR-1",)),
        ("{quote}Hm{quote} /okr KR-1", ("KR-1",)),
        (paragraph(words("/okr KR-1")), ("KR-1",)),
        (paragraph(words("Yes"), {"type": "hardBreak"}, words("/okr "), words("KR-1", "strong")), ("KR-1",)),
        (block("doc", block("panel", paragraph(words("/okr KR-1")))), ("KR-1",)),
        (block("doc", paragraph(words("/okr KR-1", "code"))), None),
        (block("doc", block("codeBlock", words("/okr KR-1"))), None),
        (block("doc", block("blockquote", paragraph(words("/okr KR-1")))), None),
        (block("doc", block("bulletList", block("listItem", paragraph(words("/okr KR-1"))))), None),
        (block("doc", paragraph({"type": "mention", "attrs": {"text": "@Ana"}}, words("/okr KR-1"))), None),
        (block("doc", paragraph({"type": "inlineCard"}, {"type": "text"}, words("hm"))), None),
        (None, None),
        (["/okr KR-1"], None),
    ],
)  # fmt: skip
def test_commands_count_only_in_visible_text(body: object, wants: tuple[str, ...] | None) -> None:
    """Not in quotes, code, lists and hidden text."""
    assert parse_lines(plain_lines(body)) == wants


@pytest.mark.slow
def test_deep_documents_and_unclosed_marks_are_parsed_fast() -> None:
    """Nesting is limited."""
    node = paragraph(words("/okr KR-1"))
    for _ in range(500):
        node = block("panel", node)
    assert parse_lines(plain_lines(node)) is None
    assert parse_lines(plain_lines("{code:" * 100_000)) is None
