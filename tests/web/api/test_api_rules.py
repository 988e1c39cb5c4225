"""One rule in the API: its life, and the links that it proposes."""

from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.domain.rules.rule_state import RuleState
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import rules
from tests.web.api.fixture import NOW, ApiHarness

RULE = "/api/v1/rules/bugs"
PROPOSED = "/api/v1/key-results/KR-1/proposed-links"
BUGS = {"field": "type", "is": "Bug"}
IN_SCOPE: dict[str, Any] = {"scope_external_id": "501", "scope_name": "acme/checkout", "updated_at": NOW}


def save(api: ApiHarness, **fields: Any) -> None:
    """Save a rule toward KR-1, and apply it."""
    both = {"connection_id": api.ids["connection"], "key_result_id": api.ids["KR-1"], "condition": BUGS}
    wanted = rules.Definition(**{"slug": "bugs", "owner_id": api.ids["ana"], **both, **fields})
    with writing(api.services.engine) as tx:
        rules.save(tx, wanted, changed_by="Ana Ruiz", now=NOW)
    while api.services.drains.by_table["rule_revision"]():
        pass


@pytest.mark.slow
@pytest.mark.both_databases
def test_a_rule_is_shown_changed_removed_and_brought_back(api: ApiHarness, admin_token: str) -> None:
    """Each change is a version with its author, time and difference."""
    save(api)
    shown = api.call(RULE, token=admin_token).get_json()
    assert (shown["state"], shown["when"], shown["reviewed_at"], shown["overlaps"]) == ("active", BUGS, None, [])
    changed = api.call(f"{RULE}/state", token=admin_token, method="PUT", body={"state": "draft"})
    assert changed.get_json()["state"] == "draft"
    assert api.call(f"{RULE}/review", token=admin_token, method="POST").get_json()["reviewed_at"] is not None
    versions = api.call(RULE, token=admin_token, method="DELETE").get_json()["items"]
    assert [one["what"] for one in versions] == ["removed", "changed", "created"]
    assert versions[1]["differences"] == ["state active → draft"]
    assert api.call(RULE, token=admin_token).status_code == 404
    back = api.call(f"{RULE}/undo", token=admin_token, method="POST", body={"version": 1})
    assert back.get_json()["state"] == "active"
    unknown = api.call(f"{RULE}/undo", token=admin_token, method="POST", body={"version": 9})
    assert unknown.status_code == 404
    assert len(api.call(f"{RULE}/versions", token=admin_token).get_json()["items"]) == 4


def test_a_token_below_admin_changes_no_rule(api: ApiHarness) -> None:
    """It has no person, so it has no team and owns nothing."""
    save(api)
    member, body = api.token("member"), {"state": "draft"}
    answer = api.call(f"{RULE}/state", token=member, method="PUT", body=body)
    assert answer.status_code == 403
    assert answer.get_json()["detail"] == "Only members and admins write rules."
    assert api.call(PROPOSED, token=member, method="POST", body={"decision": "accept"}).status_code == 403


@pytest.mark.slow
@pytest.mark.both_databases
def test_proposed_links_are_listed_and_decided(api: ApiHarness, admin_token: str) -> None:
    """Named issues, or all that wait."""
    for number in (1, 2, 3):
        api.issue(f"acme/checkout#{number}", api.ids["KR-2"], type="Bug", **IN_SCOPE)
    save(api, state=RuleState.PROPOSING)
    waiting = api.call(PROPOSED, token=admin_token).get_json()["items"]
    assert [one["issue"] for one in waiting] == [f"acme-github:acme/checkout#{one}" for one in (3, 2, 1)]
    assert {one["rule"] for one in waiting} == {"bugs"}
    body = {"decision": "decline", "issues": ["acme-github:acme/checkout#2"]}
    assert len(api.call(PROPOSED, token=admin_token, method="POST", body=body).get_json()["items"]) == 1
    assert api.call(PROPOSED, token=admin_token, method="POST", body=body).status_code == 404
    accepted = api.call(PROPOSED, token=admin_token, method="POST", body={"decision": "accept"}).get_json()["items"]
    assert len(accepted) == 2
    assert api.call(PROPOSED, token=admin_token).get_json() == {"items": []}
    with reading(api.services.engine) as tx:
        assert len(tx.execute(sa.select(tables.link_decision)).all()) == 3
