"""Whose credential it is (https://docs.github.com/en/rest/users/users#get-the-authenticated-user)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.github.bodies import user
from simulator.github.rest.callers import caller
from simulator.github.rest.problems import problem
from simulator.rest import json_answer

if TYPE_CHECKING:
    from simulator.github.hub import GitHub
    from simulator.github.rest.places import Views


def views(hub: GitHub) -> Views:
    """Give the call; an installation of an app is no user."""

    def shown(request: Request) -> Response:
        with hub.reading():
            who = caller(request)
            if who.installation is not None:
                return problem(403, "Resource not accessible by integration")
            return json_answer(user(who.user, hub.site))

    return {("GET", "/user"): shown}
