"""The pages that people see: one for each issue and pull request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.pages import no_page, page
from simulator.rest import View

if TYPE_CHECKING:
    from simulator.github.hub import GitHub


def pages(hub: GitHub) -> Mapping[str, View]:
    """Give the pages by path; they need no credentials."""

    def shown(_request: Request, owner: str, repo: str, number: int) -> Response:
        with hub.reading():
            place = hub.find(owner, repo)
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
