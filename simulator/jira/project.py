"""A project on the simulated Jira: where issues get their keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.jira.issue import Issue
from simulator.jira.plans import Version
from simulator.jira.sketch import Batch, Sketching, plain
from simulator.jira.vocabulary import Named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.jira.site import Jira


@dataclass(eq=False, kw_only=True)
class Project:
    """A project; issue keys are its own key and a number."""

    site: Jira
    id: str
    key: str
    name: str
    components: list[Named] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    visible: bool = True
    former_keys: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def next_key(self) -> str:
        """Give the key for one more issue."""
        return f"{self.key}-{next(self._numbers)}"

    def rename(self, key: str) -> None:
        """Give the project another key: its issues have others at once, and nothing tells of them."""
        with self.site.changing():
            former, self.key = self.key, key
            self.former_keys.append(former)
            for issue in self.site.issues.values():
                if issue.project is self:
                    issue.former_keys.append(issue.key)
                    issue.key = f"{key}-{issue.key.rpartition('-')[2]}"
                    self.site.issues.file_again(issue)

    def create_issues(
        self, count: int, sketching: Sketching = plain, *, every: timedelta = timedelta(seconds=1)
    ) -> range:
        """Create many issues at once, of which nothing is told; gives their numbers.

        The last one was created `every` ago, and each of the others so long before the next.
        """
        site = self.site
        with site.changing() as now:
            first = next(self._numbers)
            numbers = range(first, first + count)
            self._numbers = itertools.count(numbers.stop)
            batch = Batch(
                project=self,
                numbers=numbers,
                first_id=site.new_ids(count),
                start=now - count * every,
                every=every,
                sketching=sketching,
            )
            site.issues.add(batch)
        return numbers

    def component(self, name: str) -> Named:
        """Give the component of that name, made now if there is none."""
        for component in self.components:
            if component.name == name:
                return component
        self.components.append(Named(self.site.new_id(), name))
        return self.components[-1]

    def version(self, name: str) -> Version:
        """Give the version of that name, made now if there is none."""
        for version in self.versions:
            if version.name == name:
                return version
        self.versions.append(Version(site=self.site, id=self.site.new_id(), name=name))
        return self.versions[-1]

    def create_issue(  # noqa: PLR0913  Jira's call takes as many
        self,
        summary: str,
        *,
        type: str = "Story",  # noqa: A002  Jira's word
        description: str | None = None,
        labels: Iterable[str] = (),
        components: Iterable[str] = (),
        assignee: str | None = None,
        parent: Issue | None = None,
        points: float | None = None,
        priority: str = "Medium",
    ) -> Issue:
        """Create an issue in To Do; one `jira:issue_created` carries all of it."""
        site = self.site
        with site.changing() as now:
            issue = Issue(
                project=self,
                id=site.new_id(),
                key=self.next_key(),
                summary=summary,
                description=description,
                type=site.issue_type(type),
                status=site.status("To Do"),
                priority=site.priority(priority),
                reporter=site.actor,
                created=now,
                updated=now,
                status_changed=now,
                labels=list(labels),
                components=[self.component(name) for name in components],
                assignee=None if assignee is None else site.user(assignee),
                parent=parent,
                points=points,
            )
            site.issues[issue.id] = issue
            issue.tell("jira:issue_created", type_name="issue_created")
        return issue
