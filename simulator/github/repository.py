"""A repository on the simulated GitHub: where issues, labels and milestones live."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.github.bodies import organization, user
from simulator.github.issue import Issue
from simulator.github.planning import Label, Milestone
from simulator.github.pull_request import PullRequest
from simulator.github.shelf import Shelf
from simulator.github.sketch import IDS_EACH, Batch, Sketching, plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from simulator.github.hub import GitHub
    from simulator.github.planning import User

DEFAULT_BRANCH = "main"


@dataclass(eq=False, kw_only=True)
class Repository:
    """A repository of the organisation or person `owner`.

    `gone` says of each missing number whether it was deleted (None) or where it went. `former_names` are full ones, as
    in `acme/checkout`.
    """

    hub: GitHub
    id: int
    node_id: str
    owner: User
    name: str
    created: datetime
    default_branch: str = DEFAULT_BRANCH
    visible: bool = True
    archived: bool = False
    labels: list[Label] = field(default_factory=list)
    milestones: list[Milestone] = field(default_factory=list)
    issues: Shelf = field(default_factory=Shelf)
    gone: dict[int, Issue | None] = field(default_factory=dict)
    former_names: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _milestone_numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def full_name(self) -> str:
        """Owner and name, as in `acme/checkout`."""
        return f"{self.owner.login}/{self.name}"

    def is_named(self, owner: str, name: str) -> bool:
        """Say whether this is its name now; case does not matter."""
        return self.full_name.casefold() == f"{owner}/{name}".casefold()

    @property
    def url(self) -> str:
        """Where people find it."""
        return f"{self.hub.url}/{self.full_name}"

    @property
    def open_issues(self) -> int:
        """How many issues and pull requests are open."""
        return self.issues.open_count()

    def label(self, name: str) -> Label:
        """Give the label of that name, made now if there is none; case does not matter, as on GitHub."""
        for label in self.labels:
            if label.name.casefold() == name.casefold():
                return label
        return self.create_label(name)

    def create_label(self, name: str, *, color: str = "ededed", description: str | None = None) -> Label:
        """Make a label."""
        with self.hub.changing():
            id_, node_id = self.hub.new_id("LA")
            label = Label(repository=self, id=id_, node_id=node_id, name=name, color=color, description=description)
            self.labels.append(label)
            self.tell("label", "created", {"label": label})
        return label

    def create_milestone(self, title: str, *, due: datetime | None = None) -> Milestone:
        """Make a milestone."""
        with self.hub.changing() as now:
            id_, node_id = self.hub.new_id("MI")
            milestone = Milestone(
                repository=self,
                id=id_,
                node_id=node_id,
                number=next(self._milestone_numbers),
                title=title,
                creator=self.hub.actor,
                created=now,
                updated=now,
                due=due,
            )
            self.milestones.append(milestone)
            self.tell("milestone", "created", {"milestone": milestone})
        return milestone

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
        """Open an issue; after `opened` come `labeled`, `assigned` and so on for what it began with, as on GitHub."""
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
        self, count: int, sketching: Sketching = plain, *, every: timedelta = timedelta(seconds=1)
    ) -> range:
        """Make many issues or pull requests that were there before anybody listened: nothing is sent.

        The last is made now, each other one `every` before its successor. Gives their numbers.
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
                    sketching=sketching,
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

    def rename(self, name: str) -> None:
        """Give it another name; its id stays and the old address answers 301."""
        with self.hub.changing():
            self.former_names.append(self.full_name)
            former, self.name = self.name, name
            self.tell("repository", "renamed", {"changes": {"repository": {"name": {"from": former}}}})

    def transfer(self, login: str) -> None:
        """Give it to another organisation; its id and its own hooks stay and the old address answers 301."""
        with self.hub.changing():
            self.former_names.append(self.full_name)
            former, self.owner = self.owner, self.hub.user(login, kind="Organization")
            kind = "organization" if former.kind == "Organization" else "user"
            write = organization if kind == "organization" else user
            changes = {"owner": {"from": {kind: write(former, self.hub.site)}}}
            self.tell("repository", "transferred", {"changes": changes})

    def archive(self) -> None:
        """Make it read-only: calls that would change it are refused."""
        with self.hub.changing():
            self.archived = True
            self.tell("repository", "archived", {})

    def unarchive(self) -> None:
        """Let it be changed again."""
        with self.hub.changing():
            self.archived = False
            self.tell("repository", "unarchived", {})

    def delete(self) -> None:
        """Delete it with all its issues, of which nothing is told, and its hooks, after they heard of it."""
        with self.hub.changing():
            self.tell("repository", "deleted", {})
            self.hub.repositories.remove(self)
            self.hub.hooks = [hook for hook in self.hub.hooks if hook.repository is not self]

    def adopt(self, issue: Issue) -> Issue:
        """Take a transferred issue in under a new id and number; `Issue.transfer` sends the messages."""
        id_, node_id = self.hub.new_id("I")
        names = {label.name.casefold() for label in issue.labels}
        wanted = (issue.milestone.title, issue.milestone.due) if issue.milestone else None
        adopted = Issue(
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
            milestone=next((each for each in self.milestones if (each.title, each.due) == wanted), None),
            type=issue.type,
            fields=dict(issue.fields),
            state_reason=issue.state_reason,
            closed=issue.closed,
            closed_by=issue.closed_by,
        )
        self.issues[adopted.number] = adopted
        return adopted

    def tell(self, event: str, action: str, body: dict[str, object]) -> None:
        """Send one message to the hooks of this repository and of its owner."""
        self.hub.tell(event, {"action": action, **body}, repository=self)

    def _open(
        self, issue: Issue, *, labels: Iterable[str], assignees: Iterable[str], milestone: Milestone | None
    ) -> None:
        issue.labels = [self.label(name) for name in labels]
        issue.assignees = [self.hub.user(login) for login in assignees]
        issue.milestone = milestone
        self.issues[issue.number] = issue
        issue.tell("opened")
        for label in issue.labels:
            issue.tell("labeled", {"label": label})
        for account in issue.assignees:
            issue.tell("assigned", {"assignee": account})
        if issue.milestone is not None:
            issue.tell("milestoned", {"milestone": issue.milestone})
        if issue.type is not None:
            issue.tell("typed", {"type": issue.type})
