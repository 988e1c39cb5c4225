"""Repositories, and the call by which a connection is tried: who am I."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.github.bodies import Body, moment, repository_answer, user
from simulator.github.planning import User
from simulator.github.rest.callers import caller
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

    return {
        **at_repository(hub, "GET", "", one),
        ("GET", "/user"): me,
    }


def _me(account: User, hub: GitHub) -> Body:
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    texts = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio", "twitter_username"))
    since = moment(hub.started)
    return {**user(account, hub.site), **counts, **texts, "blog": "", "created_at": since, "updated_at": since}
