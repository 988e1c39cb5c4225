"""Bulk issues: a function describes each, and the issue object is created only when it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.github.model.accounts import IssueType, User
from simulator.github.model.issue import Issue, IssueRepository
from simulator.github.model.labels_and_milestones import Label, Milestone
from simulator.github.model.pull_request import PullRequest

IDS_EACH = 2
"""How many ids a bulk issue has: one as an issue and one as the pull request that it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkIssue:
    """The description of one issue of a batch; `reason` is given for closed issues, `merged` for pull requests.

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
class SortKeys:
    """The sort keys of an issue in lists; times are whole seconds since 1970, as GitHub writes them."""

    updated: int
    created: int
    closed: bool
    milestone: int | None


BulkIssueFactory = Callable[[int], BulkIssue]
"""Describes the issue of a number; must return the same for every call."""


def plain_issue(number: int) -> BulkIssue:
    """Describe an open issue with a title only."""
    return BulkIssue(title=f"Issue {number}")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Issues with consecutive numbers, each created `every` after the one before."""

    repository: IssueRepository
    numbers: range
    first_id: int
    author: User
    start: datetime
    every: timedelta
    factory: BulkIssueFactory

    def sort_keys(self, number: int) -> SortKeys:
        """Return the sort keys of an issue."""
        bulk_issue = self.factory(number)
        created = int((self.start + (number - self.numbers.start) * self.every).timestamp())
        milestone = None if bulk_issue.milestone is None else bulk_issue.milestone.id
        updated = created if bulk_issue.updated is None else int(bulk_issue.updated.timestamp())
        return SortKeys(updated, created, bulk_issue.closed or bulk_issue.merged, milestone)

    def issue(self, number: int) -> Issue:
        """Create the object of an issue."""
        index, hub = number - self.numbers.start, self.repository.hub
        bulk_issue = self.factory(number)
        created = self.start + index * self.every
        updated = bulk_issue.updated or created
        id_ = self.first_id + IDS_EACH * index * hub.ID_STEP
        issue = Issue(
            repository=self.repository,
            id=id_,
            node_id=hub.node_id("I", id_),
            number=number,
            title=bulk_issue.title,
            body=bulk_issue.body,
            author=self.author,
            created=created,
            updated=updated,
            labels=list(bulk_issue.labels),
            assignees=list(bulk_issue.assignees),
            milestone=bulk_issue.milestone,
            type=bulk_issue.type,
            closed=updated if bulk_issue.closed or bulk_issue.merged else None,
            closed_by=self.author if bulk_issue.closed or bulk_issue.merged else None,
            state_reason=(bulk_issue.reason or "completed")
            if bulk_issue.closed and not bulk_issue.pull_request
            else None,
        )
        return self._pull_request(issue, bulk_issue) if bulk_issue.pull_request else issue

    def number_of(self, id_: int) -> int | None:
        """Return the number of the issue or pull request that has an id, if it is one of these."""
        index, rest = divmod(id_ - self.first_id, self.repository.hub.ID_STEP)
        if rest or not 0 <= index < IDS_EACH * len(self.numbers):
            return None
        return self.numbers[index // IDS_EACH]

    def _pull_request(self, issue: Issue, bulk_issue: BulkIssue) -> PullRequest:
        hub = self.repository.hub
        pull_id = issue.id + hub.ID_STEP
        same = {name: getattr(issue, name) for name in issue.__dataclass_fields__}
        return PullRequest(
            **{**same, "node_id": hub.node_id("PR", pull_id), "type": None},
            pull_id=pull_id,
            head=f"changes-{issue.number}",
            base=self.repository.default_branch,
            merged=issue.closed if bulk_issue.merged else None,
            merged_by=issue.closed_by if bulk_issue.merged else None,
        )
