"""Members of GitHub searches: listed page by page, with a token or with each installation."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses

from connectors.github import GitHub
from connectors.github.query import search as listing
from connectors.responses import Response
from sync_service.domain.trackers.connector import Rejected, Unavailable
from sync_service.domain.trackers.observations import ScopeRef, Snapshot
from sync_service.domain.trackers.queries import EvaluatesQueries, MemberPage
from tests.connectors.github.payloads import CONNECTION, issue

SEARCH = "https://api.github.com/search/issues"
SCOPES = [ScopeRef("8001", "acme/checkout"), ScopeRef("8002", "acme/ledger")]


@pytest.fixture
def github() -> Iterator[responses.RequestsMock]:
    """Yield a stub of GitHub; each prepared response must be requested."""
    with responses.RequestsMock() as mock:
        yield mock


def found(number: int, created: str, repository: str = "acme/checkout") -> dict[str, Any]:
    """Return a result of a search."""
    url = f"https://api.github.com/repos/{repository}"
    return {**issue(), "number": number, "created_at": created, "repository_url": url}


def answer(*items: dict[str, Any], total: int | None = None, incomplete: bool = False) -> dict[str, Any]:
    """Prepare a page of results."""
    return {"total_count": total or len(items), "incomplete_results": incomplete, "items": list(items)}


def members(query: str = "repo:acme/checkout is:issue", cursor: str | None = None, **more: Any) -> MemberPage:
    """Return a page of members."""
    scopes = more.get("scopes", SCOPES)
    return GitHub().list_members(CONNECTION, query=query, scopes=scopes, cursor=cursor)


def params_of(github: responses.RequestsMock, call: int = -1) -> dict[str, str]:
    """Return the parameters of a call."""
    return dict(parse_qsl(urlsplit(str(github.calls[call].request.url)).query))


def test_github_supports_searches() -> None:
    """It also evaluates them."""
    assert isinstance(GitHub(), EvaluatesQueries)
    assert GitHub.evaluates_locally


def test_a_single_page_is_complete(github: responses.RequestsMock) -> None:
    """Issues outside the watched scopes are counted."""
    github.get(SEARCH, json=answer(found(12, "2026-10-01T00:00:00Z"), found(1, "2026-10-02T00:00:00Z", "acme/attic")))
    page = members()
    assert page.found == {"8001#12": "acme/checkout#12"}
    assert (page.cursor, page.outside, page.incomplete_reason) == (None, 1, None)
    (seen,) = page.observations
    assert isinstance(seen, Snapshot)
    assert seen.scope == ScopeRef("8001", "acme/checkout")
    assert params_of(github) == {
        "q": "repo:acme/checkout is:issue",
        "sort": "created",
        "order": "asc",
        "per_page": "100",
        "page": "1",
        "advanced_search": "true",
    }


def test_the_next_page_starts_at_the_last_creation_time(github: responses.RequestsMock) -> None:
    """Alternatives get parentheses. Issues of that second that were already shown are not counted twice."""
    times = [f"2026-10-01T00:00:{number // 2:02}Z" for number in range(100)]
    github.get(SEARCH, json=answer(*(found(number + 1, at) for number, at in enumerate(times)), total=101))
    query = "repo:acme/checkout is:issue OR repo:acme/ledger is:issue"
    first = members(query)
    assert len(first.found) == 100
    github.get(SEARCH, json=answer(found(99, times[98]), found(100, times[99]), found(101, times[99])))
    second = members(query, first.cursor)
    assert list(second.found) == ["8001#101"]
    assert params_of(github)["q"] == f"({query}) created:>=2026-10-01T00:00:49Z"
    assert second.cursor is None


def test_a_page_within_one_second_is_followed_by_its_number(github: responses.RequestsMock) -> None:
    """Up to GitHub's limit of a thousand; past it the listing is incomplete."""
    whole = answer(*(found(number + 1, "2026-10-01T00:00:00Z") for number in range(100)), total=2000)
    github.get(SEARCH, json=whole)
    page = members()
    for number in range(2, 11):
        page = members(cursor=page.cursor)
        assert params_of(github)["page"] == str(number)
    assert page.cursor is None
    assert page.incomplete_reason == "more than 1000 of its issues were created in one second"


