"""The JSON Schema accepts and refuses the same files as `apply`."""

from functools import cache
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from connectors.registry import load_connectors
from sync_service.config_file.read.json_schema import schema
from tests.config_file.files import EXAMPLE, RICH, replace
from tests.meta.import_graph import ROOT
from tests.meta.worked_examples import tables, written


@cache
def validator() -> Draft202012Validator:
    """Return a validator of the schema, which must itself be valid."""
    made = schema(load_connectors().values())
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


@pytest.mark.parametrize("text", [EXAMPLE, RICH])
def test_valid_files_fit_the_schema(text: str) -> None:
    """Dates are strings in the schema."""
    document = yaml.safe_load(text)
    for cycle in document["cycles"]:
        cycle |= {name: str(cycle[name]) for name in ("starts", "ends")}
    assert list(validator().iter_errors(document)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("role: admin", "rol: admin"),
        ("kind: github", "kind: gitub"),
        ("labels, has", "labels, is"),
        ("done-share", "dun-share"),
        ("weight: 2", "weight: 0"),
        ("    earlier: import\nobjectives", "objectives"),
        ("email: okr-bot@example.com", "emial: x"),
        ("    query: project = SHOP AND issuetype = Bug AND component = payments\n", ""),
    ],
)
def test_invalid_files_do_not_fit_the_schema(old: str, new: str) -> None:
    """An editor can underline the errors while a person types."""
    text = replace(
        EXAMPLE, ('    dropped_resolutions: ["Won\'t Do", Duplicate, Declined]\n    points_field: Story Points\n', "")
    )
    text = replace(text, ("starts: 2026-10-01, ends: 2026-12-31", "starts: '2026-10-01', ends: '2026-12-31'"))
    assert list(validator().iter_errors(yaml.safe_load(text))) == []
    assert list(validator().iter_errors(yaml.safe_load(replace(text, (old, new))))) != []


def test_every_field_is_described() -> None:
    """An editor shows the descriptions."""
    for name, definition in schema(load_connectors().values())["$defs"].items():
        for field, described in definition.get("properties", {}).items():
            assert described.get("description") or name in ("Condition", "Meets", "Measure"), f"{name}.{field}"


def fits(measure: dict[str, Any]) -> bool:
    """Return whether a measure fits the schema."""
    text = replace(EXAMPLE, ("starts: 2026-10-01, ends: 2026-12-31", "starts: '2026-10-01', ends: '2026-12-31'"))
    document = yaml.safe_load(text)
    document["objectives"][0]["key_results"][0]["measure"] = measure
    return not list(validator().iter_errors(document))


@pytest.mark.slow
def test_every_worked_example_of_a_measure_fits_the_schema() -> None:
    """With all settings of every kind."""
    page = tables((ROOT / "docs" / "measures.md").read_text(encoding="utf-8"))
    cells = [row["measure"] for table in page if "value" in table.columns for row in table.rows if "measure" in row]
    measures = [written(cell) for cell in cells if cell.startswith("`{")]
    assert len(measures) > 50
    assert [measure for measure in measures if not fits(measure)] == []


@pytest.mark.parametrize(
    "measure",
    [
        {"kind": "done-share", "window": "30d"},
        {"kind": "done-share", "doing": 2},
        {"kind": "lead-time", "take": "p0"},
        {"kind": "lead-time", "take": "p100"},
        {"kind": "lead-time", "window": "0d"},
        {"kind": "throughput", "window": "30d"},
        {"kind": "field", "take": "sum"},
        {"kind": "field", "field": "Revenue", "take": "mean"},
        {"kind": "steps", "steps": []},
        {"kind": "steps", "steps": [{"name": "A", "weight": 0}]},
        {"kind": "share-meeting"},
        {"kind": "share-meeting", "meets": {"field": "lead_time", "has": 3}},
        {"kind": "share-meeting", "meets": {"field": "labels", "at_most": 3}},
    ],
)
def test_an_invalid_measure_does_not_fit_the_schema(measure: dict[str, Any]) -> None:
    """As `apply` refuses it."""
    assert not fits(measure)
