"""A pull request on the simulated GitHub: an issue that can be merged, with webhooks of its own name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

from simulator.github.model.accounts import User
from simulator.github.model.fields import FieldValue
from simulator.github.model.issue import Issue, IssueRepository

_CLOSING = re.compile(r"\b(?:close[sd]?|fix(?:es|ed)?|resolve[sd]?):?\s+([\w.-]+/[\w.-]+)?#(\d+)\b", re.IGNORECASE)
_MOST_LINKS = 10


@dataclass(eq=False, kw_only=True)
class PullRequest(Issue):
    """A pull request. `id` is the id as an issue, `pull_id` the id as a pull request; the number is the same."""

    pull_id: int
    head: str
    base: str
    draft: bool = False
    merged: datetime | None = None
    merged_by: User | None = None
    linked: list[Issue] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Give a pull request that is made closed the events of its merge and closing."""
        if self.merged is not None and not self.timeline:
            self.record("merged", self.merged)
            self.record("closed", self.merged)
        super().__post_init__()

    @property
    def ids(self) -> tuple[int, ...]:
        """All ids under which it can be found."""
        return (self.id, self.pull_id)

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self.repository.url}/pull/{self.number}"

    def close(self, *, reason: str = "") -> None:
        """Close it without merging; a pull request takes no reason."""
        if reason:
            raise ValueError("a pull request is closed without a reason")
        with self.repository.hub.changing() as now:
            self._must_be("open")
            self.closed, self.closed_by = now, self.repository.hub.actor
            self._change("closed", now)

    def merge(self) -> None:
        """Merge and thereby close it; raise `ValueError` for a draft.

        Merged into the default branch, it closes the issues that are linked to it.
        """
        with self.repository.hub.changing() as now:
            self._must_be("open")
            if self.draft:
                raise ValueError(f"{self.url} is a draft")
            self.merged, self.merged_by = now, self.repository.hub.actor
            self.closed, self.closed_by = now, self.repository.hub.actor
            self.record("merged", now)
            self._change("closed", now)
            for issue in self.closes():
                if issue.closed is None:
                    issue.close()

    def reopen(self) -> None:
        """Open it again; raise `ValueError` once it is merged."""
        with self.repository.hub.changing() as now:
            self._must_be("closed")
            if self.merged is not None:
                raise ValueError(f"{self.url} is merged")
            self.closed, self.closed_by = None, None
            self._change("reopened", now)

    def convert_to_draft(self) -> None:
        """Turn it into a draft."""
        with self.repository.hub.changing() as now:
            self.draft = True
            self._change("converted_to_draft", now)

    def mark_ready(self) -> None:
        """Mark it as ready for review."""
        with self.repository.hub.changing() as now:
            self.draft = False
            self._change("ready_for_review", now)

    def retarget(self, base: str) -> None:
        """Point it at another branch."""
        with self.repository.hub.changing() as now:
            former, self.base = self.base, base
            sha = self.repository.hub.sha(former)
            self._change("edited", now, {"changes": {"base": {"ref": {"from": former}, "sha": {"from": sha}}}})

    def set_type(self, name: str | None) -> NoReturn:
        """Refuse: only issues have types."""
        raise ValueError(f"a pull request has no type, so not {name!r}")

    def set_field(self, name: str, value: FieldValue) -> NoReturn:
        """Refuse: only issues have fields."""
        raise ValueError(f"a pull request has no field {name!r} for {value!r}")

    def delete(self) -> NoReturn:
        """Refuse: GitHub deletes no pull requests."""
        raise ValueError(f"{self.url} cannot be deleted")

    def transfer(self, target: IssueRepository, *, opened_first: bool = False) -> NoReturn:
        """Refuse: GitHub transfers no pull requests."""
        raise ValueError(f"{self.url} cannot be transferred to {target.url}, in whatever order ({opened_first=})")

    def link(self, issue: Issue) -> None:
        """Link an issue by hand, so that a merge closes it; raise `ValueError` for the eleventh. Nothing is sent."""
        with self.repository.hub.changing():
            if len(self.linked) >= _MOST_LINKS:
                raise ValueError(f"{self.url} is linked to {_MOST_LINKS} issues already")
            self.linked.append(issue)

    def closes(self) -> list[Issue]:
        """Return the issues that a merge closes: none, unless it goes into the default branch.

        Those that its body names with a closing keyword, of this or another repository, and those linked by hand
        (https://docs.github.com/en/issues/tracking-your-work-with-issues/linking-a-pull-request-to-an-issue).
        """
        if self.base != self.repository.default_branch:
            return []
        found = list[Issue]()
        for full_name, number in _CLOSING.findall(self.body or ""):
            named = self.repository.find_issue(full_name, int(number))
            if named is not None and not isinstance(named, PullRequest) and named not in found:
                found.append(named)
        return [*found, *(issue for issue in self.linked if issue not in found)]

    def emit(self, action: str, more: Mapping[str, object] | None = None) -> None:
        """Send the `pull_request` webhook of an action."""
        body: dict[str, object] = {"number": self.number, "pull_request": self, **(more or {})}
        self.repository.emit("pull_request", action, body)
