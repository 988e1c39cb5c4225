"""A file with many new or changed items writes them by a few statements, so that its transaction stays short."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.store import tables as t
from tests.config_file.conftest import ConfigHarness

FILE = """
teams: [TEAMS]
people: [{email: ana@example.com, name: Ana Ruiz, role: admin, accounts: {github: ana}} PEOPLE]
cycles: [{slug: q4, name: Q4, starts: 2026-10-01, ends: 2026-12-31} CYCLES]
connections:
  - {slug: gh, kind: github, webhook_secrets: [a-secret-of-the-tests], earlier: ignore, scopes: [acme/checkout]}
objectives:
  - slug: o
    title: Paying is effortless
    cycle: q4
    owner: ana@example.com
    key_results: [{slug: KR-1, title: Pay, target: 10, measure: {kind: done-count, within: ever}} KEY_RESULTS]
  OBJECTIVES
rules: [RULES]
links: [LINKS]
"""
ITEMS = {
    "TEAMS": "{slug: t-N, name: Team W}, ",
    "PEOPLE": ", {email: p-N@example.com, name: P W, role: member, accounts: {github: p-N}}",
    "CYCLES": ", {slug: c-N, name: C W, starts: 2027-01-01, ends: 2027-03-31}",
    "KEY_RESULTS": ", {slug: KR-xN, title: Pay W, target: 10, measure: {kind: done-count, within: ever}}",
    "OBJECTIVES": "- {slug: o-N, title: O W, cycle: q4, owner: ana@example.com}\n  ",
    "RULES": "{slug: r-N, connection: gh, key_result: KR-1, when: {field: labels, has: W}}, ",
    "LINKS": "{key_result: KR-1, issue: 'gh:acme/checkout#N', weight: X}, ",
}
"""For each kind, the text of one item: N is its number, W a word and X a number that may change."""


def file_of(kind: str, count: int, *, word: str = "one") -> str:
    """Return a file with so many items of a kind besides those that all need."""
    item = ITEMS[kind].replace("W", word).replace("X", str(len(word)))
    many = "".join(item.replace("N", str(number)) for number in range(1, count + 1))
    text = FILE.replace(kind, many)
    for other in ITEMS:
        text = text.replace(other, "")
    return text


@contextmanager
def counted_statements(engine: Engine) -> Iterator[list[str]]:
    """Collect the statements that are executed; one with many parameters is one."""
    found: list[str] = []

    def executed(_tx: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    sa.event.listen(engine, "before_cursor_execute", executed)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", executed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ITEMS)
def test_more_items_take_no_more_statements(harness: ConfigHarness, kind: str) -> None:
    """Neither new ones nor changed ones."""
    harness.apply(file_of(kind, 1))
    counts = {}
    for count in (10, 40):
        with counted_statements(harness.engine) as made:
            harness.apply(file_of(kind, count))
        with counted_statements(harness.engine) as changed:
            harness.apply(file_of(kind, count, word="another"))
        counts[count] = (len(made), len(changed))
        harness.apply(file_of(kind, count))
    assert counts[10] == counts[40]


def test_many_items_are_as_each_alone_would_be(harness: ConfigHarness) -> None:
    """Each rule has a revision and a version, each new key result is computed for its own cause."""
    harness.apply(file_of("RULES", 3))
    harness.apply(file_of("RULES", 3, word="another"))
    revisions = sa.select(t.rule_revision.c.rule_slug, t.rule_revision.c.state).order_by(t.rule_revision.c.id)
    slugs = ["r-1", "r-2", "r-3"]
    assert harness.rows(revisions) == [(one, "retired") for one in slugs] + [(one, "pending") for one in slugs]
    said = sa.select(t.rule_version.c.rule_slug, t.rule_version.c.what).order_by(t.rule_version.c.id)
    assert harness.rows(said) == [(one, "created") for one in slugs] + [(one, "changed") for one in slugs]
    harness.apply(file_of("KEY_RESULTS", 2))
    causes = sa.select(t.key_result.c.slug, t.recompute.c.causes).join(
        t.recompute, t.recompute.c.key_result_id == t.key_result.c.id
    )
    found = {row[0]: [one["what"] for one in row[1]] for row in harness.rows(causes)}
    assert found["KR-x2"] == ["key result added"]
    assert {row[0] for row in harness.rows(sa.select(t.key_result.c.origin))} == {"file"}


@pytest.mark.parametrize("kind", ITEMS)
def test_pruning_more_items_takes_no_more_statements(harness: ConfigHarness, kind: str) -> None:
    """Hundreds of a section go as ten do."""
    counts = []
    for count in (10, 40):
        harness.apply(file_of(kind, count))
        with counted_statements(harness.engine) as made:
            plan = harness.apply(file_of(kind, 1), prune=True)
        assert sum(change.after is None for change in plan.changes) == count - 1
        counts.append(len(made))
    assert counts[0] == counts[1]
