"""The registry of the simulated GitHub: ids, accounts, the actor, repositories, issue types and issue fields."""

from __future__ import annotations

import base64
import hashlib
import struct
import threading
from abc import ABC
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from simulator.base_tracker import BaseTracker
from simulator.clock import Clock
from simulator.github.model.accounts import IssueType, User
from simulator.github.model.fields import FieldType, IssueField
from simulator.github.model.host import Site
from simulator.github.model.issue import Issue
from simulator.github.model.repository import Repository
from simulator.webhook_sender import WebhookSender

_FIRST_ID = 3_387_467_460
"""GitHub's ids no longer fit into 32 bits, so ours don't either."""

_FIRST_USER_ID = 200_000_000
"""Those of accounts still do: GraphQL shows them as `databaseId`."""

_TIMEOUT, _TIMEOUT_OF_GHES = 10.0, 30.0
"""How many seconds a receiver has to answer.

https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks
"""

_KINDS = {"Organization": "O", "Bot": "BOT"}


class Registry(BaseTracker, ABC):
    """Creates and finds what has an id; `actor` is the account that acts, until changed by `acting_as`.

    `ghes` is the version of GitHub Enterprise Server that this is, or empty on github.com.
    """

    ID_STEP = 1009

    def __init__(
        self, *, owner: str, organization: bool, actor: str, ghes: str, clock: Clock, background: bool, port: int
    ) -> None:
        self.ghes = ghes
        timeout = _TIMEOUT_OF_GHES if ghes else _TIMEOUT
        super().__init__(clock=clock, webhooks=WebhookSender(background=background, timeout=timeout), port=port)
        self._next_id, self._next_user_id = _FIRST_ID, _FIRST_USER_ID
        self._acting = threading.local()
        self._users: dict[str, User] = {}
        self._types: dict[str, IssueType] = {}
        self._fields: dict[str, IssueField] = {}
        self.started = clock()
        self.repositories: list[Repository] = []
        self.owner = self.user(owner, kind="Organization" if organization else "User")
        self._actor = self.user(actor)

    @property
    def api_url(self) -> str:
        """The root of the REST API."""
        return self.url + self.api_path

    @property
    def api_path(self) -> str:
        """The path of the REST API."""
        return "/api/v3" if self.ghes else ""

    @property
    def site(self) -> Site:
        """The base URLs."""
        return Site(self.url, self.api_url)

    @property
    def graphql_path(self) -> str:
        """The path of the GraphQL API."""
        return "/api/graphql" if self.ghes else "/graphql"

    @property
    def graphql_url(self) -> str:
        """The URL of the GraphQL API."""
        return self.url + self.graphql_path

    # Accounts

    def user(self, login: str, *, kind: str = "User") -> User:
        """Return the account of that name; create it if it does not exist."""
        with self.reading():
            if login not in self._users:
                self._next_user_id += self.ID_STEP
                node_id = self.node_id(_KINDS.get(kind, "U"), self._next_user_id)
                self._users[login] = User(self._next_user_id, node_id, login, kind)
            return self._users[login]

    def rename_user(self, login: str, new: str) -> User:
        """Give an account another name; the old one is free for somebody else. Send nothing, as GitHub."""
        with self.reading():
            user = self._users.pop(login)
            user.login = new
            self._users[new] = user
            return user

    def organization(self, login: str) -> User | None:
        """Return the organisation of that name, if there is one; case does not matter."""
        found = (each for each in self._users.values() if each.login.casefold() == login.casefold())
        return next((each for each in found if each.kind == "Organization"), None)

    @property
    def actor(self) -> User:
        """The account that acts."""
        acting: User = getattr(self._acting, "user", self._actor)
        return acting

    @contextmanager
    def acting_as(self, who: str | User) -> Iterator[None]:
        """Act as someone else in this thread; REST calls act in their own threads."""
        former, self._acting.user = self.actor, self.user(who) if isinstance(who, str) else who
        try:
            yield
        finally:
            self._acting.user = former

    # Repositories and issues

    def find(self, owner: str, name: str) -> Repository | None:
        """Return the repository that has a name, or else one that had it; case does not matter."""
        for repository in self.repositories:
            if repository.is_named(owner, name):
                return repository
        former = f"{owner}/{name}".casefold()
        return next(
            (repository for repository in self.repositories if former in map(str.casefold, repository.former_names)),
            None,
        )

    def find_by_id(self, id_: int) -> Repository | None:
        """Return the repository with an id."""
        return next((repository for repository in self.repositories if repository.id == id_), None)

    def find_issue(self, id_: int) -> Issue | None:
        """Return the issue or pull request with an id."""
        for repository in self.repositories:
            number = repository.issues.number_of(id_)
            if number is not None:
                return repository.issues[number]
        return None

    def issue_type(self, name: str) -> IssueType:
        """Return the issue type of that name; create it if it does not exist."""
        with self.changing() as now:
            if name not in self._types:
                id_, node_id = self.new_id("IT")
                self._types[name] = IssueType(id_, node_id, name, now)
            return self._types[name]

    @property
    def issue_types(self) -> list[IssueType]:
        """All types of issues."""
        return list(self._types.values())

    def issue_field(
        self,
        name: str,
        type: FieldType = "number",  # noqa: A002  GitHub's word
        *,
        options: Iterable[str] = (),
    ) -> IssueField:
        """Return the organisation's field of that name; create it if it does not exist."""
        with self.changing() as now:
            if name not in self._fields:
                id_, node_id = self.new_id("IFT")
                choices = tuple((self.new_ids(1), option) for option in options)
                self._fields[name] = IssueField(id_, node_id, name, type, now, choices)
            return self._fields[name]

    @property
    def issue_fields(self) -> list[IssueField]:
        """All fields of issues."""
        return list(self._fields.values())

    # Ids

    def new_id(self, kind: str) -> tuple[int, str]:
        """Return an unused id and the node id that belongs to it."""
        number = self.new_ids(1)
        return number, self.node_id(kind, number)

    def new_ids(self, count: int) -> int:
        """Reserve unused ids, `ID_STEP` apart; return the first."""
        first, self._next_id = self._next_id, self._next_id + count * self.ID_STEP
        return first

    def node_id(self, kind: str, number: int) -> str:
        """Return the node id that belongs to an id."""
        packed = base64.urlsafe_b64encode(struct.pack(">BQ", 0x93, number)).decode().rstrip("=")
        return f"{kind}_kwDO{packed}"

    def sha(self, branch: str) -> str:
        """Return the commit at the head of a branch: made up, but always the same."""
        return hashlib.sha256(branch.encode()).hexdigest()[:40]
