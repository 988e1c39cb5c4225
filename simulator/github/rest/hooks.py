"""Calls about the webhooks of repositories, organisations and apps.

https://docs.github.com/en/rest/webhooks/repos
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from werkzeug.wrappers import Request, Response

from simulator.github.json.hooks import config_json, hook_json
from simulator.github.model.accounts import User
from simulator.github.model.app import App
from simulator.github.model.hooks import Hook
from simulator.github.model.repository import Repository
from simulator.github.rest.apps import app_route
from simulator.github.rest.request.pagination import paginate
from simulator.github.rest.request.permissions import Level, Right
from simulator.github.rest.request.problems import done, problem
from simulator.github.rest.request.repository_routes import Views, organization_route, repository_route
from simulator.github.state import GitHubState
from simulator.rest_server import json_response

_MOST_HOOKS, _MOST_HOOKS_OF_GHES = 20, 250
_SETTINGS = {"url", "content_type", "secret", "insecure_ssl"}


def views(hub: GitHubState) -> Views:
    """Return the calls about hooks."""

    def of(repo: Repository | User) -> list[Hook]:
        return [hook for hook in hub.hooks if hook.app_id is None and (hook.repository or hook.owner) is repo]

    def listed(request: Request, repo: Repository | User) -> Response:
        shown, headers = paginate(of(repo), hub.api_url + request.path.removeprefix(hub.api_path), request)
        return json_response([hook_json(hook) for hook in shown], headers=headers)

    def create(request: Request, repo: Repository | User) -> Response:
        payload = request.get_json(force=True)
        config = payload.get("config", {})
        if not config.get("url") or set(config) - _SETTINGS:
            return problem(422)
        events = tuple(payload.get("events", ["push"]))
        if any(hook.url == config["url"] and set(hook.events) & set(events) for hook in of(repo)):
            return problem(422, "Hook already exists on this repository")
        most = _MOST_HOOKS_OF_GHES if hub.ghes else _MOST_HOOKS
        if any(sum(hook.wants(event) for hook in of(repo)) >= most for event in events):
            return problem(422, f"The event cannot have more than {most} hooks")
        hook = hub.add_hook(
            repo if isinstance(repo, Repository) else None,
            url=config["url"],
            secret=config.get("secret", ""),
            content_type=config.get("content_type", "form"),
            events=events,
        )
        hook.active = payload.get("active", True)
        return json_response(hook_json(hook), status=201)

    return {
        **repository_route(hub, "GET", "/hooks", listed, needs=_repository_right("read")),
        **repository_route(hub, "POST", "/hooks", create, needs=_repository_right("write")),
        **organization_route(hub, "GET", "/hooks", listed, needs=_organization_right("read")),
        **organization_route(hub, "POST", "/hooks", create, needs=_organization_right("write")),
        **hook_route(hub, "GET", "", lambda _request, hook: json_response(hook_json(hook))),
        **hook_route(hub, "PATCH", "", partial(_change, hub)),
        **hook_route(hub, "DELETE", "", lambda _request, hook: _after(lambda: hub.remove_hook(hook))),
        **hook_route(hub, "POST", "/pings", lambda _request, hook: _after(lambda: hub.ping(hook))),
        **hook_route(hub, "GET", "/config", lambda _request, hook: json_response(config_json(hook))),
        **hook_route(hub, "PATCH", "/config", _change_config),
        ("GET", "/app/hook/config"): app_hook_route(hub, lambda _request, hook: json_response(config_json(hook))),
        ("PATCH", "/app/hook/config"): app_hook_route(hub, _change_config),
    }


def hook_route(hub: GitHubState, method: str, suffix: str, view: Callable[..., Response]) -> Views:
    """Answer a path under a repository's or an organisation's hook."""

    def found(request: Request, repo: Repository | User, hook_id: int, **path_args: object) -> Response:
        hook = next((each for each in hub.hooks if each.id == hook_id and each.app_id is None), None)
        if hook is None or (hook.repository or hook.owner) is not repo:
            return problem(404)
        return view(request, hook, **path_args)

    level: Level = "read" if method == "GET" else "write"
    path = f"/hooks/<int:hook_id>{suffix}"
    return {
        **repository_route(hub, method, path, found, needs=_repository_right(level)),
        **organization_route(hub, method, path, found, needs=_organization_right(level)),
    }


def app_hook_route(hub: GitHubState, view: Callable[..., Response]) -> Callable[..., Response]:
    """Answer a call of an app about its hook."""

    def found(request: Request, app: App, **path_args: object) -> Response:
        return problem(404) if app.hook is None else view(request, app.hook, **path_args)

    return app_route(hub, found)


def _change(hub: GitHubState, request: Request, hook: Hook) -> Response:
    payload = request.get_json(force=True)
    if "config" in payload:  # replaces all settings, so an absent secret is removed
        if not payload["config"].get("url"):
            return problem(422)
        hook.secret, hook.content_type = "", "form"
        _configure(hook, payload["config"])
    events = payload.get("events", list(hook.events))
    events += [event for event in payload.get("add_events", []) if event not in events]
    hook.events = tuple(event for event in events if event not in payload.get("remove_events", []))
    hook.active = payload.get("active", hook.active)
    hook.updated = hub.clock()
    return json_response(hook_json(hook))


def _change_config(request: Request, hook: Hook) -> Response:
    payload = request.get_json(force=True)
    if set(payload) - _SETTINGS:
        return problem(422)
    _configure(hook, payload)
    return json_response(config_json(hook))


def _configure(hook: Hook, config: dict[str, Any]) -> None:
    hook.url = config.get("url", hook.url)
    hook.secret = config.get("secret", hook.secret)
    hook.content_type = config.get("content_type", hook.content_type)


def _after(act: Callable[[], None]) -> Response:
    act()
    return done()


def _repository_right(level: Level) -> tuple[Right, ...]:
    return (("repository_hooks", level),)


def _organization_right(level: Level) -> tuple[Right, ...]:
    return (("organization_hooks", level),)
