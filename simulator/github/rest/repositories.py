"""Repositories, and the call by which a connection is tried: who am I."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.github.bodies import Body, moment, repository, repository_answer, user
from simulator.github.planning import User
from simulator.github.rest.callers import caller
from simulator.github.rest.paging import page_of
from simulator.github.rest.places import Views, at_repository
from simulator.github.rest.problems import problem
from simulator.github.rest.versions import dated
from simulator.rest import json_answer

if TYPE_CHECKING:
    from simulator.github.hub import GitHub
    from simulator.github.repository import Repository


def views(hub: GitHub) -> Views:
    """Give the calls about repositories and about the caller."""

    def one(request: Request, place: Repository) -> Response:
        return json_answer(dated(request, repository_answer(place)))

    def me(request: Request) -> Response:
        if caller(request).installation is not None:
            return problem(403, caller(request).refusal)
        with hub.reading():
            return json_answer(_me(caller(request).user, hub))

    def mine(request: Request) -> Response:
        """List what the caller sees: https://docs.github.com/en/rest/repos/repos#list-repositories-for-the-authenticated-user."""
        who = caller(request)
        if who.installation is not None:
            return problem(403, who.refusal)
        with hub.reading():
            seen = [place for place in hub.repositories if who.sees(place)]
            shown, headers = page_of(seen, f"{hub.api_url}/user/repos", request)
            return json_answer([repository(place) for place in shown], headers=headers)

    return {
        **at_repository(hub, "GET", "", one),
        ("GET", "/user"): me,
        ("GET", "/user/repos"): mine,
    }


def _me(account: User, hub: GitHub) -> Body:
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    texts = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio", "twitter_username"))
    since = moment(hub.started)
    return {**user(account, hub.site), **counts, **texts, "blog": "", "created_at": since, "updated_at": since}
