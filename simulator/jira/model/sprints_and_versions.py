"""Sprints, and versions of projects.

A sprint that starts or ends changes none of its issues and sends no webhook, but queries find others at once.
https://developer.atlassian.com/cloud/jira/software/rest/api-group-sprint/
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-project-versions/
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.jira.model.host import Host

SPRINT_ID = "customfield_10020"
SPRINT_TYPE = "com.pyxis.greenhopper.jira:gh-sprint"


@dataclass(eq=False, kw_only=True)
class Sprint:
    """A sprint; `state` is `future`, `active` or `closed`."""

    site: Host
    id: str
    name: str
    state: str = "future"

    def start(self) -> None:
        """Start it."""
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

    site: Host
    id: str
    name: str
    released: bool = False

    def release(self) -> None:
        """Release it."""
        with self.site.changing():
            self.released = True
