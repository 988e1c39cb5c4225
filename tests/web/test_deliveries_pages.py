"""The pages of deliveries: list with outcomes, content, and replay."""

import json
import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from tests.support.example_okrs import Example
from tests.support.services import NOW, add
from tests.web.rules_seed import SCRIPT, audited
from tests.web.session_client import SessionClient

BODY = json.dumps({"action": "closed", "issue": {"number": 12, "title": SCRIPT}}).encode()


@pytest.fixture
def ids(services: Services, example: Example) -> dict[str, int]:
    """Add one delivery of each outcome, of which the applied one changed KR-1; return row ids by delivery id."""
    found = {}
    with writing(services.engine) as tx:
        for seconds, (delivery, columns) in enumerate(
            {
                "applied-1": {"settled_at": NOW, "outcome": "acme/checkout#12: applied"},
                "ignored-1": {
                    "settled_at": NOW,
                    "ignored": True,
                    "outcome": "ignored, because acme/other is not watched",
                },
                "buried-1": {"buried_at": NOW, "outcome": f"can't be read: {SCRIPT}", "attempts": 8},
                "waiting-1": {"due_at": NOW + timedelta(days=900), "outcome": "locked", "attempts": 2},
            }.items()
        ):
            defaults = {
                "connection_id": example.github,
                "delivery_id": delivery,
                "received_at": NOW + timedelta(seconds=seconds),
                "headers": {"x-github-event": SCRIPT},
                "body": BODY,
                "name": "issues.closed",
            }
            found[delivery] = add(tx, tables.delivery, **(defaults | columns))
        change = {
            "key_result_id": example.key_results["KR-1"],
            "at": NOW + timedelta(seconds=5),
            "from": 10.0,
            "to": 20.0,
        }
        cause = {"what": "closed as done", "issue": "acme/checkout#12", "delivery": "applied-1"}
        tx.execute(sa.insert(tables.history).values(change | {"causes": [cause]}))
    return found


def due_rows(services: Services) -> set[str]:
    """Return the ids of the deliveries that are due now."""
    d = tables.delivery
    with reading(services.engine) as tx:
        due = sa.select(d.c.delivery_id).where(d.c.due_at.isnot(None), d.c.attempts == 0)
        return set(tx.scalars(due))


def listed(page: str) -> list[str]:
    """Return the row ids on a page in order."""
    return re.findall(r'<tr id="delivery-(\d+)"', page)


def test_without_deliveries_the_page_says_where_to_send_webhooks(ana: SessionClient) -> None:
    """An empty list says what to do next."""
    words = ana.words("/deliveries")
    assert "No delivery yet" in words
    assert "/hooks/CONNECTION" in words


def test_deliveries_are_listed_newest_first_with_their_outcome(ana: SessionClient, ids: dict[str, int]) -> None:
    """A waiting delivery shows the time of its next try."""
    page, words = ana.read("/deliveries"), ana.words("/deliveries")
    assert listed(page) == [str(row_id) for row_id in reversed(ids.values())]
    for text in (
        "1 waiting",
        "1 buried",
        "acme/checkout#12: applied",
        "ignored because acme/other is not watched",
        "locked; next try",
        "acme-github",
    ):
        assert text in words


@pytest.mark.both_databases
@pytest.mark.parametrize("outcome", ["applied", "ignored", "buried", "waiting"])
def test_deliveries_are_filtered_by_outcome(ana: SessionClient, ids: dict[str, int], outcome: str) -> None:
    """There are four outcomes."""
    assert listed(ana.read(f"/deliveries?outcome={outcome}")) == [str(ids[f"{outcome}-1"])]


@pytest.mark.both_databases
def test_a_buried_delivery_whose_event_was_not_read_is_not_called_unprocessed(
    ana: SessionClient, services: Services, ids: dict[str, int]
) -> None:
    """The list and the page call its event unknown; one that waits is not processed yet."""
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.delivery).values(name=""))
    assert "unknown event buried-1" in ana.words("/deliveries?outcome=buried")
    assert "not processed yet waiting-1" in ana.words("/deliveries?outcome=waiting")
    assert "Unknown event" in ana.words(f"/deliveries/{ids['buried-1']}")


def test_deliveries_are_filtered_by_connection_and_id(ana: SessionClient, ids: dict[str, int]) -> None:
    """A history entry names the id of its delivery."""
    assert listed(ana.read("/deliveries?q=buried-1&connection=acme-github")) == [str(ids["buried-1"])]
    assert "No matching delivery" in ana.words("/deliveries?connection=acme-jira")
    assert "No matching delivery No stored delivery has the id “burie”." in ana.words("/deliveries?q=burie")


