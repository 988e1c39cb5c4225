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
def core(core: CoreHarness) -> CoreHarness:
    """Return the harness with one issue that has the label `checkout`."""
    core.receive_and_drain(snapshot(0, labels=["checkout"]))
    return core


def stale(core: CoreHarness, slug: str = "KR-1") -> Stale | None:
    """Return whether a key result is stale."""
    with reading(core.engine) as tx:
        view = key_result_view(tx, slug, core.now)
    assert view is not None
    return view.stale


def test_what_reaches_a_deleted_repository_keeps_its_value_and_is_stale(core: CoreHarness) -> None:
    """Unreadable is not zero."""
    delivery = core.receive_and_drain(DELETED)
    assert core.outcome(delivery) == "acme/checkout: the repository was deleted"
    assert core.value() == 0
    assert stale(core) == Stale(NOW, "paper: acme/checkout: the repository was deleted")


def test_only_what_reaches_it_is_stale(core: CoreHarness) -> None:
    """By a linked issue, or by a rule that holds there or anywhere; not by a rule for another scope."""
    with writing(core.engine) as tx:
        core.add_scope(tx, "acme/billing")
    core.rule("here", core.key_result("KR-2"), {"field": "scope", "is": "Acme/Checkout"})
    core.rule("there", core.key_result("KR-3"), {"field": "scope", "is": "acme/billing"})
    core.rule("off", core.key_result("KR-4"), {"field": "scope", "is": "acme/checkout"}, enabled=False)
    core.receive_and_drain(DELETED)
    assert [slug for slug in ("KR-1", "KR-2", "KR-3", "KR-4") if stale(core, slug)] == ["KR-1", "KR-2"]
    core.rule("checkout-label", core.key_result_row("KR-1").id, {"field": "scope", "is": "acme/billing"})
    assert stale(core, "KR-1") is None


def test_a_linked_issue_is_enough(core: CoreHarness) -> None:
    """Here its label links it, and no rule reaches the scope."""
    core.key_result("KR-5")
    core.receive_and_drain(snapshot(1, labels=["okr:KR-5"]), DELETED)
    assert stale(core, "KR-5") is not None


@pytest.mark.both_databases
def test_no_later_word_brings_a_deleted_repository_back(core: CoreHarness) -> None:
    """A letter may be late."""
    core.receive_and_drain(DELETED)
    for late in (ScopeSeen(scope=CHECKOUT), ScopeSeen(scope=CHECKOUT, returned=True), SUSPENDED):
        delivery = core.receive_and_drain(late)
        assert "suspended" not in core.outcome(delivery)
    assert stale(core) == Stale(NOW, "paper: acme/checkout: the repository was deleted")


def told(core: CoreHarness, *words: Observation) -> None:
    """Tell one word after the other, a second apart."""
    for word in words:
        core.now += timedelta(seconds=1)
        core.receive_and_drain(word)


def test_an_app_that_may_see_again_ends_it(core: CoreHarness) -> None:
    """By the same kind of word: for one repository, or for all of an account."""
    told(core, ScopeSeen(scope=CHECKOUT, gone="the GitHub app may no longer see it"))
    assert stale(core) == Stale(NOW + timedelta(seconds=1), "paper: acme/checkout: the GitHub app may no longer see it")
    told(core, ScopeSeen(scope=CHECKOUT, returned=True))
    assert stale(core) is None
    told(core, AccountSeen(name="ACME", gone="the GitHub app was uninstalled"))
    assert stale(core) is not None
    told(core, AccountSeen(name="acme", returned=True))
    assert stale(core) is None


@pytest.mark.both_databases
@pytest.mark.parametrize("order", list(permutations([SUSPENDED, AccountSeen(name="acme", returned=True, at=at(9))])))
def test_a_suspension_that_comes_late_does_not_undo_its_end(core: CoreHarness, order: tuple[AccountSeen, ...]) -> None:
    """The tracker's own times decide."""
    told(core, *order)
    assert stale(core) is None


def test_letters_that_still_arrive_are_taken_and_the_scope_stays_away(core: CoreHarness) -> None:
    """GitHub goes on for a while after an app was uninstalled."""
    core.receive_and_drain(AccountSeen(name="acme", gone="the GitHub app was uninstalled"))
    delivery = core.receive_and_drain(snapshot(3, labels=["checkout"], state=State.DONE, closed_at=at(3)))
    assert core.outcome(delivery) == "acme/checkout#1: applied, closed as done"
    assert core.value() == 100
    assert stale(core) is not None


