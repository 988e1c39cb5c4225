"""A login that is renamed, and taken by another person: the stranger does not act for the person."""

from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import Account, CommentSeen
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.trackers import accounts
from sync_service.store.views.people import AccountLine, account_lines
from tests.domain.factories import CHECKOUT, at, snapshot
from tests.support.fake_tracker import CoreHarness, bump_rules

ANA, RENAMED, STRANGER = Account("ana", "ana", "1"), Account("ana-new", "ana-new", "1"), Account("ana", "ana", "2")


@pytest.fixture
def core(empty_core: CoreHarness) -> CoreHarness:
    """Return a harness with two key results and an issue; Ana's account is called ana."""
    with writing(empty_core.engine) as tx:
        tx.execute(sa.update(tables.person).values(accounts={"paper": "Ana"}))
        bump_rules(tx)
    empty_core.key_result("KR-1")
    empty_core.key_result("KR-2")
    empty_core.receive_and_drain(snapshot(0))
    return empty_core


def comment(seconds: float, slug: str, author: Account) -> CommentSeen:
    """Return a comment of its own on acme/checkout#1."""
    where: dict[str, Any] = {"identity": "501#1", "key": "acme/checkout#1", "scope": CHECKOUT, "id": f"{seconds}"}
    return CommentSeen(**where, author=author, at=at(seconds), wants=(slug,))


def linked(core: CoreHarness) -> set[str]:
    """Return the key results that comments link."""
    slugs = {row.id: row.slug for row in core.rows(tables.key_result)}
    return {slugs[row.key_result_id] for row in core.rows(tables.link, tables.link.c.origin == "comment")}


def line(core: CoreHarness) -> AccountLine:
    """Return what is known of Ana's account."""
    with writing(core.engine) as tx:
        (found,) = account_lines(tx, "ana@example.com")
    return found


def test_a_stranger_with_a_persons_old_login_makes_no_link(core: CoreHarness) -> None:
    """The outcome says why, and the list of accounts shows both; the person's own link stays."""
    core.receive_and_drain(comment(1, "KR-1", ANA))
    delivery = core.receive_and_drain(comment(2, "KR-2", STRANGER))
    assert linked(core) == {"KR-1"}
    why = "another paper account than that of Ana Ruiz has the name ana now"
    assert core.outcome(delivery) == f"acme/checkout#1: /okr KR-2 makes no link, because {why}"
    assert (line(core).stable_id, line(core).stranger_id) == ("1", "2")


def test_a_renamed_account_still_acts_for_the_person(core: CoreHarness) -> None:
    """The file still has the old login."""
    core.receive_and_drain(comment(1, "KR-1", ANA))
    core.receive_and_drain(comment(2, "KR-2", RENAMED))
    assert linked(core) == {"KR-2"}
    assert core.reasons("KR-2")[-1] == "commented, now linked by a comment of Ana Ruiz (/okr KR-2)"


@pytest.mark.parametrize("seen", [snapshot(1, author=ANA), snapshot(1, assignees=(ANA,))])
def test_a_login_is_pinned_wherever_it_is_seen_first(core: CoreHarness, seen: Any) -> None:
    """As author or assignee of an issue too, by a webhook, a fetch or a poll."""
    core.receive_and_drain(seen)
    core.receive_and_drain(comment(2, "KR-2", STRANGER))
    assert linked(core) == set()


@pytest.mark.both_databases
def test_of_two_accounts_in_one_batch_the_one_received_first_is_the_person(core: CoreHarness) -> None:
    """Both are applied in one transaction."""
    core.post(comment(1, "KR-1", ANA))
    core.post(comment(2, "KR-2", STRANGER))
    core.drain()
    assert linked(core) == {"KR-1"}


def test_a_comment_from_before_a_person_was_named_counts_until_another_account_is_pinned(core: CoreHarness) -> None:
    """What it linked is taken back, with the reason."""
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.person).values(accounts={}))
        bump_rules(tx)
    core.receive_and_drain(comment(1, "KR-2", STRANGER))
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.person).values(accounts={"paper": "ana"}))
        bump_rules(tx)
    core.receive_and_drain(snapshot(2))
    assert linked(core) == {"KR-2"}
    core.receive_and_drain(snapshot(3, author=ANA))
    assert linked(core) == set()


@pytest.mark.both_databases
def test_a_login_that_is_let_go_means_the_account_seen_next(core: CoreHarness) -> None:
    """A person may have a new account under the old login."""
    core.receive_and_drain(comment(1, "KR-1", ANA))
    core.receive_and_drain(comment(2, "KR-2", STRANGER))
    with writing(core.engine) as tx:
        assert accounts.forget(tx, [("paper", "Ana")]) == 1
    core.drain()
    core.receive_and_drain(snapshot(3, author=STRANGER))
    assert linked(core) == {"KR-2"}
    assert (line(core).stable_id, line(core).stranger_id) == ("2", None)


@pytest.mark.both_databases
def test_the_pinned_account_of_an_unused_login_is_deleted(core: CoreHarness) -> None:
    """Who is named by it later is whoever has it then."""
    core.receive_and_drain(comment(1, "KR-1", ANA))
    with writing(core.engine) as tx:
        accounts.delete_unnamed(tx)
        assert line_count(tx) == 1
        tx.execute(sa.update(tables.person).values(accounts={}))
        accounts.delete_unnamed(tx)
        assert line_count(tx) == 0


def line_count(tx: sa.Connection) -> int:
    """Return the number of pinned accounts."""
    return tx.scalars(sa.select(sa.func.count()).select_from(tables.pinned_account)).one()


def test_a_comment_from_before_ids_were_kept_still_counts(core: CoreHarness) -> None:
    """It was stored without the id of its author."""
    core.receive_and_drain(comment(1, "KR-1", Account("ana", "ana")))
    core.receive_and_drain(snapshot(2, author=ANA))
    core.receive_and_drain(comment(3, "KR-2", STRANGER))
    assert linked(core) == {"KR-1"}
