"""Custom fields in files: both forms, mistakes with their line, and rules that need them."""

import pytest
import sqlalchemy as sa

from sync_service.config_file.plan.export import as_yaml, export_state
from sync_service.config_file.read.state import read_state
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from tests.config_file.conftest import NOW, ConfigHarness
from tests.config_file.files import EXAMPLE
from tests.config_file.files import replace as replace_all


def replace(text: str, old: str, new: str) -> str:
    """Return a file with another text in one place."""
    return replace_all(text, (old, new))


FIELDS = "    points_field: Story Points\n    fields: {team: customfield_1, size: {field: Size, type: number}}\n"
NAMED = replace(EXAMPLE, "    points_field: Story Points\n", FIELDS)
RULE = "    connection: acme-jira\n    key_result: KR-2\n    when: {field: fields.size, above: 3}\n"
USED = replace(
    NAMED,
    "    connection: acme-jira\n    key_result: KR-2\n"
    "    query: project = SHOP AND issuetype = Bug AND component = payments\n",
    RULE,
)


def errors_of(harness: ConfigHarness, text: str) -> list[str]:
    """Return the errors of a file."""
    return [str(one).partition(":")[2] for one in harness.errors(text)]


def options_of(harness: ConfigHarness) -> dict[str, object]:
    """Return the options of the connection to Jira."""
    found = harness.rows(sa.select(tables.connection.c.options).where(tables.connection.c.slug == "acme-jira"))
    options: dict[str, object] = found[0][0]
    return options


def polls_of(harness: ConfigHarness) -> list[tuple[object, ...]]:
    """Return what the polls of Jira ask for: since when, and the next page."""
    p = tables.poll
    found = sa.select(p.c.since, p.c.cursor).join(tables.connection, tables.connection.c.id == p.c.connection_id)
    return harness.rows(found.where(tables.connection.c.slug == "acme-jira"))


def test_both_forms_of_a_field_are_stored_and_exported(harness: ConfigHarness) -> None:
    """The short one has the type that the tracker says; applying the export changes nothing."""
    harness.apply(USED)
    assert options_of(harness)["fields"] == {
        "team": {"field": "customfield_1"},
        "size": {"field": "Size", "type": "number"},
    }
    with reading(harness.engine) as tx:
        exported = as_yaml(export_state(read_state(tx, harness.applier.sealer)))
    assert not harness.apply(exported).changes


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("type: number}", "type: nmber}", ["connections[1].fields.size.type: found 'nmber'", "did you mean number?"]),
        ("{field: Size, type", "{feld: Size, type", ["connections[1].fields.size.feld", "did you mean field?"]),
        ("team: customfield_1", '"a team": customfield_1', ["connections[1].fields", "Custom fields that rules may"]),
        ("team: customfield_1", "team: 7", ["connections[1].fields.team: found 7"]),
        ("fields.size, above", "fields.sise, above", ["rules[1].when.field: found 'fields.sise'", "mean fields.size?"]),
        ("fields.size, above: 3", "fields.size, has: x", ["rules[1].when: found", "one operator for fields.size: is"]),
        ("fields.size, above: 3", "fields.size, above: x", ["rules[1].when.above: found 'x'", "a number"]),
        ("fields.size, above: 3", "created, before: soon", ["rules[1].when.before: found 'soon'", "cycle start"]),
    ],
)
def test_a_mistake_has_its_line_and_the_nearest_name(
    harness: ConfigHarness, old: str, new: str, expected: list[str]
) -> None:
    """In the connection and in the rule."""
    (found, *_) = errors_of(harness, replace(USED, old, new))
    line = next(number for number, one in enumerate(replace(USED, old, new).splitlines(), start=1) if new in one)
    assert found.startswith(f"{line}: ")
    assert all(one in found for one in expected), found


def test_a_rule_of_another_connection_does_not_know_the_fields(harness: ConfigHarness) -> None:
    """Fields belong to one connection."""
    text = replace(USED, "connection: acme-jira\n    key_result: KR-2", "connection: acme-github\n    key_result: KR-2")
    (found,) = errors_of(harness, text)
    assert "found 'fields.size'" in found
    assert "it names none" in found


def test_a_field_that_a_stored_rule_needs_stays(harness: ConfigHarness) -> None:
    """Also where the file is not about the rule; and its type, if the rule compares with it."""
    harness.apply(USED)
    alone = NAMED[: NAMED.index("rules:")]
    (found,) = errors_of(harness, replace(alone, "size: {field: Size, type: number}", "effort: Size"))
    assert "connections[1].fields: found a field that rule payment-bugs needs" in found
    (found,) = errors_of(harness, replace(alone, "type: number", "type: text"))
    assert "one operator for fields.size: is, in, contains, matches" in found
    harness.apply(replace(alone, "field: Size", "field: customfield_2"))


def test_a_newly_named_field_lists_the_scopes_again(harness: ConfigHarness) -> None:
    """Known issues are read once more; another name for the same field needs no reading."""
    harness.apply(EXAMPLE)
    with writing(harness.engine) as tx:
        tx.execute(sa.update(tables.poll).values(since=NOW, cursor="7", done_at=NOW))
        tx.execute(sa.update(tables.scope).values(covered_at=NOW))
    plan = harness.apply(NAMED)
    assert any("are known once its scopes are listed again" in one for one in plan.warnings)
    assert polls_of(harness) == [(None, None)]
    with writing(harness.engine) as tx:
        tx.execute(sa.update(tables.poll).values(since=NOW))
    harness.apply(replace(NAMED, "team: customfield_1", "squad: customfield_1"))
    assert polls_of(harness)[0][0] == NOW
