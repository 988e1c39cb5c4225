"""The form of a rule: rows and text, adding and removing rows, and the preview."""

import re

import pytest
import sqlalchemy as sa

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.support.example_okrs import Example
from tests.web.rules_seed import NETWORK, add_labelled_issues, stored_rule
from tests.web.session_client import SessionClient, seen_words

NESTED = (
    "any:\n- field: labels\n  has: network\n- all:\n  - field: type\n    is: Bug\n  - field: milestone\n    is: null\n"
)


@pytest.fixture(autouse=True)
def labelled_issues(services: Services, example: Example) -> None:
    """Add issues that rules can match."""
    add_labelled_issues(services, example)


def test_a_nested_condition_is_edited_as_text(ana: SessionClient, services: Services, example: Example) -> None:
    """Rows can't show it, and the form says so; the text is saved unchanged."""
    response = ana.submit("/rules/new", on="/rules/new", slug="nested", **(NETWORK | {"mode": "text", "text": NESTED}))
    assert response.status_code == 302
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


def test_rows_are_converted_to_text_and_back(ana: SessionClient) -> None:
    """Nothing is lost."""
    text = ana.submit("/rules/draft", on="/rules/new", act="to-text", **NETWORK).text
    assert "all:\n- field: labels\n  has: network" in text
    text_fields = {"mode": "text", "text": "none: [{field: state, in: [done, dropped]}]", "act": "to-rows"}
    rows = ana.submit("/rules/draft", on="/rules/new", **(NETWORK | text_fields)).text
    assert re.search(r'<option value="none" selected>', rows)
    assert re.findall(r'name="row-0-value" value="(\w+)" checked', rows) == ["done", "dropped"]


def test_rows_are_added_and_removed_without_changing_the_others(ana: SessionClient) -> None:
    """It works without scripts too: then the response is the whole page."""
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


def test_operators_and_suggested_values_depend_on_the_field(ana: SessionClient) -> None:
    """An operator that the new field does not have is replaced."""
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


def test_an_incomplete_condition_has_no_preview(ana: SessionClient) -> None:
    """There is no error while somebody is still typing."""
    words = seen_words(ana.submit("/rules/preview", on="/rules/new", **(NETWORK | {"row-0-value": ""})).text)
    assert words.startswith("Choose which issues count")
    wrong = NETWORK | {"mode": "text", "text": "all: [{field: colour, is: red}]"}
    assert "found 'colour'" in seen_words(ana.submit("/rules/preview", on="/rules/new", **wrong).text)


def test_the_form_offers_the_fields_of_the_connection_and_refuses_others(
    ana: SessionClient, services: Services
) -> None:
    """With the operators of their types; a number is saved as one."""
    options = {"fields": {"team": {"field": "Team", "type": "option"}, "size": {"field": "Size", "type": "number"}}}
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.connection).values(options=options))
    row = {"row-0-field": "fields.size", "row-0-operator": "at_least", "row-0-value": "5"}
    shown = ana.submit("/rules/draft", on="/rules/new", act="", **(NETWORK | row)).text
    assert '<option value="fields.size" selected>' in shown
    offered = re.findall(r'<option value="(\w+)"', shown[shown.index('id="row-0-operator"') :])[:6]
    assert offered == ["is", "above", "below", "at_least", "at_most", "nothing"]
    assert ana.submit("/rules/new", on="/rules/new", slug="sized", **(NETWORK | row)).status_code == 302
    kept = stored_rule(services, "sized")
    assert kept is not None
    assert kept.condition == {"all": [{"field": "fields.size", "at_least": 5}]}
    text = {"mode": "text", "text": "{field: fields.tean, is: Payments}"}
    refused = ana.submit("/rules/new", on="/rules/new", slug="typo", **(NETWORK | text))
    assert refused.status_code == 422
    assert "did you mean fields.team" in seen_words(refused.text)
