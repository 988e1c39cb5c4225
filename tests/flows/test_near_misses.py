"""The preview of a rule names near misses, the condition that removes everything, and values that no issue has."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from sync_service.domain.rules.requirements import requirements
from sync_service.progress.previews.matching.known_issues import KnownIssues, _Matching
from sync_service.progress.previews.matching.known_values import KnownValue, UnknownValue
from sync_service.progress.previews.matching.near_misses import NEWEST, near_misses
from sync_service.progress.previews.rule_preview import Edit, Preview
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import open_database, reading, writing
from sync_service.store.okrs.ruleset import load_ruleset
from tests.flows.preview_data import NOW, add_issue, preview_edit, seed
from tests.support.run_scope import ALL

CHECKOUT: dict[str, Any] = {"field": "labels", "has": "checkout"}
DONE: dict[str, Any] = {"field": "state", "is": "done"}


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """Yield a database with four issues: of two labels, one done."""
    opened = open_database(migrated_url)
    with writing(opened) as tx:
        seed(tx, measures=({"kind": "open-count"},))
        add_issue(tx, 1, labels=["901"], state="done")
        add_issue(tx, 2, labels=["901", "902"])
        add_issue(tx, 3, labels=["902"], state="done", type="Story")
        add_issue(tx, 4, labels=["902"])
        add_issue(tx, 5, labels=["901"], gone_reason="deleted")
    yield opened
    opened.dispose()


def previewed(engine: Engine, condition: dict[str, Any]) -> Preview:
    """Preview a new rule."""
    return preview_edit(engine, Edit(slug=None, connection_id=1, key_result_id=1, condition=condition))


def unknown(engine: Engine, **leaf: Any) -> list[UnknownValue]:
    """Return the unknown values of a rule with one condition."""
    return list(previewed(engine, leaf).unknown)


# Near misses


def test_an_issue_that_one_condition_excludes_is_a_near_miss_with_that_condition(engine: Engine) -> None:
    """The newest first; one that two conditions exclude is none."""
    seen = previewed(engine, {"all": [CHECKOUT, DONE]})
    assert [one.key for one in seen.shown] == ["acme/checkout#1"]
    assert [(one.key, one.missing) for one in seen.near] == [
        ("acme/checkout#3", "labels include checkout"),
        ("acme/checkout#2", "state is done"),
    ]
    assert (seen.misses.searched, seen.misses.all_searched) == (4, True)


def test_each_condition_is_counted_by_itself(engine: Engine) -> None:
    """How many issues meet it, and how many the rule would match without it."""
    seen = previewed(engine, {"all": [CHECKOUT, DONE]})
    assert [(one.words, one.meet, one.matching_without) for one in seen.misses.conditions] == [
        ("labels include checkout", 2, 2),
        ("state is done", 2, 2),
    ]
    assert seen.misses.removing == []


def test_near_misses_are_of_the_newest_issues_and_that_is_said() -> None:
    """Of more than five thousand, the oldest are not searched."""
    wanted = requirements({"all": [CHECKOUT, DONE]})
    ids = list(range(NEWEST + 2, 0, -1))
    for count, all_searched in ((NEWEST, True), (NEWEST + 2, False)):
        found = near_misses(KnownIssues(count, ids[:count], [0b01] * count), wanted)
        assert (found.searched, found.all_searched, len(found.found)) == (NEWEST, all_searched, NEWEST)
        assert found.found[0].issue_id == NEWEST + 2
        assert found.conditions[0].meet == count


# What removes everything


def test_the_condition_that_removes_everything_is_named(engine: Engine) -> None:
    """Without it the rule would match something; without the others it would not."""
    nobody = {"field": "milestone", "is": "M9"}
    seen = previewed(engine, {"all": [CHECKOUT, DONE, nobody]})
    assert seen.matching == 0
    assert [(one.path, one.words, one.matching_without) for one in seen.misses.removing] == [
        (("all", 2), "milestone is M9", 1)
    ]


def test_a_rule_that_matches_something_has_no_such_condition(engine: Engine) -> None:
    """Nor has one that two conditions empty."""
    nothing = [{"field": "milestone", "is": "M9"}, {"field": "type", "is": "Bug"}]
    assert previewed(engine, {"all": [CHECKOUT]}).misses.removing == []
    assert previewed(engine, {"all": [CHECKOUT, *nothing]}).misses.removing == []


# Values that no issue has


def test_a_misspelt_label_is_shown_with_the_nearest_ones_and_their_counts(engine: Engine) -> None:
    """A typo is not a zero."""
    (found,) = unknown(engine, field="labels", has="chekout")
    assert (found.path, found.field, found.value, found.known) == (("has",), "labels", "chekout", False)
    assert found.nearest == [KnownValue("checkout", 2)]


def test_a_value_is_compared_as_rules_compare_it(engine: Engine) -> None:
    """Without case; a value that an issue has is no unknown one, nor is a test for none."""
    assert unknown(engine, field="labels", has="PAYMENTS") == []
    assert unknown(engine, field="milestone", **{"is": None}) == []
    assert unknown(engine, field="title", contains="nowhere") == []
    assert unknown(engine, field="state", **{"is": "dropped"}) == []


def test_a_label_that_only_the_tracker_has_is_known(engine: Engine) -> None:
    """It is right, and on no issue yet."""
    (found,) = unknown(engine, field="labels", has="okr:kr-2")
    assert found.known


def test_each_unknown_value_of_a_list_is_named_where_it_is(engine: Engine) -> None:
    """Also inside of groups, and of other fields."""
    condition = {
        "all": [{"field": "type", "in": ["Story", "Storey"]}, {"none": [{"field": "scope", "is": "acme/chekout"}]}]
    }
    assert [(one.path, one.value, one.nearest) for one in previewed(engine, condition).unknown] == [
        (("all", 0, "in"), "Storey", [KnownValue("Story", 1)]),
        (("all", 1, "none", 0, "is"), "acme/chekout", [KnownValue("acme/checkout", 4)]),
    ]


def test_a_misspelt_login_is_named_with_the_nearest_ones(engine: Engine) -> None:
    """Of assignees and authors, with how many issues they have."""
    with writing(engine) as tx:
        tx.execute(sa.update(tables.issue).values(assignees=[["ana-ruiz", "Ana", "11"], ["ben", "Ben", "12"]]))
        tx.execute(sa.update(tables.issue).where(tables.issue.c.id == 1).values(author=["ben", "Ben", "12"]))
    (found,) = unknown(engine, field="assignee", **{"in": ["BEN", "ana-riuz"]})
    assert (found.path, found.value, found.known) == (("in",), "ana-riuz", False)
    assert found.nearest == [KnownValue("ana-ruiz", 4)]
    assert unknown(engine, field="author", **{"is": "ben"}) == []
    assert [one.value for one in unknown(engine, field="author", **{"is": "ana-ruiz"})] == ["ana-ruiz"]
    assert unknown(engine, field="author", matches="z*") == []


def test_an_old_login_of_a_known_account_is_no_unknown_one(engine: Engine) -> None:
    """Nor is one that is pinned to an account which no issue has."""
    with writing(engine) as tx:
        tx.execute(sa.update(tables.issue).values(assignees=[["ana-ruiz", "Ana", "11"]]))
        for login, stable_id in (("ana", "11"), ("gone", "13")):
            pinned = {"kind": "github", "site": "", "login": login, "stable_id": stable_id, "first_seen_at": NOW}
            tx.execute(sa.insert(tables.pinned_account).values(pinned))
    assert unknown(engine, field="assignee", **{"is": "ana"}) == []
    (found,) = unknown(engine, field="assignee", **{"is": "gone"})
    assert found.known


# Columns

LEAVES: list[dict[str, Any]] = [
    CHECKOUT,
    {"field": "labels", "contains": "pay"},
    {"field": "scope", "is": "ACME/checkout"},
    {"field": "scope", "in": ["acme/billing"]},
    {"field": "state", "in": ["done", "doing"]},
    {"field": "kind", "is": "pull_request"},
    {"field": "milestone", "is": None},
    {"field": "title", "matches": "pay*card"},
    {"field": "parent", "is": "acme/checkout#1"},
    {"field": "assignee", "is": "u1"},
    {"field": "author", "is": "u2"},
    {"field": "author", "is": None},
    {"field": "components", "has": "Web"},
    {"field": "sprint", "is": None},
    {"field": "versions", "has": "1.0"},
    {"field": "priority", "is": "high"},
    {"field": "resolution", "contains": "fix"},
    {"field": "type", "is": "story"},
]
known = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["todo", "done", None]),
        "kind": st.sampled_from(["issue", "pull_request"]),
        "title": st.sampled_from(["Pay by card", "PAY with Card", "Search"]),
        "labels": st.lists(st.sampled_from(["901", "902", "904", "other"]), unique=True),
        "milestone": st.sampled_from([None, "M1"]),
        "parent_key": st.sampled_from([None, "acme/checkout#1"]),
        "assignees": st.sampled_from([[], [["u1", "Ana"]], [["u1", "Ana"], ["u2", "Ben"]]]),
        "author": st.sampled_from([None, ["u2", "Ben"]]),
        "components": st.sampled_from([None, [], ["Web"]]),
        "versions": st.sampled_from([None, ["1.0"]]),
        "sprints": st.sampled_from([None, ["7"]]),
        "priority": st.sampled_from([None, "High"]),
        "resolution": st.sampled_from([None, "Fixed"]),
        "type": st.sampled_from([None, "Story"]),
        "gone_reason": st.sampled_from([None, None, "deleted"]),
        "scope": st.sampled_from([("501", "acme/checkout"), ("502", "acme/Billing"), ("503", "acme/x"), (None, None)]),
    }
)


@pytest.mark.slow
@settings(max_examples=40 if ALL else 15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    found=st.lists(known, max_size=6),
    condition=st.fixed_dictionaries(
        {},
        optional={name: st.lists(st.sampled_from(LEAVES), min_size=1, max_size=4) for name in ("all", "any", "none")},
    ).filter(bool),
)
def test_columns_and_whole_issues_give_the_same(
    engine: Engine, found: list[dict[str, Any]], condition: dict[str, Any]
) -> None:
    """What is read of an issue changes nothing."""
    with writing(engine) as tx:
        tx.execute(sa.delete(tables.issue))
        for number, columns in enumerate(found, start=1):
            external_id, name = columns["scope"]
            plain = {key: value for key, value in columns.items() if key != "scope"}
            add_issue(tx, number, **plain, scope_external_id=external_id, scope_name=name, updated_at=NOW)
    wanted = requirements(condition)
    with reading(engine) as tx:
        matching = _Matching(tx, load_ruleset(tx, versions.value(tx, versions.RULES)), 1)
        assert matching.by_columns(wanted) == matching.whole(wanted)
