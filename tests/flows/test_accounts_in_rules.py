"""Rules that name people mean the account that had the login first, whatever it is called now."""

from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import Account, Kind, Snapshot, State
from sync_service.progress.previews.rule_preview import Edit, preview
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.trackers import accounts
from tests.domain.factories import at, snapshot
from tests.support.fake_tracker import CoreHarness

ANA, RENAMED, STRANGER = Account("ana", "Ana", "1"), Account("Ana-New", "Ana", "1"), Account("ana", "M", "2")
BY_ANA = {"field": "author", "is": "Ana"}


def issue(number: int, seconds: float, author: Account | None = None, **fields: Any) -> Snapshot:
    """Return a snapshot of an issue of its own."""
    plain = {"identity": f"501#{number}", "key": f"acme/checkout#{number}", "author": author}
    return snapshot(seconds, **(plain | fields))


@pytest.fixture
def core(empty_core: CoreHarness) -> CoreHarness:
    """Return a harness in which what Ana wrote counts toward KR-1."""
    empty_core.rule("by-ana", empty_core.key_result("KR-1"), BY_ANA)
    return empty_core


def linked(core: CoreHarness) -> set[str]:
    """Return the keys of the linked issues."""
    keys = {row.id: row.key for row in core.rows(tables.issue)}
    active = {row.id for row in core.rows(tables.rule_revision, tables.rule_revision.c.state == "active")}
    return {keys[row.issue_id].rpartition("#")[2] for row in core.rows(tables.link) if row.source in active}


def test_a_stranger_with_an_old_login_does_not_match_and_the_renamed_account_does(core: CoreHarness) -> None:
    """The value follows: the stranger's open issue does not count."""
    core.receive_and_drain(issue(1, 1, ANA, state=State.DONE, closed_at=at(1)))
    core.receive_and_drain(issue(2, 2, RENAMED, state=State.DONE, closed_at=at(2)))
    core.receive_and_drain(issue(3, 3, STRANGER))
    assert linked(core) == {"1", "2"}
    assert core.value() == 100


@pytest.mark.both_databases
def test_the_new_login_in_a_rule_means_the_renamed_account_too(core: CoreHarness) -> None:
    """By the old and the new login, in both fields."""
    core.receive_and_drain(issue(1, 1, ANA))
    core.receive_and_drain(issue(2, 2, RENAMED, assignees=(RENAMED,)))
    both = {"all": [{"field": "author", "is": "ana-new"}, {"field": "assignee", "in": ["ana", "nobody"]}]}
    core.rule("both", core.key_result("KR-2"), both)
    assert core.rows(tables.link, tables.link.c.key_result_id == core.key_result_row("KR-2").id)[0].issue_id == 2


def test_an_issue_that_was_seen_without_an_id_matches_by_its_login_until_it_is_seen_again(core: CoreHarness) -> None:
    """As issues from before ids were stored; the id comes with equal content and an equal time too."""
    core.receive_and_drain(issue(1, 1, ANA))
    core.receive_and_drain(issue(2, 2, Account("ana", "M")))
    assert linked(core) == {"1", "2"}
    core.receive_and_drain(issue(2, 2, STRANGER))
    assert linked(core) == {"1"}


def test_an_older_delivery_shows_that_another_account_had_the_login_first(core: CoreHarness) -> None:
    """What was linked by the newer one is relinked in the background, with the reason."""
    core.receive_and_drain(issue(3, 3, STRANGER, state=State.DONE, closed_at=at(3)))
    core.receive_and_drain(issue(2, 2, RENAMED))
    assert linked(core) == {"3"}
    core.receive_and_drain(issue(1, 1, ANA))
    assert linked(core) == {"1", "2"}
    assert core.value() == 0
    assert "ana means the account that had it first, no longer linked by rule by-ana" in core.reasons()[-1]
    (pinned,) = core.rows(tables.pinned_account)
    assert (pinned.stable_id, pinned.stranger_id, pinned.first_seen_at) == ("1", "2", at(1))


@pytest.mark.both_databases
def test_a_new_rule_means_the_account_that_known_issues_show_first(empty_core: CoreHarness) -> None:
    """And its preview shows the same before it is saved."""
    core = empty_core
    for one in (issue(3, 3, STRANGER), issue(1, 1, ANA), issue(2, 2, RENAMED), issue(4, 4, Account("bo", "Bo", "3"))):
        core.receive_and_drain(one)
    key_result_id = core.key_result("KR-1")
    edit = Edit(slug=None, connection_id=core.connection_id, key_result_id=key_result_id, condition=BY_ANA)
    with reading(core.engine) as tx:
        shown = {one.key.rpartition("#")[2] for one in preview(tx, edit, now=core.now).shown}
    core.rule("by-ana", key_result_id, BY_ANA)
    assert shown == linked(core) == {"1", "2"}
    with reading(core.engine) as tx:
        again = preview(tx, edit, now=core.now)
    assert {one.key.rpartition("#")[2] for one in again.shown} == shown


def test_a_measures_condition_on_people_means_the_account_that_had_the_login_first(empty_core: CoreHarness) -> None:
    """Its value is computed again when an older delivery shows whom the login means."""
    core = empty_core
    meets = {"field": "assignee", "is": "ana"}
    core.rule("all", core.key_result("KR-1", kind="share-meeting", meets=meets), {"field": "kind", "is": "issue"})
    core.receive_and_drain(issue(1, 2, assignees=(STRANGER,), state=State.DONE, closed_at=at(2), created_at=at(0)))
    assert core.value() == 100
    core.receive_and_drain(issue(2, 1, ANA, kind=Kind.PULL_REQUEST))
    assert core.value() == 0


def test_a_login_that_is_let_go_means_whom_it_shows_next(core: CoreHarness) -> None:
    """Until then it goes by name; issues from before do not say whom it means, even to a new rule."""
    core.receive_and_drain(issue(1, 1, ANA))
    core.receive_and_drain(issue(2, 2, STRANGER))
    with writing(core.engine) as tx:
        accounts.forget(tx, [("paper", "ana")])
    core.drain()
    assert linked(core) == {"1", "2"}
    core.rule("by-ana", core.key_result("KR-2"), BY_ANA)
    assert core.rows(tables.pinned_account) == []
    core.receive_and_drain(issue(3, 3, STRANGER))
    assert linked(core) == {"2", "3"}


@pytest.mark.both_databases
def test_a_login_stays_pinned_as_long_as_a_rule_names_it(core: CoreHarness) -> None:
    """Then it is forgotten."""
    core.receive_and_drain(issue(1, 1, ANA))
    with writing(core.engine) as tx:
        accounts.delete_unnamed(tx)
    assert len(core.rows(tables.pinned_account)) == 1
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.rule_revision).values(condition={"field": "author", "is": "bo"}))
        accounts.delete_unnamed(tx)
    assert core.rows(tables.pinned_account) == []
