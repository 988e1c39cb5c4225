"""The other lists of the API: configuration, deliveries and notices, without secrets."""

import pytest

from sync_service.store import tables
from tests.web.api.fixture import CAUSE, NOW, SECRET, ApiHarness


def items(api: ApiHarness, token: str, name: str) -> list[dict[str, object]]:
    """Return the items of a list."""
    found: list[dict[str, object]] = api.call(f"/api/v1/{name}", token=token).get_json()["items"]
    return found


def test_objectives_show_the_roll_up_of_their_key_results(api: ApiHarness, token: str) -> None:
    """Key results without data are left out and counted."""
    assert items(api, token, "objectives") == [
        {
            "slug": "fast-checkout",
            "title": "Paying is effortless",
            "cycle": "2026-q4",
            "team": "checkout",
            "owner": "ana@example.com",
            "progress": 0.5,
            "roll_up": "weighted",
            "without_data": 1,
            "left_out": 0,
            "key_results": ["KR-1", "KR-2"],
            "parent": None,
            "counts": False,
            "weight": 1.0,
            "children": [],
        }
    ]


def test_an_objective_may_be_empty(api: ApiHarness, token: str) -> None:
    """It may have no team, no owner and no key results."""
    api.add(tables.objective, slug="bare", title="Bare", cycle_id=api.ids["cycle"])
    bare = items(api, token, "objectives")[1]
    assert (bare["team"], bare["owner"], bare["progress"], bare["key_results"]) == (None, None, None, [])


def test_cycles_have_their_first_and_last_day(api: ApiHarness, token: str) -> None:
    """The dates are those of the configuration file."""
    assert items(api, token, "cycles") == [
        {"slug": "2026-q4", "name": "Q4 2026", "starts": "2026-10-01", "ends": "2026-12-31", "closed": False}
    ]


@pytest.mark.both_databases
def test_rules_have_a_condition_or_a_query(api: ApiHarness, token: str) -> None:
    """Both have the form of the configuration file."""
    both = {"connection_id": api.ids["connection"], "key_result_id": api.ids["KR-1"], "state": "active"}
    condition = {"field": "labels", "has": "checkout"}
    api.add(tables.rule, slug="by-label", owner_id=api.ids["ana"], condition=condition, **both)
    api.add(tables.rule, slug="by-query", condition={}, query="project = SHOP", **both)
    written = {"connection": "acme-github", "key_result": "KR-1", "state": "active", "enabled": True}
    assert items(api, token, "rules") == [
        {"slug": "by-label", "owner": "ana@example.com", "when": condition, "query": None, **written},
        {"slug": "by-query", "owner": None, "when": None, "query": "project = SHOP", **written},
    ]


def test_connections_show_scopes_and_refusals(api: ApiHarness, token: str) -> None:
    """They show no credentials, secrets or options."""
    first, second = "2026-11-02T12:00:00.000Z", {"connection_id": api.ids["connection"], "name": "acme/old"}
    api.add(tables.scope, gone_reason="it was deleted", **second)
    api.change(tables.connection, api.ids["connection"], refused_at=NOW, refused_reason="401")
    assert items(api, token, "connections") == [
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


def test_deliveries_are_listed_newest_first_with_state_and_outcome(api: ApiHarness, admin_token: str) -> None:
    """The state is settled, buried or due."""
    api.delivery("delivery-1")
    api.delivery("delivery-2", settled_at=None, buried_at=NOW, outcome="it can't be read")
    api.delivery("delivery-3", settled_at=None, due_at=NOW, outcome="", name="")
    found = items(api, admin_token, "deliveries")
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
def test_notices_show_person_change_and_causes(api: ApiHarness, admin_token: str) -> None:
    """They also show when they are due."""
    api.add(
        tables.notice,
        person_id=api.ids["ana"],
        key_result_id=api.ids["KR-1"],
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
    assert items(api, admin_token, "notices") == [
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
def test_no_list_contains_a_secret(api: ApiHarness, admin_token: str) -> None:
    """Secrets appear neither in plain text nor encrypted, and bodies of deliveries not at all."""
    api.delivery("delivery-1")
    for name in ("objectives", "cycles", "rules", "connections", "deliveries", "notices"):
        body = api.call(f"/api/v1/{name}", token=admin_token).get_data(as_text=True)
        assert SECRET not in body
        assert api.sealed not in body
