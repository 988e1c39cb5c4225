"""The simulated GitHub: its state, served by the REST API."""

from collections.abc import Mapping

from werkzeug.wrappers import Request, Response

from simulator.github.rest import endpoints
from simulator.github.state import GitHubState
from simulator.rest_server import View


class GitHub(GitHubState):
    """A GitHub that runs on loopback; see `GitHubState` for its arguments."""

    def _views(self) -> Mapping[tuple[str, str], View]:
        return endpoints.views(self)

    def _pages(self) -> Mapping[str, View]:
        return endpoints.pages(self)

    def _forms(self) -> Mapping[str, View]:
        return endpoints.forms(self)

    def _admit(self, request: Request) -> Response | None:
        return endpoints.admit(self, request)

    def _problem(self, status: int) -> Response:
        return endpoints.fault(status)

    def _finish(self, request: Request, response: Response) -> Response:
        return endpoints.finish(self, request, super()._finish(request, response))
