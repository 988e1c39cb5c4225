"""List the members of a search by GitHub's search API, one page for each call, oldest first.

The cursor of the next page is the creation time at the end of this page, not a page number (keyset pagination): when an
issue stops matching meanwhile, numbered pages would shift and an issue would be missed. So GitHub's limit of 1,000
results for a search does not apply, unless so many issues were created in one second.
https://docs.github.com/en/rest/search/search#search-issues-and-pull-requests
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from connectors.github.api.client import GitHubClient, repository_path
from connectors.github.issues.project_fields import fetch_project_numbers
from connectors.github.model.number_fields import ProjectValues, number_fields_of
from connectors.github.model.snapshots import identity_and_key, read_issue, repository_in_url, scope_of
from connectors.github.query.parse import SCOPE_QUALIFIERS, Some, Term, read_query, terms
from connectors.json_fields import Json, json_objects, number, required, text, timestamp
from sync_service.domain.trackers.connector import Rejected
from sync_service.domain.trackers.observations import Observation, ScopeRef
from sync_service.domain.trackers.queries import MemberPage

PER_PAGE = 100
LAST_PAGE = 10
MOST = 10_000
"""Most results of a search to list: at 30 searches a minute this takes some four minutes."""

TOO_MANY = f"it finds more than {MOST} issues, too many to list"
"""The text contains no changing number, so that it stays equal from run to run."""


@dataclass(frozen=True, slots=True)
class _Position:
    """The cursor of a run: the repository whose credential searches, the time `since`, and the page within that.

    `taken` are the issues created at `since` that were on the last page. The repositories `asked` and the bucket owners
    `holders` are finished.
    """

    repository: str
    since: str | None = None
    page: int = 1
    taken: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()


def reachable_repositories(query: str, scopes: Sequence[ScopeRef]) -> list[str]:
    """Return the watched repositories that a search may reach. Raise `Rejected` when there are none."""
    named = [term for term in terms(read_query(query)) if term.qualifier in SCOPE_QUALIFIERS]
    found = [scope.name for scope in scopes if any(_reaches(term, scope.name.casefold()) for term in named)]
    if not found:
        raise Rejected("the query reaches no repository that the connection watches")
    return found


def _reaches(term: Term, name: str) -> bool:
    return (name if term.qualifier == "repo" else name.partition("/")[0]) in term.values or "@me" in term.values


def members(calls: GitHubClient, *, query: str, scopes: Sequence[ScopeRef], cursor: str | None) -> MemberPage:
    """Fetch a page of the members in the watched scopes."""
    reachable = reachable_repositories(query, scopes)
    position = _parse_cursor(cursor) if cursor else _Position(reachable[0])
    reply, bucket_owner = calls.search(_params(query, position), repository=position.repository)
    answer = reply.object()
    found = json_objects(answer.get("items"))
    new = [one for one in found if _name(one) not in position.taken]
    issues = [one for one in new if not one.get("pull_request")]
    shown = fetch_project_numbers(calls, issues, number_fields_of(calls.connection), repository=position.repository)
    seen, outside = _in_scopes(calls, new, scopes, shown)
    following, lacking = _next_page(position, found, named=reply.names_next_page)
    lacking = _lacking(answer) or lacking
    if lacking is None:
        following = following or _next_repository(calls, position, bucket_owner, reachable)
    after = None if lacking == TOO_MANY else following
    return MemberPage(
        found={identity: key for identity, (key, _) in seen.items()},
        cursor=json.dumps(asdict(after)) if after else None,
        observations=tuple(observation for _, observation in seen.values()),
        outside=outside,
        incomplete_reason=lacking,
    )


def _parse_cursor(cursor: str) -> _Position:
    found = json.loads(cursor)
    return _Position(**{**found, **{name: tuple(found[name]) for name in ("taken", "asked", "holders")}})


def _params(query: str, position: _Position) -> dict[str, str]:
    search = f"({query})" if isinstance(read_query(query), Some) and position.since else query
    return {
        "q": f"{search} created:>={position.since}" if position.since else search,
        "sort": "created",
        "order": "asc",
        "per_page": str(PER_PAGE),
        "page": str(position.page),
        "advanced_search": "true",
    }


def in_watched_scopes(
    calls: GitHubClient, found: Sequence[Json], scopes: Sequence[ScopeRef]
) -> tuple[list[tuple[Json, ScopeRef]], int]:
    """Return the results in watched scopes, each with its scope, and the number of results outside."""
    watched = {scope.name.casefold(): scope for scope in scopes}
    seen = []
    for one in found:
        home = repository_in_url(one.get("repository_url"))
        scope = watched.get(home[0].casefold()) if home else None
        if scope is None:
            continue
        if not scope.id:
            scope = watched[scope.name.casefold()] = scope_of(calls.get(repository_path(scope.name)).body)
        seen.append((one, scope))
    return seen, len(found) - len(seen)


def _in_scopes(
    calls: GitHubClient, found: Sequence[Json], scopes: Sequence[ScopeRef], shown: Mapping[str, ProjectValues]
) -> tuple[dict[str, tuple[str, Observation]], int]:
    """Return the results in watched scopes, identity → key and observation, and the number of results outside.

    `shown` are the numbers of projects, by node id.
    """
    wanted = number_fields_of(calls.connection)
    seen: dict[str, tuple[str, Observation]] = {}
    inside, _ = in_watched_scopes(calls, found, scopes)
    for one, scope in inside:
        identity, key = identity_and_key(one, scope)
        seen[identity] = (key, read_issue(one, scope, wanted, shown.get(str(one.get("node_id")), {})))
    return seen, len(found) - len(seen)


def _lacking(answer: Json) -> str | None:
    if (number(answer.get("total_count")) or 0) > MOST:
        return TOO_MANY
    return "GitHub did not search everything in time" if answer.get("incomplete_results") is True else None


def _next_page(position: _Position, found: Sequence[Json], *, named: bool) -> tuple[_Position | None, str | None]:
    """Return the next cursor: the last creation time, or the next page number when all times are equal.

    A page that is not full is the last one, unless GitHub named another.
    """
    if len(found) < PER_PAGE and not named:
        return None, None
    if not found:
        return _by_number(position)
    times = [required(text(one.get("created_at")), "when an issue was created") for one in found]
    if any(timestamp(time) is None for time in times) or sorted(times) != times:
        raise Rejected("GitHub's search results are not in the requested order")
    at_last = tuple(_name(one) for one, time in zip(found, times, strict=True) if time == times[-1])
    if len(at_last) < len(found):
        return replace(position, since=times[-1], page=1, taken=at_last), None
    return _by_number(position)


def _by_number(position: _Position) -> tuple[_Position | None, str | None]:
    if position.page == LAST_PAGE:
        return None, f"more than {LAST_PAGE * PER_PAGE} of its issues were created in one second"
    return replace(position, page=position.page + 1), None


def _next_repository(
    calls: GitHubClient, position: _Position, bucket_owner: str, reachable: Sequence[str]
) -> _Position | None:
    """Return the cursor for another installation, when this one can't see all that the search may reach."""
    asked, holders = (*position.asked, position.repository), (*position.holders, bucket_owner)
    for name in reachable:
        if name not in asked and calls.credentials.bucket_owner(name) not in holders:
            return _Position(name, asked=asked, holders=holders)
    return None


def _name(issue: Json) -> str:
    return f"{issue.get('repository_url')}#{issue.get('number')}"
