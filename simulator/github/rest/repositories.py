"""Calls about repositories, and about the caller."""

from __future__ import annotations

from werkzeug.wrappers import Request, Response

from simulator.github.json.common import Json, moment, repository_details_json, repository_json, user_json
from simulator.github.model.accounts import User
from simulator.github.model.repository import Repository
from simulator.github.rest.request.pagination import paginate
from simulator.github.rest.request.permissions import caller
from simulator.github.rest.request.problems import problem
from simulator.github.rest.request.repository_routes import Views, repository_route
from simulator.github.rest.request.versions import for_api_version
from simulator.github.state import GitHubState
from simulator.rest_server import json_response


def views(hub: GitHubState) -> Views:
    """Return the calls about repositories and about the caller."""

    def one(request: Request, repo: Repository) -> Response:
        return json_response(for_api_version(request, repository_details_json(repo)))

    def me(request: Request) -> Response:
        if caller(request).installation is not None:
            return problem(403, caller(request).refusal)
        with hub.reading():
            return json_response(_me(caller(request).user, hub))

    def mine(request: Request) -> Response:
        """List what the caller can see: https://docs.github.com/en/rest/repos/repos#list-repositories-for-the-authenticated-user."""
        who = caller(request)
        if who.installation is not None:
            return problem(403, who.refusal)
        with hub.reading():
            seen = [repo for repo in hub.repositories if who.can_see(repo)]
            shown, headers = paginate(seen, f"{hub.api_url}/user/repos", request)
            return json_response([repository_json(repo) for repo in shown], headers=headers)

    return {
        **repository_route(hub, "GET", "", one),
        ("GET", "/user"): me,
        ("GET", "/user/repos"): mine,
    }


def _me(account: User, hub: GitHubState) -> Json:
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    texts = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio", "twitter_username"))
    since = moment(hub.started)
    return {**user_json(account, hub.site), **counts, **texts, "blog": "", "created_at": since, "updated_at": since}
