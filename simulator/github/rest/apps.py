"""What an app may ask about itself, and the tokens of its installations (https://docs.github.com/en/rest/apps/apps)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from simulator.github.app_bodies import app_body, installation_body
from simulator.github.bodies import Body, moment, repository
from simulator.github.rest.callers import Caller, caller
from simulator.github.rest.credentials import SUSPENDED
from simulator.github.rest.paging import page_of
from simulator.github.rest.places import Views, access
from simulator.github.rest.problems import done, problem
from simulator.github.tokens import LIFE, InstallationToken, new_text
from simulator.rest import View, json_answer

if TYPE_CHECKING:
    from simulator.github.app import App, Installation
    from simulator.github.hub import GitHub

_MOST_REPOSITORIES = 500
_FORM = "X-GitHub-Stateless-S2S-Token"
_NO_PERMISSION = "The permissions requested are not granted to this installation."
_NO_REPOSITORY = "There is at least one repository that does not exist or is not accessible to the parent installation."
_LEVELS = ("read", "write", "admin")


def as_app(hub: GitHub, view: Callable[..., Response]) -> View:
    """Answer a call that only an app makes; `view` takes the request, the app and the parts of the path."""

    def answer(request: Request, **parts: object) -> Response:
        with access(hub, request):
            app = caller(request).app
            return problem(404) if app is None else view(request, app, **parts)

    return answer


def views(hub: GitHub) -> Views:
    """Give the calls about apps and installations."""

    def at_installation(view: Callable[[Request, Installation], Response]) -> View:
        def found(request: Request, app: App, id_: int) -> Response:
            installation = next((each for each in app.installations if each.id == id_), None)
            return problem(404) if installation is None else view(request, installation)

        return as_app(hub, found)

    one = "/app/installations/<int:id_>"
    return {
        ("GET", "/app"): as_app(hub, _about_itself),
        ("GET", "/app/installations"): as_app(hub, _installations),
        ("GET", one): at_installation(lambda _request, found: json_answer(installation_body(found))),
        ("DELETE", one): at_installation(lambda _request, found: _after(found.delete)),
        ("PUT", f"{one}/suspended"): at_installation(lambda _request, found: _after(found.suspend)),
        ("DELETE", f"{one}/suspended"): at_installation(lambda _request, found: _after(found.unsuspend)),
        ("POST", f"{one}/access_tokens"): at_installation(_mint),
        ("GET", "/installation/repositories"): lambda request: _repositories(hub, request),
    }


def _about_itself(_request: Request, app: App) -> Response:
    return json_answer({**app_body(app), "installations_count": len(app.installations)})


def _installations(request: Request, app: App) -> Response:
    shown, headers = page_of(app.installations, f"{app.hub.api_url}/app/installations", request)
    return json_answer([installation_body(each) for each in shown], headers=headers)


def _after(act: Callable[[], None]) -> Response:
    act()
    return done()


def _mint(request: Request, installation: Installation) -> Response:
    if installation.suspended is not None:
        return problem(403, SUSPENDED)
    asked = (request.get_json(silent=True) if request.data else None) or {}
    chosen = _chosen(asked, installation)
    if isinstance(chosen, Response):
        return chosen
    permissions: Mapping[str, str] = asked.get("permissions") or installation.permissions
    if not all(_grants(installation.permissions, name, level) for name, level in permissions.items()):
        return problem(422, _NO_PERMISSION)
    hub, app = installation.app.hub, installation.app
    form = request.headers.get(_FORM)
    token = InstallationToken(
        text=new_text(app.id, long=app.long_tokens if form is None else form == "enabled"),
        installation=installation,
        permissions={"metadata": "read", **permissions},
        repositories=chosen,
        expires=(hub.clock() + LIFE).replace(microsecond=0),
        refusals=app.token_lag,
    )
    hub.installation_tokens[token.text] = token
    answer: Body = {
        "token": token.text,
        "expires_at": moment(token.expires),
        "permissions": dict(token.permissions),
        "repository_selection": installation.selection if chosen is None else "selected",
    }
    if chosen is not None:
        answer["repositories"] = [repository(place) for place in installation.repositories if place.id in chosen]
    return json_answer(answer, status=201)


def _chosen(asked: Mapping[str, Any], installation: Installation) -> frozenset[int] | Response | None:
    """Give the ids of the repositories that a token is asked for, None for all, or a refusal."""
    names, ids = asked.get("repositories", []), asked.get("repository_ids", [])
    if len(names) + len(ids) > _MOST_REPOSITORIES:
        return problem(422)
    by_name = {place.name.casefold(): place.id for place in installation.repositories}
    wanted = {by_name.get(str(name).casefold()) for name in names} | set(ids)
    if not wanted <= set(by_name.values()):
        return problem(422, _NO_REPOSITORY)
    return frozenset(id_ for id_ in wanted if id_ is not None) or None


def _grants(granted: Mapping[str, str], name: str, level: str) -> bool:
    held = granted.get(name)
    return held in _LEVELS and level in _LEVELS[: _LEVELS.index(held) + 1]


def _repositories(hub: GitHub, request: Request) -> Response:
    with access(hub, request):
        who: Caller = caller(request)
        if who.installation is None:
            return problem(403, "You must authenticate with an installation access token in order to list repositories")
        visible = [place for place in hub.repositories if who.sees(place)]
        shown, headers = page_of(visible, f"{hub.api_url}/installation/repositories", request)
        answer = {
            "total_count": len(visible),
            "repository_selection": who.installation.selection,
            "repositories": [repository(place) for place in shown],
        }
        return json_answer(answer, headers=headers)
