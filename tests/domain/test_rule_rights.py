"""Who may write which rule, and what differs between two versions."""

from datetime import UTC, datetime, timedelta

import pytest

from sync_service.domain.rules.rights import Toward, Writer, why_not
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.rules.versions import REVIEW_AFTER, differences, review_due

ADMIN = Writer(role="admin")
OWNER = Writer(role="member", email="ben@example.com", team="payments")
MEMBER = Writer(role="member", email="eva@example.com", team="checkout")
STRANGER = Writer(role="member", email="leo@example.com", team="growth")
VIEWER = Writer(role="viewer", email="ben@example.com", team="checkout")


@pytest.mark.parametrize(
    ("writer", "allowed"),
    [
        (ADMIN, set(RuleState)),
        (OWNER, set(RuleState)),
        (MEMBER, {RuleState.DRAFT, RuleState.PROPOSING}),
        (STRANGER, set()),
        (VIEWER, set()),
        (Writer(role="member"), set()),
    ],
)
def test_rights_are_those_of_the_table(writer: Writer, allowed: set[RuleState]) -> None:
    """The key result is Ben's, of the team checkout. A token of a member has no person."""
    forms = {one: Toward(state=one, key_result="KR-1", owner="ben@example.com", team="checkout") for one in RuleState}
    assert {one for one, form in forms.items() if why_not(writer, [form]) is None} == allowed


def test_the_rule_as_it_is_must_be_theirs_too() -> None:
    """A member can't make a draft of an active rule, nor take over one that counts elsewhere."""
    draft = Toward(state=RuleState.DRAFT, key_result="KR-1", owner="ben@example.com", team="checkout")
    active = Toward(state=RuleState.ACTIVE, key_result="KR-1", owner="ben@example.com", team="checkout")
    elsewhere = Toward(state=RuleState.DRAFT, key_result="KR-9", owner="ben@example.com", team="growth")
    assert "save a draft, or let it propose" in (why_not(MEMBER, [active, draft]) or "")
    assert "KR-9 belongs to another team" in (why_not(MEMBER, [elsewhere, draft]) or "")
    assert why_not(MEMBER, [draft, draft]) is None


def test_differences_name_each_field() -> None:
    """From nothing to the first version, from one to the next, and the removal."""
    first = {"owner": None, "connection": "gh", "key_result": "KR-1", "query": None, "state": "draft",
             "when": {"field": "labels", "has": "pay"}}  # fmt: skip
    second = {**first, "state": "active", "when": {"field": "type", "is": "Bug"}, "owner": "ana@example.com"}
    assert differences(None, first) == ["connection gh", "key result KR-1", "when labels include pay", "state draft"]
    assert differences(first, second) == [
        "owner none → ana@example.com",
        "when labels include pay → type is Bug",
        "state draft → active",
    ]
    assert differences(second, None) == ["removed"]
    assert differences(second, second) == differences(None, None) == []


def test_a_review_is_due_after_the_last_review_or_change() -> None:
    """Whichever was later."""
    at = datetime(2026, 10, 1, tzinfo=UTC)
    assert review_due(reviewed_at=None, changed_at=None) is None
    assert review_due(reviewed_at=at, changed_at=at - timedelta(days=9)) == at + REVIEW_AFTER
    assert review_due(reviewed_at=None, changed_at=at) == at + REVIEW_AFTER
