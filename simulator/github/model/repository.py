"""A repository on the simulated GitHub: it creates and stores issues and pull requests."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from simulator.github.model.app import AppHost
from simulator.github.model.bulk_issues import IDS_EACH, Batch, BulkIssueFactory, plain_issue
from simulator.github.model.host import DEFAULT_BRANCH
from simulator.github.model.issue import Issue, IssueRepository
from simulator.github.model.issue_store import IssueStore
from simulator.github.model.labels_and_milestones import Label, Milestone
from simulator.github.model.pull_request import PullRequest
from simulator.github.model.timeline import Timeline


class RepositoryHost(AppHost, Protocol):
    """The server, as repositories see it."""

    def find(self, owner: str, name: str) -> Repository | None:
        """Return the repository that has or had a name."""


@dataclass(eq=False, kw_only=True)
class Repository(IssueRepository):
    """A repository of the organisation or person `owner`.

    `removed_issues` maps the number of each removed issue to the issue that it became by a transfer, or to None.
    """

    hub: RepositoryHost
    issues: IssueStore = field(default_factory=IssueStore)
    removed_issues: dict[int, Issue | None] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def open_issues(self) -> int:
        """How many issues and pull requests are open."""
        return self.issues.open_count()

    def create_issue(
        self,
        title: str,
        *,
        body: str | None = None,
        labels: Iterable[str] = (),
        assignees: Iterable[str] = (),
        milestone: Milestone | None = None,
        type: str | None = None,  # noqa: A002  GitHub's word
    ) -> Issue:
        """Open an issue; after `opened` it sends `labeled`, `assigned` and so on, as GitHub does."""
        with self.hub.changing() as now:
            id_, node_id = self.hub.new_id("I")
            issue = Issue(
                repository=self,
                id=id_,
                node_id=node_id,
                number=next(self._numbers),
                title=title,
                body=body,
                author=self.hub.actor,
                created=now,
                updated=now,
            )
            issue.type = None if type is None else self.hub.issue_type(type)
            self._open(issue, labels=labels, assignees=assignees, milestone=milestone)
        return issue

    def create_issues(
        self, count: int, factory: BulkIssueFactory = plain_issue, *, every: timedelta = timedelta(seconds=1)
    ) -> range:
        """Create many issues or pull requests without webhooks.

        The last is created now, each other one `every` before the next. Return their numbers.
        """
        with self.hub.changing() as now:
            first = next(self._numbers)
            numbers = range(first, first + count)
            self._numbers = itertools.count(numbers.stop)
            self.issues.add(
                Batch(
                    repository=self,
                    numbers=numbers,
                    first_id=self.hub.new_ids(IDS_EACH * count),
                    author=self.hub.actor,
                    start=now - every * (count - 1),
                    every=every,
                    factory=factory,
                )
            )
        return numbers

    def create_pull_request(
        self,
        title: str,
        *,
        body: str | None = None,
        head: str = "changes",
        base: str = DEFAULT_BRANCH,
        draft: bool = False,
        labels: Iterable[str] = (),
        assignees: Iterable[str] = (),
        milestone: Milestone | None = None,
    ) -> PullRequest:
        """Open a pull request from the branch `head` into the branch `base`."""
        with self.hub.changing() as now:
            (id_, _), (pull_id, node_id) = self.hub.new_id("I"), self.hub.new_id("PR")
            pull_request = PullRequest(
                repository=self,
                id=id_,
                pull_id=pull_id,
                node_id=node_id,
                number=next(self._numbers),
                title=title,
                body=body,
                author=self.hub.actor,
                created=now,
                updated=now,
                head=head,
                base=base,
                draft=draft,
            )
            self._open(pull_request, labels=labels, assignees=assignees, milestone=milestone)
        return pull_request

    def accept_transfer(self, issue: Issue) -> Issue:
        """Add a transferred issue under a new id and number, with its family and comments; send nothing."""
        id_, node_id = self.hub.new_id("I")
        names = {label.name.casefold() for label in issue.labels}
        requested = (issue.milestone.title, issue.milestone.due) if issue.milestone else None
        moved = Issue(
            repository=self,
            id=id_,
            node_id=node_id,
            number=next(self._numbers),
            title=issue.title,
            body=issue.body,
            author=issue.author,
            created=issue.created,
            updated=self.hub.clock(),
            labels=[label for label in self.labels if label.name.casefold() in names],
            assignees=list(issue.assignees),
            milestone=next((each for each in self.milestones if (each.title, each.due) == requested), None),
            type=issue.type,
            fields=dict(issue.fields),
            state_reason=issue.state_reason,
            closed=issue.closed,
            closed_by=issue.closed_by,
            timeline=Timeline(issue.timeline),
        )
        self.issues[moved.number] = moved
        _hand_over(issue, moved)
        return moved

    def find_issue(self, full_name: str, number: int) -> Issue | None:
        """Return the issue that a text like `acme/payments#1`, or `#1` in this repository, names."""
        owner, _, name = full_name.partition("/")
        repository = self.hub.find(owner, name) if full_name else self
        return None if repository is None else repository.issues.get(number)

    def peek_issue(self, number: int) -> Issue | None:
        """Return the issue of that number to read it; a bulk issue is made for the moment only."""
        return self.issues.peek(number) if number in self.issues else None

    def reindex(self, issue: Issue) -> None:
        """Update the place of a changed issue in lists."""
        self.issues.reindex(issue)

    def remove_issue(self, issue: Issue, *, moved_to: Issue | None = None) -> None:
        """Remove an issue that was deleted, or transferred and is now another one."""
        del self.issues[issue.number]
        self.removed_issues[issue.number] = moved_to

    def unlabel_all(self, label: Label, now: datetime) -> None:
        """Take a deleted label off every issue; each sends `unlabeled`."""
        for number in [issue.number for issue in self.issues.peek_all() if label in issue.labels]:
            issue = self.issues[number]
            issue.labels.remove(label)
            issue.record("unlabeled", now, label=label)
            issue.touch(now)
            issue.emit("unlabeled")

    def clear_milestone(self, milestone: Milestone) -> None:
        """Take every issue out of a deleted milestone."""
        issues = self.issues
        for number in [*issues.in_milestone(milestone, closed=False), *issues.in_milestone(milestone, closed=True)]:
            issues[number].milestone = None
            issues.reindex(issues[number])

    def count_in_milestone(self, milestone: Milestone, *, closed: bool) -> int:
        """Count the open or the closed issues and pull requests of a milestone."""
        return len(self.issues.in_milestone(milestone, closed=closed))

    def _open(
        self, issue: Issue, *, labels: Iterable[str], assignees: Iterable[str], milestone: Milestone | None
    ) -> None:
        issue.labels = [self.label(name) for name in labels]
        issue.assignees = [self.hub.user(login) for login in assignees]
        issue.milestone = milestone
        self.issues[issue.number] = issue
        issue.emit("opened")
        for label in issue.labels:
            issue.record("labeled", issue.created, label=label)
            issue.emit("labeled", {"label": label})
        for account in issue.assignees:
            issue.emit("assigned", {"assignee": account})
        if issue.milestone is not None:
            issue.emit("milestoned", {"milestone": issue.milestone})
        if issue.type is not None:
            issue.emit("typed", {"type": issue.type})


def _hand_over(issue: Issue, moved: Issue) -> None:
    """Give parent, sub-issues and comments to the issue that another one became by a transfer."""
    moved.parent, moved.sub_issues = issue.parent, issue.sub_issues
    if moved.parent is not None:
        moved.parent.sub_issues = [moved if each is issue else each for each in moved.parent.sub_issues]
    for child in moved.sub_issues:
        child.parent = moved
    issue.parent, issue.sub_issues = None, []
    moved.comments, issue.comments = issue.comments, []
    for comment in moved.comments:
        comment.issue = moved
