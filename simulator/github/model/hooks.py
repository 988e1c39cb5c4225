"""Registered webhooks of the simulated GitHub: their events, and the headers, body and signature of a request.

The rules are those of https://docs.github.com/en/webhooks/webhook-events-and-payloads and
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

from simulator.github.model.accounts import User
from simulator.github.model.host import RepositoryIdentity
from simulator.webhook_delivery import WebhookRequest

ContentType = Literal["json", "form"]


@dataclass(eq=False, kw_only=True)
class Hook:
    """A registered webhook: of a repository, or of the organisation `owner`, or of an app; `*` in `events` means all.

    The installations of an app decide which events its hook gets. `api_url` is the root of the REST API.
    `secret` may be changed: what is sent from then on is signed with the new one.
    """

    id: int
    api_url: str
    url: str
    secret: str
    content_type: ContentType
    events: tuple[str, ...]
    repository: RepositoryIdentity | None
    owner: User
    created: datetime
    updated: datetime | None = None
    active: bool = True
    app_id: int | None = None

    def wants(self, event: str) -> bool:
        """Return whether it wants an event at all."""
        return self.active and (self.app_id is not None or "*" in self.events or event in self.events)

    def covers(self, repository: RepositoryIdentity) -> bool:
        """Return whether a repository is its own, or its organisation's."""
        return self.repository is repository if self.repository is not None else self.owner == repository.owner

    @property
    def target(self) -> tuple[str, int]:
        """Kind and id of what it is installed on."""
        if self.app_id is not None:
            return ("integration", self.app_id)
        return ("organization", self.owner.id) if self.repository is None else ("repository", self.repository.id)


def signatures(secret: str, body: bytes) -> dict[str, str]:
    """Sign a raw body as GitHub does; no secret, no signature."""
    if not secret:
        return {}
    key = secret.encode()
    return {
        "X-Hub-Signature": f"sha1={hmac.new(key, body, hashlib.sha1).hexdigest()}",
        "X-Hub-Signature-256": f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}",
    }


def webhook_request(
    hook: Hook, *, event: str, guid: str, text: str, message: Mapping[str, Any], sent: datetime | None = None
) -> WebhookRequest:
    """Return the request that carries one message, whose JSON is `text`, to one hook; `sent` is the tracker's time."""
    if hook.content_type == "form":
        body, content_type = urlencode({"payload": text}).encode(), "application/x-www-form-urlencoded"
    else:
        body, content_type = text.encode(), "application/json"
    kind, target = hook.target
    headers = {
        "Accept": "*/*",
        "Content-Type": content_type,
        "User-Agent": "GitHub-Hookshot/51a7d0c",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(target),
        "X-GitHub-Hook-Installation-Target-Type": kind,
    }
    name = f"{event}.{message['action']}" if "action" in message else event
    return WebhookRequest(
        id=guid,
        hook_id=hook.id,
        name=name,
        url=hook.url,
        headers=headers,
        body=body,
        sign=lambda: signatures(hook.secret, body),
        sent=sent,
    )
