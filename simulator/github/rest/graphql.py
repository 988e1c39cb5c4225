"""Where GraphQL queries come in (https://docs.github.com/en/graphql/guides/forming-calls-with-graphql)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.github.rest.callers import caller
from simulator.github.rest.places import Views
from simulator.github.rest.problems import problem
from simulator.rest import json_answer

if TYPE_CHECKING:
    from simulator.github.hub import GitHub


def views(hub: GitHub) -> Views:
    """Give the one call, which is not under the root of the REST API."""

    def query(request: Request) -> Response:
        body = request.get_json(force=True, silent=True)
        if not isinstance(body, dict):
            return problem(400, "Problems parsing JSON")
        answering = import_module("simulator.github.graph.answering")
        objects = import_module("simulator.github.graph.objects")
        with hub.reading():
            asked = answering.Asked(hub, caller(request))
            answered = answering.answer(asked, objects.root(asked), body)
        hub.limits.spend(asked.caller.allowance, "graphql", asked.cost - 1)
        return json_answer(answered)

    return {("POST", hub.graphql_path): query}
