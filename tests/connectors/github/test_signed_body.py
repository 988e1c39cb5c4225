"""What was signed is what is read: headers, which GitHub does not sign, change neither form nor subject of a body."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.github import GitHub
from connectors.github.webhook.events import parsed_events
from connectors.github.webhook.signed_body import json_of
from sync_service.domain.trackers.connector import Rejected, WebhookRequest
from sync_service.domain.trackers.observations import Ignored, Observation
from tests.connectors.github.octokit_schemas import GITHUB_COM, FieldSelection, described
from tests.connectors.github.payloads import CONNECTION, as_form, closed, delivery, issue

CONTENT_TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "APPLICATION/X-WWW-Form-Urlencoded;x=y",
    "",
    "a",
)


def read(body: bytes, event: str = "issues", **headers: str) -> tuple[Observation, ...]:
    """Return the observations of a body with this event and other headers."""
    post = WebhookRequest({"x-github-event": event, **headers}, body)
    return GitHub().parse_delivery(post, CONNECTION).observations


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_the_signed_bytes_decide_the_form_of_a_body(content_type: str) -> None:
    """A JSON body is read as JSON and a form as a form, whatever the header says."""
    post = delivery("issues", "closed", issue=closed("completed"))
    expected = read(post.body)
    assert read(post.body, **{"content-type": content_type}) == expected
    assert read(as_form(post).body, **{"content-type": content_type}) == expected


@pytest.mark.parametrize("inserted", ["&payload=", "x&payload=", "\n&payload=", "payload="])
def test_a_form_inside_the_text_of_an_issue_is_only_text(inserted: str) -> None:
    """Whoever may write a title could otherwise choose what is read."""
    forged = {"action": "deleted", "issue": issue(number=99), "repository": {"id": 1, "full_name": "acme/other"}}
    post = delivery("issues", "edited", issue=issue(title="Pay" + inserted + urlencode({"": json.dumps(forged)})[1:]))
    for content_type in CONTENT_TYPES:
        (seen,) = read(post.body, **{"content-type": content_type})
        assert getattr(seen, "identity", None) == "8001#12"


@pytest.mark.parametrize(
    "body", [b"payload=%7B%7D&payload=%7B%7D", b"payload=%7B%7D&a=b", b"payload={}=", b"a=b&payload={}"]
)
def test_a_form_that_is_not_as_github_writes_it_is_refused(body: bytes) -> None:
    """GitHub's form has the one field `payload`."""
    with pytest.raises(Rejected):
        read(body)


def test_a_form_may_hold_any_text() -> None:
    """It is encoded like every form."""
    text = json.dumps({"title": "50 % + más & less = 'payload=' \u2028"}, ensure_ascii=False)
    assert json_of(urlencode({"payload": text}).encode()).decode() == text


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the event and a body of every delivery in GitHub's description, as GitHub sends it."""
    for one in described(GITHUB_COM):
        event = one.name.partition(".")[0]
        body = one.make(FieldSelection.WHOLE)
        if not event.startswith("installation"):
            body["installation"] = {"id": 1, "node_id": "x"}  # in deliveries of an app
        yield event, body


@pytest.mark.slow
def test_a_body_is_read_only_as_the_event_that_it_was_signed_for() -> None:
    """Every body of GitHub's description under every other event's name is refused or ignored."""
    passed = []
    for event, body in bodies():
        for other in parsed_events() - {event}:
            try:
                found = read(json.dumps(body).encode(), other)
            except Rejected:
                continue
            if not all(isinstance(one, Ignored) for one in found):
                passed.append((other, event, body.get("action")))
    assert passed == []


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ("organization", {"action": "deleted", "repository": {"id": 1, "full_name": "a/b"}}),
        ("repository", {"action": "deleted", "repository": {"id": 1, "full_name": "a/b"}, "starred_at": None}),
        ("issues", {"action": "deleted", "issue": issue(), "comment": {"id": 1}}),
    ],
)
def test_a_deleted_thing_can_not_pass_for_another_one(event: str, body: dict[str, Any]) -> None:
    """Deletions are final, so each must be what was signed."""
    whole = {"organization": {"login": "acme"}, "sender": {"login": "ana", "id": 1}, **body}
    with pytest.raises(Rejected, match="the body is about"):
        read(json.dumps(whole).encode(), event)
