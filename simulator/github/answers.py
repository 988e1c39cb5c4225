"""What the simulated GitHub answers to REST calls.

The rules are those of https://docs.github.com/en/rest/issues/issues#get-an-issue and
https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.github.bodies import Body, moment, repository_answer, user
from simulator.github.pull_request import PullRequest
from simulator.github.repository import Repository
from simulator.github.work import issue_answer, pull_request_body
from simulator.pages import no_page, page
from simulator.rest import View, json_answer

if TYPE_CHECKING:
    from simulator.github.hub import GitHub

VERSIONS = ("2022-11-28", "2026-03-10")
"""The API versions that GitHub knows; the first is meant when a request names none."""

_QUOTA = 5000
_DOCUMENTATION = "https://docs.github.com/rest"
_MESSAGES = {
    301: "Moved Permanently",
    400: "Bad Request",
    401: "Bad credentials",
    403: "Forbidden",
    404: "Not Found",
    410: "This issue was deleted",
    429: "API rate limit exceeded",
    500: "Server Error",
}


def problem(status: int, message: str = "") -> Response:
    """Answer an error as GitHub words it."""
    text = message or _MESSAGES.get(status, "Error")
    return json_answer(
        {"message": text, "documentation_url": _DOCUMENTATION, "status": str(status)}, status=status, headers=_quota(0)
    )


def admit(hub: GitHub, request: Request) -> Response | None:
    """Refuse who has no name, no right token, or asks for an unknown version of the API."""
    if not request.headers.get("User-Agent"):
        return problem(403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent")
    if request.headers.get("X-GitHub-Api-Version", VERSIONS[0]) not in VERSIONS:
        return problem(400, f"API version is not one of {', '.join(VERSIONS)}")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        return problem(401, "Requires authentication")
    if scheme.lower() not in ("bearer", "token") or token != hub.token:
        return problem(401)
    return None


def views(hub: GitHub) -> Mapping[tuple[str, str], View]:
    """Give the calls that are answered."""

    def named(request: Request, owner: str, repo: str, number: int) -> Response:
        with hub.reading():
            place = _named(hub, owner, repo)
            if isinstance(place, Repository) and place.name.casefold() != repo.casefold():
                part = request.path.rsplit("/", 2)[1]
                return _moved(f"{hub.url}/repositories/{place.id}/{part}/{number}")
            return _work(request, place, number)

    def numbered(request: Request, id_: int, number: int) -> Response:
        with hub.reading():
            return _work(request, _numbered(hub, id_), number)

    def place_named(_request: Request, owner: str, repo: str) -> Response:
        with hub.reading():
            place = _named(hub, owner, repo)
            if place is not None and place.name.casefold() != repo.casefold():
                return _moved(f"{hub.url}/repositories/{place.id}")
            return _place(place)

    def place_numbered(_request: Request, id_: int) -> Response:
        with hub.reading():
            return _place(_numbered(hub, id_))

    def me(_request: Request) -> Response:
        with hub.reading():
            return json_answer(_me(hub), headers=_quota())

    def rate_limit(_request: Request) -> Response:
        core = {"limit": _QUOTA, "remaining": _QUOTA, "used": 0, "reset": int(hub.clock().timestamp()) + 3600}
        search = {**core, "limit": 30, "remaining": 30}
        resources = {"core": core, "search": search}
        return json_answer({"resources": resources, "rate": core}, headers=_quota())

    return {
        ("GET", "/repos/<owner>/<repo>/issues/<int:number>"): named,
        ("GET", "/repos/<owner>/<repo>/pulls/<int:number>"): named,
        ("GET", "/repositories/<int:id_>/issues/<int:number>"): numbered,
        ("GET", "/repositories/<int:id_>/pulls/<int:number>"): numbered,
        ("GET", "/repos/<owner>/<repo>"): place_named,
        ("GET", "/repositories/<int:id_>"): place_numbered,
        ("GET", "/user"): me,
        ("GET", "/rate_limit"): rate_limit,
    }


def pages(hub: GitHub) -> Mapping[str, View]:
    """Give the pages for people: one for each issue and pull request."""

    def shown(_request: Request, owner: str, repo: str, number: int) -> Response:
        with hub.reading():
            place = _named(hub, owner, repo)
            found = None if place is None else place.issues.get(number)
            if found is None:
                return no_page()
            lines = {
                "State": " ".join(filter(None, (found.state, found.state_reason))),
                "Labels": ", ".join(label.name for label in found.labels),
                "Assignees": ", ".join(account.login for account in found.assignees),
                "Milestone": found.milestone.title if found.milestone else "",
            }
            return page(f"{found.title} · {found.repository.full_name}#{found.number}", lines)

    return {"/<owner>/<repo>/issues/<int:number>": shown, "/<owner>/<repo>/pull/<int:number>": shown}


def _named(hub: GitHub, owner: str, name: str) -> Repository | None:
    if owner.casefold() != hub.owner.login.casefold():
        return None
    for repository in hub.repositories:
        if repository.name.casefold() == name.casefold():
            return repository
    former = [each for each in hub.repositories if name.casefold() in map(str.casefold, each.former_names)]
    return former[0] if former else None


def _numbered(hub: GitHub, id_: int) -> Repository | None:
    return next((each for each in hub.repositories if each.id == id_), None)


def _place(place: Repository | None) -> Response:
    if place is None or not place.visible:
        return problem(404)
    return json_answer(repository_answer(place), headers=_quota())


def _work(request: Request, place: Repository | None, number: int) -> Response:
    if place is None or not place.visible:
        return problem(404)
    found = place.issues.get(number)
    if found is None:
        return _gone(place, number)
    if "/pulls/" in request.path:
        if not isinstance(found, PullRequest):
            return problem(404)
        body = pull_request_body(found)
    else:
        body = issue_answer(found)
    if request.headers.get("X-GitHub-Api-Version") == VERSIONS[1]:
        body = _without_old_fields(body)
    return json_answer(body, headers=_quota())


def _gone(place: Repository, number: int) -> Response:
    if number not in place.gone:
        return problem(404)
    target = place.gone[number]
    if target is None:
        return problem(410)
    return _moved(f"{place.hub.url}/repositories/{target.repository.id}/issues/{target.number}")


def _moved(location: str) -> Response:
    body = {"message": _MESSAGES[301], "url": location, "documentation_url": _DOCUMENTATION}
    return json_answer(body, status=301, headers={"Location": location, **_quota()})


def _without_old_fields(body: Body) -> Body:
    return {name: value for name, value in body.items() if name not in ("assignee", "merge_commit_sha")}


def _me(hub: GitHub) -> Body:
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    texts = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio", "twitter_username"))
    since = moment(hub.clock())
    return {**user(hub.actor, hub.url), **counts, **texts, "blog": "", "created_at": since, "updated_at": since}


def _quota(remaining: int = _QUOTA) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(_QUOTA),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-used": str(_QUOTA - remaining),
        "x-ratelimit-resource": "core",
    }
