"""Comments on issues and pull requests (https://docs.github.com/en/rest/issues/comments)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.github.app import App
    from simulator.github.issue import Issue
    from simulator.github.planning import User


@dataclass(eq=False, kw_only=True)
class Comment:
    """A comment on an issue; `app` is the app by which it was made, if by any."""

    issue: Issue
    id: int
    node_id: str
    author: User
    body: str
    created: datetime
    updated: datetime
    app: App | None = None

    @property
    def url(self) -> str:
        """Where people find it."""
        return f"{self.issue.url}#issuecomment-{self.id}"

    def edit(self, body: str) -> None:
        """Change what it says."""
        with self.issue.repository.hub.changing() as now:
            former, self.body, self.updated = self.body, body, now
            self.issue.touch(now)
            self._tell("edited", {"changes": {"body": {"from": former}}})

    def delete(self) -> None:
        """Remove it."""
        with self.issue.repository.hub.changing() as now:
            self.issue.comments.remove(self)
            self.issue.touch(now)
            self._tell("deleted", {})

    def tell_of_creation(self) -> None:
        """Send the message of its creation."""
        self._tell("created", {})

    def _tell(self, action: str, more: dict[str, object]) -> None:
        self.issue.repository.tell("issue_comment", action, {"issue": AsIssue(self.issue), "comment": self, **more})


@dataclass(frozen=True)
class AsIssue:
    """An issue or a pull request, to be written as the issues API writes it."""

    issue: Issue