def test_of_several_reasons_the_longest_stands(core: CoreHarness) -> None:
    """Each has its own since."""
    with writing(core.engine) as tx:
        refused = {"refused_at": NOW - timedelta(days=1), "refused_reason": "401"}
        tx.execute(tables.connection.update().values(refused))
    core.receive_and_drain(DELETED)
    assert stale(core) == Stale(NOW - timedelta(days=1), "paper: 401")


def scope_of(core: CoreHarness, name: str) -> tuple[str | None, str | None]:
    """Return the id and the present name of a watched scope."""
    (row,) = core.rows(tables.scope, tables.scope.c.name == name)
    return row.external_id, row.current_name


def test_a_repository_that_was_renamed_before_it_was_seen_is_found_by_its_old_name(core: CoreHarness) -> None:
    """It was configured by name, and no letter had told its id."""
    with writing(core.engine) as tx:
        core.add_scope(tx, "acme/billing")
    core.receive_and_drain(ScopeSeen(scope=ScopeRef("502", "acme/invoices"), was="acme/billing"))
    assert scope_of(core, "acme/billing") == ("502", "acme/invoices")
    shown = core.receive_and_drain(
        snapshot(0, identity="502#9", key="acme/invoices#9", scope=ScopeRef("502", "acme/invoices"))
    )
    assert core.outcome(shown) == "acme/invoices#9: applied, opened"


def test_issues_take_the_new_name_of_a_scope_that_was_configured_in_other_letters(core: CoreHarness) -> None:
    """No tracker tells capitals apart in names; the configuration may write another than the tracker shows."""
    with writing(core.engine) as tx:
        core.add_scope(tx, "Acme/Billing")
    billing, invoices = ScopeRef("502", "acme/billing"), ScopeRef("502", "acme/invoices")
    core.receive_and_drain(snapshot(0, identity="502#9", key="acme/billing#9", scope=billing, labels=["checkout"]))
    core.receive_and_drain(ScopeSeen(scope=invoices, was="acme/billing"))
    (issue,) = core.rows(tables.issue, tables.issue.c.identity == "502#9")
    assert (issue.key, issue.scope_name) == ("acme/invoices#9", "acme/invoices")


def test_an_account_that_was_renamed_takes_its_repositories_along(core: CoreHarness) -> None:
    """One that was never seen is found by its new name from then on; rules keep the name of the configuration."""
    with writing(core.engine) as tx:
        core.add_scope(tx, "acme/billing")
        core.add_scope(tx, "emca/attic")
    delivery = core.receive_and_drain(AccountSeen(name="acme-corp", was="Acme"))
    assert core.outcome(delivery) == (
        "acme/checkout: is now called acme-corp/checkout; acme/billing: is now called acme-corp/billing"
    )
    shown = snapshot(0, identity="502#9", key="acme-corp/billing#9", scope=ScopeRef("502", "acme-corp/billing"))
    assert core.outcome(core.receive_and_drain(shown)) == "acme-corp/billing#9: applied, opened"
    assert scope_of(core, "acme/billing") == ("502", "acme-corp/billing")
    assert scope_of(core, "emca/attic") == (None, None)
    assert stale(core) is None


def test_an_account_that_gets_its_old_name_back_has_no_other_name(core: CoreHarness) -> None:
    """A repeat says nothing new."""
    told(core, AccountSeen(name="acme-corp", was="acme"), AccountSeen(name="acme", was="acme-corp"))
    assert scope_of(core, "acme/checkout") == ("501", None)
    again = core.receive_and_drain(AccountSeen(name="acme", was="acme-corp"))
    assert core.outcome(again) == "acme/checkout: nothing new"


@pytest.mark.both_databases
def test_an_account_of_which_nothing_is_watched_is_ignored(core: CoreHarness) -> None:
    """With a reason."""
    delivery = core.receive_and_drain(AccountSeen(name="other", gone="the GitHub app was uninstalled"))
    assert core.outcome(delivery) == "ignored, because no repository of other is watched"
