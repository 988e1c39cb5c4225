"""Number fields of issues, as measures name them."""

from types import SimpleNamespace
from typing import Any

import pytest

from sync_service.domain.measures.settings import parse_measure
from sync_service.store.okrs.contributions import number_of
from tests.domain.factories import at


@pytest.mark.parametrize(
    ("written", "value"), [("Story Size", 8.0), ("story size", 8.0), ("Points", 3.0), ("points", 3.0)]
)
def test_a_number_field_is_read_in_every_letter_case_that_a_measure_may_have(written: str, value: float) -> None:
    """The configuration file accepts each of them."""
    row: Any = SimpleNamespace(points=3.0, points_at=at(1), numbers=[["Story Size", 8.0, at(1).isoformat()]])
    measure = parse_measure({"kind": "field", "field": written}, ["Story Size"])
    assert measure.number_field is not None
    assert number_of(row, measure.number_field) == (value, at(1))
