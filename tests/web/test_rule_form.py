"""The form of a rule: rows come and go, become text and back, and a preview answers while somebody types."""

import re

import pytest

from sync_service.runtime.wiring import Services
from tests.support.example_okrs import Example
from tests.web.rules_seed import NETWORK, add_labelled_issues, stored_rule
from tests.web.session_client import Visitor, seen_words

NESTED = (
    "any:\n- field: labels\n  has: network\n- all:\n  - field: type\n    is: Bug\n  - field: milestone\n    is: null\n"
)


@pytest.fixture(autouse=True)
def labelled(services: Services, example: Example) -> None:
    """Every test here has issues to match."""
    add_labelled_issues(services, example)


def test_a_nested_condition_is_edited_as_text(ana: Visitor, services: Services, example: Example) -> None:
    """Rows can't show it, and say so; what is saved is what was written."""
    answer = ana.submit("/rules/new", on="/rules/new", slug="nested", **(NETWORK | {"mode": "text", "text": NESTED}))
    assert answer.status_code == 302
    kept = stored_rule(services, "nested")
    assert kept is not None
    assert kept.condition == {
        "any": [
            {"field": "labels", "has": "network"},
            {"all": [{"field": "type", "is": "Bug"}, {"field": "milestone", "is": None}]},
        ]
    }
    page = ana.read("/rules/nested")
    assert '<textarea class="form-control font-monospace" id="text"' in page
    draft = NETWORK | {"mode": "text", "text": NESTED, "act": "to-rows"}
    assert "Rows can't show this" in seen_words(ana.submit("/rules/draft", on="/rules/nested", **draft).text)


def test_rows_become_text_and_text_becomes_rows(ana: Visitor) -> None:
    """Nothing is lost on the way."""
    text = ana.submit("/rules/draft", on="/rules/new", act="to-text", **NETWORK).text
    assert "all:\n- field: labels\n  has: network" in text
    written = {"mode": "text", "text": "none: [{field: state, in: [done, dropped]}]", "act": "to-rows"}
    rows = ana.submit("/rules/draft", on="/rules/new", **(NETWORK | written)).text
    assert re.search(r'<option value="none" selected>', rows)
    assert re.findall(r'name="row-0-value" value="(\w+)" checked', rows) == ["done", "dropped"]


def test_lines_come_and_go_and_keep_what_stands_in_the_others(ana: Visitor) -> None:
    """Also without script: then the whole page answers."""
    two = NETWORK | {"row-3-field": "state", "row-3-operator": "is", "row-3-value": "done"}
    added = ana.submit("/rules/new", on="/rules/new", act="add", **two)
    assert added.status_code == 200
    assert 'name="row-4-field"' in added.text
    assert 'value="network"' in added.text
    removed = ana.submit("/rules/draft", on="/rules/new", act="remove-0", **two).text
    assert 'name="row-0-field"' not in removed
    assert 'name="row-3-field"' in removed
    last = ana.submit("/rules/draft", on="/rules/new", act="remove-0", **NETWORK).text
    assert 'name="row-0-field"' in last


def test_a_fields_operators_and_values_follow_it(ana: Visitor) -> None:
    """An operator that the new field does not have gives way; what is known is suggested."""
    changed = NETWORK | {"row-0-field": "kind"}
    kinds = ana.submit("/rules/draft", on="/rules/new", **changed).text
    assert '<option value="pull_request">pull request</option>' in kinds
    assert '<option value="has"' not in kinds
    labels = ana.submit("/rules/draft", on="/rules/new", **NETWORK).text
    assert '<option value="network">' in labels
    assert '<option value="acme/checkout">' in labels
    empty = ana.submit(
        "/rules/draft", on="/rules/new", **(NETWORK | {"row-0-field": "milestone", "row-0-operator": "nothing"})
    )
    assert "no milestone is set" in empty.text


def test_half_a_condition_promises_nothing_yet(ana: Visitor) -> None:
    """No error while somebody is still typing."""
    words = seen_words(ana.submit("/rules/preview", on="/rules/new", **(NETWORK | {"row-0-value": ""})).text)
    assert words.startswith("Choose which issues count")
    wrong = NETWORK | {"mode": "text", "text": "all: [{field: colour, is: red}]"}
    assert "found 'colour'" in seen_words(ana.submit("/rules/preview", on="/rules/new", **wrong).text)
