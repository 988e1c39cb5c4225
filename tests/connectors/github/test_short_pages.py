"""Lists of GitHub end where GitHub says so: a page that is short, or empty, is not the last one if it names a next."""

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from connectors.github import GitHub
from connectors.github.issues.list_changes import PER_PAGE
from sync_service.domain.trackers.capabilities import ChangesRequest, Page
from sync_service.domain.trackers.observations import ScopeRef
from tests.connectors.github.payloads import CONNECTION, issue

SEARCH = "https://api.github.com/search/issues"
ISSUES = "https://api.github.com/repositories/8001/issues"
NEXT = {"Link": '<https://api.github.com/?page=2>; rel="next"'}
CURSOR = '{"id": "8001", "name": "acme/checkout", "since": null, "page": 1, "taken": []}'


@pytest.fixture
def github() -> Iterator[responses.RequestsMock]:
    """Yield a stub of GitHub; each prepared response must be requested."""
    with responses.RequestsMock() as mock:
        yield mock


def changed(cursor: str | None) -> Page:
    """Return a page of changed issues."""
    asked = ChangesRequest(name="acme/checkout", id="8001", since=None)
    return GitHub().list_changes(CONNECTION, asked=asked, cursor=cursor)


def one(number: int, at: str) -> dict[str, Any]:
    """Return an issue that was created and last changed at a time."""
    url = "https://api.github.com/repos/acme/checkout"
    return {**issue(), "number": number, "created_at": at, "updated_at": at, "repository_url": url}


@pytest.mark.parametrize("shown", [0, 1, 2, PER_PAGE - 1])
def test_a_short_page_of_changes_is_followed_by_the_next(github: responses.RequestsMock, shown: int) -> None:
    """An import that ended here would be taken for complete."""
    rows = [one(number + 1, f"2026-10-01T00:{number // 60:02}:{number % 60:02}Z") for number in range(shown)]
    github.get(ISSUES, json=rows, headers=NEXT)
    first = changed(CURSOR)
    assert first.cursor is not None
    github.get(ISSUES, json=[*rows[-1:], one(500, "2026-10-02T00:00:00Z")])
    last = changed(first.cursor)
    assert last.observations
    assert last.cursor is None


@pytest.mark.parametrize("shown", [0, 1, PER_PAGE - 1])
def test_a_short_page_of_a_search_is_followed_by_the_next(github: responses.RequestsMock, shown: int) -> None:
    """Members on later pages would be taken for gone."""
    rows = [one(number + 1, f"2026-10-01T00:{number // 60:02}:{number % 60:02}Z") for number in range(shown)]
    page = {"total_count": shown + 1, "incomplete_results": False, "items": rows}
    github.get(SEARCH, json=page, headers=NEXT)
    asked = {"query": "repo:acme/checkout is:issue", "scopes": [ScopeRef("8001", "acme/checkout")]}
    first = GitHub().list_members(CONNECTION, **asked, cursor=None)  # type: ignore[arg-type]  # the values differ
    assert first.cursor is not None
    github.get(SEARCH, json={**page, "items": [*rows[-1:], one(500, "2026-10-02T00:00:00Z")]})
    last = GitHub().list_members(CONNECTION, **asked, cursor=first.cursor)  # type: ignore[arg-type]  # as above
    assert "8001#500" in last.found
    assert last.cursor is None
