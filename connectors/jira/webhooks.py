"""The webhooks of an OAuth app: registered by a call, kept alive, and read back, since Jira forgets them silently.

They live for thirty days from when they were made or refreshed. Jira ignores ids it does not know in a refresh, so what
is alive is only what a list shows afterwards. They are signed with the app's client secret.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-webhooks/
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from connectors.fields import Json, exact, identifier, moment, rows, text
from connectors.jira.calls import Calls
from connectors.jira.filters import can_be_named, naming, projects_in
from connectors.jira.limits import words_of
from connectors.replies import Reply
from sync_service.domain.abilities import Ran
from sync_service.domain.connectors import Rejected
from sync_service.domain.issues import ScopeRef

ERRAND = "webhooks"

INTERVAL = timedelta(days=1)

LONG_ENOUGH = timedelta(days=23)
"""A webhook that lives for less is refreshed: a week after it was made, and daily where that does not work."""

EVENTS = ("jira:issue_created", "jira:issue_updated", "jira:issue_deleted")
COMMENTS = ("comment_created", "comment_updated", "comment_deleted")
PLANS = ("jira:version_released", "jira:version_unreleased", "jira:version_updated", "jira:version_deleted",
         "sprint_created", "sprint_updated", "sprint_started", "sprint_closed", "sprint_deleted")  # fmt: skip
"""What not every Jira lets an app be told of."""

_SOON = timedelta(hours=1)
_MOST_PAGES = 20
_LONGEST_FILTER = 1_000_000


@dataclass(frozen=True, slots=True)
class _Hook:
    """A registered webhook."""

    id: int
    jql: str
    events: frozenset[str]
    until: datetime

    def is_for(self, keys: Sequence[str]) -> bool:
        """Tell whether it lets through what these projects have, and no others."""
        return projects_in(self.jql) == frozenset(key.casefold() for key in keys)


_NOTHING_WATCHED = Ran(outcome="watches no project, so there is no webhook")


class _NotPermitted(Exception):
    """The consent does not let us see or change webhooks."""


def keep(calls: Calls, *, scopes: Sequence[ScopeRef], memory: str | None) -> Ran:
    """See to it that one living webhook brings the issues of the scopes here.

    Those that we registered for other scopes are removed, once there is one for these. `memory` holds the ids that we
    registered.
    """
    keys = sorted(scope.name for scope in scopes if can_be_named(scope.name))
    before = _remembered(memory)
    try:
        hooks = _listed(calls)
        former = [one.id for one in hooks if one.id in before and not one.is_for(keys)]
        living, ran = _living(calls, keys, hooks) if keys else ([], _NOTHING_WATCHED)
        if keys and not living:
            return replace(ran, memory=memory)
        _remove(calls, former)
        return replace(ran, memory=_memory(living))
    except _NotPermitted as error:
        said = f"the consent does not cover webhooks (manage:jira-webhook), so none is registered: {error}"
        return Ran(outcome=said, memory=memory)
    except Rejected as error:
        return Ran(outcome=f"{error}; it will be tried again", memory=memory, again=_SOON)


def _living(calls: Calls, keys: Sequence[str], hooks: Sequence[_Hook]) -> tuple[list[_Hook], Ran]:
    """Register one for the projects, or refresh it where it does not live for long; give what Jira shows of it."""
    mine = [one for one in hooks if one.is_for(keys) and one.events >= set(EVENTS)]
    made = [] if mine else [_register(calls, naming(keys))]
    refreshed = _refresh(calls, mine)
    living = [one for one in _listed(calls) if one.is_for(keys)] if made or refreshed else mine
    if not living:
        return [], Ran(outcome="Jira shows no webhook after it was registered; it will be tried again", again=_SOON)
    until = max(one.until for one in living)
    if refreshed and until - calls.http.now() < LONG_ENOUGH:
        said = f"Jira did not refresh the webhook, which ends {until:%Y-%m-%d}; it will be tried again"
        return living, Ran(outcome=said, again=_SOON)
    how = "registered" if made else "refreshed" if refreshed else "alive"
    return living, Ran(outcome=f"{how} for {', '.join(keys)[:200]} until {until:%Y-%m-%d}")


def _remembered(memory: str | None) -> set[int]:
    return set(json.loads(memory)) if memory else set()


def _memory(hooks: Iterable[_Hook]) -> str:
    return json.dumps(sorted(one.id for one in hooks))


def _listed(calls: Calls) -> list[_Hook]:
    """List the webhooks of the app and of whoever consented; Jira shows nobody else's."""
    found: list[_Hook] = []
    for _ in range(_MOST_PAGES):
        page = _judged(calls, calls.send("GET", "/webhook", params={"startAt": str(len(found))})).object()
        values = rows(page.get("values"))
        found += [one for row in values if (one := _hook(row))]
        if page.get("isLast", True) or not values:
            break
    return found


def _hook(row: Json) -> _Hook | None:
    id_ = identifier(row.get("id"))
    until = moment(row.get("expirationDate")) or datetime.min.replace(tzinfo=UTC)
    events = row.get("events")
    named = frozenset(one for one in events if isinstance(one, str)) if isinstance(events, list) else frozenset()
    return _Hook(int(id_), exact(row.get("jqlFilter"), _LONGEST_FILTER) or "", named, until) if id_ else None


def _register(calls: Calls, jql: str) -> int:
    """Register a webhook for all that we read, or without what this Jira does not know; give its id."""
    said = ""
    for events in ((*EVENTS, *COMMENTS, *PLANS), (*EVENTS, *COMMENTS)):
        wanted = {"url": calls.connection.hook_url, "webhooks": [{"events": list(events), "jqlFilter": jql}]}
        reply = calls.send("POST", "/webhook", json=wanted)
        if reply.status == 400:
            said = words_of(reply) or "400"
            continue
        results = rows(_judged(calls, reply).object().get("webhookRegistrationResult"))
        made = next((id_ for one in results if (id_ := identifier(one.get("createdWebhookId")))), None)
        if made:
            return int(made)
        errors = [words for one in results for each in one.get("errors") or () if (words := text(each, 200))]
        said = "; ".join(errors) or "without a reason"
    raise Rejected(f"Jira does not register the webhook: {said}")


def _refresh(calls: Calls, hooks: Sequence[_Hook]) -> bool:
    """Let webhooks live for thirty days more that do not live for long; tell whether any was asked for."""
    ending = [one.id for one in hooks if one.until - calls.http.now() < LONG_ENOUGH]
    if ending:
        _judged(calls, calls.send("PUT", "/webhook/refresh", json={"webhookIds": ending}))
    return bool(ending)


def _remove(calls: Calls, ids: Sequence[int]) -> None:
    if ids:
        _judged(calls, calls.send("DELETE", "/webhook", json={"webhookIds": list(ids)}))


def _judged(calls: Calls, reply: Reply) -> Reply:
    # Atlassian's gateway answers 401 where the consent lacks a scope; that the token is dead the next poll finds out.
    if reply.status in (401, 403):
        raise _NotPermitted(words_of(reply) or str(reply.status))
    calls.judge(reply)
    return reply
