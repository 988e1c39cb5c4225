"""Calls by which administrators list, make, change and remove webhooks, at the address and in the form of each version.

Cloud, and Data Center before 10, have one place for it, Data Center from 10 on another. No answer holds a secret.
https://developer.atlassian.com/cloud/jira/platform/webhooks/
https://developer.atlassian.com/server/jira/platform/webhooks/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Request, Response

from simulator.jira.jql import JqlError, parse
from simulator.jira.matching import Matcher
from simulator.rest import View, json_answer

if TYPE_CHECKING:
    from simulator.jira.bodies import Body
    from simulator.jira.hooks import Hook
    from simulator.jira.site import Jira

OLDER = "/rest/webhooks/1.0/webhook"
NEWER = "/rest/jira-webhook/1.0/webhooks"
_FILTER = "issue-related-events-section"


def views(site: Jira) -> Mapping[tuple[str, str], View]:
    """Give the calls that are answered; those of another version are not there."""
    calls: dict[tuple[str, str], View] = {}
    for place in (OLDER, NEWER):
        calls["GET", place] = _view(site, place, _list)
        calls["POST", place] = _view(site, place, _make)
        calls["PUT", f"{place}/<int:hook_id>"] = _view(site, place, _change)
        calls["DELETE", f"{place}/<int:hook_id>"] = _view(site, place, _remove)
    return calls


def place_of(site: Jira) -> str:
    """Give the address that a site has them at."""
    return NEWER if site.data_center and int(site.version.partition(".")[0]) >= 10 else OLDER


def _view(site: Jira, place: str, answer: Callable[..., Response]) -> View:
    def view(request: Request, **parts: int) -> Response:
        if place != place_of(site):
            return _problem(404, "null for uri")
        if not site.is_admin:
            return _problem(403, "You do not have permission to see or change webhooks: it takes Administer Jira.")
        found = [hook for hook in site.hooks if hook.id == parts.get("hook_id")]
        if parts and not found:
            return _problem(404, "The webhook does not exist.")
        try:
            return answer(site, request, *found)
        except (BadRequest, JqlError, ValueError, TypeError, KeyError) as error:
            return _problem(400, f"The webhook is not valid: {error}")

    return view


def _list(site: Jira, _request: Request) -> Response:
    with site.reading():
        return json_answer([body_of(site, hook) for hook in site.hooks])


def _make(site: Jira, request: Request) -> Response:
    wanted = _wanted(site, request)
    hook = site.add_hook(url=wanted["url"])
    _set(site, hook, wanted)
    return json_answer(body_of(site, hook), status=201)


def _change(site: Jira, request: Request, hook: Hook) -> Response:
    _set(site, hook, _wanted(site, request))
    return json_answer(body_of(site, hook))


def _remove(site: Jira, _request: Request, hook: Hook) -> Response:
    site.remove_hook(hook)
    return Response(status=204)


def _wanted(site: Jira, request: Request) -> dict[str, Any]:
    """Read what a webhook is to be like; raise where it can't be."""
    asked = request.get_json()
    newer = place_of(site) == NEWER
    told = asked.get("configuration", {}) if newer else asked
    wanted = {
        "name": asked["name"],
        "url": asked["url"],
        "events": asked["events"],
        "enabled": asked.get("active" if newer else "enabled", True),
        # What an address does not know is passed over: Data Center 10 takes no secret but that of the configuration.
        "secret": told.get("SECRET" if newer else "secret"),
        "jql": "" if newer else asked.get("filters", {}).get(_FILTER, ""),
    }
    if not all(isinstance(wanted[name], str) for name in ("name", "url", "jql")) or not isinstance(
        asked["events"], list
    ):
        raise TypeError("name, url, events")
    unknown = sorted(set(wanted["events"]) & site.unknown_events)
    if unknown:
        raise ValueError(f"unknown events {', '.join(unknown)}")
    Matcher(site, parse(wanted["jql"]).where)
    return wanted


def _set(site: Jira, hook: Hook, wanted: Mapping[str, Any]) -> None:
    """Write it; a secret that is left out stays."""
    with site.changing():
        hook.name, hook.url, hook.events = wanted["name"], wanted["url"], tuple(wanted["events"])
        hook.enabled, hook.jql, hook.projects = wanted["enabled"], wanted["jql"], ()
        if wanted["secret"] and site.knows_secrets:
            hook.secret = wanted["secret"]


def body_of(site: Jira, hook: Hook) -> Body:
    """Write a webhook in the form of the site's version."""
    name, events = hook.name or f"webhook {hook.id}", list(hook.events)
    if place_of(site) == NEWER:
        configuration = {"EXCLUDE_BODY": "false"}
        common = {"id": hook.id, "name": name, "url": hook.url, "events": events, "active": hook.enabled}
        return {**common, "configuration": configuration, "scopeType": "global", "sslVerificationRequired": True}
    jql = hook.jql or (f"project in ({', '.join(hook.projects)})" if hook.projects else "")
    signs = {"isSigned": bool(hook.secret)} if site.knows_secrets else {}
    return {
        "name": name,
        "url": hook.url,
        "excludeBody": False,
        "filters": {_FILTER: jql},
        "events": events,
        "enabled": hook.enabled,
        "self": f"{site.url}{OLDER}/{hook.id}",
        **signs,
    }


def _problem(status: int, message: str) -> Response:
    return json_answer({"errorMessages": [message], "errors": {}}, status=status)
