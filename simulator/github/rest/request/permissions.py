"""Permissions: the caller of a request, and what its credential may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from werkzeug.wrappers import Request

from simulator.github.model.accounts import User
from simulator.github.model.app import App, Installation
from simulator.github.model.host import RepositoryIdentity

Level = Literal["read", "write"]
Right = tuple[str, Level]
"""A permission and how much of it, as in `("issues", "write")`."""

_CALLER = "simulator.caller"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The caller of a request. `bucket` is the rate limit bucket, as GitHub's messages name it: `user ID 7`.

    `permissions` None means every permission, `repositories` (ids) None every repository.
    """

    bucket: str
    user: User
    permissions: Mapping[str, str] | None = None
    repositories: frozenset[int] | None = None
    app: App | None = None
    installation: Installation | None = None
    refusal: str = "Resource not accessible by personal access token"

    def has_permission(self, right: Right) -> bool:
        """Return whether it has a permission at this level or above."""
        permission, level = right
        if self.permissions is None:
            return True
        return self.permissions.get(permission) in ((level, "admin") if level == "write" else (level, "write", "admin"))

    def can_see(self, repo: RepositoryIdentity) -> bool:
        """Return whether it can see a repository."""
        return repo.visible and (self.repositories is None or repo.id in self.repositories)


def remember_caller(request: Request, caller: Caller) -> None:
    """Store the caller in the request's environment."""
    request.environ[_CALLER] = caller


def caller(request: Request) -> Caller:
    """Return the caller of an authenticated request."""
    known: Caller = request.environ[_CALLER]
    return known


def known_caller(request: Request) -> Caller | None:
    """Return the caller of a request, or None without authentication."""
    found: Caller | None = request.environ.get(_CALLER)
    return found


def accepted_permissions(needs: tuple[Right, ...]) -> dict[str, str]:
    """Return the header that names the permissions of which one is enough."""
    text = "; ".join(f"{permission}={level}" for permission, level in needs)
    return {"X-Accepted-GitHub-Permissions": text} if needs else {}
