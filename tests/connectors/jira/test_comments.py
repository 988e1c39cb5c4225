"""Comments on Jira that ask for links: in wiki markup and documents, from Cloud and Data Center."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.jira import Jira
from connectors.jira.webhook.comment_text import plain_lines
from sync_service.domain.trackers.comment_commands import parse_lines
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
PART = issue(without=("updated", "labels", "created", "creator", "reporter"))


def comment(body: object = "/okr KR-1", **fields: Any) -> Json:
    """Make a comment of Ana's as webhooks hold it."""
    address = f"{SITE}/rest/api/2/issue/20012/comment/700"
    plain = {"self": address, "id": "700", "author": ANA, "updateAuthor": ANA, "created": MADE, "updated": MADE}
    return plain | {"body": body} | fields


def read(post: WebhookRequest) -> list[Observation]:
    """Read a delivery without a token."""
    return [*Jira().parse_delivery(post, connection()).observations]


def seen(post: WebhookRequest) -> CommentSeen:
    """Read a delivery that is about one comment."""
    (found,) = (one for one in read(post) if isinstance(one, CommentSeen))
    return found


def paragraph(*content: Json) -> Json:
    """Make a paragraph of a document."""
    return {"type": "paragraph", "content": list(content)}


def words(text: str, *marks: str) -> Json:
    """Make text of a document."""
    return {"type": "text", "text": text, "marks": [{"type": mark} for mark in marks]}


def block(kind: str, *content: Json) -> Json:
    """Make a node of a document that holds others."""
    return {"type": kind, "content": list(content)}


def test_a_comment_on_cloud_is_its_authors_with_a_part_of_the_issue() -> None:
    """As Cloud sends it: without a user."""
    assert seen(delivery("comment_created", comment=comment(), issue=PART, user=None)) == CommentSeen(
        identity="20012",
        key="SHOP-12",
        scope=ScopeRef("10000", "SHOP"),
        id="700",
        author=Account(ANA["accountId"], "Ana Ruiz"),
        at=AT,
        wants=("KR-1",),
    )


def test_who_changes_a_comment_asks() -> None:
    """At the time of the change."""
    changed = comment(updated=CHANGED, updateAuthor=BO)
    found = seen(delivery("comment_updated", comment=changed, issue=PART))
    assert (found.author, found.edited) == (Account("bo", "Bo Lind"), True)
    assert found.at == AT + timedelta(seconds=59.75)


@pytest.mark.parametrize("event", ["comment_updated", "comment_deleted"])
def test_a_changed_or_deleted_comment_is_told_of_whatever_it_says_now(event: str) -> None:
    """Jira does not tell what it asked for before."""
    found = seen(delivery(event, comment=comment("Never mind"), issue=PART))
    assert (found.wants, found.gone) == (None, event == "comment_deleted")


def test_data_center_tells_the_same_of_a_comment_twice() -> None:
    """Alone, by the issue's id in its address, and with the issue; the second brings the issue too."""
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


def test_a_comment_with_a_part_of_an_updated_issue_is_read_too() -> None:
    """Beside the look that the part asks for."""
    found = read(delivery("jira:issue_updated", comment=comment(), issue=PART))
    assert [type(one) for one in found] == [FetchNeeded, CommentSeen]


def test_a_comment_that_asks_for_nothing_is_ignored() -> None:
    """And with an updated issue it is not even mentioned."""
    said = comment("I like /okr KR-1")
    assert read(delivery("comment_created", comment=said, issue=PART)) == [Ignored("the comment asks for no links")]
    assert [type(one) for one in read(delivery("jira:issue_updated", comment=said, issue=issue()))] == [Snapshot]


@pytest.mark.parametrize("address", [None, "https://acme.atlassian.net/rest/api/2/comment/700", 7])
def test_a_comment_on_nobody_knows_which_issue_is_ignored(address: object) -> None:
    """With the reason."""
    (found,) = read(delivery("comment_created", comment=comment(self=address)))
    assert found == Ignored("the delivery does not say which issue the comment is on")


def test_a_comment_without_an_id_or_a_time_can_not_be_read() -> None:
    """A time is the delivery's own where the comment has none."""
    with pytest.raises(Rejected, match="the comment's id"):
        read(delivery("comment_created", comment=comment(id=None), issue=PART))
    bare = comment(created=None, updated=None)
    assert seen(delivery("comment_created", comment=bare, issue=PART)).at.year == 2026
    with pytest.raises(Rejected, match="time of the comment"):
        read(delivery("comment_created", comment=bare, issue=PART, timestamp=None))


@pytest.mark.parametrize(
    ("body", "wants"),
    [
        ("/okr KR-1", ("KR-1",)),
        ("Sure:\r\n  /OKR KR-1, KR\\-2\r\nThanks", ("KR-1", "KR-2")),
        ("/okr none", ()),
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
def test_only_lines_that_people_read_as_text_ask(body: object, wants: tuple[str, ...] | None) -> None:
    """Quotes, code, lists and what is not shown count for nothing."""
    assert parse_lines(plain_lines(body)) == wants


def test_a_document_that_is_nested_too_deep_ends_somewhere() -> None:
    """And a text full of openings does not take long."""
    node = paragraph(words("/okr KR-1"))
    for _ in range(500):
        node = block("panel", node)
    assert parse_lines(plain_lines(node)) is None
    assert parse_lines(plain_lines("{code:" * 100_000)) is None
