"""Everything that the simulated Jira holds: projects, issues, people, webhooks and a token; all but the REST API."""

import base64
import hashlib
import itertools
import time
from abc import ABC
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from simulator.base_tracker import BaseTracker
from simulator.clock import Clock, real_clock
from simulator.jira.admin_webhooks import (
    Hook,
    cloud_retry_policy,
    retry_by_hand,
)
from simulator.jira.dynamic_webhooks import DynamicWebhooks
from simulator.jira.limits import Limits
from simulator.jira.model.changelog import Item
from simulator.jira.model.custom_fields import CustomFields
from simulator.jira.model.issue import Comment, Issue
from simulator.jira.model.issue_store import IssueStore
from simulator.jira.model.project import Project
from simulator.jira.model.search_index import SearchIndex
from simulator.jira.model.site_defaults import (
    CATEGORIES,
    PRIORITIES,
    RESOLUTIONS,
    STATUSES,
    TYPES,
    IssueType,
    Named,
    Status,
    User,
)
from simulator.jira.model.sprints_and_versions import Sprint
from simulator.jira.remote_links import RemoteLinks
from simulator.jira.webhook_emitter import WebhookEmitter
from simulator.webhook_sender import WebhookSender

_Thing = TypeVar("_Thing", Status, IssueType, Named)


