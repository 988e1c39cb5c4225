"""The page on which an issue is tried: rule by rule and condition by condition, why it matches or not."""

import pytest

from sync_service.domain.rules.rule_state import RuleState
from sync_service.runtime.wiring import Services
from sync_service.web.rules import views
from tests.support.example_okrs import Example
from tests.web.rules_seed import add_labelled_issues, add_rule
from tests.web.session_client import SessionClient


@pytest.fixture(autouse=True)
def rules(services: Services, example: Example) -> None:
    """Add issues, a rule that matches one of them, and rules that do not."""
    add_labelled_issues(services, example)
    add_rule(services, example, "network")
    groups = {"all": [{"field": "labels", "has": "network"}, {"any": [{"field": "state", "is": "done"}]}]}
    add_rule(services, example, "network-done", condition=groups)
    add_rule(services, example, "off", state=RuleState.DISABLED)


def test_an_issue_is_tried_by_its_key(vera: SessionClient) -> None:
    """Every rule says why."""
    words = vera.words("/rules/try?issue=acme/checkout%23701")
    assert "by rule network." in words
    assert "→ KR-6: matches Yes: all of these Yes: labels include network (it has network)" in words
    assert "No: one of these No: state is done (it has todo)" in words
    assert "→ KR-6: matches The rule is disabled." in words


def test_an_issue_is_tried_by_its_address_and_at_a_named_connection(vera: SessionClient) -> None:
    """The answer is the same."""
    by_key = vera.words("/rules/try?issue=acme-github:acme/checkout%23701")
    address = "https://acme-github.example.com/acme/checkout/issues/701"
    assert by_key.count("matches") == vera.words(f"/rules/try?issue={address}").count("matches") == 3


def test_an_unknown_issue_is_refused_in_words(vera: SessionClient) -> None:
    """The page names the connections that were asked, or what they accept."""
    unknown = vera.open("/rules/try?issue=acme/checkout%23999")
    assert unknown.status_code == 404
    assert "No issue &#39;acme/checkout#999&#39; is known at acme-github." in unknown.text
    nonsense = vera.open("/rules/try?issue=twelve")
    assert "is not a GitHub issue: write owner/repo#12" in nonsense.text
    assert vera.open("/rules/try").status_code == 200


def test_many_rules_are_paged(vera: SessionClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that match come first; a page after the last has none."""
    monkeypatch.setattr(views, "PAGE", 2)
    first = vera.words("/rules/try?issue=acme/checkout%23701")
    assert "1 to 2 of 3 rules" in first
    assert first.count("→ KR-6: matches") == 2
    assert "→ KR-6: does not match" not in first
    second = vera.words("/rules/try?issue=acme/checkout%23701&page=2")
    assert "3 to 3 of 3 rules" in second
    assert "network-done → KR-6: does not match" in second
    assert "There are no more rules" in vera.words("/rules/try?issue=acme/checkout%23701&page=7")
