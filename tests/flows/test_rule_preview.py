"""A preview of a rule edit shows exactly the numbers that saving the edit gives."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection, Engine

from sync_service.domain.rules.conditions import RuleError
from sync_service.domain.rules.rule_state import RuleState
from sync_service.progress.previews.rule_preview import SHOWN, Edit
from sync_service.store import tables
from sync_service.store.engine.database import open_database, reading, writing
from sync_service.store.okrs import rules
from sync_service.store.okrs.rules import Definition
from tests.flows.preview_data import (
    LABELS,
    MEASURES,
    NOW,
    STARTS,
    add_issue,
    drain,
    key_result_state,
    preview_edit,
    save,
    seed,
)
from tests.support.run_scope import ALL


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """Yield a database with empty tables."""
    opened = open_database(migrated_url)
    yield opened
    opened.dispose()


leaves = st.sampled_from(
    [
        {"field": "labels", "has": "checkout"},
        {"field": "labels", "contains": "pay"},
        {"field": "scope", "is": "ACME/checkout"},
        {"field": "scope", "in": ["acme/billing"]},
        {"field": "state", "in": ["done", "doing"]},
        {"field": "milestone", "is": None},
        {"field": "title", "matches": "pay*card"},
    ]
)
conditions = st.builds(
    lambda group, members: {group: members},
    st.sampled_from(["all", "any", "none"]),
    st.lists(leaves, min_size=1, max_size=3),
)
edits = st.builds(
    Edit,
    slug=st.just("checkout-label"),
    connection_id=st.just(1),
    key_result_id=st.sampled_from([1, 2]),
    condition=conditions,
    state=st.sampled_from(RuleState),
)
issue_columns = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["todo", "doing", "done", "dropped"]),
        "labels": st.lists(st.sampled_from(sorted(LABELS)), unique=True),
        "points": st.sampled_from([None, 0.0, 3.0]),
        "closed_at": st.sampled_from([None, STARTS - timedelta(days=1), STARTS, NOW]),
        "gone_reason": st.sampled_from([None, None, None, "deleted"]),
        "milestone": st.sampled_from([None, "M1"]),
        "scope": st.sampled_from([(1, "501", "acme/checkout"), (2, "502", "acme/billing"), (None, "503", "acme/x")]),
        "manual_weight": st.sampled_from([None, None, 0.5, 3.0]),
    }
)


@pytest.mark.slow
@settings(max_examples=40 if ALL else 12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    found=st.lists(issue_columns, max_size=8),
    measures=st.tuples(st.sampled_from(MEASURES), st.sampled_from(MEASURES)),
    covered=st.booleans(),
    held=edits,
    edit=edits,
    other=edits,
    decided=st.dictionaries(st.integers(1, 8), st.booleans(), max_size=4),
)
def test_saving_an_edit_gives_the_numbers_of_its_preview(  # noqa: PLR0917 - Hypothesis gives them by name
    engine: Engine,
    found: list[dict[str, Any]],
    measures: tuple[dict[str, Any], ...],
    covered: bool,  # noqa: FBT001 - Hypothesis gives it by name
    held: Edit,
    edit: Edit,
    other: Edit,
    decided: dict[int, bool],
) -> None:
    """Values, progress, status and reason, links and proposals agree for any issues, decisions and other rules."""
    with writing(engine) as tx:
        seed(tx, measures=measures, covered=covered)
        for number, columns in enumerate(found, start=1):
            scope_id, external_id, name = columns.pop("scope")
            scope = {"scope_id": scope_id, "scope_external_id": external_id, "scope_name": name}
            weight = columns.pop("manual_weight")
            add_issue(tx, number, **scope, **columns)
            if weight is not None:
                link = {"key_result_id": 1, "connection_id": 1, "key": f"acme/checkout#{number}", "weight": weight}
                tx.execute(sa.insert(tables.manual_link).values(link))
        value = {"key_result_id": 1, "at": NOW, "value": 40.0}
        tx.execute(sa.insert(tables.check_in).values(value))
        for number, accepted in decided.items():
            by = {"accepted": accepted, "decided_by": "Ana Ruiz", "decided_at": NOW, "rule_slug": "checkout-label"}
            here = {"connection_id": 1, "identity": f"501#{number}", "key_result_id": edit.key_result_id}
            tx.execute(sa.insert(tables.link_decision).values(by | here))
    save(engine, held)
    save(engine, other, slug="another-rule")

    previewed = preview_edit(engine, edit)
    before = {one.slug: key_result_state(engine, one.slug)[0] for one in previewed.effects}
    linked = {origin: linked_by_rule(engine, origin) for origin in ("rule", "proposed")}
    save(engine, edit)

    touched = {edit.key_result_id, held.key_result_id} if held.state.matches else {edit.key_result_id}
    assert {one.slug for one in previewed.effects} == {f"KR-{key_result_id}" for key_result_id in touched}
    for one in previewed.effects:
        assert one.before == before[one.slug]
        assert (one.after, one.explanation) == key_result_state(engine, one.slug)
    after = {origin: linked_by_rule(engine, origin) for origin in ("rule", "proposed")}
    changes = previewed.changes
    made = {"rule": changes.linked, "proposed": changes.proposed}
    removed = {"rule": changes.unlinked, "proposed": changes.withdrawn}
    moved = held.key_result_id != edit.key_result_id
    for origin in ("rule", "proposed"):
        new = after[origin] if moved else after[origin] - linked[origin]
        assert (set(made[origin]), len(made[origin])) == (new, len(new))
        gone = linked[origin] if moved else linked[origin] - after[origin]
        assert (set(removed[origin]), len(removed[origin])) == (gone, len(gone))
    assert (set(changes.counting), set(changes.waiting)) == (after["rule"], after["proposed"])
    becomes = {one.id: one.becomes for one in previewed.shown}
    assert {id_ for id_, one in becomes.items() if one == "linked"} == after["rule"]
    assert {id_ for id_, one in becomes.items() if one == "proposed"} == after["proposed"]
    assert previewed.matching == len(becomes)


def linked_by_rule(engine: Engine, origin: str) -> set[int]:
    """Return the issues that the rule links or proposes now."""
    v, link = tables.rule_revision, tables.link
    active = sa.select(v.c.id).where(v.c.rule_slug == "checkout-label", v.c.state == "active")
    mine = sa.select(link.c.issue_id).where(link.c.origin == origin, link.c.source.in_(active))
    with reading(engine) as tx:
        return set(tx.scalars(mine))


CHECKOUT = Edit(
    slug=None, connection_id=1, key_result_id=1, condition={"all": [{"field": "labels", "has": "checkout"}]}
)


@pytest.mark.slow
def test_a_preview_lists_gained_and_lost_issues(engine: Engine) -> None:
    """It shows the issues that are new to the rule, and those that would lose their link."""
    with writing(engine) as tx:
        seed(tx, measures=({"kind": "done-share"}, {"kind": "open-count"}))
        add_issue(tx, 1, labels=["901"], state="done")
        add_issue(tx, 2, labels=["901", "902"])
        add_issue(tx, 3, labels=["902"])
        add_issue(tx, 4, gone_reason="deleted")
        add_issue(tx, 5, scope_id=None, scope_external_id="999", scope_name="acme/else", labels=["902"])
    save(engine, CHECKOUT)
    payments = Edit(
        slug="checkout-label", connection_id=1, key_result_id=1, condition={"field": "labels", "has": "payments"}
    )
    seen = preview_edit(engine, payments)
    assert (seen.known, seen.watched, seen.matching) == (4, 3, 2)
    assert (seen.changes.linked, seen.changes.unlinked) == ([3], [1])
    assert [(one.key, one.new) for one in seen.shown] == [("acme/checkout#3", True), ("acme/checkout#2", False)]
    assert [one.key for one in seen.lost] == ["acme/checkout#1"]
    assert [(one.slug, one.before.value, one.after.value) for one in seen.effects] == [("KR-1", 50.0, 0.0)]


@pytest.mark.slow
@pytest.mark.parametrize(("state", "key_result_id"), [("pending", 1), ("active", 2)])
def test_a_query_replaced_by_a_condition_is_no_longer_waited_for(
    engine: Engine, state: str, key_result_id: int
) -> None:
    """Its incomplete listing no longer counts, pending or active; another query is still waited for."""
    with writing(engine) as tx:
        seed(tx, measures=({"kind": "done-share"}, {"kind": "done-share"}))
        add_issue(tx, 1, labels=["901"], state="done")
        query_rule = Definition(
            slug="checkout-label",
            owner_id=None,
            connection_id=1,
            key_result_id=key_result_id,
            condition={},
            query="repo:acme/a",
        )
        rules.save(tx, query_rule, changed_by="Ana Ruiz", now=NOW)
        tx.execute(sa.update(tables.rule_revision).values(state=state, due_at=None))
        rules.save(tx, replace(query_rule, slug="other", key_result_id=1), changed_by="Ana Ruiz", now=NOW)
        tx.execute(sa.update(tables.query_listing).values(incomplete_reason="too many"))
    drain(engine)
    edit = replace(CHECKOUT, slug="checkout-label")
    seen = preview_edit(engine, edit)
    incomplete = {one.slug: "too many" in one.explanation for one in seen.effects}
    assert incomplete == ({"KR-1": True, "KR-2": False} if state == "active" else {"KR-1": True})
    assert not any("rule checkout-label" in one.explanation for one in seen.effects)
    save(engine, edit)
    for one in seen.effects:
        assert key_result_state(engine, one.slug) == (one.after, one.explanation)


@pytest.mark.parametrize("mode", ["propose", "override"])
def test_a_preview_says_what_is_computed_where_it_does_not_apply(engine: Engine, mode: str) -> None:
    """A value that is only proposed, or overridden, stays."""
    override = {"value": 7, "by": "Ana", "computed": 0, "base": 0, "until": None, "until_change": False}
    columns: dict[str, Any] = {"apply": "propose", "current": 0, "computed": 0}
    if mode == "override":
        columns = {"override": override | {"resumed": False}, "current": 7, "computed": 0}
    with writing(engine) as tx:
        seed(tx, measures=({"kind": "open-count"},))
        tx.execute(sa.update(tables.key_result).values(progress=0, status="behind", **columns))
        add_issue(tx, 1, labels=["901"])
    (effect,) = preview_edit(engine, CHECKOUT).effects
    assert (effect.before.value, effect.after.value) == (columns["current"], columns["current"])
    assert effect.computed == (0, 1)


@pytest.mark.both_databases
def test_a_preview_writes_nothing_and_shows_a_limited_list(engine: Engine) -> None:
    """Long lists are cut and counted, and no row of any table changes."""
    with writing(engine) as tx:
        seed(tx, measures=({"kind": "open-count"},))
        for number in range(1, SHOWN + 6):
            add_issue(tx, number, labels=["901"])
    save(engine, replace(CHECKOUT, condition={"field": "labels", "has": "payments"}))

    def rows() -> dict[str, str]:
        with reading(engine) as tx:
            return {table.name: _hash_of_rows(tx, table) for table in tables.metadata.sorted_tables}

    before = rows()
    seen = preview_edit(engine, CHECKOUT, lines=True)
    preview_edit(engine, replace(CHECKOUT, slug="checkout-label", state=RuleState.PROPOSING), lines=True)
    assert rows() == before
    with writing(engine) as tx:
        tx.execute(sa.update(tables.key_result).values(explanation="another"))
    assert rows() != before
    assert (seen.matching, len(seen.shown), len(seen.changes.linked)) == (SHOWN + 5, SHOWN, SHOWN + 5)
    assert seen.effects[0].after.value == SHOWN + 5


def _hash_of_rows(tx: Connection, table: sa.Table) -> str:
    """Return a hash of all rows of a table, in whatever order they are."""
    rows = sorted(repr(tuple(row)) for row in tx.execute(sa.select(table)))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


@pytest.mark.slow
def test_a_preview_does_not_wait_for_a_writer(engine: Engine) -> None:
    """A preview answers while another transaction is open."""
    with writing(engine) as tx:
        seed(tx, measures=({"kind": "open-count"},))
        add_issue(tx, 1, labels=["901"])
    with writing(engine) as tx:
        tx.execute(sa.update(tables.key_result).values(title="Another title"))
        tx.execute(sa.update(tables.issue).values(title="Another title"))
        assert preview_edit(engine, CHECKOUT).matching == 1


@pytest.mark.slow
def test_an_invalid_condition_is_an_error_with_its_position(engine: Engine) -> None:
    """The message is the same as for a configuration file."""
    wrong: Any = {"all": [{"field": "colour", "is": "red"}]}
    edit = Edit(slug=None, connection_id=1, key_result_id=1, condition=wrong)
    with pytest.raises(RuleError, match=r"all\.0\.field: found 'colour'"):
        preview_edit(engine, edit)
