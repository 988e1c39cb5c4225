"""Routes below a repository, an issue or an organisation: by name or id, with redirects and permission checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from werkzeug.wrappers import Request, Response

from simulator.github.model.issue import Issue
from simulator.github.model.repository import Repository
from simulator.github.rest.request.permissions import Caller, Right, accepted_permissions, caller
from simulator.github.rest.request.problems import moved, problem
from simulator.github.state import GitHubState
from simulator.rest_server import View

Views = Mapping[tuple[str, str], View]

READ_WORK: tuple[Right, ...] = (("issues", "read"), ("pull_requests", "read"))
WRITE_WORK: tuple[Right, ...] = (("issues", "write"), ("pull_requests", "write"))
READ_METADATA: tuple[Right, ...] = (("metadata", "read"),)


def repository_route(
    hub: GitHubState, method: str, suffix: str, view: View, *, needs: tuple[Right, ...] = READ_METADATA
) -> Views:
    """Answer a path under a repository, whether it is named or numbered.

    A renamed repository leads to its id: 301 for a read, 307 for a write. `view` takes the request, the repository and
    the other parameters of the path.
    """

    def named(request: Request, owner: str, repo: str, **path_args: object) -> Response:
        with access(hub, request):
            repository = hub.find(owner, repo)
            if repository is not None and caller(request).can_see(repository) and not repository.is_named(owner, repo):
                rest = request.full_path.removesuffix("?").split("/repos/", 1)[1].split("/", 2)[2:]
                here = "/".join([f"{hub.api_url}/repositories/{repository.id}", *rest])
                return moved(here, status=301 if method == "GET" else 307)
            return answer(request, repository, path_args)

    def numbered(request: Request, id_: int, **path_args: object) -> Response:
        with access(hub, request):
            return answer(request, hub.find_by_id(id_), path_args)

    def answer(request: Request, repository: Repository | None, path_args: Mapping[str, object]) -> Response:
        if repository is None or not caller(request).can_see(repository):
            return problem(404)
        if repository.blocked:
            return problem(451, "Repository access blocked")
        if refusal := missing_permission(caller(request), needs):
            return refusal
        if repository.archived and method != "GET":
            return problem(403, "Repository was archived so is read-only.")
        return view(request, repository, **path_args)

    return {
        (method, f"/repos/<owner>/<repo>{suffix}"): named,
        (method, f"/repositories/<int:id_>{suffix}"): numbered,
    }


def issue_route(
    hub: GitHubState,
    method: str,
    suffix: str,
    view: Callable[[Request, Issue], Response],
    *,
    needs: tuple[Right, ...] = READ_WORK,
    follows: bool = True,
) -> Views:
    """Answer a path under an issue: a deleted one is 410, a transferred one 301, or 404 where GitHub leaves it so.

    All are 410, with another message, where the repository's issues are switched off.
    """

    def at(request: Request, repository: Repository, number: int, **path_args: object) -> Response:
        if not repository.has_issues:
            return problem(410, "Issues has been disabled in this repository.")
        if number in repository.issues:
            return view(request, repository.issues[number], **path_args)
        target = repository.removed_issues.get(number)
        if target is None:
            return problem(410 if number in repository.removed_issues else 404)
        here = f"{hub.api_url}/repositories/{target.repository.id}/issues/{target.number}"
        return moved(here + suffix, status=301 if method == "GET" else 307) if follows else problem(404)

    return repository_route(hub, method, f"/issues/<int:number>{suffix}", at, needs=needs)


def organization_route(hub: GitHubState, method: str, suffix: str, view: View, *, needs: tuple[Right, ...]) -> Views:
    """Answer a path under an organisation; `view` takes the request, the account and the other path parameters."""

    def answer(request: Request, org: str, **path_args: object) -> Response:
        with access(hub, request):
            who = caller(request)
            owner = hub.organization(org)
            if owner is None or (who.installation is not None and who.installation.account != owner):
                return problem(404)
            return missing_permission(who, needs) or view(request, owner, **path_args)

    return {(method, f"/orgs/<org>{suffix}"): answer}


def missing_permission(caller: Caller, needs: tuple[Right, ...]) -> Response | None:
    """Refuse a caller that has none of the needed permissions, and name them."""
    if not needs or any(caller.has_permission(right) for right in needs):
        return None
    return problem(403, caller.refusal, headers=accepted_permissions(needs))


@contextmanager
def access(hub: GitHubState, request: Request) -> Iterator[None]:
    """Hold the tracker's lock to read it, or to change it as the caller."""
    if request.method == "GET":
        with hub.reading():
            yield
    else:
        with hub.changing(), hub.acting_as(caller(request).user):
            yield
