"""Webhooks that admins register: their filters, and the headers, body and signature of a request.

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

from simulator.jira.model.issue import Issue
from simulator.jira.query.evaluate import Matcher, QuerySite
from simulator.jira.query.jql import parse
from simulator.webhook_delivery import RetryPolicy, WebhookRequest

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

    def wants(self, event: str, issue: Issue, site: QuerySite) -> bool:
        """Return whether it gets an event; filters see the issue as it is after the change."""
        project = issue.project
        if (
            not self.enabled
            or not {"*", event} & {*self.events}
            or (self.projects and project.key not in self.projects)
        ):
            return False
        return not self.jql or Matcher(site, parse(self.jql).where).matches(issue)


def real_retry_delay() -> float:
    """Return a retry delay of Jira Cloud in seconds: 5 to 15 minutes."""
    return random.uniform(300, 900)  # noqa: S311  a pause, not a secret


def retry_by_hand() -> None:
    """Make a delivery wait until `WebhookSender.retry_now`."""


def cloud_retry_policy(delay: Callable[[], float | None]) -> RetryPolicy:
    """Return the retry policy of Jira Cloud: up to five times, on these statuses or without an answer."""
    return RetryPolicy(statuses=_RETRIED, limit=5, header="X-Atlassian-Webhook-Retry", delay=delay)


def signature(secret: str, body: bytes) -> str:
    """Sign a raw body as Jira does."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def cloud_request(hook: Hook, *, event: str, body: bytes, flow: str) -> WebhookRequest:
    """Return the request that carries one message to one hook of Jira Cloud; retries keep its identifier."""
    identifier = str(uuid.uuid4())
    headers = {
        "Content-Type": "application/json; charset=UTF-8",
        "User-Agent": "Atlassian Webhook HTTP Client",
        "X-Atlassian-Webhook-Identifier": identifier,
        "X-Atlassian-Webhook-Flow": flow,
    }
    return _request(hook, event=event, identifier=identifier, headers=headers, body=body, header="X-Hub-Signature")


def data_center_request(hook: Hook, *, event: str, body: bytes) -> WebhookRequest:
    """Return the request to one hook of Jira Data Center, which sends no identifier; our log has one."""
    headers = {"Content-Type": "application/json; charset=UTF-8", "User-Agent": "Atlassian HttpClient"}
    identifier = str(uuid.uuid4())
    return _request(hook, event=event, identifier=identifier, headers=headers, body=body, header="x-hub-signature")


def _request(
    hook: Hook, *, event: str, identifier: str, headers: Mapping[str, str], body: bytes, header: str
) -> WebhookRequest:
    return WebhookRequest(
        id=identifier,
        hook_id=hook.id,
        name=event,
        url=hook.url,
        headers=headers,
        body=body,
        sign=lambda: {header: signature(hook.secret, body)} if hook.secret else {},
    )
