"""Scopes that are renamed, deleted or hidden at the tracker: their key results are stale, with the reason."""

from datetime import timedelta
from itertools import permutations

import pytest

from sync_service.domain.trackers.observations import AccountSeen, Observation, ScopeRef, ScopeSeen, State
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs.staleness import Stale
from sync_service.store.views.key_results import key_result_view
from tests.domain.factories import CHECKOUT, at, snapshot
from tests.support.fake_tracker import NOW, CoreHarness

DELETED = ScopeSeen(scope=CHECKOUT, gone="the repository was deleted", for_good=True)
SUSPENDED = AccountSeen(name="Acme", gone="the GitHub app was suspended", at=at(0))


@pytest.fixture
def world(world: CoreHarness) -> CoreHarness:
    """Give the world, and in it one issue that is labelled `checkout`."""
    world.receive_and_drain(snapshot(0, labels=["checkout"]))
    return world


def stale(world: CoreHarness, slug: str = "KR-1") -> Stale | None:
    """Tell whether a key result is stale."""
    with reading(world.engine) as tx:
        view = key_result_view(tx, slug, world.now)
    assert view is not None
    return view.stale


def test_what_reaches_a_deleted_repository_keeps_its_value_and_is_stale(world: CoreHarness) -> None:
    """Unreadable is not zero."""
    delivery = world.receive_and_drain(DELETED)
    assert world.outcome(delivery) == "acme/checkout: the repository was deleted"
    assert world.value() == 0
    assert stale(world) == Stale(NOW, "paper: acme/checkout: the repository was deleted")


def test_only_what_reaches_it_is_stale(world: CoreHarness) -> None:
    """By a linked issue, or by a rule that holds there or anywhere; not by a rule for another scope."""
    with writing(world.engine) as tx:
        world.add_scope(tx, "acme/billing")
    world.rule("here", world.key_result("KR-2"), {"field": "scope", "is": "Acme/Checkout"})
    world.rule("there", world.key_result("KR-3"), {"field": "scope", "is": "acme/billing"})
    world.rule("off", world.key_result("KR-4"), {"field": "scope", "is": "acme/checkout"}, enabled=False)
    world.receive_and_drain(DELETED)
    assert [slug for slug in ("KR-1", "KR-2", "KR-3", "KR-4") if stale(world, slug)] == ["KR-1", "KR-2"]
    world.rule("checkout-label", world.key_result_row("KR-1").id, {"field": "scope", "is": "acme/billing"})
    assert stale(world, "KR-1") is None


def test_a_linked_issue_is_enough(world: CoreHarness) -> None:
    """Here its label links it, and no rule reaches the scope."""
    world.key_result("KR-5")
    world.receive_and_drain(snapshot(1, labels=["okr:KR-5"]), DELETED)
    assert stale(world, "KR-5") is not None


@pytest.mark.both_databases
def test_no_later_word_brings_a_deleted_repository_back(world: CoreHarness) -> None:
    """A letter may be late."""
    world.receive_and_drain(DELETED)
    for late in (ScopeSeen(scope=CHECKOUT), ScopeSeen(scope=CHECKOUT, returned=True), SUSPENDED):
        delivery = world.receive_and_drain(late)
        assert "suspended" not in world.outcome(delivery)
    assert stale(world) == Stale(NOW, "paper: acme/checkout: the repository was deleted")


def told(world: CoreHarness, *words: Observation) -> None:
    """Tell one word after the other, a second apart."""
    for word in words:
        world.now += timedelta(seconds=1)
        world.receive_and_drain(word)


def test_an_app_that_may_see_again_ends_it(world: CoreHarness) -> None:
    """By the same kind of word: for one repository, or for all of an account."""
    told(world, ScopeSeen(scope=CHECKOUT, gone="the GitHub app may no longer see it"))
    assert stale(world) == Stale(
        NOW + timedelta(seconds=1), "paper: acme/checkout: the GitHub app may no longer see it"
    )
    told(world, ScopeSeen(scope=CHECKOUT, returned=True))
    assert stale(world) is None
    told(world, AccountSeen(name="ACME", gone="the GitHub app was uninstalled"))
    assert stale(world) is not None
    told(world, AccountSeen(name="acme", returned=True))
    assert stale(world) is None


@pytest.mark.both_databases
@pytest.mark.parametrize("order", list(permutations([SUSPENDED, AccountSeen(name="acme", returned=True, at=at(9))])))
def test_a_suspension_that_comes_late_does_not_undo_its_end(world: CoreHarness, order: tuple[AccountSeen, ...]) -> None:
    """The tracker's own times decide."""
    told(world, *order)
    assert stale(world) is None


