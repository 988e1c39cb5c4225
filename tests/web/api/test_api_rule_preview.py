"""The preview of a rule through the API: what saving it would do, for those who may save it."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from tests.web.api.fixture import NOW, ApiHarness

PATH = "/api/v1/rules/preview"
RULE: dict[str, Any] = {
    "slug": "by-label",
    "connection": "acme-github",
    "key_result": "KR-1",
    "when": {"all": [{"field": "labels", "has": "checkout"}, {"field": "state", "is": "todo"}]},
}


@pytest.fixture
def known(api: ApiHarness) -> ApiHarness:
    """Add an issue that the rule matches, and one that it nearly matches."""
    scope = {"scope_external_id": "501", "scope_name": "acme/checkout", "updated_at": NOW}
    for number, state in ((11, "todo"), (12, "done")):
        key = f"acme/checkout#{number}"
        api.issue(key, api.ids["KR-2"], labels=["checkout"], state=state, folded_key=key, **scope)
    return api


def previewed(api: ApiHarness, token: str, **changes: Any) -> dict[str, Any]:
    """Return the preview of the rule, with other values in some fields."""
    answer = api.call(PATH, token=token, method="POST", body=RULE | changes)
    assert answer.status_code == 200, answer.get_json()
    found: dict[str, Any] = answer.get_json()
    return found


def test_a_preview_has_the_rule_and_what_saving_it_would_do(known: ApiHarness, admin_token: str) -> None:
    """The rule in the form of the list of rules; matches, near misses, and old and new value of its key result."""
    found = previewed(known, admin_token)
    assert found["rule"] == RULE | {"owner": None, "state": "active"}
    assert [(one["key"], one["becomes"], one["new"]) for one in found["issues"]] == [
        ("acme/checkout#11", "linked", True)
    ]
    assert (found["links"], found["proposals"]["made"]) == ({"now": 0, "made": 1, "removed": 0}, 0)
    assert [(one["key"], one["missing"]) for one in found["near"]] == [("acme/checkout#12", "state is todo")]
    (effect,) = found["key_results"]
    assert (effect["slug"], found["lines"]) == ("KR-1", [])


def test_a_proposing_rule_makes_proposals(known: ApiHarness, admin_token: str) -> None:
    """They count for nothing; a draft makes neither."""
    found = previewed(known, admin_token, state="proposing")
    assert (found["links"]["made"], found["proposals"]["made"]) == (0, 1)
    assert found["issues"][0]["becomes"] == "proposed"
    draft = previewed(known, admin_token, state="draft")
    assert found["key_results"] == draft["key_results"]
    assert found["key_results"][0]["after"] != previewed(known, admin_token)["key_results"][0]["after"]
    assert (draft["matching"], draft["links"]["made"], draft["proposals"]["made"]) == (1, 0, 0)


def test_lines_are_replayed_on_demand(known: ApiHarness, admin_token: str) -> None:
    """The real one and the one as it would have been have the same days."""
    (line,) = previewed(known, admin_token, lines=True)["lines"]
    assert line["slug"] == "KR-1"
    assert [one["day"] for one in line["real"]] == [one["day"] for one in line["replayed"]]


@pytest.mark.parametrize(
    ("changes", "parameter", "detail"),
    [
        ({"when": {"field": "label", "has": "x"}}, "when.field", "did you mean labels?"),
        ({"when": {"field": "state", "is": "finished"}}, "when.is", "one of todo"),
        ({"key_result": "KR1"}, "key_result", "did you mean KR-1?"),
        ({"connection": "acme-gitub"}, "connection", "did you mean acme-github?"),
        ({"owner": "nobody@example.com"}, "owner", "found 'nobody@example.com'"),
        ({"when": None}, "when", "found nothing, allowed is a condition"),
        ({"colour": "red"}, "colour", "Extra inputs are not permitted"),
    ],
)
def test_nonsense_is_refused_in_words(
    known: ApiHarness, admin_token: str, changes: dict[str, Any], parameter: str, detail: str
) -> None:
    """With the nearest names, where there are any."""
    answer = known.call(PATH, token=admin_token, method="POST", body=RULE | changes)
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert error["parameter"] == parameter
    assert detail in error["detail"]


def test_a_rule_toward_a_closed_cycle_is_refused(known: ApiHarness, admin_token: str) -> None:
    """Its numbers are final; disabling it can be previewed."""
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    with writing(known.services.engine) as tx:
        tx.execute(sa.update(tables.cycle).values(starts_at=begin, ends_at=end))
    answer = known.call(PATH, token=admin_token, method="POST", body=RULE)
    assert answer.status_code == 409
    assert "is closed" in answer.get_json()["detail"]
    assert previewed(known, admin_token, state="disabled")["matching"] == 1


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_only_who_may_save_a_rule_may_preview_it(known: ApiHarness, role: str) -> None:
    """A token is nobody's, so that only an admin's may."""
    assert known.call(PATH, token=known.token(role), method="POST", body=RULE).status_code == 403


def test_nothing_is_saved(known: ApiHarness, admin_token: str) -> None:
    """Not even a version of the rules."""

    def rows() -> list[str]:
        with reading(known.services.engine) as tx:
            return [
                repr(sorted(map(repr, tx.execute(sa.select(one)))))
                for one in tables.metadata.sorted_tables
                if one.name != "api_token"  # it has the time of its last use
            ]

    before = rows()
    previewed(known, admin_token, lines=True)
    assert rows() == before
