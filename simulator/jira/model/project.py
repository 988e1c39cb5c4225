"""A project on the simulated Jira: it creates issues and gives them keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from simulator.jira.model.bulk_issues import Batch, BulkIssueFactory, plain
from simulator.jira.model.issue import Issue, IssueHost, IssueProject
from simulator.jira.model.issue_store import IssueStore
from simulator.jira.model.site_defaults import Named
from simulator.jira.model.sprints_and_versions import Version


class ProjectHost(IssueHost, Protocol):
    """The site, as projects see it."""

    @property
    def issues(self) -> IssueStore:
        """The issues of the site."""


@dataclass(eq=False, kw_only=True)
class Project(IssueProject):
    """A project; creates its issues."""

    site: ProjectHost
    components: list[Named] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)

    def rename(self, key: str) -> None:
        """Change the key; the issues' keys change at once, without webhooks."""
        with self.site.changing():
            former, self.key = self.key, key
            self.former_keys.append(former)
            for issue in self.site.issues.values():
                if issue.project is self:
                    issue.former_keys.append(issue.key)
                    issue.key = f"{key}-{issue.key.rpartition('-')[2]}"
                    self.site.issues.reindex(issue)

    def create_issues(
        self, count: int, factory: BulkIssueFactory = plain, *, every: timedelta = timedelta(seconds=1)
    ) -> range:
        """Create many issues at once, of which no webhook is sent; return their numbers.

        The last was created `every` ago, each other one `every` before the next.
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
                factory=factory,
            )
            site.issues.add(batch)
        return numbers

    def component(self, name: str) -> Named:
        """Return the component of that name; create it if it does not exist."""
        for component in self.components:
            if component.name == name:
                return component
        self.components.append(Named(self.site.new_id(), name))
        return self.components[-1]

    def version(self, name: str) -> Version:
        """Return the version of that name; create it if it does not exist."""
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
            issue.emit("jira:issue_created", type_name="issue_created")
        return issue
