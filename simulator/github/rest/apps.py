"""Calls of an app about itself, and the tokens of its installations (https://docs.github.com/en/rest/apps/apps)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from werkzeug.wrappers import Request, Response

from simulator.github.json.apps import app_json, installation_json
from simulator.github.json.common import Json, moment, repository_json
from simulator.github.model.app import App, Installation
from simulator.github.rest.request.authentication import SUSPENDED
from simulator.github.rest.request.pagination import paginate
from simulator.github.rest.request.permissions import Caller, caller
from simulator.github.rest.request.problems import done, problem
from simulator.github.rest.request.repository_routes import Views, access
from simulator.github.state import GitHubState
from simulator.github.tokens import LIFETIME, InstallationToken, make_token_text
from simulator.rest_server import View, json_response

_MOST_REPOSITORIES = 500
_FORM = "X-GitHub-Stateless-S2S-Token"
_NO_PERMISSION = "The permissions requested are not granted to this installation."
_NO_REPOSITORY = "There is at least one repository that does not exist or is not accessible to the parent installation."
_LEVELS = ("read", "write", "admin")


def app_route(hub: GitHubState, view: Callable[..., Response]) -> View:
    """Answer a call that only an app makes; `view` takes the request, the app and the parameters of the path."""

    def answer(request: Request, **path_args: object) -> Response:
        with access(hub, request):
            app = caller(request).app
            return problem(404) if app is None else view(request, app, **path_args)

    return answer


def views(hub: GitHubState) -> Views:
    """Return the calls about apps and installations."""

    def at_installation(view: Callable[[Request, Installation], Response]) -> View:
        def found(request: Request, app: App, id_: int) -> Response:
            installation = next((each for each in app.installations if each.id == id_), None)
            return problem(404) if installation is None else view(request, installation)

        return app_route(hub, found)

    one = "/app/installations/<int:id_>"
    return {
        ("GET", "/app"): app_route(hub, _about_itself),
        ("GET", "/app/installations"): app_route(hub, _installations),
        ("GET", one): at_installation(lambda _request, found: json_response(installation_json(found))),
        ("DELETE", one): at_installation(lambda _request, found: _after(found.delete)),
        ("PUT", f"{one}/suspended"): at_installation(lambda _request, found: _after(found.suspend)),
        ("DELETE", f"{one}/suspended"): at_installation(lambda _request, found: _after(found.unsuspend)),
        ("POST", f"{one}/access_tokens"): at_installation(partial(_create_token, hub)),
        ("GET", "/installation/repositories"): lambda request: _repositories(hub, request),
    }


def _about_itself(_request: Request, app: App) -> Response:
    return json_response({**app_json(app), "installations_count": len(app.installations)})


def _installations(request: Request, app: App) -> Response:
    shown, headers = paginate(app.installations, f"{app.hub.api_url}/app/installations", request)
    return json_response([installation_json(each) for each in shown], headers=headers)


def _after(act: Callable[[], None]) -> Response:
    act()
    return done()


def _create_token(hub: GitHubState, request: Request, installation: Installation) -> Response:
    if installation.suspended is not None:
        return problem(403, SUSPENDED)
    payload = (request.get_json(silent=True) if request.data else None) or {}
    chosen = _chosen(payload, installation)
    if isinstance(chosen, Response):
        return chosen
    permissions: Mapping[str, str] = payload.get("permissions") or installation.permissions
    if not all(_grants(installation.permissions, name, level) for name, level in permissions.items()):
        return problem(422, _NO_PERMISSION)
    app = installation.app
    form = request.headers.get(_FORM)
    token = InstallationToken(
        text=make_token_text(app.id, long=app.long_tokens if form is None else form == "enabled"),
        installation=installation,
        permissions={"metadata": "read", **permissions},
        repositories=chosen,
        expires=(hub.clock() + LIFETIME).replace(microsecond=0),
        refusals=app.token_lag,
    )
    hub.installation_tokens[token.text] = token
    answer: Json = {
        "token": token.text,
        "expires_at": moment(token.expires),
        "permissions": dict(token.permissions),
        "repository_selection": installation.selection if chosen is None else "selected",
    }
    if chosen is not None:
        answer["repositories"] = [repository_json(repo) for repo in installation.repositories if repo.id in chosen]
    return json_response(answer, status=201)


def _chosen(payload: Mapping[str, Any], installation: Installation) -> frozenset[int] | Response | None:
    """Return the ids of the repositories that a token is asked for, None for all, or a refusal."""
    names, ids = payload.get("repositories", []), payload.get("repository_ids", [])
    if len(names) + len(ids) > _MOST_REPOSITORIES:
        return problem(422)
    by_name = {repo.name.casefold(): repo.id for repo in installation.repositories}
    requested = {by_name.get(str(name).casefold()) for name in names} | set(ids)
    if not requested <= set(by_name.values()):
        return problem(422, _NO_REPOSITORY)
    return frozenset(id_ for id_ in requested if id_ is not None) or None


def _grants(granted: Mapping[str, str], name: str, level: str) -> bool:
    granted_level = granted.get(name)
    return granted_level in _LEVELS and level in _LEVELS[: _LEVELS.index(granted_level) + 1]


def _repositories(hub: GitHubState, request: Request) -> Response:
    with access(hub, request):
        who: Caller = caller(request)
        if who.installation is None:
            return problem(403, "You must authenticate with an installation access token in order to list repositories")
        visible = [repo for repo in hub.repositories if who.can_see(repo)]
        shown, headers = paginate(visible, f"{hub.api_url}/installation/repositories", request)
        answer = {
            "total_count": len(visible),
            "repository_selection": who.installation.selection,
            "repositories": [repository_json(repo) for repo in shown],
        }
        return json_response(answer, headers=headers)
