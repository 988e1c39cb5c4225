"""Scopes that are renamed, deleted or hidden at the tracker: their key results are stale, with the reason."""

from datetime import timedelta
from itertools import permutations

import pytest

from sync_service.domain.rules.rule_state import RuleState
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
    """Return why a key result is stale, if it is."""
    with reading(core.engine) as tx:
        view = key_result_view(tx, slug, core.now)
    assert view is not None
    return view.stale


def test_a_deleted_repository_makes_its_key_results_stale(core: CoreHarness) -> None:
    """Their values stay: unreadable is not zero."""
    delivery = core.receive_and_drain(DELETED)
    assert core.outcome(delivery) == "acme/checkout: the repository was deleted"
    assert core.value() == 0
    assert stale(core) == Stale(NOW, "paper: acme/checkout: the repository was deleted")


@pytest.mark.slow
def test_only_key_results_with_issues_or_rules_in_the_scope_are_stale(core: CoreHarness) -> None:
    """A rule for the scope or for any scope counts, a rule for another scope or a disabled one does not."""
    with writing(core.engine) as tx:
        core.add_scope(tx, "acme/billing")
    core.rule("here", core.key_result("KR-2"), {"field": "scope", "is": "Acme/Checkout"})
    core.rule("there", core.key_result("KR-3"), {"field": "scope", "is": "acme/billing"})
    core.rule("off", core.key_result("KR-4"), {"field": "scope", "is": "acme/checkout"}, state=RuleState.DISABLED)
    core.receive_and_drain(DELETED)
    assert [slug for slug in ("KR-1", "KR-2", "KR-3", "KR-4") if stale(core, slug)] == ["KR-1", "KR-2"]
    core.rule("checkout-label", core.key_result_row("KR-1").id, {"field": "scope", "is": "acme/billing"})
    assert stale(core, "KR-1") is None


def test_a_linked_issue_in_a_deleted_scope_makes_its_key_result_stale(core: CoreHarness) -> None:
    """It is linked by its label, and no rule covers the scope."""
    core.key_result("KR-5")
    core.receive_and_drain(snapshot(1, labels=["okr:KR-5"]), DELETED)
    assert stale(core, "KR-5") is not None


def test_no_later_delivery_restores_a_deleted_repository(core: CoreHarness) -> None:
    """A delivery may be late."""
    core.receive_and_drain(DELETED)
    for late in (ScopeSeen(scope=CHECKOUT), ScopeSeen(scope=CHECKOUT, returned=True), SUSPENDED):
        delivery = core.receive_and_drain(late)
        assert "suspended" not in core.outcome(delivery)
    assert stale(core) == Stale(NOW, "paper: acme/checkout: the repository was deleted")


def receive_in_order(core: CoreHarness, *observations: Observation) -> None:
    """Receive these observations one after the other, a second apart."""
    for observation in observations:
        core.now += timedelta(seconds=1)
        core.receive_and_drain(observation)


def test_restored_access_of_an_app_ends_staleness(core: CoreHarness) -> None:
    """Access may be restored for one repository, or for an account."""
    receive_in_order(core, ScopeSeen(scope=CHECKOUT, gone="the GitHub app may no longer see it"))
    assert stale(core) == Stale(NOW + timedelta(seconds=1), "paper: acme/checkout: the GitHub app may no longer see it")
    receive_in_order(core, ScopeSeen(scope=CHECKOUT, returned=True))
    assert stale(core) is None
    receive_in_order(core, AccountSeen(name="ACME", gone="the GitHub app was uninstalled"))
    assert stale(core) is not None
    receive_in_order(core, AccountSeen(name="acme", returned=True))
    assert stale(core) is None


@pytest.mark.parametrize("order", list(permutations([SUSPENDED, AccountSeen(name="acme", returned=True, at=at(9))])))
def test_a_late_suspension_does_not_undo_its_end(core: CoreHarness, order: tuple[AccountSeen, ...]) -> None:
    """The tracker's times decide."""
    receive_in_order(core, *order)
    assert stale(core) is None


def test_later_deliveries_are_applied_although_the_scope_stays_stale(core: CoreHarness) -> None:
    """GitHub sends deliveries for a while after an app was uninstalled."""
    core.receive_and_drain(AccountSeen(name="acme", gone="the GitHub app was uninstalled"))
    delivery = core.receive_and_drain(snapshot(3, labels=["checkout"], state=State.DONE, closed_at=at(3)))
    assert core.outcome(delivery) == "acme/checkout#1: applied, closed as done"
    assert core.value() == 100
    assert stale(core) is not None


def test_the_oldest_of_several_reasons_is_shown(core: CoreHarness) -> None:
    """Each reason has its own start."""
    with writing(core.engine) as tx:
        refused = {"refused_at": NOW - timedelta(days=1), "refused_reason": "401"}
        tx.execute(tables.connection.update().values(refused))
    core.receive_and_drain(DELETED)
    assert stale(core) == Stale(NOW - timedelta(days=1), "paper: 401")


def scope_of(core: CoreHarness, name: str) -> tuple[str | None, str | None]:
    """Return the id and the current name of a watched scope."""
    (row,) = core.rows(tables.scope, tables.scope.c.name == name)
    return row.external_id, row.current_name


def test_a_rename_finds_a_scope_without_an_id_by_its_old_name(core: CoreHarness) -> None:
    """The scope was configured by name, and no delivery had its id yet."""
    with writing(core.engine) as tx:
        core.add_scope(tx, "acme/billing")
    core.receive_and_drain(ScopeSeen(scope=ScopeRef("502", "acme/invoices"), was="acme/billing"))
    assert scope_of(core, "acme/billing") == ("502", "acme/invoices")
    shown = core.receive_and_drain(
        snapshot(0, identity="502#9", key="acme/invoices#9", scope=ScopeRef("502", "acme/invoices"))
    )
    assert core.outcome(shown) == "acme/invoices#9: applied, opened"


def test_a_rename_applies_to_a_scope_configured_in_another_case(core: CoreHarness) -> None:
    """Trackers ignore the case of names, so the configuration may write a name differently."""
    with writing(core.engine) as tx:
        core.add_scope(tx, "Acme/Billing")
    billing, invoices = ScopeRef("502", "acme/billing"), ScopeRef("502", "acme/invoices")
    core.receive_and_drain(snapshot(0, identity="502#9", key="acme/billing#9", scope=billing, labels=["checkout"]))
    core.receive_and_drain(ScopeSeen(scope=invoices, was="acme/billing"))
    (issue,) = core.rows(tables.issue, tables.issue.c.identity == "502#9")
    assert (issue.key, issue.scope_name) == ("acme/invoices#9", "acme/invoices")


def test_a_renamed_account_renames_its_repositories(core: CoreHarness) -> None:
    """A repository without an id is found by its new name from then on. Rules keep the configured name."""
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


def test_an_account_renamed_back_has_its_configured_name(core: CoreHarness) -> None:
    """A repeated rename changes nothing."""
    receive_in_order(core, AccountSeen(name="acme-corp", was="acme"), AccountSeen(name="acme", was="acme-corp"))
    assert scope_of(core, "acme/checkout") == ("501", None)
    again = core.receive_and_drain(AccountSeen(name="acme", was="acme-corp"))
    assert core.outcome(again) == "acme/checkout: nothing new"


def test_an_account_without_watched_scopes_is_ignored(core: CoreHarness) -> None:
    """The outcome says why."""
    delivery = core.receive_and_drain(AccountSeen(name="other", gone="the GitHub app was uninstalled"))
    assert core.outcome(delivery) == "ignored, because no repository of other is watched"
