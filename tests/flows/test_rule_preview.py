"""A preview of a rule edit shows exactly the numbers that saving the edit gives."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from sync_service.domain.rules.conditions import RuleError
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
    enabled=st.booleans(),
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
)
def test_saving_an_edit_gives_the_numbers_of_its_preview(  # noqa: PLR0917 - Hypothesis gives them by name
    engine: Engine,
    found: list[dict[str, Any]],
    measures: tuple[dict[str, Any], ...],
    covered: bool,  # noqa: FBT001 - Hypothesis gives it by name
    held: Edit,
    edit: Edit,
    other: Edit,
) -> None:
    """Value, progress, status and reason agree for any issues, labels, manual links and other rules."""
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
    save(engine, held)
    save(engine, other, slug="another-rule")

    previewed = preview_edit(engine, edit)
    before = {one.slug: key_result_state(engine, one.slug)[0] for one in previewed.effects}
    save(engine, edit)

    touched = {edit.key_result_id, held.key_result_id} if held.enabled else {edit.key_result_id}
    assert {one.slug for one in previewed.effects} == {f"KR-{key_result_id}" for key_result_id in touched}
    for one in previewed.effects:
        assert one.before == before[one.slug]
        assert (one.after, one.explanation) == key_result_state(engine, one.slug)
    v = tables.rule_revision
    active = sa.select(v.c.id).where(v.c.rule_slug == "checkout-label", v.c.state == "active")
    active_rule_links = tables.link.c.origin == "rule", tables.link.c.source.in_(active)
    with reading(engine) as tx:
        linked = list(tx.scalars(sa.select(tables.link.c.issue_id).where(*active_rule_links)))
    assert previewed.matching == len(linked)
    assert {one.id for one in previewed.shown} == set(linked)


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
    assert (seen.known, seen.watched, seen.matching, seen.gained, seen.let_go) == (4, 3, 2, 1, 1)
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


def test_a_preview_writes_nothing_and_shows_a_limited_list(engine: Engine) -> None:
    """Long lists are cut and counted, and no table changes."""
    with writing(engine) as tx:
        seed(tx, measures=({"kind": "open-count"},))
        for number in range(1, SHOWN + 6):
            add_issue(tx, number, labels=["901"])

    def rows() -> dict[str, int]:
        with reading(engine) as tx:
            return {
                table.name: tx.scalars(sa.select(sa.func.count()).select_from(table)).one()
                for table in tables.metadata.sorted_tables
            }

    before = rows()
    seen = preview_edit(engine, CHECKOUT)
    assert rows() == before
    assert (seen.matching, len(seen.shown), seen.gained) == (SHOWN + 5, SHOWN, SHOWN + 5)
    assert seen.effects[0].after.value == SHOWN + 5


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
