"""Who calls, by the credential in the request, and what that credential may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from werkzeug.wrappers import Request

if TYPE_CHECKING:
    from simulator.github.app import App, Installation
    from simulator.github.planning import User
    from simulator.github.repository import Repository

Level = Literal["read", "write"]
Right = tuple[str, Level]
"""A permission and how much of it, as in `("issues", "write")`."""

_CALLER = "simulator.caller"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A credential at work. `allowance` names whose rate limit it uses, as GitHub's messages do: `user ID 7`.

    `permissions` None means every permission, `repositories` (ids) None every repository.
    """

    allowance: str
    user: User
    permissions: Mapping[str, str] | None = None
    repositories: frozenset[int] | None = None
    app: App | None = None
    installation: Installation | None = None
    refusal: str = "Resource not accessible by personal access token"

    def may(self, right: Right) -> bool:
        """Say whether it has a permission, at least as much of it."""
        permission, level = right
        if self.permissions is None:
            return True
        return self.permissions.get(permission) in ((level, "admin") if level == "write" else (level, "write", "admin"))

    def sees(self, place: Repository) -> bool:
        """Say whether a repository is there for it."""
        return place.visible and (self.repositories is None or place.id in self.repositories)


def remember(request: Request, caller: Caller) -> None:
    """Note who makes a request, for whoever answers it."""
    request.environ[_CALLER] = caller


def caller(request: Request) -> Caller:
    """Give who makes a request that was admitted."""
    known: Caller = request.environ[_CALLER]
    return known


def known_caller(request: Request) -> Caller | None:
    """Give who makes a request, or None if it was not admitted as anybody's."""
    found: Caller | None = request.environ.get(_CALLER)
    return found


def accepted(needs: tuple[Right, ...]) -> dict[str, str]:
    """Give the header that names the permissions of which one is enough."""
    text = "; ".join(f"{permission}={level}" for permission, level in needs)
    return {"X-Accepted-GitHub-Permissions": text} if needs else {}
