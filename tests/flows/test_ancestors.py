"""Rules with `under`: any ancestor of an issue, followed when an ancestor in the middle changes."""

from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.trackers.observations import Parent, ScopeRef, Snapshot, Tombstone
from sync_service.progress.ancestors import ancestor_text
from sync_service.progress.previews.rule_preview import Edit, Preview, preview
from sync_service.progress.rule_subjects import Parents
from sync_service.store import tables
from sync_service.store.engine.database import reading
from sync_service.store.okrs.ruleset import load_ruleset
from sync_service.store.trackers import issues, known_keys
from tests.domain.factories import snapshot
from tests.support.fake_tracker import CoreHarness, bump_rules

SHOP, PAY = ScopeRef("501", "SHOP"), ScopeRef("502", "PAY")


def one(second: float, key: str, parent: str | None = None, *, id_: str | None = None) -> Snapshot:
    """Return a snapshot of an issue of either project; its identity is its key, unless it moved."""
    scope = SHOP if key.startswith("SHOP") else PAY
    named = Parent(parent, parent)
    return snapshot(second, identity=id_ or key, key=key, scope=scope, parent=named)


def linked(core: CoreHarness, slug: str = "KR-1") -> list[str]:
    """Return the keys of the issues that are linked to a key result."""
    wanted = core.key_result_row(slug).id
    keys = {row.id: row.key for row in core.rows(tables.issue)}
    return sorted({keys[row.issue_id] for row in core.rows(tables.link) if row.key_result_id == wanted})


@pytest.fixture
def core(empty_core: CoreHarness) -> CoreHarness:
    """Return a harness that watches two projects; what is under PAY-1 counts toward KR-1."""
    with empty_core.engine.begin() as tx:
        empty_core.add_scope(tx, "SHOP")
        empty_core.add_scope(tx, "PAY")
    empty_core.rule("under", empty_core.key_result(), {"field": "under", "is": "pay-1"})
    return empty_core


TREE = (one(1, "PAY-1"), one(1, "PAY-2", "PAY-1"), one(1, "SHOP-3", "PAY-2"), one(1, "SHOP-4", "SHOP-3"))


@pytest.mark.both_databases
@pytest.mark.parametrize("order", [TREE, TREE[::-1], (TREE[1], TREE[3], TREE[2], TREE[0])])
def test_every_issue_under_an_ancestor_counts_in_any_order_of_deliveries(
    core: CoreHarness, order: tuple[Snapshot, ...]
) -> None:
    """Also where the ancestor itself is not known, and across projects."""
    for each in order:
        core.receive_and_drain(each)
    assert linked(core) == ["PAY-2", "SHOP-3", "SHOP-4"]


@pytest.mark.both_databases
def test_everything_below_an_ancestor_that_moves_is_matched_again(core: CoreHarness) -> None:
    """The issues below get no delivery of their own; the history says what moved."""
    core.receive_and_drain(*TREE)
    assert core.value() == 0
    core.receive_and_drain(one(2, "PAY-2", "PAY-9"))
    assert linked(core) == []
    assert core.value() is None
    assert "PAY-2 is now under PAY-9, no longer linked by rule under" in core.reasons()[-1]
    core.receive_and_drain(one(3, "PAY-9", "PAY-1"))
    assert linked(core) == ["PAY-2", "PAY-9", "SHOP-3", "SHOP-4"]
    core.receive_and_drain(Tombstone(identity="PAY-2", key="PAY-2"))
    assert linked(core) == ["PAY-9"], "a deleted ancestor is under nothing"
    assert core.rows(tables.relink_parent) == []


def test_an_ancestor_that_moves_is_followed_by_all_its_keys(core: CoreHarness) -> None:
    """By a move in Jira (another key) and by a transfer on GitHub (another id too)."""
    core.receive_and_drain(*TREE)
    core.receive_and_drain(one(2, "SHOP-90", None, id_="PAY-1"))
    assert linked(core) == ["PAY-2", "SHOP-3", "SHOP-4"]
    core.receive_and_drain(Tombstone(identity="PAY-2", key="PAY-2", successor="91", moved_to="SHOP-91"))
    assert linked(core) == []
    core.receive_and_drain(one(4, "SHOP-91", "SHOP-90", id_="91"))
    assert linked(core) == ["SHOP-3", "SHOP-4", "SHOP-91"]