@pytest.mark.both_databases
def test_a_long_list_has_pages_by_cursor(ana: SessionClient, services: Services, example: Example) -> None:
    """Each delivery is on exactly one page, also when new ones arrive meanwhile."""
    with writing(services.engine) as tx:
        rows = [
            {
                "connection_id": example.github,
                "delivery_id": f"d-{number}",
                "received_at": NOW,
                "headers": {},
                "body": b"",
                "settled_at": NOW,
                "outcome": "noted",
            }
            for number in range(120)
        ]
        tx.execute(sa.insert(tables.delivery), rows)
    seen: list[str] = []
    path: str | None = "/deliveries"
    while path:
        page = ana.read(path)
        seen += listed(page)
        older = re.search(r'href="(/deliveries[^"]*)" rel="next"', page)
        path = older[1].replace("&amp;", "&") if older else None
    assert len(seen) == len(set(seen)) == 120
    assert seen == sorted(seen, key=int, reverse=True)


@pytest.mark.both_databases
def test_a_delivery_shows_its_content_and_the_key_results_it_changed(ana: SessionClient, ids: dict[str, int]) -> None:
    """The page has the headers, the indented body, and the change of the key result."""
    page, words = ana.read(f"/deliveries/{ids['applied-1']}"), ana.words(f"/deliveries/{ids['applied-1']}")
    assert "x-github-event" in words
    assert "&#34;number&#34;: 12," in page
    assert "KR-1 Ship the new checkout" in words
    assert "acme/checkout#12 closed as done" in words
    assert "No key result changed" in ana.words(f"/deliveries/{ids['buried-1']}")


def test_content_of_deliveries_is_escaped(ana: SessionClient, ids: dict[str, int]) -> None:
    """Titles, headers and reasons are text."""
    for path in ("/deliveries", f"/deliveries/{ids['buried-1']}"):
        assert "<script>alert" not in ana.read(path)
    assert "&lt;script&gt;alert" in ana.read(f"/deliveries/{ids['buried-1']}")


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"not json \xff", "not json \ufffd"),
        (b"[" * 5000, "[[[[["),
        (b'{"a": "' + b"x" * 300_000 + b'"}', "the first 200\u202f000 of 300\u202f009 bytes"),
        (b"", "0 bytes"),
    ],
)
def test_any_body_can_be_shown(
    ana: SessionClient, services: Services, ids: dict[str, int], body: bytes, shown: str
) -> None:
    """A body may be long, and need not be JSON or text."""
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.delivery).values(body=body))
    page = ana.read(f"/deliveries/{ids['buried-1']}")
    assert shown in page
    assert len(page) < 250_000


def test_a_delivery_is_replayed(ana: SessionClient, services: Services, ids: dict[str, int]) -> None:
    """It is due again with no attempts counted; the audit log names the admin."""
    path = f"/deliveries/{ids['buried-1']}"
    assert ana.submit(f"{path}/replay", on=path).location == path
    assert due_rows(services) == {"buried-1"}
    assert audited(services) == [("ana@example.com", f"delivery {ids['buried-1']} replayed")]


def test_all_buried_deliveries_are_replayed_at_once(
    ana: SessionClient, services: Services, ids: dict[str, int]
) -> None:
    """Settled deliveries stay settled."""
    assert ana.submit("/deliveries/replay", on="/deliveries").status_code == 302
    assert due_rows(services) == {"buried-1"}
    assert "Replaying 1 buried delivery now" in ana.words("/deliveries")
    ana.submit("/deliveries/replay", on="/deliveries")
    assert "No delivery is buried" in ana.words("/deliveries")
    assert len(audited(services)) == 1


def test_deliveries_are_for_admins(ben: SessionClient, anonymous: FlaskClient, ids: dict[str, int]) -> None:
    """Bodies may contain what only members of the tracker may read."""
    paths = ["/deliveries", f"/deliveries/{ids['applied-1']}"]
    assert [ben.open(path).status_code for path in paths] == [403, 403]
    assert ben.submit("/deliveries/replay", on="/").status_code == 403
    assert "/sign-in" in anonymous.get("/deliveries").location


@pytest.mark.both_databases
def test_an_unknown_delivery_is_not_found(ana: SessionClient) -> None:
    """It is neither shown nor replayed."""
    assert ana.open("/deliveries/4711").status_code == 404
    assert ana.submit("/deliveries/4711/replay", on="/rules/new").status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize("depth", [3, 900])
def test_a_nested_body_makes_a_page_of_a_bounded_size(
    ana: SessionClient, services: Services, ids: dict[str, int], depth: int
) -> None:
    """Indented, each level of nesting would make each line longer."""
    nested = b"[" * depth + b"1," * 5 + b"1" + b"]" * depth
    body = b"[" + b",".join([nested] * (60_000 // len(nested))) + b"]"
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.delivery).where(tables.delivery.c.id == ids["applied-1"]).values(body=body))
    page = ana.read(f"/deliveries/{ids['applied-1']}")
    assert len(page) < 15 * len(body)
    assert ("[[[1,1" in page) is (depth == 900)
