"""Everything that the simulated GitHub holds: repositories, people, hooks, tokens and apps; all but the REST API."""

from __future__ import annotations

import re
import secrets
from abc import ABC
from collections.abc import Iterable, Mapping
from datetime import datetime

from simulator.clock import Clock, real_clock
from simulator.github.limits import Limits
from simulator.github.manifest import NewApp
from simulator.github.model.accounts import User
from simulator.github.model.app import App, new_key
from simulator.github.model.hooks import ContentType, Hook
from simulator.github.model.host import RepositoryIdentity
from simulator.github.model.projects import Project
from simulator.github.model.repository import Repository
from simulator.github.tokens import InstallationToken, PersonalToken
from simulator.github.webhook_emitter import WebhookEmitter

_DEEPEST_PAGE = 10_000
"""From this issue of a list on, GitHub refuses page numbers (https://github.com/google/go-github/issues/3565)."""

_FIRST_APP = 1_204_001


class GitHubState(WebhookEmitter, ABC):
    """A GitHub that runs on loopback.

    `token` is what REST calls must bear, and may do everything; `add_token` and `create_app` make lesser ones. `actor`
    is the account that acts, until changed by `acting_as`. `ghes="3.17"` makes it a GitHub Enterprise Server.
    """

    def __init__(
        self,
        owner: str = "acme",
        *,
        organization: bool = True,
        token: str = "github_pat_simulated",  # noqa: S107  opens nothing but this simulator
        actor: str = "anaruiz",
        ghes: str = "",
        clock: Clock = real_clock,
        background: bool = True,
        port: int = 0,
    ) -> None:
        super().__init__(
            owner=owner,
            organization=organization,
            actor=actor,
            ghes=ghes,
            clock=clock,
            background=background,
            port=port,
        )
        self.hooks: list[Hook] = []
        self.token = token
        self.tokens: dict[str, PersonalToken] = {}
        self.installation_tokens: dict[str, InstallationToken] = {}
        self.apps: list[App] = []
        self.manifest_codes: dict[str, NewApp] = {}
        self.projects: list[Project] = []
        self.limits = Limits(clock)
        self.search_is_incomplete = False
        self.deepest_page = _DEEPEST_PAGE

    def repository(self, name: str) -> Repository:
        """Return the repository of that name; create it if it does not exist. `org/name` is another organisation's."""
        with self.changing() as now:
            login, _, name = name.rpartition("/")
            owner = self.user(login, kind="Organization") if login else self.owner
            for repository in self.repositories:
                if repository.is_named(owner.login, name):
                    return repository
            id_, node_id = self.new_id("R")
            repository = Repository(hub=self, id=id_, node_id=node_id, owner=owner, name=name, created=now)
            self.repositories.append(repository)
        return repository

    def project(self, title: str) -> Project:
        """Return the project of that title; create it if it does not exist."""
        with self.changing():
            for project in self.projects:
                if project.title == title:
                    return project
            id_, node_id = self.new_id("PVT")
            project = Project(hub=self, id=id_, node_id=node_id, number=len(self.projects) + 1, title=title)
            self.projects.append(project)
        return project

    def remove_repository(self, repository: RepositoryIdentity) -> None:
        """Remove a deleted repository and its hooks."""
        self.repositories = [each for each in self.repositories if each is not repository]
        self.hooks = [hook for hook in self.hooks if hook.repository is not repository]

    # Credentials

    def add_token(
        self,
        login: str,
        *,
        permissions: Mapping[str, str] | None = None,
        repositories: Iterable[Repository] | None = None,
        expires: datetime | None = None,
    ) -> PersonalToken:
        """Create a fine-grained personal token with these permissions and repositories only."""
        with self.changing():
            token = PersonalToken(
                text=f"github_pat_{secrets.token_hex(41)}",
                user=self.user(login),
                permissions=permissions,
                repositories=None if repositories is None else frozenset(repo.id for repo in repositories),
                expires=expires,
            )
            self.tokens[token.text] = token
        return token

    def create_app(  # noqa: PLR0913  one named choice each, all with a default
        self,
        name: str = "OKR Sync",
        *,
        permissions: Mapping[str, str],
        events: Iterable[str] = (),
        owner: User | None = None,
        hook_url: str = "",
        hook_secret: str = "",
        content_type: ContentType = "json",
        external_url: str = "",
        setup_url: str = "",
        description: str | None = None,
    ) -> App:
        """Register an app with a new key; its hook, if it has one, is pinged."""
        with self.changing() as now:
            id_ = _FIRST_APP + len(self.apps)
            slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
            app = App(
                hub=self,
                id=id_,
                node_id=self.node_id("A", id_),
                slug=slug,
                name=name,
                owner=owner or self.owner,
                bot=self.user(f"{slug}[bot]", kind="Bot"),
                client_id=f"Iv23li{secrets.token_hex(7)}",
                client_secret=secrets.token_hex(20),
                key=new_key(),
                permissions={"metadata": "read", **permissions},
                events=tuple(events),
                created=now,
                long_tokens=not self.ghes,
                external_url=external_url,
                setup_url=setup_url,
                description=description,
            )
            self.apps.append(app)
            if hook_url:
                app.hook = Hook(
                    id=self.new_id("H")[0],
                    api_url=self.api_url,
                    url=hook_url,
                    secret=hook_secret,
                    content_type=content_type,
                    events=app.events,
                    repository=None,
                    owner=app.owner,
                    created=now,
                    app_id=app.id,
                )
                self.hooks.append(app.hook)
                self.ping(app.hook)
        return app
