"""The counter that open pages ask for."""

from sync_service.runtime.wiring import Services
from tests.support.services import moved
from tests.web.session_client import Visitor


def test_the_counter_is_not_told_twice(vera: Visitor, services: Services) -> None:
    """304 while nothing changed, the new number once something did."""
    first = vera.open("/changes")
    tag = {"If-None-Match": first.headers["ETag"]}
    again = vera.client.get("/changes", headers=tag)
    assert (again.status_code, again.data) == (304, b"")
    moved(services)
    assert vera.client.get("/changes", headers=tag).get_json() == {"changes": first.get_json()["changes"] + 1}


def test_a_page_carries_the_counter_it_was_made_at(vera: Visitor) -> None:
    """So that nothing is missed between the page and the first question."""
    counter = vera.open("/changes").get_json()["changes"]
    assert f'data-changes="{counter}" data-changes-url="/changes"' in vera.read("/")
