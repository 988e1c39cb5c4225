"""The call that takes GraphQL queries (https://docs.github.com/en/graphql/guides/forming-calls-with-graphql)."""

from __future__ import annotations

from werkzeug.wrappers import Request, Response

from simulator.github.rest.request.permissions import caller
from simulator.github.rest.request.problems import problem
from simulator.github.rest.request.repository_routes import Views
from simulator.github.state import GitHubState
from simulator.rest_server import json_response


def views(hub: GitHubState) -> Views:
    """Return the one call, which is not under the root of the REST API."""

    def query(request: Request) -> Response:
        body = request.get_json(force=True, silent=True)
        if not isinstance(body, dict):
            return problem(400, "Problems parsing JSON")
        # graphql-core is installed for development only.
        from simulator.github.graphql import execute, objects  # noqa: PLC0415

        with hub.reading():
            context = execute.QueryContext(hub, caller(request))
            answered = execute.answer(context, objects.root(context), body)
        hub.limits.spend(context.caller.bucket, "graphql", context.cost - 1)
        return json_response(answered)

    return {("POST", hub.graphql_path): query}
