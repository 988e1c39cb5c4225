"""The simulated GitHub itself: one owner with repositories, people, hooks and a token."""

import base64
import hashlib
import json
import struct
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from werkzeug.wrappers import Request, Response

from simulator.clock import Clock, real_clock
from simulator.courier import Courier
from simulator.delivery import Delivery
from simulator.github import rest
from simulator.github.bodies import organization as organization_body
from simulator.github.hooks import ContentType, Hook, parcel
from simulator.github.planning import IssueType, User
from simulator.github.render import render
from simulator.github.repository import Repository
from simulator.rest import View
from simulator.tracker import Tracker

_FIRST_ID = 3_387_467_460
"""GitHub's ids have outgrown 32 bits; so have ours."""

_DEEPEST_PAGE = 10_000
"""From this issue of a list on, GitHub refuses page numbers (https://github.com/google/go-github/issues/3565)."""

_ZEN = "Practicality beats purity."


class GitHub(Tracker):
    """A GitHub that runs on loopback. It never retries a delivery; `redeliver` does so by hand.

    `token` is what REST calls must bear; `actor` is who acts, until changed by `acting_as`.
    """

    ID_STEP = 1009

    def __init__(
        self,
        owner: str = "acme",
        *,
        organization: bool = True,
        token: str = "github_pat_simulated",  # noqa: S107  opens nothing but this simulator
        actor: str = "anaruiz",
        clock: Clock = real_clock,
        background: bool = True,
        port: int = 0,
    ) -> None:
        super().__init__(clock=clock, webhooks=Courier(background=background), port=port)
        self._next_id = _FIRST_ID
        self._users: dict[str, User] = {}
        self._types: dict[str, IssueType] = {}
        self._acting = threading.local()
        self.started = clock()
        self.deepest_page = _DEEPEST_PAGE
        self.repositories: list[Repository] = []
        self.hooks: list[Hook] = []
        self.token = token
        self.owner = self.user(owner, kind="Organization" if organization else "User")
        self._actor = self.user(actor)

    # People and places

    def user(self, login: str, *, kind: str = "User") -> User:
        """Give the account of that name, made now if there is none."""
        with self.reading():
            if login not in self._users:
                id_, node_id = self.new_id("O" if kind == "Organization" else "U")
                self._users[login] = User(id_, node_id, login, kind)
            return self._users[login]

    @property
    def actor(self) -> User:
        """Who acts."""
        acting: User = getattr(self._acting, "user", self._actor)
        return acting

    @contextmanager
    def acting_as(self, who: str | User) -> Iterator[None]:
        """Let someone else do what follows in this thread; who calls the REST API acts in a thread of their own."""
        former, self._acting.user = self.actor, self.user(who) if isinstance(who, str) else who
        try:
            yield
        finally:
            self._acting.user = former

    @property
    def api_url(self) -> str:
        """The root of the REST API."""
        return self.url

    def repository(self, name: str) -> Repository:
        """Give the repository of that name, made now if there is none."""
        with self.changing() as now:
            for repository in self.repositories:
                if repository.name.casefold() == name.casefold():
                    return repository
            id_, node_id = self.new_id("R")
            repository = Repository(hub=self, id=id_, node_id=node_id, name=name, created=now)
            self.repositories.append(repository)
        return repository

    def find(self, owner: str, name: str) -> Repository | None:
        """Give the repository that has a name, or else one that had it; case does not matter."""
        for place in self.repositories:
            if place.is_named(owner, name):
                return place
        former = f"{owner}/{name}".casefold()
        return next((place for place in self.repositories if former in map(str.casefold, place.former_names)), None)

    def find_by_id(self, id_: int) -> Repository | None:
        """Give the repository with an id."""
        return next((place for place in self.repositories if place.id == id_), None)

    def issue_type(self, name: str) -> IssueType:
        """Give the issue type of that name, made now if there is none."""
        with self.changing() as now:
            if name not in self._types:
                id_, node_id = self.new_id("IT")
                self._types[name] = IssueType(id_, node_id, name, now)
            return self._types[name]

    # Webhooks

    def add_hook(
        self,
        repository: Repository | None = None,
        *,
        url: str,
        secret: str = "",
        content_type: ContentType = "json",
        events: Iterable[str] = ("*",),
    ) -> Hook:
        """Register a webhook on a repository, or on the organisation; a `ping` is sent at once."""
        with self.changing() as now:
            hook = Hook(
                id=self.new_id("H")[0],
                url=url,
                secret=secret,
                content_type=content_type,
                events=tuple(events),
                repository=repository,
                owner_id=self.owner.id,
                created=now,
            )
            self.hooks.append(hook)
            self.ping(hook)
        return hook

    def remove_hook(self, hook: Hook) -> None:
        """Tell this hook nothing any more."""
        with self.changing():
            self.hooks.remove(hook)

    def ping(self, hook: Hook) -> None:
        """Send a `ping` to one hook."""
        with self.changing():
            message = {"zen": _ZEN, "hook_id": hook.id, "hook": hook}
            self._send("ping", message, repository=hook.repository, hooks=[hook])

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Send a logged delivery again, under the same GUID, whole and well signed."""
        return self.webhooks.redeliver(delivery)

    def tell(self, event: str, message: Mapping[str, object], *, repository: Repository) -> None:
        """Send one message to every hook that wants it, under one GUID."""
        hooks = [hook for hook in self.hooks if hook.wants(event, repository)]
        self._send(event, message, repository=repository, hooks=hooks)

    def _send(
        self, event: str, message: Mapping[str, object], *, repository: Repository | None, hooks: Iterable[Hook]
    ) -> None:
        whole: dict[str, object] = dict(message)
        if repository is not None:
            whole["repository"] = repository
        if self.owner.kind == "Organization":
            whole["organization"] = organization_body(self.owner, self.url)
        whole["sender"] = self.actor
        text = json.dumps(render(whole, self.url), ensure_ascii=False)
        guid = str(uuid.uuid4())
        for hook in hooks:
            self.webhooks.take(parcel(hook, event=event, guid=guid, text=text, message=message))

    # REST

    def _views(self) -> Mapping[tuple[str, str], View]:
        return rest.views(self)

    def _pages(self) -> Mapping[str, View]:
        return rest.pages(self)

    def _admit(self, request: Request) -> Response | None:
        return rest.admit(self, request)

    def _problem(self, status: int) -> Response:
        return rest.fault(status)

    def _finish(self, request: Request, response: Response) -> Response:
        return rest.finish(request, super()._finish(request, response))

    # Ids

    def new_id(self, kind: str) -> tuple[int, str]:
        """Give an unused id and the node id that belongs to it."""
        number = self.new_ids(1)
        return number, self.node_id(kind, number)

    def new_ids(self, count: int) -> int:
        """Take as many unused ids, `ID_STEP` apart, and give the first."""
        first, self._next_id = self._next_id, self._next_id + count * self.ID_STEP
        return first

    def node_id(self, kind: str, number: int) -> str:
        """Give the node id that belongs to an id."""
        packed = base64.urlsafe_b64encode(struct.pack(">BQ", 0x93, number)).decode().rstrip("=")
        return f"{kind}_kwDO{packed}"

    def sha(self, branch: str) -> str:
        """Give the commit at the head of a branch: made up, but always the same."""
        return hashlib.sha256(branch.encode()).hexdigest()[:40]
