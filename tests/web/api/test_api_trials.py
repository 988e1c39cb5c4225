"""Rules tried through the API: what each says of an issue."""

import pytest

from sync_service.store import tables
from tests.web.api.fixture import NOW, ApiHarness

PATH = "/api/v1/rules/try"


@pytest.fixture
def ruled(api: ApiHarness) -> ApiHarness:
    """Add an issue that one rule matches and another one does not."""
    scope = {"scope_external_id": "501", "scope_name": "acme/checkout", "updated_at": NOW}
    key = "acme/checkout#1"
    api.issue(key, api.ids["KR-1"], labels=["checkout"], folded_key=key, **scope)
    for slug, condition in (
        ("search", {"field": "title", "contains": "search"}),
        ("todo", {"all": [{"field": "labels", "has": "checkout"}, {"field": "state", "is": "todo"}]}),
    ):
        common = {"connection_id": api.ids["connection"], "key_result_id": api.ids["KR-1"], "condition": condition}
        rule = api.add(tables.rule, slug=slug, **common)
        api.add(
            tables.rule_revision,
            rule_id=rule,
            rule_slug=slug,
            state="active",
            changed_by="Ana",
            created_at=NOW,
            **common,
        )
    return api


def test_each_rule_says_why(ruled: ApiHarness, token: str) -> None:
    """Those that hold come first."""
    (found,) = ruled.call(PATH, token=token, method="POST", body={"issue": "acme/checkout#1"}).get_json()["items"]
    assert (found["key"], found["unmatched"], found["serves"]) == ("acme/checkout#1", None, {"KR-1": ["manual"]})
    assert [(one["slug"], one["holds"]) for one in found["rules"]] == [("todo", True), ("search", False)]
    tested = found["rules"][0]["tested"]
    assert [(one["words"], one["holds"], one["found"]) for one in tested["members"]] == [
        ("labels include checkout", True, ["checkout"]),
        ("state is todo", True, ["todo"]),
    ]


def test_an_unknown_issue_is_not_found(ruled: ApiHarness, token: str) -> None:
    """The detail says where it was searched."""
    answer = ruled.call(PATH, token=token, method="POST", body={"issue": "acme/checkout#7"})
    assert (answer.status_code, answer.get_json()["detail"]) == (
        404,
        "No issue 'acme/checkout#7' is known at acme-github.",
    )
    assert ruled.call(PATH, token=token, method="POST", body={"issues": []}).status_code == 422
