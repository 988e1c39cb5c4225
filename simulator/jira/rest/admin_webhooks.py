"""Calls about the webhooks of administrators, at the path and in the JSON form of each version.

Cloud, and Data Center before 10, have one path, Data Center from 10 on has another. No response holds a secret.
https://developer.atlassian.com/cloud/jira/platform/webhooks/
https://developer.atlassian.com/server/jira/platform/webhooks/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Request, Response

from simulator.jira.admin_webhooks import Hook
from simulator.jira.json import Json
from simulator.jira.query.evaluate import Matcher
from simulator.jira.query.jql import JqlError, parse
from simulator.jira.rest.problems import problem
from simulator.jira.site import JiraSite
from simulator.rest_server import View, json_response

OLDER = "/rest/webhooks/1.0/webhook"
NEWER = "/rest/jira-webhook/1.0/webhooks"
_FILTER = "issue-related-events-section"


def views(site: JiraSite) -> Mapping[tuple[str, str], View]:
    """Return the calls; those of another version answer 404."""
    calls: dict[tuple[str, str], View] = {}
    for path in (OLDER, NEWER):
        calls["GET", path] = _view(site, path, _list)
        calls["POST", path] = _view(site, path, _make)
        calls["PUT", f"{path}/<int:hook_id>"] = _view(site, path, _change)
        calls["DELETE", f"{path}/<int:hook_id>"] = _view(site, path, _remove)
    return calls


def base_path(site: JiraSite) -> str:
    """Return the base path of these calls on a site."""
    return NEWER if site.data_center and int(site.version.partition(".")[0]) >= 10 else OLDER


def _view(site: JiraSite, path: str, answer: Callable[..., Response]) -> View:
    def view(request: Request, **path_args: int) -> Response:
        if path != base_path(site):
            return problem(404, "null for uri")
        if not site.is_admin:
            return problem(403, "You do not have permission to see or change webhooks: it takes Administer Jira.")
        found = [hook for hook in site.hooks if hook.id == path_args.get("hook_id")]
        if path_args and not found:
            return problem(404, "The webhook does not exist.")
        try:
            return answer(site, request, *found)
        except (BadRequest, JqlError, ValueError, TypeError, KeyError) as error:
            return problem(400, f"The webhook is not valid: {error}")

    return view


def _list(site: JiraSite, _request: Request) -> Response:
    with site.reading():
        return json_response([body_of(site, hook) for hook in site.hooks])


def _make(site: JiraSite, request: Request) -> Response:
    settings = _read_settings(site, request)
    hook = site.add_hook(url=settings["url"])
    _set(site, hook, settings)
    return json_response(body_of(site, hook), status=201)


def _change(site: JiraSite, request: Request, hook: Hook) -> Response:
    _set(site, hook, _read_settings(site, request))
    return json_response(body_of(site, hook))


def _remove(site: JiraSite, _request: Request, hook: Hook) -> Response:
    site.remove_hook(hook)
    return Response(status=204)


def _read_settings(site: JiraSite, request: Request) -> dict[str, Any]:
    """Read the settings of a webhook; raise for invalid ones."""
    payload = request.get_json()
    newer = base_path(site) == NEWER
    configuration_ = payload.get("configuration", {}) if newer else payload
    settings = {
        "name": payload["name"],
        "url": payload["url"],
        "events": payload["events"],
        "enabled": payload.get("active" if newer else "enabled", True),
        # Unknown fields are ignored: Data Center 10 takes the secret only from the configuration.
        "secret": configuration_.get("SECRET" if newer else "secret"),
        "jql": "" if newer else payload.get("filters", {}).get(_FILTER, ""),
    }
    if not all(isinstance(settings[name], str) for name in ("name", "url", "jql")) or not isinstance(
        payload["events"], list
    ):
        raise TypeError("name, url, events")
    unknown = sorted(set(settings["events"]) & site.unknown_events)
    if unknown:
        raise ValueError(f"unknown events {', '.join(unknown)}")
    Matcher(site, parse(settings["jql"]).where)
    return settings


def _set(site: JiraSite, hook: Hook, settings: Mapping[str, Any]) -> None:
    """Apply settings; without a secret the former one stays."""
    with site.changing():
        hook.name, hook.url, hook.events = settings["name"], settings["url"], tuple(settings["events"])
        hook.enabled, hook.jql, hook.projects = settings["enabled"], settings["jql"], ()
        if settings["secret"] and site.knows_secrets:
            hook.secret = settings["secret"]


def body_of(site: JiraSite, hook: Hook) -> Json:
    """Write a webhook in the form of the site's version."""
    name, events = hook.name or f"webhook {hook.id}", list(hook.events)
    if base_path(site) == NEWER:
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
