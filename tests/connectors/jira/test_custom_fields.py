"""Custom fields of Jira that a connection names: each type, what is unknown, and what is unclear."""

from typing import Any

import pytest

from connectors.jira.api.field_catalogue import Field, FieldCatalogue, add_field_catalogue
from connectors.jira.model.custom_fields import custom_values_in
from connectors.jira.model.requested_fields import requested_fields
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.fields.custom_fields import CustomValue, FieldType

ID = "customfield_1"
MOVED = {"items": [{"field": "project", "from": "10", "to": "11"}, {"field": "Key", "toString": "PAY-1"}]}


def read(
    field: Any, shown: dict[str, Any], *catalogue: Field, changelog: Any = None
) -> tuple[tuple[CustomValue, ...], tuple[str, ...]]:
    """Return what a connection that names a field `team` reads; without a catalogue none is known."""
    plain = Connection(slug="jira", site="https://jira.example.com", options={"fields": {"team": field}})
    connection = add_field_catalogue(plain, FieldCatalogue(catalogue) if catalogue else None)
    return custom_values_in(shown, connection, changelog=changelog or {}, project="11")


@pytest.mark.parametrize(
    ("kind", "value", "values"),
    [
        ("text", " Pay by\ncard ", ("Pay by card",)),
        ("text", "", ()),
        ("number", 3, ("3.0",)),
        ("number", "2,5", ("2.5",)),
        ("date", "2026-11-30", ("2026-11-30",)),
        ("date", "2026-11-30T23:30:00.000+0100", ("2026-11-30T22:30:00+00:00",)),
        ("option", {"value": "Payments", "id": "7"}, ("Payments",)),
        ("option", {"value": "EMEA", "child": {"value": "Spain"}}, ("EMEA", "EMEA - Spain")),
        ("option", {"name": "2.0"}, ("2.0",)),
        ("options", [{"value": "B"}, {"value": "A"}, {"value": "B"}], ("A", "B")),
        ("options", ["b", "a"], ("a", "b")),
        ("options", [], ()),
        ("person", {"accountId": "5b10", "displayName": "Ana"}, ("5b10",)),
        ("person", [{"name": "ana", "key": "JIRAUSER1"}, {"name": "bo"}], ("ana\tJIRAUSER1", "bo")),
        ("person", None, ()),
    ],
)
def test_each_type_is_read(kind: str, value: Any, values: tuple[str, ...]) -> None:
    """As webhooks and calls show it, on Cloud and Data Center."""
    (found,), unclear = read({"field": ID, "type": kind}, {ID: value})
    assert (found, unclear) == (CustomValue(ID, FieldType(kind), values), ())


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", "XS"),
        ("date", "2026-02-30"),
        ("date", 7),
        ("text", {"type": "doc", "version": 1, "content": []}),
        ("option", [["a"]]),
        ("person", "ana"),
    ],
)
def test_what_is_not_of_the_type_is_unknown_and_said(kind: str, value: Any) -> None:
    """Never none."""
    found, (unclear,) = read({"field": ID, "type": kind}, {ID: value})
    assert found == ()
    assert unclear.startswith("its team is unknown: ")


def test_a_field_that_is_not_shown_is_unknown() -> None:
    """Only an issue that has just moved, or whose project has no such field, has none."""
    one = {"field": ID, "type": "option"}
    assert read(one, {}) == ((), ())
    assert read(one, {}, changelog=MOVED) == ((CustomValue(ID, FieldType.OPTION, ()),), ())
    elsewhere = Field(id=ID, name="Team", kind="option", project="12")
    assert read({"field": "Team", "type": "option"}, {}, elsewhere)[0] == (CustomValue("Team", FieldType.OPTION, ()),)


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (Field(id=ID, name="Team", kind="string"), FieldType.TEXT),
        (Field(id=ID, name="Team", kind="datetime"), None),
        (Field(id=ID, name="Team", kind="option-with-child"), FieldType.OPTION),
        (Field(id=ID, name="Team", kind="array", items="option"), FieldType.OPTIONS),
        (Field(id=ID, name="Team", kind="array", items="string"), FieldType.OPTIONS),
        (Field(id=ID, name="Team", kind="any"), None),
        (Field(id=ID, name="Team", kind="array", items="json"), None),
    ],
)
def test_the_short_form_has_the_type_that_the_site_says(field: Field, kind: FieldType | None) -> None:
    """By name and by id."""
    for written in ("team", ID):
        found, unclear = read(written, {ID: "Payments"}, field)
        assert [one.type for one in found] == ([kind] if kind else [])
        assert bool(unclear) is (kind is None)


def test_several_fields_of_one_name_are_unclear() -> None:
    """Write the id of the right one."""
    found, (unclear,) = read("Team", {ID: "a"}, Field(id=ID, name="Team"), Field(id="customfield_2", name="team"))
    assert found == ()
    assert "several fields are called Team: set fields.team to the id of one, customfield_1 or customfield_2" in unclear


def test_a_name_that_the_site_does_not_have_is_unclear() -> None:
    """The outcome of the delivery says so."""
    assert "no field has this name" in read("Tean", {}, Field(id=ID, name="Team"))[1][0]


def test_a_change_names_the_field_without_a_catalogue() -> None:
    """Then a webhook alone is enough."""
    changed = {"items": [{"field": "Team", "fieldId": ID}]}
    found, _ = read({"field": "Team", "type": "option"}, {ID: {"value": "Payments"}}, changelog=changed)
    assert found == (CustomValue("Team", FieldType.OPTION, ("Payments",)),)
    assert read({"field": "Team", "type": "option"}, {ID: {"value": "Payments"}}) == ((), ())


def test_calls_ask_for_the_fields() -> None:
    """By their ids."""
    plain = Connection(slug="jira", site="https://jira.example.com", options={"fields": {"a": "Team", "b": ID}})
    known = FieldCatalogue((Field(id="customfield_9", name="Team"),))
    assert {ID, "customfield_9"} <= set(requested_fields(add_field_catalogue(plain, known)))
