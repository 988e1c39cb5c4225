"""The simulated Jira: its site, served by the REST API."""

from collections.abc import Mapping

from werkzeug.wrappers import Request, Response

from simulator.jira.rest import endpoints
from simulator.jira.rest.problems import problem
from simulator.jira.site import JiraSite
from simulator.rest_server import View


class Jira(JiraSite):
    """A Jira that runs on loopback, as Cloud or as Data Center; see `JiraSite` for its arguments."""

    def _views(self) -> Mapping[tuple[str, str], View]:
        return endpoints.views(self)

    def _pages(self) -> Mapping[str, View]:
        return endpoints.pages(self)

    def _admit(self, request: Request) -> Response | None:
        return endpoints.admit(self, request) or self._limited(request)

    def _limited(self, request: Request) -> Response | None:
        refusal = self.limits.check(request)
        if refusal is None:
            return None
        response = problem(429)
        response.headers.extend(refusal.headers)
        return response

    def _finish(self, request: Request, response: Response) -> Response:
        self.limits.show(response)
        if self.names_callers and not self.token_expired and response.status_code != 401:
            name, value = ("X-AUSERNAME", self.bot.name) if self.data_center else ("X-AACCOUNTID", self.bot.account_id)
            response.headers[name] = value
        return super()._finish(request, response)

    def _problem(self, status: int) -> Response:
        return problem(status)
