"""A project on the simulated Jira: where issues get their keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.jira.issue import Issue
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
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def next_key(self) -> str:
        """Give the key for one more issue."""
        return f"{self.key}-{next(self._numbers)}"

    def component(self, name: str) -> Named:
        """Give the component of that name, made now if there is none."""
        for component in self.components:
            if component.name == name:
                return component
        self.components.append(Named(self.site.new_id(), name))
        return self.components[-1]

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
