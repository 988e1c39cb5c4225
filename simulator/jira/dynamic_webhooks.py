"""Dynamic webhooks, which OAuth apps register: filtered by JQL, signed by a bearer JWT, expired after 30 days.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-webhooks/
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from simulator.clock import Clock
from simulator.jira.model.issue import Issue
from simulator.jira.query.evaluate import Matcher, QuerySite, conditions
from simulator.jira.query.jql import Clause, Condition, JqlError, parse
from simulator.webhook_delivery import WebhookRequest

LIFE = timedelta(days=30)
"""How long a webhook lives after it was registered or refreshed."""

MOST = 5
"""Webhooks of one app and person on a site."""

EVENTS = frozenset(
    {
        *(f"jira:issue_{what}" for what in ("created", "updated", "deleted")),
        *(f"comment_{what}" for what in ("created", "updated", "deleted")),
        *(f"issue_property_{what}" for what in ("set", "deleted")),
        *(f"sprint_{what}" for what in ("created", "updated", "deleted", "started", "closed")),
        *(f"jira:version_{what}" for what in ("created", "updated", "deleted", "released", "unreleased", "moved")),
    }
)
_FIELDS = frozenset({"issuekey", "project", "issuetype", "status", "assignee", "reporter", "priority"})
_OPERATORS = frozenset({"=", "!=", "in", "not in"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The app that calls, as the gateway knows it; `is_owner`: whoever consented also owns the app."""

    client_id: str
    secret: str
    is_owner: bool = True


@dataclass(eq=False, kw_only=True)
class DynamicWebhook:
    """A webhook that an app registered. Without the consent of a private app's owner it gets nothing."""

    id: int
    caller: Caller
    url: str
    events: tuple[str, ...]
    jql: str
    where: Clause | None
    expires: datetime

    def wants(self, event: str, issue: Issue, site: QuerySite) -> bool:
        """Return whether it gets an event; the filter sees the issue as it is after the change."""
        if site.clock() >= self.expires or event not in self.events or not self.caller.is_owner:
            return False
        return Matcher(site, self.where).matches(issue)

    def proof(self, now: datetime) -> Mapping[str, str]:
        """Return the Authorization header: a JWT signed by the app's secret; Atlassian does not document its claims."""
        seconds = int(now.timestamp())
        claims = {"iss": self.caller.client_id, "iat": seconds, "exp": seconds + 180}
        return {"Authorization": f"Bearer {jwt.encode(claims, self.caller.secret, 'HS256')}"}

    def body(self) -> dict[str, Any]:
        """Write it as a list of webhooks shows it."""
        expires = int(self.expires.timestamp() * 1000)
        shown = {"id": self.id, "url": self.url, "events": list(self.events), "jqlFilter": self.jql}
        return {**shown, "expirationDate": expires}


class DynamicWebhooks:
    """The webhooks that apps registered on one site."""

    def __init__(self, site: QuerySite) -> None:
        self._site = site
        self._hooks: dict[int, DynamicWebhook] = {}

    def of(self, caller: Caller) -> list[DynamicWebhook]:
        """Return those of an app that have not expired."""
        now = self._site.clock()
        return [one for one in self._hooks.values() if one.caller.client_id == caller.client_id and now < one.expires]

    def wanting(self, event: str, issue: Issue) -> Iterator[DynamicWebhook]:
        """Yield those that get an event."""
        yield from (hook for hook in self._hooks.values() if hook.wants(event, issue, self._site))

    def register(self, caller: Caller, url: str, requested: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Register webhooks; return for each its id or an error."""
        return [self._registered(caller, url, one) for one in requested]

    def refresh(self, caller: Caller, ids: Sequence[int]) -> datetime:
        """Extend webhooks to 30 days from now; unknown ids are ignored."""
        until = self._site.clock() + LIFE
        for hook in self.of(caller):
            if hook.id in ids:
                hook.expires = until
        return until

    def remove(self, caller: Caller, ids: Sequence[int]) -> None:
        """Remove webhooks."""
        for hook in self.of(caller):
            if hook.id in ids:
                del self._hooks[hook.id]

    def _registered(self, caller: Caller, url: str, requested: Mapping[str, Any]) -> dict[str, Any]:
        events, jql = requested.get("events"), requested.get("jqlFilter")
        living = self.of(caller)
        if len(living) >= MOST:
            return {"errors": [f"The maximum number of webhooks ({MOST}) is registered."]}
        if any(hook.url != url for hook in living):
            return {"errors": ["Only a single URL per app is allowed to be registered."]}
        if not isinstance(events, list) or not events or not set(events) <= EVENTS:
            return {"errors": ["The events are not supported."]}
        try:
            where = _filter(self._site, str(jql or ""))
        except JqlError as error:
            return {"errors": [str(error)]}
        hook = DynamicWebhook(
            id=self._site.new_ids(1),
            caller=caller,
            url=url,
            events=tuple(events),
            jql=str(jql),
            where=where,
            expires=self._site.clock() + LIFE,
        )
        self._hooks[hook.id] = hook
        return {"createdWebhookId": hook.id}


def with_matches(message: bytes, hook: DynamicWebhook) -> bytes:
    """Add `matchedWebhookIds` to a message, which only dynamic webhooks carry."""
    return json.dumps({**json.loads(message), "matchedWebhookIds": [hook.id]}, ensure_ascii=False).encode()


def dynamic_request(hook: DynamicWebhook, *, event: str, body: bytes, flow: str, clock: Clock) -> WebhookRequest:
    """Return the request that carries one message to one webhook of an app: a bearer JWT instead of a signature."""
    identifier = str(uuid.uuid4())
    headers = {
        "Content-Type": "application/json; charset=UTF-8",
        "User-Agent": "Atlassian Webhook HTTP Client",
        "X-Atlassian-Webhook-Identifier": identifier,
        "X-Atlassian-Webhook-Flow": flow,
    }
    return WebhookRequest(
        id=identifier,
        hook_id=hook.id,
        name=event,
        url=hook.url,
        headers=headers,
        body=body,
        sign=lambda: hook.proof(clock()),
    )


def _filter(site: QuerySite, jql: str) -> Clause | None:
    """Parse a filter, which may use only a part of JQL."""
    where = parse(jql).where
    if where is None:
        raise JqlError("The JQL filter is required.")
    for condition in conditions(where):
        if not _is_allowed(condition):
            raise JqlError(f"The JQL filter may not use '{condition.field} {condition.operator}'.")
    Matcher(site, where)
    return where


def _is_allowed(condition: Condition) -> bool:
    name = condition.field.lower()
    return (name in _FIELDS or name.startswith("cf[")) and condition.operator in _OPERATORS
