"""The plain lists: what was configured and what came in, without a secret."""

import pytest

from sync_service.store import tables
from tests.web.api.fixture import CAUSE, NOW, SECRET, Town


def items(town: Town, token: str, name: str) -> list[dict[str, object]]:
    """Give the items of a list."""
    found: list[dict[str, object]] = town.call(f"/api/v1/{name}", token=token).get_json()["items"]
    return found


def test_objectives_roll_their_key_results_up(town: Town, token: str) -> None:
    """Those without data are left out and counted."""
    assert items(town, token, "objectives") == [
        {
            "slug": "fast-checkout",
            "title": "Paying is effortless",
            "cycle": "2026-q4",
            "team": "checkout",
            "owner": "ana@example.com",
            "progress": 0.5,
            "without_data": 1,
            "key_results": ["KR-1", "KR-2"],
        }
    ]


def test_an_objective_may_lack_everything(town: Town, token: str) -> None:
    """A team, an owner and key results."""
    town.add(tables.objective, slug="bare", title="Bare", cycle_id=town.ids["cycle"])
    bare = items(town, token, "objectives")[1]
    assert (bare["team"], bare["owner"], bare["progress"], bare["key_results"]) == (None, None, None, [])


def test_cycles_have_their_first_and_last_day(town: Town, token: str) -> None:
    """As written in the configuration file."""
    assert items(town, token, "cycles") == [
        {"slug": "2026-q4", "name": "Q4 2026", "starts": "2026-10-01", "ends": "2026-12-31", "closed": False}
    ]


@pytest.mark.both_databases
def test_rules_have_a_condition_or_a_query(town: Town, token: str) -> None:
    """In the form of the configuration file."""
    both = {"connection_id": town.ids["connection"], "key_result_id": town.ids["KR-1"], "enabled": True}
    condition = {"field": "labels", "has": "checkout"}
    town.add(tables.rule, slug="by-label", owner_id=town.ids["ana"], condition=condition, **both)
    town.add(tables.rule, slug="by-query", condition={}, query="project = SHOP", **both)
    written = {"connection": "acme-github", "key_result": "KR-1", "enabled": True}
    assert items(town, token, "rules") == [
        {"slug": "by-label", "owner": "ana@example.com", "when": condition, "query": None, **written},
        {"slug": "by-query", "owner": None, "when": None, "query": "project = SHOP", **written},
    ]


def test_connections_tell_what_they_watch_and_when_they_are_refused(town: Town, token: str) -> None:
    """But no credentials, no secrets and no options."""
    first, second = "2026-11-02T12:00:00.000Z", {"connection_id": town.ids["connection"], "name": "acme/old"}
    town.add(tables.scope, gone_reason="it was deleted", **second)
    town.change(tables.connection, town.ids["connection"], refused_at=NOW, refused_reason="401")
    assert items(town, token, "connections") == [
        {
            "slug": "acme-github",
            "kind": "github",
            "site": "https://api.github.example",
            "owner": "ana@example.com",
            "earlier": "import",
            "stale": {"since": first, "reason": "401"},
            "scopes": [
                {"name": "acme/checkout", "covered_at": first, "gone": None},
                {"name": "acme/old", "covered_at": None, "gone": "it was deleted"},
            ],
        }
    ]


def test_deliveries_come_newest_first_with_what_became_of_them(town: Town, token: str) -> None:
    """Settled, buried, or waiting to be tried."""
    town.delivery("delivery-1")
    town.delivery("delivery-2", settled_at=None, buried_at=NOW, outcome="it can't be read")
    town.delivery("delivery-3", settled_at=None, due_at=NOW, outcome="", name="")
    found = items(town, token, "deliveries")
    assert [(one["delivery"], one["state"], one["outcome"]) for one in found] == [
        ("delivery-3", "due", ""),
        ("delivery-2", "buried", "it can't be read"),
        ("delivery-1", "settled", "applied"),
    ]
    assert found[2] == {
        "delivery": "delivery-1",
        "connection": "acme-github",
        "name": "issues.closed",
        "received_at": "2026-11-02T12:00:00.000Z",
        "state": "settled",
        "outcome": "applied",
        "attempts": 0,
        "due_at": None,
    }


@pytest.mark.both_databases
def test_notices_say_who_hears_what_and_why(town: Town, token: str) -> None:
    """With the moment it is told."""
    town.add(
        tables.notice,
        person_id=town.ids["ana"],
        key_result_id=town.ids["KR-1"],
        created_at=NOW,
        due_at=NOW,
        from_status="on_track",
        to_status="completed",
        from_value=50,
        to_value=100,
        from_progress=0.5,
        to_progress=1,
        causes=[CAUSE],
    )
    assert items(town, token, "notices") == [
        {
            "at": "2026-11-02T12:00:00.000Z",
            "person": "ana@example.com",
            "key_result": "KR-1",
            "from": {"status": "on_track", "value": 50, "progress": 0.5},
            "to": {"status": "completed", "value": 100, "progress": 1},
            "causes": [CAUSE],
            "state": "due",
            "outcome": "",
            "due_at": "2026-11-02T12:00:00.000Z",
        }
    ]


@pytest.mark.both_databases
def test_no_list_tells_a_secret(town: Town, token: str) -> None:
    """Neither sealed ones nor what a tracker sent."""
    town.delivery("delivery-1")
    for name in ("objectives", "cycles", "rules", "connections", "deliveries", "notices"):
        said = town.call(f"/api/v1/{name}", token=token).get_data(as_text=True)
        assert SECRET not in said
        assert town.sealed not in said
