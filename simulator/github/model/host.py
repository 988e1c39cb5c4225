"""The lowest layer of the model: what every object needs of the server, and the identity of a repository.

The objects know the server by the protocol `Host` alone: the server imports them, and they never import the server.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from simulator.clock import Clock
from simulator.github.model.accounts import AsOrganization, IssueType, User
from simulator.github.model.fields import IssueField

DEFAULT_BRANCH = "main"


@dataclass(frozen=True)
class Site:
    """The base URLs of the simulated GitHub: `web` for people, `api` for the REST API."""

    web: str
    api: str


class Host(Protocol):
    """The server, as its objects see it."""

    @property
    def url(self) -> str:
        """The base URL for people."""

    @property
    def api_url(self) -> str:
        """The base URL of the REST API."""

    @property
    def site(self) -> Site:
        """Both base URLs."""

    @property
    def clock(self) -> Clock:
        """The clock of the server."""

    @property
    def owner(self) -> User:
        """The organisation or person that owns the server's repositories."""

    @property
    def actor(self) -> User:
        """The account that acts now."""

    @property
    def ID_STEP(self) -> int:  # noqa: N802  a constant of the server
        """The distance between two ids in a row."""

    def changing(self) -> AbstractContextManager[datetime]:
        """Change the state under the server's lock; yield the present time."""

    def new_id(self, kind: str) -> tuple[int, str]:
        """Return an unused id and its node id."""

    def new_ids(self, count: int) -> int:
        """Reserve ids in a row; return the first."""

    def node_id(self, kind: str, number: int) -> str:
        """Return the node id that belongs to an id."""

    def sha(self, branch: str) -> str:
        """Return the commit at the head of a branch."""

    def user(self, login: str, *, kind: str = "User") -> User:
        """Return the account of that name; create it if it does not exist."""

    def issue_type(self, name: str) -> IssueType:
        """Return the issue type of that name; create it if it does not exist."""

    def issue_field(self, name: str) -> IssueField:
        """Return the issue field of that name; create it if it does not exist."""

    def emit(self, event: str, message: Mapping[str, object], *, repository: RepositoryIdentity) -> None:
        """Send a webhook about a repository to every hook that wants it."""

    def remove_repository(self, repository: RepositoryIdentity) -> None:
        """Remove a deleted repository and its hooks."""

    def emit_to_organization(self, event: str, message: Mapping[str, object], *, owner: User) -> None:
        """Send a webhook about no repository to the hooks of an organisation."""


@dataclass(eq=False, kw_only=True)
class RepositoryIdentity(ABC):
    """Who a repository is: what JSON, hooks and apps need to know of it.

    `former_names` are full names, as in `acme/checkout`. `has_issues`: its issues are not switched off. `blocked`: it
    may not be shown for legal reasons.
    """

    hub: Host
    id: int
    node_id: str
    owner: User
    name: str
    created: datetime
    default_branch: str = DEFAULT_BRANCH
    visible: bool = True
    archived: bool = False
    has_issues: bool = True
    blocked: bool = False
    former_names: list[str] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        """Owner and name, as in `acme/checkout`."""
        return f"{self.owner.login}/{self.name}"

    def is_named(self, owner: str, name: str) -> bool:
        """Return whether this is its present name; case does not matter."""
        return self.full_name.casefold() == f"{owner}/{name}".casefold()

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self.hub.url}/{self.full_name}"

    @property
    @abstractmethod
    def open_issues(self) -> int:
        """The number of open issues and pull requests."""

    def rename(self, name: str) -> None:
        """Change its name; its id stays and the old URL answers 301."""
        with self.hub.changing():
            self.former_names.append(self.full_name)
            former, self.name = self.name, name
            self.emit("repository", "renamed", {"changes": {"repository": {"name": {"from": former}}}})

    def transfer(self, login: str) -> None:
        """Give it to another organisation; its id and its own hooks stay and the old URL answers 301."""
        with self.hub.changing():
            self.former_names.append(self.full_name)
            former, self.owner = self.owner, self.hub.user(login, kind="Organization")
            kind = "organization" if former.kind == "Organization" else "user"
            written = AsOrganization(former) if kind == "organization" else former
            changes = {"owner": {"from": {kind: written}}}
            self.emit("repository", "transferred", {"changes": changes})

    def archive(self) -> None:
        """Make it read-only: calls that would change it are refused."""
        with self.hub.changing():
            self.archived = True
            self.emit("repository", "archived", {})

    def unarchive(self) -> None:
        """Let it be changed again."""
        with self.hub.changing():
            self.archived = False
            self.emit("repository", "unarchived", {})

    def delete(self) -> None:
        """Delete it with its issues, without webhooks of them, and with its hooks, after they got the last webhook."""
        with self.hub.changing():
            self.emit("repository", "deleted", {})
            self.hub.remove_repository(self)

    def emit(self, event: str, action: str, body: Mapping[str, object]) -> None:
        """Send a webhook to the hooks of this repository and of its owner."""
        self.hub.emit(event, {"action": action, **body}, repository=self)
