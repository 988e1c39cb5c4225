"""Webhooks that OAuth apps register by calls: filtered by JQL, verified by a bearer token, and dead after thirty days.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-webhooks/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt

from simulator.jira.jql import Clause, Condition, JqlError, parse
from simulator.jira.matching import Matcher, conditions

if TYPE_CHECKING:
    from simulator.jira.issue import Issue
    from simulator.jira.site import Jira

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
class DynamicHook:
    """A webhook that an app registered. One of a private app whose owner did not consent is told nothing."""

    id: int
    caller: Caller
    url: str
    events: tuple[str, ...]
    jql: str
    where: Clause | None
    expires: datetime

    def wants(self, event: str, issue: Issue, now: datetime) -> bool:
        """Say whether it is told of an event; the filter sees the issue as it is after the change."""
        if now >= self.expires or event not in self.events or not self.caller.is_owner:
            return False
        return Matcher(issue.project.site, self.where).takes(issue)

    def proof(self, now: datetime) -> Mapping[str, str]:
        """Give the header that proves who sends: signed by the app's secret, with claims that Atlassian leaves open."""
        seconds = int(now.timestamp())
        claims = {"iss": self.caller.client_id, "iat": seconds, "exp": seconds + 180}
        return {"Authorization": f"Bearer {jwt.encode(claims, self.caller.secret, 'HS256')}"}

    def body(self) -> dict[str, Any]:
        """Write it as a list of webhooks shows it."""
        expires = int(self.expires.timestamp() * 1000)
        shown = {"id": self.id, "url": self.url, "events": list(self.events), "jqlFilter": self.jql}
        return {**shown, "expirationDate": expires}


class DynamicHooks:
    """The webhooks that apps registered on one site."""

    def __init__(self, site: Jira) -> None:
        self._site = site
        self._hooks: dict[int, DynamicHook] = {}

    def of(self, caller: Caller) -> list[DynamicHook]:
        """Give the living ones of an app."""
        now = self._site.clock()
        return [one for one in self._hooks.values() if one.caller.client_id == caller.client_id and now < one.expires]

    def wanting(self, event: str, issue: Issue) -> Iterator[DynamicHook]:
        """Give those that are told of an event."""
        now = self._site.clock()
        yield from (hook for hook in self._hooks.values() if hook.wants(event, issue, now))

    def register(self, caller: Caller, url: str, wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Register webhooks; give for each its id or what is wrong with it."""
        return [self._registered(caller, url, one) for one in wanted]

    def refresh(self, caller: Caller, ids: Sequence[int]) -> datetime:
        """Let webhooks live for thirty days from now; ids of none are passed over in silence."""
        until = self._site.clock() + LIFE
        for hook in self.of(caller):
            if hook.id in ids:
                hook.expires = until
        return until

    def remove(self, caller: Caller, ids: Sequence[int]) -> None:
        """Tell these nothing any more."""
        for hook in self.of(caller):
            if hook.id in ids:
                del self._hooks[hook.id]

    def _registered(self, caller: Caller, url: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        events, jql = wanted.get("events"), wanted.get("jqlFilter")
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
        hook = DynamicHook(
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


def with_matches(message: bytes, hook: DynamicHook) -> bytes:
    """Add to a message which webhooks it is for, as only those made by calls are told."""
    return json.dumps({**json.loads(message), "matchedWebhookIds": [hook.id]}, ensure_ascii=False).encode()


def _filter(site: Jira, jql: str) -> Clause | None:
    """Read a filter, of which only a part of JQL is allowed."""
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
