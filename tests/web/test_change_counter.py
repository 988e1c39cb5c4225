"""Tests of the change counter, which open pages poll."""

from sync_service.runtime.wiring import Services
from tests.support.services import bump_changes
from tests.web.session_client import SessionClient


def test_the_counter_answers_304_until_something_changes(vera: SessionClient, services: Services) -> None:
    """Then it returns the new number."""
    first = vera.open("/changes")
    tag = {"If-None-Match": first.headers["ETag"]}
    again = vera.client.get("/changes", headers=tag)
    assert (again.status_code, again.data) == (304, b"")
    bump_changes(services)
    assert vera.client.get("/changes", headers=tag).get_json() == {"changes": first.get_json()["changes"] + 1}


def test_a_page_contains_the_counter_of_its_content(vera: SessionClient) -> None:
    """The page misses no change between its creation and its first poll."""
    counter = vera.open("/changes").get_json()["changes"]
    assert f'data-changes="{counter}" data-changes-url="/changes"' in vera.read("/")
