"""Changes of rules and settings reach known issues in chunks, and take effect all at once."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.trackers.observations import State, Term
from sync_service.progress import relink_jobs
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.okrs import contributions, key_results, rules
from sync_service.store.okrs.applying.causes import from_columns
from sync_service.store.okrs.history import is_shown
from tests.domain.factories import at, snapshot
from tests.support.fake_tracker import CoreHarness, bump_rules

BUGS, STORIES = {"field": "type", "is": "Bug"}, {"field": "type", "is": "Story"}


@pytest.fixture
def core(empty_core: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> CoreHarness:
    """Return a harness with KR-1 and twelve issues, every second one a bug, every third one done; chunks are small."""
    monkeypatch.setattr(relink_jobs, "CHUNK", 5)
    monkeypatch.setattr(relink_jobs, "SWEEP", 2)
    empty_core.key_result()
    empty_core.receive_and_drain(
        *[
            snapshot(
                0,
                identity=f"501#{number}",
                key=f"acme/checkout#{number}",
                type="Bug" if number % 2 else "Story",
                state=State.TODO if number % 3 else State.DONE,
                closed_at=None if number % 3 else at(0),
            )
            for number in range(12)
        ]
    )
    return empty_core


def linked(core: CoreHarness) -> int:
    """Return the number of stored links."""
    return len(core.rows(tables.link))


def test_a_new_rule_links_known_issues(core: CoreHarness) -> None:
    """The value changes in one step, with the rule as the reason."""
    core.rule("bugs", core.key_result_row().id, BUGS)
    assert linked(core) == 6
    assert core.value() == pytest.approx(100 / 3, abs=1e-5)
    assert core.reasons() == ["rule bugs added"]
    assert core.rows(tables.history, is_shown)[0].causes[0]["actor"] == "Ana Ruiz"


def test_a_rule_counts_only_after_all_its_links_are_stored(core: CoreHarness) -> None:
    """With half of the links the value would be one that was never true."""
    definition = definition_of(core, BUGS)
    with writing(core.engine) as tx:
        rules.save(tx, definition, changed_by="Ana Ruiz", now=core.now)
    seen = []
    while core.drains.by_table["rule_revision"]():
        seen.append((linked(core), core.value()))
    assert seen[0][0] > 0
    assert {value for _, value in seen[:-1]} == {None}
    assert seen[-1][1] == pytest.approx(100 / 3, abs=1e-5)


def definition_of(core: CoreHarness, condition: dict[str, str]) -> rules.Definition:
    """Return a definition of the rule `bugs`."""
    return rules.Definition(
        slug="bugs",
        owner_id=core.person_id,
        connection_id=core.connection_id,
        key_result_id=core.key_result_row().id,
        condition=condition,
    )


def test_a_delivery_between_two_chunks_is_not_missed(core: CoreHarness) -> None:
    """Changed issues are linked with the pending revision too."""
    with writing(core.engine) as tx:
        rules.save(tx, definition_of(core, BUGS), changed_by="Ana Ruiz", now=core.now)
    core.drains.by_table["rule_revision"]()
    core.post(snapshot(1, identity="501#99", key="acme/checkout#99", type="Bug"))
    core.post(snapshot(1, identity="501#1", key="acme/checkout#1", type="Story"))
    core.drains.by_table["delivery"]()
    assert core.value() is None
    core.drain()
    keys = {one.id: one.key for one in core.rows(tables.issue)}
    expected = {f"acme/checkout#{number}" for number in (3, 5, 7, 9, 11, 99)}
    assert {keys[one.issue_id] for one in core.rows(tables.link)} == expected


def test_a_chunk_reads_what_its_own_issues_bring_and_no_others(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise each chunk of a relink would read all issues of a key result: its transaction grew with them."""
    label = Term("91", "okr:KR-2")
    core.receive_and_drain(
        *[snapshot(1, identity=f"501#{one}", key=f"acme/checkout#{one}", labels=(label,)) for one in range(12)]
    )
    read: list[int] = []
    stored = contributions.stored

    def counted(tx: Transaction, ids: Sequence[int], *, issue_ids: Collection[int] | None = None) -> Any:
        found = stored(tx, ids, issue_ids=issue_ids)
        read.append(len(issue_ids or ()) if issue_ids is not None else sum(map(len, found.values())))
        return found

    monkeypatch.setattr(contributions, "stored", counted)
    core.key_result("KR-2", kind="done-count", within="ever")
    assert linked(core) == 12
    assert [one for one in read if one > 5] == [12]  # where the key result is computed because it is new
    assert core.value("KR-2") == 0
    whole = core.rows(tables.contribution, tables.contribution.c.key_result_id == core.key_result_row("KR-2").id)
    assert len(whole) == 12


