"""What issues of the simulated Jira are planned into: sprints, and versions to be fixed in.

A sprint that begins or ends changes none of its issues: no message tells of them, and yet queries find others at once.
https://developer.atlassian.com/cloud/jira/software/rest/api-group-sprint/
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-project-versions/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.jira.site import Jira

SPRINT_ID = "customfield_10020"
SPRINT_TYPE = "com.pyxis.greenhopper.jira:gh-sprint"


@dataclass(eq=False, kw_only=True)
class Sprint:
    """A sprint; `state` is `future`, `active` or `closed`."""

    site: Jira
    id: str
    name: str
    state: str = "future"

    def start(self) -> None:
        """Begin it."""
        self._become("active")

    def close(self) -> None:
        """End it."""
        self._become("closed")

    def _become(self, state: str) -> None:
        with self.site.changing():
            self.state = state


@dataclass(eq=False, kw_only=True)
class Version:
    """A version of a project."""

    site: Jira
    id: str
    name: str
    released: bool = False

    def release(self) -> None:
        """Release it."""
        with self.site.changing():
            self.released = True


def sprint_body(sprint: Sprint) -> dict[str, Any]:
    """Write a sprint as Cloud does."""
    return {"id": int(sprint.id), "name": sprint.name, "state": sprint.state, "boardId": 1, "goal": ""}


def sprint_text(sprint: Sprint) -> str:
    """Write a sprint as Data Center does: as the text of a Java object."""
    shown = f"id={sprint.id},rapidViewId=1,state={sprint.state.upper()},name={sprint.name},startDate=<null>"
    return f"com.atlassian.greenhopper.service.sprint.Sprint@1bf[{shown},endDate=<null>,goal=,sequence={sprint.id}]"


def version_body(version: Version) -> dict[str, Any]:
    """Write a version as issues have it."""
    return {
        "self": f"{version.site.url}/rest/api/2/version/{version.id}",
        "id": version.id,
        "name": version.name,
        "archived": False,
        "released": version.released,
    }
