"""Issues made in bulk: what each will be, said by a function and written out only when somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator.github.issue import Issue
from simulator.github.pull_request import PullRequest

if TYPE_CHECKING:
    from simulator.github.planning import IssueType, Label, Milestone, User
    from simulator.github.repository import Repository

IDS_EACH = 2
"""How many ids a sketched issue has: one as an issue and one as the pull request that it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """What an issue of a batch begins with; `reason` is given for closed issues, `merged` for pull requests.

    Without `updated` it was last changed when it was made.
    """

    title: str
    body: str | None = None
    labels: tuple[Label, ...] = ()
    assignees: tuple[User, ...] = ()
    milestone: Milestone | None = None
    type: IssueType | None = None
    closed: bool = False
    reason: str | None = None
    pull_request: bool = False
    merged: bool = False
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """What an issue's place in lists depends on; times are whole seconds since 1970, as GitHub tells them."""

    updated: int
    created: int
    closed: bool
    milestone: int | None


Sketching = Callable[[int], Sketch]
"""Says for a number what the issue begins with; asked more than once, it must say the same."""


def plain(number: int) -> Sketch:
    """Sketch an open issue with a title and nothing else."""
    return Sketch(title=f"Issue {number}")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Issues with numbers in a row; each was made `every` after the one before."""

    repository: Repository
    numbers: range
    first_id: int
    author: User
    start: datetime
    every: timedelta
    sketching: Sketching

    def outline(self, number: int) -> Outline:
        """Say of an issue only what its place in lists depends on."""
        sketch = self.sketching(number)
        created = int((self.start + (number - self.numbers.start) * self.every).timestamp())
        milestone = None if sketch.milestone is None else sketch.milestone.id
        updated = created if sketch.updated is None else int(sketch.updated.timestamp())
        return Outline(updated, created, sketch.closed or sketch.merged, milestone)

    def issue(self, number: int) -> Issue:
        """Write an issue out."""
        place, hub = number - self.numbers.start, self.repository.hub
        sketch = self.sketching(number)
        created = self.start + place * self.every
        updated = sketch.updated or created
        id_ = self.first_id + IDS_EACH * place * hub.ID_STEP
        issue = Issue(
            repository=self.repository,
            id=id_,
            node_id=hub.node_id("I", id_),
            number=number,
            title=sketch.title,
            body=sketch.body,
            author=self.author,
            created=created,
            updated=updated,
            labels=list(sketch.labels),
            assignees=list(sketch.assignees),
            milestone=sketch.milestone,
            type=sketch.type,
            closed=updated if sketch.closed or sketch.merged else None,
            closed_by=self.author if sketch.closed or sketch.merged else None,
            state_reason=(sketch.reason or "completed") if sketch.closed and not sketch.pull_request else None,
        )
        return self._pull_request(issue, sketch) if sketch.pull_request else issue

    def number_of(self, id_: int) -> int | None:
        """Give the number of the issue or pull request that has an id, if it is one of these."""
        place, rest = divmod(id_ - self.first_id, self.repository.hub.ID_STEP)
        if rest or not 0 <= place < IDS_EACH * len(self.numbers):
            return None
        return self.numbers[place // IDS_EACH]

    def _pull_request(self, issue: Issue, sketch: Sketch) -> PullRequest:
        hub = self.repository.hub
        pull_id = issue.id + hub.ID_STEP
        same = {name: getattr(issue, name) for name in issue.__dataclass_fields__}
        return PullRequest(
            **{**same, "node_id": hub.node_id("PR", pull_id), "type": None},
            pull_id=pull_id,
            head=f"changes-{issue.number}",
            base=self.repository.default_branch,
            merged=issue.closed if sketch.merged else None,
            merged_by=issue.closed_by if sketch.merged else None,
        )
