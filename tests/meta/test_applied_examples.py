"""The worked examples of applied, proposed and overridden values in docs/measures.md come out as written there."""

from datetime import datetime, timedelta

import pytest

from sync_service.domain.measures.applying.applied import (
    NOTHING,
    Applied,
    Computation,
    Decision,
    Until,
    apply,
    decided,
    overridden,
    resumed,
)
from tests.meta.import_graph import ROOT
from tests.meta.worked_examples import NOW, Table, number, tables

PAGE = (ROOT / "docs" / "measures.md").read_text(encoding="utf-8")
APPLYING = [
    (table, mode) for table in tables(PAGE) for mode in ("propose", "apply") if f"with `apply: {mode}`" in table.columns
]


@pytest.mark.parametrize(("table", "mode"), APPLYING, ids=[mode for _, mode in APPLYING])
def test_the_applied_and_proposed_values_are_those_on_the_page(table: Table, mode: str) -> None:
    """One row after the other, each an hour after the one before."""
    applied, now = NOTHING, NOW
    for row in table.rows:
        now += timedelta(hours=1)
        what = row[f"with `apply: {mode}`"]
        computed = number(row["computed"])
        before = decided_by(what, applied, computed=computed, until=now + timedelta(hours=2))
        computation = Computation(value=computed, now=now, proposes=mode == "propose")
        applied = apply(before, computation, was=applied.value).applied
        assert applied.value == number(row["applied"]), row
        assert (applied.waiting.value if applied.waiting else "no") == (
            "no" if row["proposed"] == "no" else number(row["proposed"])
        ), row
    assert len(table.rows) >= 10


def decided_by(what: str, applied: Applied, *, computed: float | None, until: datetime) -> Applied:
    """Return what applies with the decision in a row; others change nothing."""
    match what.split():
        case ["accept"]:
            return decided(applied, Decision.ACCEPTED)
        case ["decline"]:
            return decided(applied, Decision.DECLINED)
        case ["resume"]:
            return resumed(applied)
        case ["override", value, *ends]:
            known: dict[str, Until] = {"": None, "until a change": "change", "until a time": until}
            end = known[" ".join(ends)]
            return overridden(applied, float(value), by="Ana", computed=computed, until=end)
    assert what in ("compute", "that time")
    return applied


def test_both_tables_are_there() -> None:
    """With and without `apply: propose`."""
    assert [mode for _, mode in APPLYING] == ["propose", "apply"]