def test_an_edited_rule_replaces_its_links(core: CoreHarness) -> None:
    """The old links are deleted, and the value changes once."""
    core.rule("bugs", core.key_result_row().id, BUGS)
    core.rule("bugs", core.key_result_row().id, STORIES)
    assert linked(core) == 6
    assert [one.state for one in core.rows(tables.rule_revision)] == ["retired", "active"]
    assert len(core.reasons()) == 1  # a third of the stories is done too


def test_an_edit_replaces_a_pending_edit(core: CoreHarness) -> None:
    """Only the last edit counts."""
    for condition in (BUGS, STORIES):
        with writing(core.engine) as tx:
            rules.save(tx, definition_of(core, condition), changed_by="Ana Ruiz", now=core.now)
        core.drains.by_table["rule_revision"]()
    core.drain()
    assert [one.state for one in core.rows(tables.rule_revision)] == ["retired", "active"]
    assert linked(core) == 6


def test_a_rule_that_moves_to_another_key_result_changes_both(core: CoreHarness) -> None:
    """One key result loses the links that the other gains."""
    core.rule("bugs", core.key_result_row().id, BUGS)
    core.rule("bugs", core.key_result("KR-2"), BUGS)
    assert core.value() is None
    assert core.value("KR-2") == pytest.approx(100 / 3, abs=1e-5)


def test_disabled_and_removed_rules_link_nothing(core: CoreHarness) -> None:
    """A disabled rule can be enabled again."""
    key_result_id = core.key_result_row().id
    core.rule("bugs", key_result_id, BUGS)
    core.rule("bugs", key_result_id, BUGS, state=RuleState.DISABLED)
    assert (linked(core), core.value()) == (0, None)
    core.rule("bugs", key_result_id, BUGS)
    assert linked(core) == 6
    for _ in range(2):  # the second time there is nothing to remove
        with writing(core.engine) as tx:
            bump_rules(tx)
            rules.remove(tx, ["bugs", "no-such-rule"], changed_by="Ana Ruiz", now=core.now)
    core.drain()
    assert (linked(core), core.value()) == (0, None)


def test_a_disabled_rule_reaches_no_scope(core: CoreHarness) -> None:
    """It makes no key result partial."""
    with writing(core.engine) as tx:
        core.add_scope(tx, "acme/elsewhere", covered=False)
        bump_rules(tx)
    core.rule("bugs", core.key_result_row().id, BUGS)
    assert core.key_result_row().status == "partial"
    core.rule("bugs", core.key_result_row().id, BUGS, state=RuleState.DISABLED)
    assert core.key_result_row().status == "no_data"


def test_saving_an_unchanged_rule_changes_nothing(core: CoreHarness) -> None:
    """It makes no revision and no history."""
    core.rule("bugs", core.key_result_row().id, BUGS)
    with writing(core.engine) as tx:
        assert not rules.save(tx, definition_of(core, BUGS), changed_by="Ana Ruiz", now=core.now)
    assert len(core.rows(tables.rule_revision)) == 1


def test_changed_settings_of_a_key_result_recompute_it(core: CoreHarness) -> None:
    """The change is the reason."""
    core.rule("bugs", core.key_result_row().id, BUGS)
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(measure={"kind": "open-count"}, start=10, target=0))
        causes = [from_columns({"what": "measure changed to open-count"})]
        key_results.recompute(tx, [core.key_result_row().id], causes=causes)
    core.drain()
    assert core.value() == 4
    assert core.reasons()[-1] == "measure changed to open-count"


def test_the_status_is_recomputed_each_day(core: CoreHarness) -> None:
    """A key result without changes falls behind, and its owner gets a notice with the reason."""
    core.now = at(-45 * 86400)
    core.rule("bugs", core.key_result_row().id, BUGS)
    assert core.key_result_row().status == "on_track"
    core.now = at(30 * 86400)
    core.make_due(tables.recompute)
    core.drains.by_table["recompute"]()
    assert core.key_result_row().status == "behind"
    waiting = core.rows(tables.notice)[0]
    assert (waiting.from_status, waiting.to_status) == ("on_track", "behind")
    assert waiting.causes == [{"what": "another day of the cycle passed"}]


def test_a_closed_cycle_does_not_change(core: CoreHarness) -> None:
    """It is closed three days after its end."""
    core.rule("bugs", core.key_result_row().id, BUGS)
    core.now += timedelta(days=60)
    core.make_due(tables.recompute)
    core.drains.by_table["recompute"]()
    assert core.key_result_row().status == "closed"
    value = core.value()
    core.receive_and_drain(
        snapshot(999, identity="501#1", key="acme/checkout#1", type="Bug", state=State.DONE, closed_at=at(999))
    )
    assert core.value() == value
