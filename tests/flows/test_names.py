"""Names of labels and scopes that are written in other ways, or belonged to something else before."""

import unicodedata

import pytest

from tests.domain.factories import snapshot
from tests.support.fake_tracker import CoreHarness

NAME = "Bezahlung für Köln"


@pytest.mark.both_databases
@pytest.mark.parametrize(("written", "typed"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_label_is_found_whichever_way_its_letters_are_composed(
    empty_core: CoreHarness, written: str, typed: str
) -> None:
    """A Mac may write an umlaut as two characters, a rule as one."""
    condition = {"field": "labels", "has": unicodedata.normalize(typed, NAME)}
    empty_core.rule("label", empty_core.key_result(), condition)
    empty_core.receive_and_drain(snapshot(0, labels=[unicodedata.normalize(written, NAME)]))
    assert empty_core.value() == 0
