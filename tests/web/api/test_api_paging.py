"""Lists come in pages that neither repeat nor lose a row, whatever is added meanwhile."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests.utils
from werkzeug.test import TestResponse

from sync_service.store import tables
from tests.web.api.fixture import Town

ORIGIN = "http://localhost"


def following(response: TestResponse) -> str | None:
    """Give the address of the next page, as any client reads it."""
    links = requests.utils.parse_header_links(response.headers.get("Link", ""))
    addresses = [str(link["url"]) for link in links if link.get("rel") == "next"]
    return addresses[0].removeprefix(ORIGIN) if addresses else None


def pages(town: Town, token: str, path: str) -> Iterator[list[Any]]:
    """Walk from page to page."""
    address: str | None = path
    while address is not None:
        response = town.call(address, token=token)
        assert response.status_code == 200
        yield response.get_json()["items"]
        address = following(response)


def test_pages_together_give_every_key_result_once(town: Town, token: str) -> None:
    """And the filter stays."""
    for number in range(3, 6):
        town.key_result(f"KR-{number}")
    found = list(pages(town, token, "/api/v1/key-results?limit=2&cycle=2026-q4"))
    assert [[one["slug"] for one in page] for page in found] == [["KR-1", "KR-2"], ["KR-3", "KR-4"], ["KR-5"]]


def test_a_full_last_page_names_no_next_one(town: Town, token: str) -> None:
    """An empty page would be a wasted call."""
    response = town.call("/api/v1/key-results?limit=2", token=token)
    assert len(response.get_json()["items"]) == 2
    assert "Link" not in response.headers


def test_entries_added_meanwhile_shift_nothing(town: Town, token: str) -> None:
    """History grows at its newest end, where the walk began."""
    for number in range(4):
        town.entry(town.ids["KR-1"], number, number + 1)
    walk = pages(town, token, "/api/v1/key-results/KR-1/history?limit=2")
    seen = next(walk)
    town.entry(town.ids["KR-1"], 4, 5)
    seen += next(walk)
    assert [entry["to"] for entry in seen] == [4, 3, 2, 1]
    assert list(walk) == []


def test_an_issue_that_closes_meanwhile_is_not_lost(town: Town, token: str) -> None:
    """The order of the pages does not follow the states; numbers are in their natural order."""
    ids = [town.issue(f"acme/checkout#{number}", town.ids["KR-1"]) for number in (10, 9, 2)]
    walk = pages(town, token, "/api/v1/key-results/KR-1/issues?limit=1")
    first = next(walk)
    town.change(tables.issue, ids[0], state="done")
    town.issue("acme/checkout#1", town.ids["KR-1"])
    assert [page[0]["key"] for page in [first, *walk]] == ["acme/checkout#2", "acme/checkout#9", "acme/checkout#10"]


def test_issues_of_one_name_stay_on_one_page(town: Town, token: str) -> None:
    """A repository was deleted and made again: two issues, one key."""
    for _ in range(2):
        town.issue("acme/checkout#1", town.ids["KR-1"])
    town.issue("acme/checkout#2", town.ids["KR-1"])
    sizes = [len(page) for page in pages(town, token, "/api/v1/key-results/KR-1/issues?limit=1")]
    assert sizes == [2, 1]


Make = Callable[[Town, int], object]
LISTS: dict[str, tuple[str, Make]] = {
    "/api/v1/deliveries": ("delivery", lambda town, n: town.delivery(f"delivery-{n}")),
    "/api/v1/key-results/KR-1/history": ("to", lambda town, n: town.entry(town.ids["KR-1"], n, n + 1)),
}


@pytest.mark.parametrize("path", LISTS)
def test_a_hundred_rows_make_a_page_unless_told_otherwise(town: Town, token: str, path: str) -> None:
    """And five hundred are the most."""
    name, make = LISTS[path]
    for number in range(101):
        make(town, number)
    assert [len(page) for page in pages(town, token, path)] == [100, 1]
    (everything,) = pages(town, token, f"{path}?limit=500")
    assert len({one[name] for one in everything}) == 101


def cursor(place: object) -> str:
    """Write a cursor as the lists do."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


WRONG = (
    *("limit=0", "limit=501", "limit=many", "cursor=%00", "cursor=abc", "cursor=é"),
    *(f"cursor={cursor(place)}" for place in (1, [], [-1], [2**63], [True], [None], ["1"], [1, 2], {"id": 1})),
)


@pytest.mark.parametrize("path", ["/api/v1/key-results", "/api/v1/key-results/KR-1/history", "/api/v1/deliveries"])
def test_a_parameter_that_can_not_be_used_is_named(town: Town, token: str, path: str) -> None:
    """Before anything is read."""
    for wrong in WRONG:
        response = town.call(f"{path}?{wrong}", token=token)
        assert response.status_code == 422, wrong
        said, name = response.get_json(), wrong.partition("=")[0]
        assert [one["parameter"] for one in said["errors"]] == [name]
        assert said["detail"].startswith(name)