class JiraSite(BaseTracker, ABC):
    """A Jira that runs on loopback, as Cloud or as Data Center.

    Cloud tries a failed delivery again, up to five times, after `retry_delay()` seconds; the default waits for
    `webhooks.retry_now()`; `admin_webhooks.real_retry_delay` is the real one. Data Center never tries again.
    Webhooks that calls make are where `version` has them, signed where it `knows_secrets`.
    `token_expired`: Cloud then answers as it answers a stranger. `names_callers`: responses name who called.
    `by_clock`: those seconds are the clock's, so that they pass as it is stepped (then call `webhooks.send_due`).
    `changelog_limit`: as many entries of its changelog an issue shows, the newest on Cloud, the oldest on Data Center.
    `tells_epics_by_links`: Data Center sends `issuelink_…` for an Epic Link, and nothing else.
    """

    def __init__(  # noqa: PLR0913  one named choice each, all with a default
        self,
        *,
        data_center: bool = False,
        email: str = "okr-bot@example.com",
        token: str = "simulated-token",  # noqa: S107  opens nothing but this simulator
        actor: str = "ana",
        points_field: str = "Story Points",
        points_field_id: str = "customfield_10016",
        retry_delay: Callable[[], float | None] = retry_by_hand,
        clock: Clock = real_clock,
        by_clock: bool = False,
        background: bool = True,
        port: int = 0,
    ) -> None:
        self.data_center = data_center
        retries = None if data_center else cloud_retry_policy(retry_delay)
        seconds = (lambda: clock().timestamp()) if by_clock else time.monotonic
        sender = WebhookSender(background=background, retries=retries, timeout=20, seconds=seconds)
        super().__init__(clock=clock, webhooks=sender, port=port)
        self.limits = Limits(clock, data_center=data_center)
        self.email = email
        self.token = token
        self.points_field = points_field
        self.points_field_id = points_field_id
        self.custom_fields = CustomFields()
        self.projects: list[Project] = []
        self.index = SearchIndex(clock)
        self.issues = IssueStore(self.index)
        self.hidden_ids: set[str] = set()
        self.denied: set[str] = set()
        self.is_admin = True
        self.token_expired = False
        self.names_callers = True
        self.version = "10.3.5" if data_center else "1001.0.0-SNAPSHOT"
        self.knows_secrets = True
        self.unknown_events: set[str] = set()
        self.failing_ids: set[str] = set()
        self.page_limit = 0
        self.empty_pages = 0
        self.changelog_limit = 100
        self.lacks_bulk_changelogs = False
        self.empty_changelog_pages = 0  # so many pages of changelogs that are empty and promise more come next
        self.tells_epics_by_links = False
        self.hooks: list[Hook] = []
        self.remote_links = RemoteLinks()
        self.dynamic_webhooks = DynamicWebhooks(self)
        self._emitter = WebhookEmitter(self)
        self.flow = "Primary"
        self._ids = itertools.count(10100)
        self._users: dict[str, User] = {}
        self._statuses = list(STATUSES)
        self.bot = self.user(email.partition("@")[0])
        self.actor = self.user(actor)

    # Accounts, statuses and projects

    def user(self, name: str, *, display_name: str = "", account_id: str = "") -> User:
        """Return the account of that name; create it if it does not exist; the rest follows from the name."""
        with self.reading():
            account_id = account_id or hashlib.sha256(name.encode()).hexdigest()[:24]
            made = User(account_id, name, display_name or name.title(), f"{name}@example.com")
            return self._users.setdefault(name, made)

    @contextmanager
    def acting_as(self, name: str) -> Iterator[None]:
        """Act as someone else."""
        former, self.actor = self.actor, self.user(name)
        try:
            yield
        finally:
            self.actor = former

    @contextmanager
    def in_bulk(self) -> Iterator[None]:
        """Send webhooks as those of a bulk change: in Cloud's secondary flow."""
        former, self.flow = self.flow, "Secondary"
        try:
            yield
        finally:
            self.flow = former

    def project(self, key: str, name: str = "") -> Project:
        """Return the project of that key; create it if it does not exist."""
        with self.changing():
            for project in self.projects:
                if project.key == key:
                    return project
            project = Project(site=self, id=self.new_id(), key=key, name=name or key.title())
            self.projects.append(project)
        return project

    def add_status(self, name: str, category: str) -> Status:
        """Add a status to the workflow; `category` is `new`, `indeterminate` or `done`."""
        with self.changing():
            self._statuses.append(Status(self.new_id(), name, CATEGORIES[category]))
            return self._statuses[-1]

    def sprint(self, name: str) -> Sprint:
        """Create a sprint that has not started."""
        with self.changing():
            return Sprint(site=self, id=self.new_id(), name=name)

    def status(self, name: str) -> Status:
        """Return the status of that name; raise `LookupError`."""
        return _find(self._statuses, name)

    @property
    def statuses(self) -> Sequence[Status]:
        """All statuses of the workflow."""
        return self._statuses

    def remove_status(self, name: str) -> None:
        """Remove a status from the workflow; changelogs still name it."""
        with self.changing():
            self._statuses.remove(self.status(name))

    def issue_type(self, name: str) -> IssueType:
        """Return the type of that name; raise `LookupError`."""
        return _find(TYPES, name)

    def resolution(self, name: str) -> Named:
        """Return the resolution of that name; raise `LookupError`."""
        return _find(RESOLUTIONS, name)

    def priority(self, name: str) -> Named:
        """Return the priority of that name; raise `LookupError`."""
        return _find(PRIORITIES, name)

    def find(self, id_or_key: str) -> Issue | None:
        """Return the issue of that id or key; a former key finds it too."""
        return self.issues.find(id_or_key)

    def find_visible(self, id_or_key: str) -> Issue | None:
        """Return an issue if the caller may see it."""
        found = self.find(id_or_key)
        return found if found is not None and self.shows(found) else None

    def shows(self, issue: Issue) -> bool:
        """Return whether the caller may see an issue."""
        return issue.id not in self.hidden_ids and issue.project.visible

    def find_project(self, id_or_key: str) -> Project | None:
        """Return a visible project by id, key (in any case), former key, or name."""
        name = id_or_key.lower()
        visible = [project for project in self.projects if project.visible]
        for project in visible:
            if name in (project.id, project.key.lower(), project.name.lower()):
                return project
        return next((project for project in visible if name in map(str.lower, project.former_keys)), None)

    def hide(self, *issues: Issue) -> None:
        """Hide issues from REST callers, as a security level does; webhooks still carry them."""
        with self.changing():
            self.hidden_ids |= {issue.id for issue in issues}

    def show(self, *issues: Issue) -> None:
        """Show hidden issues again."""
        with self.changing():
            self.hidden_ids -= {issue.id for issue in issues}

    def new_id(self) -> str:
        """Return an unused id: a number, written as text, as in all of Jira."""
        return str(self.new_ids(1))

    def new_ids(self, count: int) -> int:
        """Reserve ids in a row; return the first."""
        first = next(self._ids)
        self._ids = itertools.count(first + count)
        return first

    def reference(self, account: User | None) -> tuple[str | None, str | None]:
        """Return an account as a changelog names it: by id and display name."""
        if account is None:
            return None, None
        return account.name if self.data_center else account.account_id, account.display_name

    def transition_type_name(self, was: Status, now: Status) -> str:
        """Name a transition as `issue_event_type_name` does: generic on Cloud, specific on Data Center."""
        if self.data_center:
            if now.category.key == "done":
                return "issue_closed"
            if was.category.key == "done":
                return "issue_reopened"
            if now.category.key == "indeterminate":
                return "issue_work_started"
        return "issue_generic"

    @property
    def authorization(self) -> str:
        """Return the Authorization header of the site's token."""
        if self.data_center:
            return f"Bearer {self.token}"
        return f"Basic {base64.b64encode(f'{self.email}:{self.token}'.encode()).decode()}"

    # Issues

    def reindex(self, issue: Issue) -> None:
        """Update the place of a changed issue in the store and in searches."""
        self.issues.reindex(issue)

    def remove_issue(self, issue: Issue) -> None:
        """Remove a deleted issue."""
        del self.issues[issue.id]

    def children_of(self, issue: Issue) -> list[Issue]:
        """Return the issues whose parent an issue is, oldest first."""
        return self.issues.children_of(issue)

    # Webhooks

    def emit_issue(self, issue: Issue, event: str, *, type_name: str | None, items: list[Item] | None) -> None:
        """Send a webhook about an issue, with its changelog if it has one."""
        self._emitter.emit_issue(issue, event, type_name=type_name, items=items)

    def emit_epic_link(self, event: str, epic: Issue, issue: Issue) -> None:
        """Send the webhook of a link that makes an issue part of an epic, or no longer."""
        self._emitter.emit_epic_link(event, epic, issue)

    def emit_comment(self, comment: Comment, event: str) -> None:
        """Send the webhooks of a comment."""
        self._emitter.emit_comment(comment, event)

    def add_hook(
        self, *, url: str, secret: str = "", events: Iterable[str] = ("*",), projects: Iterable[str] = ()
    ) -> Hook:
        """Register a webhook as an admin does; `projects` are keys, none means all."""
        with self.changing():
            hook = Hook(id=int(self.new_id()), url=url, secret=secret, events=tuple(events), projects=tuple(projects))
            self.hooks.append(hook)
        return hook

    def remove_hook(self, hook: Hook) -> None:
        """Remove a hook."""
        with self.changing():
            self.hooks.remove(hook)


def _find(things: Iterable[_Thing], name: str) -> _Thing:
    for thing in things:
        if thing.name == name:
            return thing
    raise LookupError(f"{name!r} is none of {', '.join(thing.name for thing in things)}")
