"""Numbers and text in files: JSON's numbers are numbers, and text that looks like one comes back as text."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from sync_service.config_file.plan.export import as_json, as_yaml
from sync_service.config_file.read.yaml_lines import read_yaml


def read(text: str) -> Any:
    """Return the value of one file without errors."""
    written = read_yaml("one.yaml", text.encode())
    assert written.errors == []
    return written.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-05", 0.00001),
        ("1e5", 100000.0),
        ("1E+5", 100000.0),
        ("-2.5e3", -2500.0),
        ("1.5e-7", 0.00000015),
        ("1e", "1e"),
        ("e5", "e5"),
        ("1e5a", "1e5a"),
        ("1e1000", "1e1000"),
        ("0x1f", "0x1f"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("010", "010"),
    ],
)
def test_what_json_writes_as_a_number_is_a_number_and_all_else_is_text(text: str, value: object) -> None:
    """JSON files are read by the parser of YAML, which knows fewer forms of numbers."""
    found = read(f"value: {text}")["value"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.slow
@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e-05)
@example(1e16)
@example(5e-324)
def test_every_number_comes_back_from_json_and_yaml(number: float) -> None:
    """Also the largest and smallest, which are written with an exponent."""
    assert read(json.dumps({"value": number}))["value"] == number
    assert read(yaml.safe_dump({"value": number}))["value"] == number


@given(st.text("0123456789eE+-.", min_size=1, max_size=8))
@example("1e5")
@example("1.5e5")
def test_text_that_looks_like_a_number_is_exported_as_text(text: str) -> None:
    """PyYAML alone would leave `1e5` without quotes."""
    exported: dict[str, Any] = {"teams": [{"name": text}]}
    for write in (as_yaml, as_json):
        assert read(write(exported)) == exported