def test_letters_that_still_arrive_are_taken_and_the_scope_stays_away(world: CoreHarness) -> None:
    """GitHub goes on for a while after an app was uninstalled."""
    world.receive_and_drain(AccountSeen(name="acme", gone="the GitHub app was uninstalled"))
    delivery = world.receive_and_drain(snapshot(3, labels=["checkout"], state=State.DONE, closed_at=at(3)))
    assert world.outcome(delivery) == "acme/checkout#1: applied, closed as done"
    assert world.value() == 100
    assert stale(world) is not None


def test_of_several_reasons_the_longest_stands(world: CoreHarness) -> None:
    """Each has its own since."""
    with writing(world.engine) as tx:
        refused = {"refused_at": NOW - timedelta(days=1), "refused_reason": "401"}
        tx.execute(tables.connection.update().values(refused))
    world.receive_and_drain(DELETED)
    assert stale(world) == Stale(NOW - timedelta(days=1), "paper: 401")


def scope_of(world: CoreHarness, name: str) -> tuple[str | None, str | None]:
    """Give the id and the present name of a watched scope."""
    (row,) = world.rows(tables.scope, tables.scope.c.name == name)
    return row.external_id, row.current_name


def test_a_repository_that_was_renamed_before_it_was_seen_is_found_by_its_old_name(world: CoreHarness) -> None:
    """It was configured by name, and no letter had told its id."""
    with writing(world.engine) as tx:
        world.add_scope(tx, "acme/billing")
    world.receive_and_drain(ScopeSeen(scope=ScopeRef("502", "acme/invoices"), was="acme/billing"))
    assert scope_of(world, "acme/billing") == ("502", "acme/invoices")
    shown = world.receive_and_drain(
        snapshot(0, identity="502#9", key="acme/invoices#9", scope=ScopeRef("502", "acme/invoices"))
    )
    assert world.outcome(shown) == "acme/invoices#9: applied, opened"


def test_issues_take_the_new_name_of_a_scope_that_was_configured_in_other_letters(world: CoreHarness) -> None:
    """No tracker tells capitals apart in names; the configuration may write another than the tracker shows."""
    with writing(world.engine) as tx:
        world.add_scope(tx, "Acme/Billing")
    billing, invoices = ScopeRef("502", "acme/billing"), ScopeRef("502", "acme/invoices")
    world.receive_and_drain(snapshot(0, identity="502#9", key="acme/billing#9", scope=billing, labels=["checkout"]))
    world.receive_and_drain(ScopeSeen(scope=invoices, was="acme/billing"))
    (issue,) = world.rows(tables.issue, tables.issue.c.identity == "502#9")
    assert (issue.key, issue.scope_name) == ("acme/invoices#9", "acme/invoices")


def test_an_account_that_was_renamed_takes_its_repositories_along(world: CoreHarness) -> None:
    """One that was never seen is found by its new name from then on; rules keep the name of the configuration."""
    with writing(world.engine) as tx:
        world.add_scope(tx, "acme/billing")
        world.add_scope(tx, "emca/attic")
    delivery = world.receive_and_drain(AccountSeen(name="acme-corp", was="Acme"))
    assert world.outcome(delivery) == (
        "acme/checkout: is now called acme-corp/checkout; acme/billing: is now called acme-corp/billing"
    )
    shown = snapshot(0, identity="502#9", key="acme-corp/billing#9", scope=ScopeRef("502", "acme-corp/billing"))
    assert world.outcome(world.receive_and_drain(shown)) == "acme-corp/billing#9: applied, opened"
    assert scope_of(world, "acme/billing") == ("502", "acme-corp/billing")
    assert scope_of(world, "emca/attic") == (None, None)
    assert stale(world) is None


def test_an_account_that_gets_its_old_name_back_has_no_other_name(world: CoreHarness) -> None:
    """A repeat says nothing new."""
    told(world, AccountSeen(name="acme-corp", was="acme"), AccountSeen(name="acme", was="acme-corp"))
    assert scope_of(world, "acme/checkout") == ("501", None)
    again = world.receive_and_drain(AccountSeen(name="acme", was="acme-corp"))
    assert world.outcome(again) == "acme/checkout: nothing new"


@pytest.mark.both_databases
def test_an_account_of_which_nothing_is_watched_is_ignored(world: CoreHarness) -> None:
    """With a reason."""
    delivery = world.receive_and_drain(AccountSeen(name="other", gone="the GitHub app was uninstalled"))
    assert world.outcome(delivery) == "ignored, because no repository of other is watched"
