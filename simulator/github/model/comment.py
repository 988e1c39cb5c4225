"""Comments on issues and pull requests (https://docs.github.com/en/rest/issues/comments)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from simulator.github.model.accounts import User
from simulator.github.model.app import App
from simulator.github.model.host import RepositoryIdentity


class CommentedIssue(Protocol):
    """An issue or pull request, as its comments see it."""

    @property
    def repository(self) -> RepositoryIdentity:
        """Its repository."""

    @property
    def number(self) -> int:
        """Its number in the repository."""

    @property
    def url(self) -> str:
        """Its page."""

    @property
    def comments(self) -> list[Comment]:
        """Its comments, oldest first."""

    def touch(self, now: datetime) -> None:
        """Record the time of a change."""


@dataclass(eq=False, kw_only=True)
class Comment:
    """A comment on an issue; `app` is the app that made it, if any."""

    issue: CommentedIssue
    id: int
    node_id: str
    author: User
    body: str
    created: datetime
    updated: datetime
    app: App | None = None

    @property
    def url(self) -> str:
        """Its address on the issue's page."""
        return f"{self.issue.url}#issuecomment-{self.id}"

    def edit(self, body: str) -> None:
        """Change its text."""
        with self.issue.repository.hub.changing() as now:
            former, self.body, self.updated = self.body, body, now
            self.issue.touch(now)
            self._emit("edited", {"changes": {"body": {"from": former}}})

    def delete(self) -> None:
        """Remove it."""
        with self.issue.repository.hub.changing() as now:
            self.issue.comments.remove(self)
            self.issue.touch(now)
            self._emit("deleted", {})

    def emit_created(self) -> None:
        """Send the webhook of its creation."""
        self._emit("created", {})

    def _emit(self, action: str, more: Mapping[str, object]) -> None:
        self.issue.repository.emit(
            "issue_comment", action, {"issue": IssuesApiView(self.issue), "comment": self, **more}
        )


@dataclass(frozen=True)
class IssuesApiView:
    """An issue or a pull request, to be written as the issues API writes it."""

    issue: CommentedIssue
