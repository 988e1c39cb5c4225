"""Pagination: pages neither repeat nor lose a row, also when rows are added meanwhile."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests.utils
from werkzeug.test import TestResponse

from sync_service.store import tables
from tests.web.api.fixture import ApiHarness

ORIGIN = "http://localhost"


def next_page(response: TestResponse) -> str | None:
    """Return the address of the next page, parsed as any client does, or None."""
    links = requests.utils.parse_header_links(response.headers.get("Link", ""))
    addresses = [str(link["url"]) for link in links if link.get("rel") == "next"]
    return addresses[0].removeprefix(ORIGIN) if addresses else None


def pages(api: ApiHarness, token: str, path: str) -> Iterator[list[Any]]:
    """Yield the items of each page."""
    address: str | None = path
    while address is not None:
        response = api.call(address, token=token)
        assert response.status_code == 200
        yield response.get_json()["items"]
        address = next_page(response)


def test_each_key_result_is_on_one_page(api: ApiHarness, token: str) -> None:
    """The links keep the filter."""
    for number in range(3, 6):
        api.key_result(f"KR-{number}")
    found = list(pages(api, token, "/api/v1/key-results?limit=2&cycle=2026-q4"))
    assert [[one["slug"] for one in page] for page in found] == [["KR-1", "KR-2"], ["KR-3", "KR-4"], ["KR-5"]]


def test_a_full_last_page_has_no_next_link(api: ApiHarness, token: str) -> None:
    """An empty page would be a wasted call."""
    response = api.call("/api/v1/key-results?limit=2", token=token)
    assert len(response.get_json()["items"]) == 2
    assert "Link" not in response.headers


def test_new_history_entries_do_not_shift_pages(api: ApiHarness, token: str) -> None:
    """They are added before the first page."""
    for number in range(4):
        api.entry(api.ids["KR-1"], number, number + 1)
    iterator = pages(api, token, "/api/v1/key-results/KR-1/history?limit=2")
    seen = next(iterator)
    api.entry(api.ids["KR-1"], 4, 5)
    seen += next(iterator)
    assert [entry["to"] for entry in seen] == [4, 3, 2, 1]
    assert list(iterator) == []


def test_a_closed_issue_stays_on_its_page(api: ApiHarness, token: str) -> None:
    """The order does not depend on the state; numbers are in natural order."""
    ids = [api.issue(f"acme/checkout#{number}", api.ids["KR-1"]) for number in (10, 9, 2)]
    iterator = pages(api, token, "/api/v1/key-results/KR-1/issues?limit=1")
    first = next(iterator)
    api.change(tables.issue, ids[0], state="done")
    api.issue("acme/checkout#1", api.ids["KR-1"])
    assert [page[0]["key"] for page in [first, *iterator]] == ["acme/checkout#2", "acme/checkout#9", "acme/checkout#10"]


def test_issues_with_the_same_key_are_on_one_page(api: ApiHarness, token: str) -> None:
    """A repository was deleted and created again: two issues have one key."""
    for _ in range(2):
        api.issue("acme/checkout#1", api.ids["KR-1"])
    api.issue("acme/checkout#2", api.ids["KR-1"])
    sizes = [len(page) for page in pages(api, token, "/api/v1/key-results/KR-1/issues?limit=1")]
    assert sizes == [2, 1]


AddRow = Callable[[ApiHarness, int], object]
LISTS: dict[str, tuple[str, AddRow]] = {
    "/api/v1/deliveries": ("delivery", lambda api, n: api.delivery(f"delivery-{n}")),
    "/api/v1/key-results/KR-1/history": ("to", lambda api, n: api.entry(api.ids["KR-1"], n, n + 1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("path", LISTS)
def test_a_page_has_a_hundred_rows_by_default(api: ApiHarness, admin_token: str, path: str) -> None:
    """A page has at most five hundred."""
    name, add_row = LISTS[path]
    for number in range(101):
        add_row(api, number)
    assert [len(page) for page in pages(api, admin_token, path)] == [100, 1]
    (everything,) = pages(api, admin_token, f"{path}?limit=500")
    assert len({one[name] for one in everything}) == 101


def cursor(position: object) -> str:
    """Return a cursor as the lists write it."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


WRONG = (
    *("limit=0", "limit=501", "limit=many", "cursor=%00", "cursor=abc", "cursor=é"),
    *(f"cursor={cursor(position)}" for position in (1, [], [-1], [2**63], [True], [None], ["1"], [1, 2], {"id": 1})),
)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/api/v1/key-results", "/api/v1/key-results/KR-1/history", "/api/v1/deliveries"])
def test_an_invalid_parameter_is_named(api: ApiHarness, admin_token: str, path: str) -> None:
    """The status is 422."""
    for wrong in WRONG:
        response = api.call(f"{path}?{wrong}", token=admin_token)
        assert response.status_code == 422, wrong
        body, name = response.get_json(), wrong.partition("=")[0]
        assert [one["parameter"] for one in body["errors"]] == [name]
        assert body["detail"].startswith(name)


def test_the_next_page_is_at_the_base_url_whatever_host_the_request_names(api: ApiHarness, token: str) -> None:
    """The header Host can be forged, and a proxy may name its own; a client sends its token to the next page."""
    key_result = api.key_result("Größe 1")
    for number in range(2):
        api.entry(key_result, number, number + 1)
    base = api.services.settings.base_url
    for path in ("/api/v1/key-results", "/api/v1/key-results/Gr%C3%B6%C3%9Fe%201/history"):
        response = api.call(f"{path}?limit=1", token=token, headers={"Host": "evil.example"})
        (link,) = requests.utils.parse_header_links(response.headers["Link"])
        assert link["url"].startswith(f"{base}{path}?limit=1&cursor=")