def test_a_circle_of_parents_ends(core: CoreHarness) -> None:
    """Two deliveries may come in an order in which each issue is under the other."""
    core.receive_and_drain(one(1, "SHOP-3", "SHOP-4"), one(1, "SHOP-4", "SHOP-3"))
    core.receive_and_drain(one(2, "SHOP-4", "SHOP-5"), one(2, "SHOP-5", "SHOP-3"), one(1, "SHOP-6", "SHOP-3"))
    assert linked(core) == []
    core.receive_and_drain(one(3, "SHOP-5", "PAY-1"))
    assert linked(core) == ["SHOP-3", "SHOP-4", "SHOP-5", "SHOP-6"]


def test_ancestors_are_followed_twenty_deep(core: CoreHarness) -> None:
    """A longer chain is no hierarchy of any tracker."""
    chain = [one(1, "SHOP-1", "PAY-1"), *(one(1, f"SHOP-{n}", f"SHOP-{n - 1}") for n in range(2, 24))]
    core.receive_and_drain(*chain[::-1])
    assert len(linked(core)) == 20


def test_without_a_rule_about_ancestors_nobody_asks_for_those_below(core: CoreHarness) -> None:
    """Matching costs what it did before."""
    core.rule("under", core.key_result("KR-2"), {"field": "labels", "has": "x"})
    core.receive_and_drain(*TREE)
    core.receive_and_drain(one(2, "PAY-2", "PAY-9"))
    assert core.rows(tables.relink_request, tables.relink_request.c.renamed.isnot(None)) == []


def why(core: CoreHarness, key: str, **test: object) -> str:
    """Return in words why an issue is under another one or not."""
    with reading(core.engine) as tx:
        ruleset = load_ruleset(tx, 1)
        (row_id,) = known_keys.issues_with_key(tx, core.connection_id, key)
        found = issues.read(tx, [row_id])[0].issue
        assert found is not None
        chain = Parents.read(tx, ruleset, core.connection_id, [found]).chain(found)
        return ancestor_text.describe(key, chain, {"field": "under", **test}, ruleset, core.connection_id)


def test_the_words_say_through_which_issues_one_is_under_another_and_where_the_chain_ends(core: CoreHarness) -> None:
    """Whether the test holds or not."""
    core.receive_and_drain(*TREE, one(1, "SHOP-7", "ATTIC-1"), one(1, "SHOP-8", "PAY-77"), one(2, "SHOP-9", "SHOP-7"))
    core.receive_and_drain(snapshot(1, identity="SHOP-10", key="SHOP-10", scope=SHOP))
    top = "; PAY-1 has no parent"
    assert why(core, "SHOP-4", **{"is": "PAY-1"}) == f"SHOP-4 is under PAY-1 through SHOP-3 and PAY-2{top}"
    assert why(core, "PAY-2", **{"in": ["X-1", "pay-1"]}) == f"PAY-2 is under PAY-1{top}"
    assert why(core, "PAY-2", **{"is": "X-1"}) == f"PAY-2 is under PAY-1{top}"
    assert why(core, "SHOP-3", matches="PAY-*") == f"SHOP-3 is under PAY-2{top}"
    assert why(core, "PAY-1", **{"is": "PAY-1"}) == "PAY-1 has no parent"
    unwatched = "ATTIC is not watched, so what ATTIC-1 is under is not followed"
    assert why(core, "SHOP-9", **{"is": "SHOP-7"}) == f"SHOP-9 is under SHOP-7; {unwatched}"
    assert why(core, "SHOP-8", **{"is": None}).endswith("PAY-77 is not known yet, so what it is under is not followed")
    assert why(core, "SHOP-10", **{"is": None}) == "whether SHOP-10 has a parent is not known"
    core.receive_and_drain(one(3, "SHOP-90", None, id_="PAY-1"))
    assert why(core, "PAY-2", **{"is": "PAY-1"}) == "PAY-2 is under SHOP-90 (PAY-1); SHOP-90 has no parent"
    core.receive_and_drain(Tombstone(identity="PAY-2", key="PAY-2"))
    assert why(core, "SHOP-3", **{"is": "PAY-1"}) == "SHOP-3 is under PAY-2; PAY-2 was deleted, so it is under nothing"


