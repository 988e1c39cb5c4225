"""Webhooks of the simulated GitHub: who is told, and how a message is signed and addressed.

The rules are those of https://docs.github.com/en/webhooks/webhook-events-and-payloads and
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

from simulator.delivery import Parcel
from simulator.github.repository import Repository

ContentType = Literal["json", "form"]


@dataclass(eq=False, kw_only=True)
class Hook:
    """A registered webhook. Without `repository` it belongs to the organisation; `*` in `events` means all.

    `secret` may be changed: what is sent from then on is signed with the new one.
    """

    id: int
    url: str
    secret: str
    content_type: ContentType
    events: tuple[str, ...]
    repository: Repository | None
    owner_id: int
    created: datetime

    def wants(self, event: str, repository: Repository | None) -> bool:
        """Say whether it is told of an event in a repository; a ping it always is."""
        return (self.repository in (None, repository)) and ("*" in self.events or event in self.events)

    @property
    def target(self) -> tuple[str, int]:
        """Kind and id of what it is installed on."""
        return ("organization", self.owner_id) if self.repository is None else ("repository", self.repository.id)


def signatures(secret: str, body: bytes) -> dict[str, str]:
    """Sign a raw body as GitHub does; no secret, no signature."""
    if not secret:
        return {}
    key = secret.encode()
    return {
        "X-Hub-Signature": f"sha1={hmac.new(key, body, hashlib.sha1).hexdigest()}",
        "X-Hub-Signature-256": f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}",
    }


def parcel(hook: Hook, *, event: str, guid: str, text: str, message: Mapping[str, Any]) -> Parcel:
    """Wrap one message, whose JSON is `text`, for one hook."""
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
    return Parcel(
        id=guid,
        hook_id=hook.id,
        name=name,
        url=hook.url,
        headers=headers,
        body=body,
        sign=lambda: signatures(hook.secret, body),
    )
