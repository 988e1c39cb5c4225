"""A GitHub App and its installations: an identity with its own key, permissions and repositories.

https://docs.github.com/en/apps/creating-github-apps/about-creating-github-apps/about-creating-github-apps
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from simulator.github.model.accounts import User
from simulator.github.model.hooks import Hook
from simulator.github.model.host import Host, RepositoryIdentity


class AppHost(Host, Protocol):
    """The server, as apps see it."""

    @property
    def repositories(self) -> Sequence[RepositoryIdentity]:
        """All repositories."""

    def emit_to_app(self, hook: Hook, event: str, message: Mapping[str, object]) -> None:
        """Send a webhook to the hook of an app, whatever events it asked for."""


def new_key() -> rsa.RSAPrivateKey:
    """Create a private key of an app."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(eq=False, kw_only=True)
class App:
    """A registered app.

    `long_tokens` chooses between the two forms of installation tokens, about 520 or 40 characters. `token_lag` is how
    many times a new token is refused before all of GitHub knows it.
    """

    hub: AppHost
    id: int
    node_id: str
    slug: str
    name: str
    owner: User
    bot: User
    client_id: str
    client_secret: str
    key: rsa.RSAPrivateKey
    permissions: dict[str, str]
    events: tuple[str, ...]
    created: datetime
    hook: Hook | None = None
    external_url: str = ""
    setup_url: str = ""
    description: str | None = None
    long_tokens: bool = True
    token_lag: int = 0
    installations: list[Installation] = field(default_factory=list)

    @property
    def pem(self) -> str:
        """The private key as GitHub hands it out."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self.hub.url}/apps/{self.slug}"

    def installation_on(self, repository: RepositoryIdentity) -> Installation | None:
        """Return the installation that covers a repository, if any does."""
        return next((each for each in self.installations if each.covers(repository)), None)

    def install(
        self, repositories: Iterable[RepositoryIdentity] | None = None, *, account: User | None = None
    ) -> Installation:
        """Install it on all repositories of an account, or on some; the hub's owner's, unless another is named."""
        with self.hub.changing() as now:
            id_ = self.hub.new_ids(1)
            chosen = None if repositories is None else list(repositories)
            installation = Installation(
                app=self,
                id=id_,
                account=account or self.hub.owner,
                chosen=chosen,
                permissions=dict(self.permissions),
                events=self.events,
                created=now,
                updated=now,
            )
            self.installations.append(installation)
            installation.emit("created")
        return installation


@dataclass(frozen=True)
class ShortRepository:
    """A repository, to be written as webhooks about installations name it."""

    repository: RepositoryIdentity


@dataclass(eq=False, kw_only=True)
class Installation:
    """An app on an account; `chosen` are its repositories, None means all, also later ones."""

    app: App
    id: int
    account: User
    chosen: list[RepositoryIdentity] | None
    permissions: dict[str, str]
    events: tuple[str, ...]
    created: datetime
    updated: datetime
    suspended: datetime | None = None
    suspended_by: User | None = None
    deleted: bool = False

    @property
    def reference(self) -> Mapping[str, object]:
        """The installation, as other webhooks carry it."""
        node_id = base64.b64encode(f"023:IntegrationInstallation{self.id}".encode()).decode()
        return {"id": self.id, "node_id": node_id}

    @property
    def repositories(self) -> list[RepositoryIdentity]:
        """The repositories that it covers."""
        return [repo for repo in self.app.hub.repositories if self.covers(repo)]

    def covers(self, repository: RepositoryIdentity) -> bool:
        """Return whether a repository is one of its own."""
        return repository.owner == self.account and (self.chosen is None or repository in self.chosen)

    def wants(self, event: str) -> bool:
        """Return whether the app's hook gets an event; a suspended installation gets none."""
        return self.suspended is None and event in self.events

    def suspend(self) -> None:
        """Stop it until `unsuspend`: its tokens are refused and its events not sent."""
        with self.app.hub.changing() as now:
            self.suspended, self.suspended_by = now, self.app.hub.actor
            self.emit("suspend")

    def unsuspend(self) -> None:
        """Let it work again."""
        with self.app.hub.changing():
            self.suspended, self.suspended_by = None, None
            self.emit("unsuspend")

    def delete(self) -> None:
        """Uninstall the app; its tokens are worth nothing from now on."""
        with self.app.hub.changing():
            self.deleted = True
            self.emit("deleted")
            self.app.installations.remove(self)

    def accept(self, permissions: Mapping[str, str], *, events: Iterable[str] = ()) -> None:
        """Grant permissions and events that the app newly requests."""
        with self.app.hub.changing() as now:
            self.permissions |= permissions
            self.events = (*self.events, *(event for event in events if event not in self.events))
            self.updated = now
            self.emit("new_permissions_accepted")

    def add(self, *repositories: RepositoryIdentity) -> None:
        """Choose more repositories."""
        with self.app.hub.changing():
            self.chosen = [*(self.chosen or []), *repositories]
            self._emit_repositories("added", added=repositories)

    def remove(self, *repositories: RepositoryIdentity) -> None:
        """Choose fewer repositories; raise `ValueError` where all are covered or one is not."""
        with self.app.hub.changing():
            if self.chosen is None:
                raise ValueError(f"{self.app.slug} covers all repositories of {self.account.login}")
            for repository in repositories:
                self.chosen.remove(repository)
            self._emit_repositories("removed", removed=repositories)

    def emit(self, action: str) -> None:
        """Send the app the webhook of a change of this installation."""
        message: dict[str, object] = {"action": action, "installation": self}
        message["repositories"] = [ShortRepository(repo) for repo in self.repositories]
        if action == "created":
            message["requester"] = None
        self._send("installation", message)

    def _emit_repositories(
        self, action: str, *, added: Iterable[RepositoryIdentity] = (), removed: Iterable[RepositoryIdentity] = ()
    ) -> None:
        message = {
            "action": action,
            "installation": self,
            "repository_selection": self.selection,
            "repositories_added": [ShortRepository(repo) for repo in added],
            "repositories_removed": [ShortRepository(repo) for repo in removed],
            "requester": None,
        }
        self._send("installation_repositories", message)

    @property
    def selection(self) -> str:
        """GitHub's word for what it covers: `all` or `selected`."""
        return "all" if self.chosen is None else "selected"

    def _send(self, event: str, message: Mapping[str, object]) -> None:
        if self.app.hook is not None and self.app.hook.active:
            self.app.hub.emit_to_app(self.app.hook, event, message)
