"""Webhooks of the simulated Jira: who is told, and how a message is signed and addressed.

Cloud: https://developer.atlassian.com/cloud/jira/platform/webhooks/. Data Center:
https://confluence.atlassian.com/adminjiraserver/managing-webhooks-938846912.html.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.clock import Clock
from simulator.delivery import Parcel, Retries
from simulator.jira.dynamic import DynamicHook
from simulator.jira.jql import parse
from simulator.jira.matching import Matcher

if TYPE_CHECKING:
    from simulator.jira.issue import Issue

_RETRIED = frozenset({408, 409, 425, 429, *range(500, 600)})


@dataclass(eq=False, kw_only=True)
class Hook:
    """A webhook that an admin registered. Empty `projects` and `jql`, and `*` in `events`, mean all.

    `secret` may be changed: what is sent from then on is signed with the new one.
    """

    id: int
    url: str
    secret: str
    events: tuple[str, ...]
    projects: tuple[str, ...]
    jql: str = ""
    name: str = ""
    enabled: bool = True

    def wants(self, event: str, issue: Issue) -> bool:
        """Say whether it is told of an event; filters see the issue as it is after the change."""
        project = issue.project
        if (
            not self.enabled
            or not {"*", event} & {*self.events}
            or (self.projects and project.key not in self.projects)
        ):
            return False
        return not self.jql or Matcher(project.site, parse(self.jql).where).takes(issue)


def real_retry_delay() -> float:
    """Give the seconds that Jira Cloud lets pass before it tries again: 5 to 15 minutes."""
    return random.uniform(300, 900)  # noqa: S311  a pause, not a secret


def retry_by_hand() -> None:
    """Let a delivery wait until `Courier.retry_now`."""


def cloud_retries(delay: Callable[[], float | None]) -> Retries:
    """Give the rule by which Jira Cloud tries again: up to five times, on these statuses or no answer."""
    return Retries(statuses=_RETRIED, limit=5, header="X-Atlassian-Webhook-Retry", delay=delay)


def signature(secret: str, body: bytes) -> str:
    """Sign a raw body as Jira does."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def cloud_parcel(hook: Hook, *, event: str, body: bytes, flow: str) -> Parcel:
    """Wrap one message for one hook of Jira Cloud; its identifier stays the same across retries."""
    identifier = str(uuid.uuid4())
    headers = {
        "Content-Type": "application/json; charset=UTF-8",
        "User-Agent": "Atlassian Webhook HTTP Client",
        "X-Atlassian-Webhook-Identifier": identifier,
        "X-Atlassian-Webhook-Flow": flow,
    }
    return _parcel(hook, event=event, identifier=identifier, headers=headers, body=body, header="X-Hub-Signature")


def dynamic_parcel(hook: DynamicHook, *, event: str, body: bytes, flow: str, clock: Clock) -> Parcel:
    """Wrap one message for one webhook of an app: no signature, but a bearer token by the app's secret."""
    identifier = str(uuid.uuid4())
    headers = {
        "Content-Type": "application/json; charset=UTF-8",
        "User-Agent": "Atlassian Webhook HTTP Client",
        "X-Atlassian-Webhook-Identifier": identifier,
        "X-Atlassian-Webhook-Flow": flow,
    }
    return Parcel(
        id=identifier,
        hook_id=hook.id,
        name=event,
        url=hook.url,
        headers=headers,
        body=body,
        sign=lambda: hook.proof(clock()),
    )


def data_center_parcel(hook: Hook, *, event: str, body: bytes) -> Parcel:
    """Wrap one message for one hook of Jira Data Center, which sends no identifier; the log has one all the same."""
    headers = {"Content-Type": "application/json; charset=UTF-8", "User-Agent": "Atlassian HttpClient"}
    identifier = str(uuid.uuid4())
    return _parcel(hook, event=event, identifier=identifier, headers=headers, body=body, header="x-hub-signature")


def _parcel(hook: Hook, *, event: str, identifier: str, headers: Mapping[str, str], body: bytes, header: str) -> Parcel:
    return Parcel(
        id=identifier,
        hook_id=hook.id,
        name=event,
        url=hook.url,
        headers=headers,
        body=body,
        sign=lambda: {header: signature(hook.secret, body)} if hook.secret else {},
    )
