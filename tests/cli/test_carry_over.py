"""The command cycle carry-over: successors in the next cycle, with a preview."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.store import tables as t
from sync_service.store.engine import versions
from sync_service.store.engine.database import open_database, reading, writing
from sync_service.store.okrs.ruleset import load_ruleset
from tests.cli.conftest import Run

pytestmark = pytest.mark.slow

NEXT = "cycles:\n  - {slug: 2027-q1, name: Q1 2027, starts: 2027-01-01, ends: 2027-03-31}\n"
KR_2 = t.key_result.c.slug == "KR-2"


@pytest.fixture
def engine(run: Run, applied: None, directory: Path) -> Iterator[Engine]:
    """Yield a database with a next cycle, in which 20 of the 40 bugs of KR-2 were left at the end."""
    (directory / "next.yaml").write_text(NEXT)
    assert run("apply", "next.yaml").exit_code == 0
    opened = open_database(f"sqlite:///{directory / 'var' / 'okr-sync.db'}")
    with writing(opened) as tx:
        settled = {"current": 20, "progress": 0.571, "outcome": "missed", "score": 0.571}
        tx.execute(sa.update(t.key_result).where(KR_2).values(settled))
    yield opened
    opened.dispose()


def test_a_missed_key_result_goes_on_in_the_next_cycle(run: Run, engine: Engine) -> None:
    """With the settled value as its start, in a copy of its objective, with its rules; a preview changes nothing."""
    words = ("cycle", "carry-over", "2026-q4", "--into", "2027-q1", "--rules", "--links")
    preview = run(*words, "--preview")
    assert preview.exit_code == 0, preview.stderr
    assert "+ key result KR-2-q1" in preview.stdout
    assert preview.stdout.endswith("preview: nothing was changed\n")
    carried = run(*words)
    assert carried.stdout == preview.stdout.removesuffix("preview: nothing was changed\n")
    with reading(engine) as tx:
        row = tx.execute(sa.select(t.key_result).where(t.key_result.c.slug == "KR-2-q1")).one()
        objective = tx.execute(sa.select(t.objective).where(t.objective.c.id == row.objective_id)).one()
        cycle = tx.scalar(sa.select(t.cycle.c.slug).where(t.cycle.c.id == objective.cycle_id))
        rules = set(tx.scalars(sa.select(t.rule.c.slug)))
    assert (row.start, row.target, row.title, objective.slug, cycle) == (
        20,
        5,
        "Open payment bugs down from 40 to 5",
        "fast-checkout-q1",
        "2027-q1",
    )
    assert "payment-bugs-q1" in rules
    again = run(*words, "KR-2")
    assert again.stderr == "Error: KR-2 has the successor KR-2-q1 already\n"


def test_a_key_result_that_is_named_twice_goes_on_once(run: Run, engine: Engine) -> None:
    """Upper and lower case are one name."""
    carried = run("cycle", "carry-over", "2026-q4", "KR-2", "kr-2", "--into", "2027-q1")
    assert "+ key result KR-2-q1\n" in carried.stdout


def test_the_slug_of_a_key_result_names_its_successor_too(run: Run, engine: Engine) -> None:
    """Labels and commands link to both while its cycle runs; later only links that there are stay."""
    assert run("cycle", "carry-over", "2026-q4", "--into", "2027-q1").exit_code == 0
    with reading(engine) as tx:
        ids = {row.slug: row.id for row in tx.execute(sa.select(t.key_result.c.slug, t.key_result.c.id))}
        ruleset = load_ruleset(tx, versions.value(tx, versions.RULES))
    both = [ids["KR-2"], ids["KR-2-q1"]]
    running, over = datetime(2027, 3, 31, 23, 59, tzinfo=UTC), datetime(2027, 4, 1, tzinfo=UTC)
    assert ruleset.named("kr-2", running) == both
    assert ruleset.named("kr-2-q1", over) == [ids["KR-2-q1"]]
    assert ruleset.named("kr-99", running) == []
    assert ruleset.named("kr-2", over) == [ids["KR-2"]]
    assert ruleset.named("kr-2", over, held=both) == both


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("2026-q4", "--into", "2027-q1", "KR-1"), "the outcome of KR-1 is not settled yet"),
        (("2026-q4", "--into", "2027-q1", "KR-9"), "the cycle 2026-q4 has no key result KR-9"),
        (("2026-q4", "--into", "2030-q1"), "there is no cycle 2030-q1"),
        (("2027-q1", "--into", "2026-q4"), "the cycle 2026-q4 does not begin after the end of 2027-q1"),
    ],
)
def test_what_can_not_be_carried_over_is_said(run: Run, engine: Engine, words: tuple[str, ...], says: str) -> None:
    """Nothing is changed then."""
    assert run("cycle", "carry-over", *words).stderr == f"Error: {says}\n"


def test_a_reached_target_needs_another_one(run: Run, engine: Engine) -> None:
    """Its successor would start at its target."""
    with writing(engine) as tx:
        tx.execute(sa.update(t.key_result).where(KR_2).values(current=5, progress=1, outcome="achieved"))
    refused = run("cycle", "carry-over", "2026-q4", "--into", "2027-q1", "KR-2")
    assert refused.stderr.startswith("Error: KR-2 reached its target")


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({"start": None, "target": None, "stay": {"within": [1, 9]}, "measure": {"kind": "manual"}}, None),
        ({"measure": {"kind": "manual"}}, 20),
        ({"start": 0, "target": 100, "measure": {"kind": "steps", "steps": [{"name": "A"}, {"name": "B"}]}}, 20),
    ],
    ids=["range", "manual", "steps"],
)
def test_ranges_and_values_of_people_go_on(run: Run, engine: Engine, fields: dict[str, Any], start: float) -> None:
    """A range has no start; the steps that were ticked still are."""
    with writing(engine) as tx:
        tx.execute(sa.delete(t.rule))
        tx.execute(sa.update(t.key_result).where(KR_2).values(**{name: _column(one) for name, one in fields.items()}))
        one = tx.scalar(sa.select(t.key_result.c.id).where(KR_2))
        at = datetime(2026, 11, 1, tzinfo=UTC)
        tx.execute(sa.insert(t.step_tick).values(key_result_id=one, step="A", at=at))
        tx.execute(sa.insert(t.step_tick).values(key_result_id=one, step="B", at=at, undone_at=at))
    assert run("cycle", "carry-over", "2026-q4", "--into", "2027-q1", "KR-2").stderr == ""
    with reading(engine) as tx:
        row = tx.execute(sa.select(t.key_result).where(t.key_result.c.slug == "KR-2-q1")).one()
        ticks = tx.execute(sa.select(t.step_tick).where(t.step_tick.c.key_result_id == row.id)).all()
    assert (row.start, row.stay, row.measure["kind"]) == (start, fields.get("stay"), fields["measure"]["kind"])
    assert [(one.step, one.at, one.undone_at) for one in ticks] == [("A", at, None)]


def _column(value: object) -> object:
    return sa.null() if value is None else value
