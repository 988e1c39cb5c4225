"""The simulated Jira itself: one site with projects, people, hooks and a token."""

import base64
import hashlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from werkzeug.wrappers import Request, Response

from simulator.clock import Clock, real_clock
from simulator.courier import Courier
from simulator.jira import answers
from simulator.jira.dynamic import DynamicHooks
from simulator.jira.hooks import (
    Hook,
    cloud_retries,
    retry_by_hand,
)
from simulator.jira.index import Index
from simulator.jira.issue import Issue
from simulator.jira.limits import Limits
from simulator.jira.plans import Sprint
from simulator.jira.project import Project
from simulator.jira.remote_links import RemoteLinks
from simulator.jira.shelf import Shelf
from simulator.jira.teller import Teller
from simulator.jira.vocabulary import (
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
from simulator.rest import View
from simulator.tracker import Tracker

_Thing = TypeVar("_Thing", Status, IssueType, Named)


class Jira(Tracker):
    """A Jira that runs on loopback, with the face of Cloud or of Data Center.

    Cloud tries a failed delivery again, up to five times, after `retry_delay()` seconds; the default waits for
    `webhooks.retry_now()`, `simulator.jira.hooks.real_retry_delay` is the real one. Data Center never tries again.
    Webhooks that calls make are where `version` has them, signed where it `knows_secrets`.
    `by_clock`: those seconds are the clock's, so that they pass as it is stepped (then call `webhooks.let_time_pass`).
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
        retries = None if data_center else cloud_retries(retry_delay)
        seconds = (lambda: clock().timestamp()) if by_clock else time.monotonic
        courier = Courier(background=background, retries=retries, timeout=20, seconds=seconds)
        super().__init__(clock=clock, webhooks=courier, port=port)
        self.limits = Limits(clock, data_center=data_center)
        self.email = email
        self.token = token
        self.points_field = points_field
        self.points_field_id = points_field_id
        self.projects: list[Project] = []
        self.index = Index(clock)
        self.issues = Shelf(self.index)
        self.hidden_ids: set[str] = set()
        self.denied: set[str] = set()
        self.is_admin = True
        self.version = "10.3.5" if data_center else "1001.0.0-SNAPSHOT"
        self.knows_secrets = True
        self.unknown_events: set[str] = set()
        self.failing_ids: set[str] = set()
        self.page_limit = 0
        self.hooks: list[Hook] = []
        self.remote_links = RemoteLinks()
        self.dynamic = DynamicHooks(self)
        self.teller = Teller(self)
        self.flow = "Primary"
        self._ids = itertools.count(10100)
        self._users: dict[str, User] = {}
        self._statuses = list(STATUSES)
        self.bot = self.user(email.partition("@")[0])
        self.actor = self.user(actor)

    # People and words

    def user(self, name: str, *, display_name: str = "", account_id: str = "") -> User:
        """Give the account of that name, made now if there is none; what is not said follows from the name."""
        with self.reading():
            account_id = account_id or hashlib.sha256(name.encode()).hexdigest()[:24]
            made = User(account_id, name, display_name or name.title(), f"{name}@example.com")
            return self._users.setdefault(name, made)

    @contextmanager
    def acting_as(self, name: str) -> Iterator[None]:
        """Let someone else do what follows."""
        former, self.actor = self.actor, self.user(name)
        try:
            yield
        finally:
            self.actor = former

    @contextmanager
    def in_bulk(self) -> Iterator[None]:
        """Send what follows as fallout of a bulk change: in Cloud's secondary flow."""
        former, self.flow = self.flow, "Secondary"
        try:
            yield
        finally:
            self.flow = former

    def project(self, key: str, name: str = "") -> Project:
        """Give the project of that key, made now if there is none."""
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
        """Make a sprint that has not begun."""
        with self.changing():
            return Sprint(site=self, id=self.new_id(), name=name)

    def status(self, name: str) -> Status:
        """Give the status of that name; raises `LookupError`."""
        return _find(self._statuses, name)

    def issue_type(self, name: str) -> IssueType:
        """Give the type of that name; raises `LookupError`."""
        return _find(TYPES, name)

    def resolution(self, name: str) -> Named:
        """Give the resolution of that name; raises `LookupError`."""
        return _find(RESOLUTIONS, name)

    def priority(self, name: str) -> Named:
        """Give the priority of that name; raises `LookupError`."""
        return _find(PRIORITIES, name)

    def find(self, id_or_key: str) -> Issue | None:
        """Give the issue of that id or key; a key that it had before a move still leads to it."""
        return self.issues.find(id_or_key)

    def find_visible(self, id_or_key: str) -> Issue | None:
        """Give an issue if whoever calls may see it."""
        found = self.find(id_or_key)
        return found if found is not None and self.shows(found) else None

    def shows(self, issue: Issue) -> bool:
        """Say whether whoever calls may see an issue."""
        return issue.id not in self.hidden_ids and issue.project.visible

    def find_project(self, id_or_key: str) -> Project | None:
        """Give a project that may be seen, by its id, its key in any case, a key that it had, or its name."""
        name = id_or_key.lower()
        visible = [project for project in self.projects if project.visible]
        for project in visible:
            if name in (project.id, project.key.lower(), project.name.lower()):
                return project
        return next((project for project in visible if name in map(str.lower, project.former_keys)), None)

    def hide(self, *issues: Issue) -> None:
        """Hide issues from whoever calls, as a security level does; webhooks tell of them all the same."""
        with self.changing():
            self.hidden_ids |= {issue.id for issue in issues}

    def show(self, *issues: Issue) -> None:
        """Let hidden issues be seen again."""
        with self.changing():
            self.hidden_ids -= {issue.id for issue in issues}

    def new_id(self) -> str:
        """Give an unused id: a number, written as text, as in all of Jira."""
        return str(self.new_ids(1))

    def new_ids(self, count: int) -> int:
        """Give the first of so many unused ids in a row."""
        first = next(self._ids)
        self._ids = itertools.count(first + count)
        return first

    def reference(self, account: User | None) -> tuple[str | None, str | None]:
        """Give an account as a changelog names it: by the face's own id, and as people read it."""
        if account is None:
            return None, None
        return account.name if self.data_center else account.account_id, account.display_name

    def transition_type_name(self, was: Status, now: Status) -> str:
        """Name a transition as `issue_event_type_name` does: Cloud says generic, Data Center more."""
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
        """Give the header by which calls with the site's token are made."""
        if self.data_center:
            return f"Bearer {self.token}"
        return f"Basic {base64.b64encode(f'{self.email}:{self.token}'.encode()).decode()}"

    # Webhooks

    def add_hook(
        self, *, url: str, secret: str = "", events: Iterable[str] = ("*",), projects: Iterable[str] = ()
    ) -> Hook:
        """Register a webhook as an admin does; `projects` are keys, none means all."""
        with self.changing():
            hook = Hook(id=int(self.new_id()), url=url, secret=secret, events=tuple(events), projects=tuple(projects))
            self.hooks.append(hook)
        return hook

    def remove_hook(self, hook: Hook) -> None:
        """Tell this hook nothing any more."""
        with self.changing():
            self.hooks.remove(hook)

    # REST

    def _views(self) -> Mapping[tuple[str, str], View]:
        return answers.views(self)

    def _pages(self) -> Mapping[str, View]:
        return answers.pages(self)

    def _admit(self, request: Request) -> Response | None:
        return answers.admit(self, request) or self._limited(request)

    def _limited(self, request: Request) -> Response | None:
        refusal = self.limits.take(request)
        if refusal is None:
            return None
        response = answers.problem(429)
        response.headers.extend(refusal.headers)
        return response

    def _finish(self, request: Request, response: Response) -> Response:
        self.limits.show(response)
        return super()._finish(request, response)

    def _problem(self, status: int) -> Response:
        return answers.problem(status)


def _find(things: Iterable[_Thing], name: str) -> _Thing:
    for thing in things:
        if thing.name == name:
            return thing
    raise LookupError(f"{name!r} is none of {', '.join(thing.name for thing in things)}")
