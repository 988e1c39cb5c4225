"""Which key results a slug names, where some go on in the next cycle."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from sync_service.store.okrs.ruleset import Ruleset, Successor

END = datetime(2027, 1, 1, tzinfo=UTC)
QUARTER = timedelta(days=90)


@pytest.mark.parametrize(
    ("slug", "quarters", "named"),
    [
        ("kr-1", 0.5, [1, 2, 3]),
        ("kr-1", 1.5, [1, 3]),
        ("kr-1-q1", 1.5, [2, 3]),
        ("kr-1-q2", 1.5, [3]),
        ("kr-1", 2.5, [1]),
        ("kr-9", 0.5, []),
    ],
)
def test_the_oldest_slug_names_the_whole_chain_of_successors_while_their_cycles_run(
    slug: str, quarters: float, named: list[int]
) -> None:
    """Labels and commands that nobody renamed go on to mean the key result of the present cycle."""
    chain: Any = SimpleNamespace(
        key_results={"kr-1": 1, "kr-1-q1": 2, "kr-1-q2": 3},
        successors={1: Successor(2, END + QUARTER), 2: Successor(3, END + 2 * QUARTER)},
    )
    assert Ruleset.named(chain, slug, END + quarters * QUARTER) == named
