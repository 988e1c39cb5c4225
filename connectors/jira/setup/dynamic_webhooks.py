"""Dynamic webhooks of an OAuth app: register, refresh before they expire, and read back to check.

They expire thirty days after they were registered or refreshed. A refresh ignores unknown ids without an error, so only
a list afterwards shows which webhooks exist. They are signed with the app's client secret.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-webhooks/
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from connectors.jira.api.client import JiraClient
from connectors.jira.api.rate_limits import error_text
from connectors.jira.setup.webhook_filter import is_project_key, project_filter, projects_in_filter
from connectors.json_fields import Json, exact_text, identifier, json_objects, json_texts, text, timestamp
from connectors.paging import rows_by_page
from connectors.responses import Response
from sync_service.domain.trackers.capabilities import TaskResult
from sync_service.domain.trackers.connector import Rejected
from sync_service.domain.trackers.observations import ScopeRef

TASK_NAME = "webhooks"

INTERVAL = timedelta(days=1)

REFRESH_BEFORE = timedelta(days=23)
"""A webhook that expires sooner is refreshed: a week after it was registered, and daily while that fails."""

EVENTS = ("jira:issue_created", "jira:issue_updated", "jira:issue_deleted")
COMMENTS = ("comment_created", "comment_updated", "comment_deleted")
SPRINT_AND_VERSION_EVENTS = (
    "jira:version_released",
    "jira:version_unreleased",
    "jira:version_updated",
    "jira:version_deleted",
    "sprint_created",
    "sprint_updated",
    "sprint_started",
    "sprint_closed",
    "sprint_deleted",
)
"""Events that not every Jira sends to an app."""

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
        """Return whether it passes the issues of these projects, and of no others."""
        return projects_in_filter(self.jql) == frozenset(key.casefold() for key in keys)


_NOTHING_WATCHED = TaskResult(outcome="the connection watches no project, so there is no webhook")


class _NotPermitted(Exception):
    """The OAuth token may not read or change webhooks."""


def ensure_webhook(calls: JiraClient, *, scopes: Sequence[ScopeRef], memory: str | None) -> TaskResult:
    """Register or refresh one webhook for the scopes.

    Once it exists, remove webhooks that we registered for other scopes. `memory` has the ids that we registered.
    """
    keys = sorted(scope.name for scope in scopes if is_project_key(scope.name))
    before = _stored_ids(memory)
    try:
        hooks = _listed(calls)
        former = [one.id for one in hooks if one.id in before and not one.is_for(keys)]
        active, ran = _ensure_active(calls, keys, hooks) if keys else ([], _NOTHING_WATCHED)
        if keys and not active:
            return replace(ran, memory=memory)
        _remove(calls, former)
        return replace(ran, memory=_memory(active))
    except _NotPermitted as error:
        outcome = f"the OAuth token does not cover webhooks (manage:jira-webhook), so none is registered: {error}"
        return TaskResult(outcome=outcome, memory=memory)
    except Rejected as error:
        return TaskResult(outcome=f"{error}; will retry", memory=memory, next_run_in=_SOON)


def _ensure_active(calls: JiraClient, keys: Sequence[str], hooks: Sequence[_Hook]) -> tuple[list[_Hook], TaskResult]:
    """Register a webhook for the projects, or refresh it if it expires soon; return it as Jira lists it."""
    matching = [one for one in hooks if one.is_for(keys) and one.events >= set(EVENTS)]
    made = [] if matching else [_register(calls, project_filter(keys))]
    refreshed = _refresh(calls, matching)
    active = [one for one in _listed(calls) if one.is_for(keys)] if made or refreshed else matching
    if not active:
        return [], TaskResult(outcome="Jira lists no webhook after it was registered; will retry", next_run_in=_SOON)
    until = max(one.until for one in active)
    if refreshed and until - calls.http.now() < REFRESH_BEFORE:
        outcome = f"Jira did not refresh the webhook, which expires {until:%Y-%m-%d}; will retry"
        return active, TaskResult(outcome=outcome, next_run_in=_SOON)
    done = "registered" if made else "refreshed" if refreshed else "registered earlier"
    return active, TaskResult(outcome=f"{done}, for {', '.join(keys)[:200]}, until {until:%Y-%m-%d}")


def _stored_ids(memory: str | None) -> set[int]:
    return set(json.loads(memory)) if memory else set()


def _memory(hooks: Iterable[_Hook]) -> str:
    return json.dumps(sorted(one.id for one in hooks))


def _listed(calls: JiraClient) -> list[_Hook]:
    """List the webhooks that the app registered with this user's token; Jira lists no others."""

    def page_from(_page: int, start: int) -> tuple[Sequence[Json], bool]:
        page = _successful(calls, calls.send("GET", "/webhook", params={"startAt": str(start)})).object()
        return json_objects(page.get("values")), not page.get("isLast", True)

    return [one for row in rows_by_page(page_from, most_pages=_MOST_PAGES) if (one := _hook(row))]


def _hook(row: Json) -> _Hook | None:
    id_ = identifier(row.get("id"))
    until = timestamp(row.get("expirationDate")) or datetime.min.replace(tzinfo=UTC)
    named = frozenset(json_texts(row.get("events")))
    return _Hook(int(id_), exact_text(row.get("jqlFilter"), _LONGEST_FILTER) or "", named, until) if id_ else None


def _register(calls: JiraClient, jql: str) -> int:
    """Register a webhook for all events that we read, or without those that this Jira does not know; return its id."""
    problem = ""
    for events in ((*EVENTS, *COMMENTS, *SPRINT_AND_VERSION_EVENTS), (*EVENTS, *COMMENTS)):
        wanted = {"url": calls.connection.hook_url, "webhooks": [{"events": list(events), "jqlFilter": jql}]}
        reply = calls.send("POST", "/webhook", json=wanted)
        if reply.status == 400:
            problem = error_text(reply) or "400"
            continue
        results = json_objects(_successful(calls, reply).object().get("webhookRegistrationResult"))
        made = next((id_ for one in results if (id_ := identifier(one.get("createdWebhookId")))), None)
        if made:
            return int(made)
        errors = [words for one in results for each in json_texts(one.get("errors")) if (words := text(each, 200))]
        problem = "; ".join(errors) or "without a reason"
    raise Rejected(f"Jira does not register the webhook: {problem}")


def _refresh(calls: JiraClient, hooks: Sequence[_Hook]) -> bool:
    """Extend webhooks that expire soon by thirty days; return whether there were any."""
    ending = [one.id for one in hooks if one.until - calls.http.now() < REFRESH_BEFORE]
    if ending:
        _successful(calls, calls.send("PUT", "/webhook/refresh", json={"webhookIds": ending}))
    return bool(ending)


def _remove(calls: JiraClient, ids: Sequence[int]) -> None:
    if ids:
        _successful(calls, calls.send("DELETE", "/webhook", json={"webhookIds": list(ids)}))


def _successful(calls: JiraClient, reply: Response) -> Response:
    # Atlassian's gateway answers 401 when the token lacks a scope; if it is invalid, the next poll finds out.
    if reply.status in (401, 403):
        raise _NotPermitted(error_text(reply) or str(reply.status))
    calls.raise_for_response(reply)
    return reply
