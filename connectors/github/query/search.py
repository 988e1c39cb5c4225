"""The members of a search, page by page, oldest first.

Each page asks for what was created since the last one's end, and not for a page number: an issue that ceases to be
found meanwhile would draw others over the border of numbered pages, unseen. So the limit of 1,000 results for a search
is none for us, unless so many were created in one second.
https://docs.github.com/en/rest/search/search#search-issues-and-pull-requests
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from connectors.github.api.client import GitHubClient, repository_path
from connectors.github.issues.project_fields import fetch_project_numbers
from connectors.github.model.number_fields import ProjectNumbers, number_fields_of
from connectors.github.model.snapshots import identity_and_key, read_issue, repository_in_url, scope_of
from connectors.github.query.parse import PLACES, Some, Term, read_query, terms
from connectors.json_fields import Json, json_objects, number, required, text, timestamp
from sync_service.domain.trackers.connector import Rejected
from sync_service.domain.trackers.observations import Observation, ScopeRef
from sync_service.domain.trackers.queries import MemberPage

PER_PAGE = 100
LAST_PAGE = 10
MOST = 10_000
"""Results of a search that are gone through: at 30 searches a minute this takes some four minutes."""

TOO_MANY = f"it finds more than {MOST} issues, and so many are not listed"
"""Says no number that moves: what is lacking stays the same from run to run."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a run is: as who sees which repository it asks, since when, and which page of that.

    `taken` are the issues created just then that were on the page before. `asked` and `holders` are done with.
    """

    repository: str
    since: str | None = None
    page: int = 1
    taken: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()


def reachable_repositories(query: str, scopes: Sequence[ScopeRef]) -> list[str]:
    """Name the watched repositories that a search may reach. Raise `Rejected` where there are none."""
    named = [term for term in terms(read_query(query)) if term.qualifier in PLACES]
    found = [scope.name for scope in scopes if any(_reaches(term, scope.name.casefold()) for term in named)]
    if not found:
        raise Rejected("the query reaches no repository that the connection watches")
    return found


def _reaches(term: Term, name: str) -> bool:
    return (name if term.qualifier == "repo" else name.partition("/")[0]) in term.values or "@me" in term.values


def members(calls: GitHubClient, *, query: str, scopes: Sequence[ScopeRef], cursor: str | None) -> MemberPage:
    """Fetch a page of the members in the watched scopes."""
    reachable = reachable_repositories(query, scopes)
    place = _read(cursor) if cursor else _Place(reachable[0])
    answer, bucket_owner = calls.search(_question(query, place), repository=place.repository)
    found = json_objects(answer.get("items"))
    new = [one for one in found if _name(one) not in place.taken]
    issues = [one for one in new if not one.get("pull_request")]
    shown = fetch_project_numbers(calls, issues, number_fields_of(calls.connection), repository=place.repository)
    seen, outside = _in_scopes(calls, new, scopes, shown)
    here, lacking = _further(place, found)
    lacking = _lacking(answer) or lacking
    if lacking is None:
        here = here or _next_asker(calls, place, bucket_owner, reachable)
    after = None if lacking == TOO_MANY else here
    return MemberPage(
        found={identity: key for identity, (key, _) in seen.items()},
        cursor=json.dumps(asdict(after)) if after else None,
        observations=tuple(observation for _, observation in seen.values()),
        outside=outside,
        incomplete_reason=lacking,
    )


def _read(cursor: str) -> _Place:
    found = json.loads(cursor)
    return _Place(**{**found, **{name: tuple(found[name]) for name in ("taken", "asked", "holders")}})


def _question(query: str, place: _Place) -> dict[str, str]:
    asked = f"({query})" if isinstance(read_query(query), Some) and place.since else query
    return {
        "q": f"{asked} created:>={place.since}" if place.since else asked,
        "sort": "created",
        "order": "asc",
        "per_page": str(PER_PAGE),
        "page": str(place.page),
        "advanced_search": "true",
    }


def _in_scopes(
    calls: GitHubClient, found: Sequence[Json], scopes: Sequence[ScopeRef], shown: Mapping[str, ProjectNumbers]
) -> tuple[dict[str, tuple[str, Observation]], int]:
    """Give what is found in watched scopes, by identity with its key, and how much is elsewhere.

    `shown` are the numbers that projects have, by node.
    """
    wanted = number_fields_of(calls.connection)
    watched = {scope.name.casefold(): scope for scope in scopes}
    seen: dict[str, tuple[str, Observation]] = {}
    for one in found:
        home = repository_in_url(one.get("repository_url"))
        scope = watched.get(home[0].casefold()) if home else None
        if scope is None:
            continue
        if not scope.id:
            scope = watched[scope.name.casefold()] = scope_of(calls.get(repository_path(scope.name)).body)
        identity, key = identity_and_key(one, scope)
        seen[identity] = (key, read_issue(one, scope, wanted, shown.get(str(one.get("node_id")), {})))
    return seen, len(found) - len(seen)


def _lacking(answer: Json) -> str | None:
    if (number(answer.get("total_count")) or 0) > MOST:
        return TOO_MANY
    return "GitHub did not search everything in time" if answer.get("incomplete_results") is True else None


def _further(place: _Place, found: Sequence[Json]) -> tuple[_Place | None, str | None]:
    """Go on from the last creation seen; where a whole page has one and the same time, by its number."""
    if len(found) < PER_PAGE:
        return None, None
    times = [required(text(one.get("created_at")), "when an issue was created") for one in found]
    if any(timestamp(time) is None for time in times) or sorted(times) != times:
        raise Rejected("GitHub's search is not in the order that was asked for")
    at_last = tuple(_name(one) for one, time in zip(found, times, strict=True) if time == times[-1])
    if len(at_last) < len(found):
        return replace(place, since=times[-1], page=1, taken=at_last), None
    if place.page == LAST_PAGE:
        return None, f"more than {LAST_PAGE * PER_PAGE} of its issues were created in one second"
    return replace(place, page=place.page + 1), None


def _next_asker(calls: GitHubClient, place: _Place, bucket_owner: str, reachable: Sequence[str]) -> _Place | None:
    """Go on as another installation, where what this one sees is not all that the search may reach."""
    asked, holders = (*place.asked, place.repository), (*place.holders, bucket_owner)
    for name in reachable:
        if name not in asked and calls.credentials.bucket_owner(name) not in holders:
            return _Place(name, asked=asked, holders=holders)
    return None


def _name(issue: Json) -> str:
    return f"{issue.get('repository_url')}#{issue.get('number')}"
