"""HTML pages: one for each issue and pull request."""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.wrappers import Request, Response

from simulator.github.state import GitHubState
from simulator.html_pages import not_found_page, page
from simulator.rest_server import View


def pages(hub: GitHubState) -> Mapping[str, View]:
    """Return the pages by path; they need no credentials."""

    def shown(_request: Request, owner: str, repo: str, number: int) -> Response:
        with hub.reading():
            repository = hub.find(owner, repo)
            found = None if repository is None else repository.issues.get(number)
            if found is None:
                return not_found_page()
            lines = {
                "State": " ".join(filter(None, (found.state, found.state_reason))),
                "Labels": ", ".join(label.name for label in found.labels),
                "Assignees": ", ".join(account.login for account in found.assignees),
                "Milestone": found.milestone.title if found.milestone else "",
            }
            return page(f"{found.title} · {found.repository.full_name}#{found.number}", lines)

    return {"/<owner>/<repo>/issues/<int:number>": shown, "/<owner>/<repo>/pull/<int:number>": shown}
