"""The state of rules in files: its forms, what is exported, and rules toward closed cycles."""

from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.config_file.plan.export import as_yaml, export_state
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.config_file.read.state import read_state
from sync_service.store import tables as t
from sync_service.store.engine.database import reading
from sync_service.store.okrs import rule_versions
from tests.config_file.conftest import ConfigHarness
from tests.config_file.files import EXAMPLE, replace

SLUG = "slug: checkout-label"


def with_state(written: str) -> str:
    """Return the example with a line in its first rule."""
    return replace(EXAMPLE, (SLUG, f"{SLUG}\n    {written}"))


@pytest.mark.parametrize(
    ("written", "state"),
    [
        ("state: active", "active"),
        ("state: proposing", "proposing"),
        ("state: draft", "draft"),
        ("state: disabled", "disabled"),
        ("enabled: true", "active"),
        ("enabled: false", "disabled"),
    ],
)
def test_a_rules_state_is_read_and_exported(harness: ConfigHarness, written: str, state: str) -> None:
    """`enabled` of older files is exported as `state`; applying the export changes nothing."""
    harness.apply(with_state(written))
    assert harness.rows(sa.select(t.rule.c.state).where(t.rule.c.slug == "checkout-label")) == [(state,)]
    with reading(harness.engine) as tx:
        text = as_yaml(export_state(read_state(tx, harness.sealer)))
    assert "enabled" not in text
    assert (f"state: {state}" in text) is (state != "active")
    assert harness.apply(text).lines() == ["nothing to change"]


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("state: drafft", "drafft"),
        ("state: draft\n    enabled: true", "state alone; enabled is its older form"),
    ],
)
def test_another_state_is_refused_in_words(harness: ConfigHarness, written: str, says: str) -> None:
    """With what is allowed."""
    assert says in " ".join(map(str, harness.errors(with_state(written))))


def test_every_applied_change_of_a_rule_is_a_version(harness: ConfigHarness) -> None:
    """Files that change nothing add none; a removed rule keeps its versions."""
    for text in (EXAMPLE, EXAMPLE, with_state("state: draft")):
        harness.apply(text)
    harness.apply(EXAMPLE.partition("rules:")[0], prune=True)
    with reading(harness.engine) as tx:
        found = rule_versions.read(tx, "checkout-label")
    assert [one.what for one in found] == ["removed", "changed", "created"]
    assert found[1].differences == ["state active → draft"]


def test_a_rule_toward_a_closed_cycle_is_refused_with_its_line(harness: ConfigHarness) -> None:
    """A new or a changed one; what is in the files already stays, and may be disabled."""
    long_ago: Any = ("starts: 2026-10-01, ends: 2026-12-31", "starts: 2024-10-01, ends: 2024-12-31")
    harness.apply(replace(EXAMPLE, long_ago).partition("rules:")[0])
    (first, *_) = harness.errors(replace(EXAMPLE, long_ago))
    assert first.field == "rules[0].key_result"
    assert "KR-1, whose cycle 2026-q4 is closed" in str(first)
    harness.apply(EXAMPLE)
    harness.apply(replace(EXAMPLE, long_ago))
    assert harness.apply(replace(with_state("state: disabled"), long_ago)).changes
    with pytest.raises(InvalidFiles, match="is closed"):
        harness.apply(replace(EXAMPLE, long_ago))
