"""GitHub webhook payloads for tests: every field that the parser uses, in the documented shapes."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from sync_service.domain.trackers.connector import Connection, WebhookRequest

Json = dict[str, Any]

CONNECTION = Connection(slug="acme-github", site="https://api.github.com", token="ghp_secret")
SECRET = "a long enough secret"

ANA: Json = {"login": "anaruiz", "id": 501, "type": "User"}
BO: Json = {"login": "bo-lind", "id": 502, "type": "User"}
CHECKOUT: Json = {"id": 8001, "name": "checkout", "full_name": "acme/checkout", "default_branch": "main"}
LEDGER: Json = {"id": 8002, "name": "ledger", "full_name": "acme/ledger", "default_branch": "main"}
LABEL: Json = {"id": 9001, "name": "checkout", "color": "d73a4a", "default": False}
MILESTONE: Json = {"id": 9101, "number": 3, "title": "Autumn", "state": "open"}


def issue(repository: Json = CHECKOUT, **changes: Any) -> Json:
    """Return an open issue; `changes` replace its fields."""
    number = changes.get("number", 12)
    name = repository["full_name"]
    return {
        "url": f"https://api.github.com/repos/{name}/issues/{number}",
        "repository_url": f"https://api.github.com/repos/{name}",
        "html_url": f"https://github.com/{name}/issues/{number}",
        "id": 3_387_467_460,
        "number": 12,
        "title": "Pay with one click",
        "user": ANA,
        "labels": [LABEL],
        "state": "open",
        "state_reason": None,
        "assignees": [BO],
        "milestone": MILESTONE,
        "type": {"id": 71, "name": "Feature"},
        "created_at": "2026-10-01T08:00:00Z",
        "updated_at": "2026-10-05T09:30:00Z",
        "closed_at": None,
        "body": "Fewer steps.",
        **changes,
    }


def closed(reason: str | None) -> Json:
    """Return an issue that was closed with `reason`."""
    return issue(
        state="closed", state_reason=reason, closed_at="2026-10-06T10:00:00Z", updated_at="2026-10-06T10:00:01Z"
    )


def pull(repository: Json = CHECKOUT, **changes: Any) -> Json:
    """Return an open pull request; `changes` replace its fields."""
    number = changes.get("number", 14)
    name = repository["full_name"]
    return {
        "url": f"https://api.github.com/repos/{name}/pulls/{number}",
        "html_url": f"https://github.com/{name}/pull/{number}",
        "id": 3_387_467_999,
        "number": 14,
        "title": "Add one-click payment",
        "user": BO,
        "labels": [LABEL],
        "state": "open",
        "draft": False,
        "merged": False,
        "merged_at": None,
        "assignees": [BO],
        "milestone": MILESTONE,
        "base": {"ref": "main", "repo": repository},
        "head": {"ref": "one-click", "repo": repository},
        "created_at": "2026-10-04T08:00:00Z",
        "updated_at": "2026-10-05T11:00:00Z",
        "closed_at": None,
        **changes,
    }


def merged() -> Json:
    """Return a merged pull request."""
    return pull(
        state="closed",
        merged=True,
        merged_at="2026-10-07T12:00:00Z",
        closed_at="2026-10-07T12:00:00Z",
        updated_at="2026-10-07T12:00:02Z",
    )


def delivery(event: str, action: str | None = None, **fields: Any) -> WebhookRequest:
    """Return a JSON delivery of `event`; `fields` are added to the body or replace repository and sender."""
    body: Json = {"repository": CHECKOUT, "sender": ANA, **fields}
    if action:
        body = {"action": action, **body}
    headers = {
        "x-github-event": event,
        "x-github-delivery": "6f1c2f0e-0000-4000-8000-00000000a001",
        "content-type": "application/json",
    }
    return WebhookRequest(headers, json.dumps(body).encode())


def as_form(post: WebhookRequest) -> WebhookRequest:
    """Return the same delivery with the content type `form`."""
    headers = {**post.headers, "content-type": "application/x-www-form-urlencoded"}
    return WebhookRequest(headers, urlencode({"payload": post.body.decode()}).encode())


def signed(post: WebhookRequest, secret: str = SECRET) -> WebhookRequest:
    """Return the delivery with a signature as GitHub makes it."""
    digest = hmac.new(secret.encode(), post.body, hashlib.sha256).hexdigest()
    return WebhookRequest({**post.headers, "x-hub-signature-256": f"sha256={digest}"}, post.body)
