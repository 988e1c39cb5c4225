"""Calls about a repository or one of its issues: by name or by id, moved or gone, and with the right to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.github.rest.callers import Caller, Right, accepted, caller
from simulator.github.rest.problems import moved, problem
from simulator.rest import View

if TYPE_CHECKING:
    from simulator.github.hub import GitHub
    from simulator.github.issue import Issue
    from simulator.github.repository import Repository

Views = Mapping[tuple[str, str], View]

READ_WORK: tuple[Right, ...] = (("issues", "read"), ("pull_requests", "read"))
WRITE_WORK: tuple[Right, ...] = (("issues", "write"), ("pull_requests", "write"))
READ_METADATA: tuple[Right, ...] = (("metadata", "read"),)


def at_repository(
    hub: GitHub, method: str, suffix: str, view: View, *, needs: tuple[Right, ...] = READ_METADATA
) -> Views:
    """Answer a path under a repository, whether it is named or numbered.

    A renamed repository leads to its id: 301 for a read, 307 for a write. `view` takes the request, the repository and
    the other parts of the path.
    """

    def named(request: Request, owner: str, repo: str, **parts: object) -> Response:
        with access(hub, request):
            place = hub.find(owner, repo)
            if place is not None and caller(request).sees(place) and not place.is_named(owner, repo):
                rest = request.full_path.removesuffix("?").split("/repos/", 1)[1].split("/", 2)[2:]
                here = "/".join([f"{hub.api_url}/repositories/{place.id}", *rest])
                return moved(here, status=301 if method == "GET" else 307)
            return answer(request, place, parts)

    def numbered(request: Request, id_: int, **parts: object) -> Response:
        with access(hub, request):
            return answer(request, hub.find_by_id(id_), parts)

    def answer(request: Request, place: Repository | None, parts: Mapping[str, object]) -> Response:
        if place is None or not caller(request).sees(place):
            return problem(404)
        if refusal := lacking(caller(request), needs):
            return refusal
        if place.archived and method != "GET":
            return problem(403, "Repository was archived so is read-only.")
        return view(request, place, **parts)

    return {
        (method, f"/repos/<owner>/<repo>{suffix}"): named,
        (method, f"/repositories/<int:id_>{suffix}"): numbered,
    }


def at_issue(
    hub: GitHub,
    method: str,
    suffix: str,
    view: Callable[[Request, Issue], Response],
    *,
    needs: tuple[Right, ...] = READ_WORK,
    follows: bool = True,
) -> Views:
    """Answer a path under an issue: a deleted one is 410, a transferred one 301, or 404 where GitHub leaves it so."""

    def at(request: Request, place: Repository, number: int, **parts: object) -> Response:
        if number in place.issues:
            return view(request, place.issues[number], **parts)
        target = place.gone.get(number)
        if target is None:
            return problem(410 if number in place.gone else 404)
        here = f"{hub.api_url}/repositories/{target.repository.id}/issues/{target.number}"
        return moved(here + suffix, status=301 if method == "GET" else 307) if follows else problem(404)

    return at_repository(hub, method, f"/issues/<int:number>{suffix}", at, needs=needs)


def at_organization(hub: GitHub, method: str, suffix: str, view: View, *, needs: tuple[Right, ...]) -> Views:
    """Answer a path under an organisation; `view` takes the request, the account and the other parts of the path."""

    def answer(request: Request, org: str, **parts: object) -> Response:
        with access(hub, request):
            who = caller(request)
            owner = hub.organization(org)
            if owner is None or (who.installation is not None and who.installation.account != owner):
                return problem(404)
            return lacking(who, needs) or view(request, owner, **parts)

    return {(method, f"/orgs/<org>{suffix}"): answer}


def lacking(caller: Caller, needs: tuple[Right, ...]) -> Response | None:
    """Refuse who has none of the permissions that would do, and name them."""
    if not needs or any(caller.may(right) for right in needs):
        return None
    return problem(403, caller.refusal, headers=accepted(needs))


@contextmanager
def access(hub: GitHub, request: Request) -> Iterator[None]:
    """Look at the tracker while nobody changes it, or change it as the caller."""
    if request.method == "GET":
        with hub.reading():
            yield
    else:
        with hub.changing(), hub.acting_as(caller(request).user):
            yield