def test_a_truncated_search_is_incomplete(github: responses.RequestsMock) -> None:
    """The result says so."""
    github.get(SEARCH, json=answer(found(1, "2026-10-01T00:00:00Z"), total=10_001))
    assert members().incomplete_reason == listing.TOO_MANY
    github.get(SEARCH, json=answer(found(1, "2026-10-01T00:00:00Z"), incomplete=True))
    assert members().incomplete_reason == "GitHub did not search everything in time"


def test_a_search_with_too_many_results_ends_after_one_page(github: responses.RequestsMock) -> None:
    """More pages would use up the searches of a minute for an incomplete listing, and a number would move."""
    items = [found(number + 1, f"2026-10-{1 + number // 4:02}T00:00:00Z") for number in range(100)]
    for total in (10_001, 10_002):
        github.get(SEARCH, json=answer(*items, total=total))
        page = members()
        assert (page.cursor, page.incomplete_reason, len(page.found)) == (None, listing.TOO_MANY, 100)


def test_results_in_another_order_are_rejected(github: responses.RequestsMock) -> None:
    """Some members might be missed."""
    items = [found(number + 1, f"2026-10-{31 - number // 4:02}T00:00:00Z") for number in range(100)]
    github.get(SEARCH, json=answer(*items, total=200))
    with pytest.raises(Rejected, match="not in the requested order"):
        members()


def test_a_missing_scope_id_is_read(github: responses.RequestsMock) -> None:
    """Once for a page."""
    github.get(SEARCH, json=answer(found(1, "2026-10-01T00:00:00Z"), found(2, "2026-10-01T00:00:00Z")))
    github.get("https://api.github.com/repos/acme/checkout", json={"id": 8001, "full_name": "acme/checkout"})
    page = members(scopes=[ScopeRef("", "acme/checkout")])
    assert list(page.found) == ["8001#1", "8001#2"]
    assert len(github.calls) == 2


def test_a_query_without_watched_scopes_is_refused() -> None:
    """No result could count."""
    with pytest.raises(Rejected, match="reaches no repository"):
        members("org:other is:issue")


def test_the_search_limit_has_its_own_bucket(github: responses.RequestsMock) -> None:
    """Other calls of the token continue."""
    query = "org:acme is:issue"
    assert GitHub().query_bucket(CONNECTION, query=query, scopes=SCOPES) == "token/search"
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Resource": "search", "X-RateLimit-Reset": "1790000000"}
    github.get(SEARCH, status=403, headers=headers, json={"message": "API rate limit exceeded"})
    with pytest.raises(Unavailable) as caught:
        members(query)
    assert caught.value.bucket == "token/search"


class Installations:
    """Stub of calls as an app with two installations, each of which sees one repository."""

    connection = CONNECTION

    def __init__(self) -> None:
        self.params_of: list[str] = []
        self.credentials = self

    def bucket_owner(self, repository: str) -> str:
        """Return the installation once it was used."""
        return f"installation {repository}" if repository in self.params_of else "app"

    def search(self, params: dict[str, str], *, repository: str) -> tuple[Response, str]:
        """Return one issue of the repository."""
        del params
        self.params_of.append(repository)
        number = len(self.params_of)
        body = json.dumps(answer(found(number, "2026-10-01T00:00:00Z", repository))).encode()
        return Response(SEARCH, status=200, headers={}, body=body), f"installation {repository}"


def test_an_app_searches_with_each_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """One search sees the repositories of one installation only."""
    calls = Installations()
    connector = GitHub()
    monkeypatch.setattr(connector, "_calls", lambda _connection: calls)
    first = connector.list_members(CONNECTION, query="org:acme is:issue", scopes=SCOPES, cursor=None)
    second = connector.list_members(CONNECTION, query="org:acme is:issue", scopes=SCOPES, cursor=first.cursor)
    assert calls.params_of == ["acme/checkout", "acme/ledger"]
    assert [*first.found, *second.found] == ["8001#1", "8002#2"]
    assert second.cursor is None
