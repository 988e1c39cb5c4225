"""Hooks of repositories, organisations and apps, made and changed by calls.

https://docs.github.com/en/rest/webhooks/repos
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from simulator.github.hook_bodies import config_body, hook_body
from simulator.github.repository import Repository
from simulator.github.rest.apps import as_app
from simulator.github.rest.callers import Level, Right
from simulator.github.rest.paging import page_of
from simulator.github.rest.places import Views, at_organization, at_repository
from simulator.github.rest.problems import done, problem
from simulator.rest import json_answer

if TYPE_CHECKING:
    from simulator.github.app import App
    from simulator.github.hooks import Hook
    from simulator.github.hub import GitHub
    from simulator.github.planning import User

_MOST_HOOKS, _MOST_HOOKS_OF_GHES = 20, 250
_SETTINGS = {"url", "content_type", "secret", "insecure_ssl"}


def views(hub: GitHub) -> Views:
    """Give the calls about hooks."""

    def of(place: Repository | User) -> list[Hook]:
        return [hook for hook in hub.hooks if hook.app is None and (hook.repository or hook.owner) is place]

    def listed(request: Request, place: Repository | User) -> Response:
        shown, headers = page_of(of(place), hub.api_url + request.path.removeprefix(hub.api_path), request)
        return json_answer([hook_body(hook) for hook in shown], headers=headers)

    def create(request: Request, place: Repository | User) -> Response:
        asked = request.get_json(force=True)
        config = asked.get("config", {})
        if not config.get("url") or set(config) - _SETTINGS:
            return problem(422)
        events = tuple(asked.get("events", ["push"]))
        if any(hook.url == config["url"] and set(hook.events) & set(events) for hook in of(place)):
            return problem(422, "Hook already exists on this repository")
        most = _MOST_HOOKS_OF_GHES if hub.ghes else _MOST_HOOKS
        if any(sum(hook.hears(event) for hook in of(place)) >= most for event in events):
            return problem(422, f"The event cannot have more than {most} hooks")
        hook = hub.add_hook(
            place if isinstance(place, Repository) else None,
            url=config["url"],
            secret=config.get("secret", ""),
            content_type=config.get("content_type", "form"),
            events=events,
        )
        hook.active = asked.get("active", True)
        return json_answer(hook_body(hook), status=201)

    return {
        **at_repository(hub, "GET", "/hooks", listed, needs=_repository_right("read")),
        **at_repository(hub, "POST", "/hooks", create, needs=_repository_right("write")),
        **at_organization(hub, "GET", "/hooks", listed, needs=_organization_right("read")),
        **at_organization(hub, "POST", "/hooks", create, needs=_organization_right("write")),
        **at_hook(hub, "GET", "", lambda _request, hook: json_answer(hook_body(hook))),
        **at_hook(hub, "PATCH", "", partial(_change, hub)),
        **at_hook(hub, "DELETE", "", lambda _request, hook: _after(lambda: hub.remove_hook(hook))),
        **at_hook(hub, "POST", "/pings", lambda _request, hook: _after(lambda: hub.ping(hook))),
        **at_hook(hub, "GET", "/config", lambda _request, hook: json_answer(config_body(hook))),
        **at_hook(hub, "PATCH", "/config", _change_config),
        ("GET", "/app/hook/config"): of_app(hub, lambda _request, hook: json_answer(config_body(hook))),
        ("PATCH", "/app/hook/config"): of_app(hub, _change_config),
    }


def at_hook(hub: GitHub, method: str, suffix: str, view: Callable[..., Response]) -> Views:
    """Answer a path under a repository's or an organisation's hook."""

    def found(request: Request, place: Repository | User, hook_id: int, **parts: object) -> Response:
        hook = next((each for each in hub.hooks if each.id == hook_id and each.app is None), None)
        if hook is None or (hook.repository or hook.owner) is not place:
            return problem(404)
        return view(request, hook, **parts)

    level: Level = "read" if method == "GET" else "write"
    path = f"/hooks/<int:hook_id>{suffix}"
    return {
        **at_repository(hub, method, path, found, needs=_repository_right(level)),
        **at_organization(hub, method, path, found, needs=_organization_right(level)),
    }


def of_app(hub: GitHub, view: Callable[..., Response]) -> Callable[..., Response]:
    """Answer a call of an app about its hook."""

    def found(request: Request, app: App, **parts: object) -> Response:
        return problem(404) if app.hook is None else view(request, app.hook, **parts)

    return as_app(hub, found)


def _change(hub: GitHub, request: Request, hook: Hook) -> Response:
    asked = request.get_json(force=True)
    if "config" in asked:  # replaces all settings, so a secret that is not given again is gone
        if not asked["config"].get("url"):
            return problem(422)
        hook.secret, hook.content_type = "", "form"
        _configure(hook, asked["config"])
    events = asked.get("events", list(hook.events))
    events += [event for event in asked.get("add_events", []) if event not in events]
    hook.events = tuple(event for event in events if event not in asked.get("remove_events", []))
    hook.active = asked.get("active", hook.active)
    hook.updated = hub.clock()
    return json_answer(hook_body(hook))


def _change_config(request: Request, hook: Hook) -> Response:
    asked = request.get_json(force=True)
    if set(asked) - _SETTINGS:
        return problem(422)
    _configure(hook, asked)
    return json_answer(config_body(hook))


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
