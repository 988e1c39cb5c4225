"""Follow-up work of changed settings: values to recompute, and known issues to relink."""

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.causes import Cause
from sync_service.store import tables as t
from sync_service.store.engine.database import reading
from sync_service.store.okrs.applying.causes import from_columns
from tests.config_file.conftest import ConfigHarness
from tests.config_file.files import EXAMPLE, replace
from tests.config_file.follow_ups import lines, recomputed, relinked, settle, versions


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        ("target: 5", "target: 7.5", "~ key result KR-2: target 5 → 7.5", "target changed from 5 to 7.5"),
        (
            "target: 5",
            "target: 1000001.25",
            "~ key result KR-2: target 5 → 1\u202f000\u202f001.25",
            "target changed from 5 to 1\u202f000\u202f001.25",
        ),
        ("target: 5", "target: 0.00004", "~ key result KR-2: target 5 → 0.00004", "target changed from 5 to 0.00004"),
        ("start: 40", "start: 41", "~ key result KR-2: start 40 → 41", "start changed from 40 to 41"),
        (
            "kind: open-count",
            "kind: manual",
            "~ key result KR-2: measure.kind 'open-count' → 'manual'",
            "measure.kind changed from 'open-count' to 'manual'",
        ),
    ],
)
def test_a_changed_setting_recomputes_its_key_result_with_the_reason(
    harness: ConfigHarness, old: str, new: str, line: str, cause: str
) -> None:
    """The history says what changed."""
    harness.apply(EXAMPLE)
    settle(harness)
    assert lines(harness.apply(replace(EXAMPLE, (old, new))).lines()) == [line]
    assert recomputed(harness) == {"KR-2": [cause]}
    with reading(harness.engine) as tx:
        causes = tx.scalars(sa.select(t.recompute.c.causes)).one()
    assert from_columns(causes[0]) == Cause(what=cause, actor="the tests")


def test_a_changed_cycle_recomputes_its_key_results(harness: ConfigHarness) -> None:
    """The expected progress changes."""
    harness.apply(EXAMPLE)
    settle(harness)
    plan = harness.apply(replace(EXAMPLE, ("ends: 2026-12-31", "ends: 2026-12-30")))
    assert lines(plan.lines()) == ["~ cycle 2026-q4: ends 2026-12-31 → 2026-12-30"]
    assert recomputed(harness) == {key: ["cycle 2026-q4: ends 2026-12-31 → 2026-12-30"] for key in ("KR-1", "KR-2")}


def test_an_objective_in_another_cycle_recomputes_its_key_results(harness: ConfigHarness) -> None:
    """Moving it to another objective would do the same."""
    more = replace(
        EXAMPLE, ("connections:", "  - {slug: q1, name: Q1, starts: 2027-01-01, ends: 2027-03-31}\nconnections:")
    )
    harness.apply(more)
    settle(harness)
    harness.apply(replace(more, ("cycle: 2026-q4", "cycle: q1")))
    assert recomputed(harness) == {key: ["cycle changed from '2026-q4' to 'q1'"] for key in ("KR-1", "KR-2")}


def test_a_title_or_an_owner_recomputes_nothing(harness: ConfigHarness) -> None:
    """Pages show the change, so the counter of visible changes moves."""
    harness.apply(EXAMPLE)
    settle(harness)
    before = versions(harness)
    harness.apply(replace(EXAMPLE, ("Ship the new checkout", "Ship it"), ("Ana Ruiz", "Ana")))
    assert (recomputed(harness), relinked(harness)) == ({}, {})
    assert versions(harness)[1] > before[1]


def test_changed_scopes_relink_and_recompute(harness: ConfigHarness) -> None:
    """Known issues are relinked, and the key results that the connection reaches are recomputed."""
    harness.apply(EXAMPLE)
    settle(harness)
    plan = harness.apply(replace(EXAMPLE, ("[acme/checkout]\n", "[acme/pay, acme/app]\n"), ("[SHOP]", "[shop]")))
    what = "scope acme/pay watched, scope acme/app watched, scope acme/checkout no longer watched"
    assert lines(plan.lines()) == [f"~ connection acme-github: {what}"]
    assert harness.rows(sa.select(t.live_scope.c.name).order_by(t.live_scope.c.name)) == [
        ("SHOP",),
        ("acme/app",),
        ("acme/pay",),
    ]
    causes = [f"acme-github: {words}" for words in what.split(", ")]
    assert relinked(harness) == {"acme-github": "; ".join(causes)}
    assert recomputed(harness) == {"KR-1": causes}
    assert any("which its connection does not watch" in warning for warning in plan.warnings)


def test_changed_manual_links_relink_the_connection(harness: ConfigHarness) -> None:
    """A new weight, another key and a removal all relink the issues of the connection."""
    harness.apply(EXAMPLE)
    settle(harness)
    plan = harness.apply(replace(EXAMPLE, ("weight: 3", "weight: 4")))
    assert lines(plan.lines()) == ["~ link KR-1 ← acme-github:acme/checkout#12: weight 3 → 4"]
    assert relinked(harness) == {"acme-github": "manual links changed"}
    settle(harness)
    other = replace(
        EXAMPLE, ("acme/checkout#12", "https://github.com/ACME/checkout/issues/12#c"), ("weight: 3", "weight: 4")
    )
    assert harness.apply(other).lines() == ["nothing to change"]
    text = replace(EXAMPLE, ("links:\n  - {key_result: KR-1, issue: acme-github:acme/checkout#12, weight: 3}\n", ""))
    assert lines(harness.apply(text, prune=True).lines()) == ["- link KR-1 ← acme-github:acme/checkout#12"]
    assert (relinked(harness), harness.rows(sa.select(t.manual_link.c.id))) == (
        {"acme-github": "manual links changed"},
        [],
    )


def test_a_removed_connection_recomputes_the_key_results_it_reached(harness: ConfigHarness) -> None:
    """Their values may change without its issues."""
    harness.apply(EXAMPLE)
    settle(harness)
    start, end = EXAMPLE.index("  - slug: acme-jira"), EXAMPLE.index("objectives:")
    text = EXAMPLE[:start] + EXAMPLE[end:]
    rule = text.index("  - slug: payment-bugs")
    harness.apply(text[:rule] + text[text.index("links:") :], prune=True)
    assert recomputed(harness) == {"KR-2": ["connection acme-jira removed"]}


def test_a_new_key_result_relinks_known_issues(harness: ConfigHarness) -> None:
    """They may have its `okr:` label already."""
    harness.apply(EXAMPLE)
    settle(harness)
    more = replace(
        EXAMPLE, ("      - slug: KR-2", "      - {slug: KR-3, title: C, measure: {kind: manual}}\n      - slug: KR-2")
    )
    plan = harness.apply(more)
    assert lines(plan.lines()) == ["+ key result KR-3", "~ key result KR-2: position in the list"]
    assert relinked(harness) == dict.fromkeys(("acme-github", "acme-jira"), "key result KR-3 added")
    assert harness.apply(more).lines() == ["nothing to change"]