def previewed(core: CoreHarness, condition: dict[str, Any]) -> Preview:
    """Return the preview of a new rule."""
    with reading(core.engine) as tx:
        edit = Edit(
            slug=None,
            connection_id=core.connection_id,
            key_result_id=core.key_result_row().id,
            condition=condition,
            state=RuleState.ACTIVE,
        )
        return preview(tx, edit, now=core.now)


def test_a_preview_matches_what_is_under_an_ancestor_as_the_saved_rule_does(core: CoreHarness) -> None:
    """From columns alone, and from whole issues where another field needs them."""
    core.receive_and_drain(*TREE)
    under = {"field": "under", "is": "PAY-1"}
    found = previewed(core, {"all": [under, {"field": "scope", "is": "SHOP"}]})
    assert (found.matching, [one.key for one in found.near]) == (2, ["PAY-2"])
    assert found.near[0].missing == "scope is SHOP"
    nothing = previewed(core, {"all": [{"field": "under", "is": "PAY-11"}, {"field": "scope", "is": "SHOP"}]})
    assert [one.words for one in nothing.misses.removing] == ["under PAY-11"]


def test_a_key_that_nothing_is_under_gets_the_nearest_ancestors_with_counts(core: CoreHarness) -> None:
    """A typo is not a zero; a known issue without children is one, and an old key is right."""
    core.receive_and_drain(*TREE)
    (typo,) = previewed(core, {"field": "under", "is": "PAY-11"}).unknown
    assert (typo.value, typo.known) == ("PAY-11", False)
    assert [(one.value, one.issues) for one in typo.nearest] == [("PAY-1", 3), ("PAY-2", 2)]
    (leaf,) = previewed(core, {"field": "under", "in": ["shop-4", "pay-2"]}).unknown
    assert (leaf.value, leaf.known) == ("shop-4", True)
    core.receive_and_drain(one(3, "SHOP-90", None, id_="PAY-1"))
    assert previewed(core, {"field": "under", "in": ["PAY-1", "SHOP-90"]}).unknown == []


def test_a_rule_about_ancestors_is_partly_seen_until_all_scopes_are_imported(core: CoreHarness) -> None:
    """Any of them may have an ancestor, also where the rule itself is about one scope."""
    core.rule(
        "under", core.key_result("KR-2"), {"all": [{"field": "under", "is": "PAY-1"}, {"field": "scope", "is": "SHOP"}]}
    )
    with core.engine.begin() as tx:
        core.add_scope(tx, "OPS", covered=False)
        bump_rules(tx)
    with reading(core.engine) as tx:
        assert load_ruleset(tx, 1).partial == {core.key_result_row("KR-2").id: "not imported yet: OPS"}


@pytest.mark.slow
def test_many_issues_below_an_ancestor_are_matched_in_chunks_and_not_one_by_one(core: CoreHarness) -> None:
    """1,200 issues three deep: far fewer statements than issues, and at most 250 issues in each chunk."""
    levels = [["PAY-2"], *([f"SHOP-{level}{number:04}" for number in range(400)] for level in (1, 2, 3))]
    below = [
        one(1, key, above[number % len(above)]) for above, keys in pairwise(levels) for number, key in enumerate(keys)
    ]
    core.receive_and_drain(*below)
    statements: list[str] = []
    sa.event.listen(core.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    core.receive_and_drain(one(2, "PAY-2", "PAY-1"))
    assert len(linked(core)) == 1201
    assert len([each for each in statements if "FROM issue" in each]) < 400
