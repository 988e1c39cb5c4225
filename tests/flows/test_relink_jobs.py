"""Changes of settings reach the issues we know already, in chunks, and count all at once."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import State
from sync_service.progress import relink_jobs
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.okrs import key_results, rules
from tests.domain.factories import at, snapshot
from tests.support.fake_tracker import CoreHarness, bump_rules

BUGS, STORIES = {"field": "type", "is": "Bug"}, {"field": "type", "is": "Story"}


@pytest.fixture
def world(bare_world: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> CoreHarness:
    """Give a world with KR-1 and twelve issues, every second one a bug, every third one done; chunks are small."""
    monkeypatch.setattr(relink_jobs, "CHUNK", 5)
    monkeypatch.setattr(relink_jobs, "SWEEP", 2)
    bare_world.key_result()
    bare_world.receive_and_drain(
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
    return bare_world


def linked(world: CoreHarness) -> int:
    """Count the links that are kept."""
    return len(world.rows(tables.link))


def test_a_new_rule_links_what_is_known(world: CoreHarness) -> None:
    """In one step for everybody who looks, with the rule as the reason."""
    world.rule("bugs", world.key_result_row().id, BUGS)
    assert linked(world) == 6
    assert world.value() == pytest.approx(100 / 3, abs=1e-5)
    assert world.reasons() == ["rule bugs added"]
    assert world.rows(tables.history)[0].causes[0]["actor"] == "Ana Ruiz"


def test_nothing_counts_before_the_whole_rule_is_filled_in(world: CoreHarness) -> None:
    """A half-filled rule would show a number that was never true."""
    definition = definition_of(world, BUGS)
    with writing(world.engine) as tx:
        rules.save(tx, definition, changed_by="Ana Ruiz", now=world.now)
    seen = []
    while world.drains.by_table["rule_revision"]():
        seen.append((linked(world), world.value()))
    assert seen[0][0] > 0
    assert {value for _, value in seen[:-1]} == {None}
    assert seen[-1][1] == pytest.approx(100 / 3, abs=1e-5)


def definition_of(world: CoreHarness, condition: dict[str, str]) -> rules.Definition:
    """Define the rule `bugs`."""
    return rules.Definition(
        slug="bugs",
        owner_id=world.person_id,
        connection_id=world.connection_id,
        key_result_id=world.key_result_row().id,
        condition=condition,
    )


def test_a_delivery_between_two_chunks_is_not_missed(world: CoreHarness) -> None:
    """New issues are linked with the unfinished revision in view."""
    with writing(world.engine) as tx:
        rules.save(tx, definition_of(world, BUGS), changed_by="Ana Ruiz", now=world.now)
    world.drains.by_table["rule_revision"]()
    world.post(snapshot(1, identity="501#99", key="acme/checkout#99", type="Bug"))
    world.post(snapshot(1, identity="501#1", key="acme/checkout#1", type="Story"))
    world.drains.by_table["delivery"]()
    assert world.value() is None
    world.drain()
    keys = {one.id: one.key for one in world.rows(tables.issue)}
    expected = {f"acme/checkout#{number}" for number in (3, 5, 7, 9, 11, 99)}
    assert {keys[one.issue_id] for one in world.rows(tables.link)} == expected


def test_an_edited_rule_replaces_its_links(world: CoreHarness) -> None:
    """The old ones are swept away; the value moves once."""
    world.rule("bugs", world.key_result_row().id, BUGS)
    world.rule("bugs", world.key_result_row().id, STORIES)
    assert linked(world) == 6
    assert [one.state for one in world.rows(tables.rule_revision)] == ["retired", "active"]
    assert len(world.reasons()) == 1  # a third of the stories is done too


def test_an_edit_that_is_edited_again_before_it_took_effect_is_given_up(world: CoreHarness) -> None:
    """Only the last word counts."""
    for condition in (BUGS, STORIES):
        with writing(world.engine) as tx:
            rules.save(tx, definition_of(world, condition), changed_by="Ana Ruiz", now=world.now)
        world.drains.by_table["rule_revision"]()
    world.drain()
    assert [one.state for one in world.rows(tables.rule_revision)] == ["retired", "active"]
    assert linked(world) == 6


def test_a_rule_that_moves_to_another_key_result_moves_both(world: CoreHarness) -> None:
    """What one loses the other gains."""
    world.rule("bugs", world.key_result_row().id, BUGS)
    world.rule("bugs", world.key_result("KR-2"), BUGS)
    assert world.value() is None
    assert world.value("KR-2") == pytest.approx(100 / 3, abs=1e-5)


def test_a_disabled_rule_and_a_removed_one_link_nothing(world: CoreHarness) -> None:
    """And can be enabled again."""
    key_result_id = world.key_result_row().id
    world.rule("bugs", key_result_id, BUGS)
    world.rule("bugs", key_result_id, BUGS, enabled=False)
    assert (linked(world), world.value()) == (0, None)
    world.rule("bugs", key_result_id, BUGS)
    assert linked(world) == 6
    with writing(world.engine) as tx:
        assert rules.remove(tx, "bugs", changed_by="Ana Ruiz", now=world.now)
        assert not rules.remove(tx, "bugs", changed_by="Ana Ruiz", now=world.now)
    world.drain()
    assert (linked(world), world.value()) == (0, None)


def test_a_disabled_rule_reaches_no_scope(world: CoreHarness) -> None:
    """So it makes nothing partly seen."""
    with writing(world.engine) as tx:
        world.add_scope(tx, "acme/elsewhere", covered=False)
        bump_rules(tx)
    world.rule("bugs", world.key_result_row().id, BUGS)
    assert world.key_result_row().status == "partial"
    world.rule("bugs", world.key_result_row().id, BUGS, enabled=False)
    assert world.key_result_row().status == "no_data"


def test_saving_a_rule_as_it_is_changes_nothing(world: CoreHarness) -> None:
    """No revision, no history."""
    world.rule("bugs", world.key_result_row().id, BUGS)
    with writing(world.engine) as tx:
        assert not rules.save(tx, definition_of(world, BUGS), changed_by="Ana Ruiz", now=world.now)
    assert len(world.rows(tables.rule_revision)) == 1


def test_changed_settings_of_a_key_result_recompute_it(world: CoreHarness) -> None:
    """With the change as the reason."""
    world.rule("bugs", world.key_result_row().id, BUGS)
    with writing(world.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(measure={"kind": "open-count"}, start=10, target=0))
        causes = [key_results.from_columns({"what": "measure changed to open-count"})]
        key_results.recompute(tx, [world.key_result_row().id], causes=causes)
    world.drain()
    assert world.value() == 4
    assert world.reasons()[-1] == "measure changed to open-count"


def test_the_pace_is_judged_anew_each_day(world: CoreHarness) -> None:
    """A key result on which nothing happens falls behind, and its owner hears why."""
    world.now = at(-45 * 86400)
    world.rule("bugs", world.key_result_row().id, BUGS)
    assert world.key_result_row().status == "on_track"
    world.now = at(30 * 86400)
    world.make_due(tables.recompute)
    world.drains.by_table["recompute"]()
    assert world.key_result_row().status == "behind"
    waiting = world.rows(tables.notice)[0]
    assert (waiting.from_status, waiting.to_status) == ("on_track", "behind")
    assert waiting.causes == [{"what": "another day of the cycle passed"}]


def test_a_closed_cycle_stands_for_good(world: CoreHarness) -> None:
    """Three days after its end nothing moves it."""
    world.rule("bugs", world.key_result_row().id, BUGS)
    world.now += timedelta(days=60)
    world.make_due(tables.recompute)
    world.drains.by_table["recompute"]()
    assert world.key_result_row().status == "closed"
    value = world.value()
    world.receive_and_drain(
        snapshot(999, identity="501#1", key="acme/checkout#1", type="Bug", state=State.DONE, closed_at=at(999))
    )
    assert world.value() == value
