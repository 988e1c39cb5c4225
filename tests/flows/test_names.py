"""Names of labels and scopes that are written in other ways, or belonged to something else before."""

import unicodedata
from typing import Literal

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import ScopeRef, ScopeSeen, State
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.trackers import scope_names
from tests.domain.factories import at, snapshot
from tests.support.fake_tracker import CoreHarness, bump_rules

NAME = "Bezahlung für Köln"
Form = Literal["NFC", "NFD"]


@pytest.mark.parametrize(("written", "typed"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_label_is_found_whichever_way_its_letters_are_composed(
    empty_core: CoreHarness, written: Form, typed: Form
) -> None:
    """A Mac may write an umlaut as two characters, a rule as one."""
    condition = {"field": "labels", "has": unicodedata.normalize(typed, NAME)}
    empty_core.rule("label", empty_core.key_result(), condition)
    empty_core.receive_and_drain(snapshot(0, labels=[unicodedata.normalize(written, NAME)]))
    assert empty_core.value() == 0


OLD, NEW = "acme/checkout", "acme/checkout-old"
FIRST = ScopeRef("501", OLD)
FIRST_NOW = ScopeRef("501", NEW)
SECOND = ScopeRef("777", OLD)


def watch(core: CoreHarness, *names: str) -> None:
    """Watch these scopes, as a file does that names them."""
    with writing(core.engine) as tx:
        scope_names.watch(tx, core.connection_id, names, covered_at=core.now)
        tx.execute(sa.delete(tables.scope).where(tables.scope.c.name.not_in(names)))
        bump_rules(tx)


def watched(core: CoreHarness) -> dict[str, tuple[str | None, str | None]]:
    """Return present name and id of each scope by its configured name."""
    return {row.name: (row.current_name, row.external_id) for row in core.rows(tables.scope)}


@pytest.fixture
def core(empty_core: CoreHarness) -> CoreHarness:
    """Return a harness with a key result for each of two scopes, and one open issue in the first."""
    for slug, name in (("KR-1", OLD), ("KR-2", NEW)):
        empty_core.rule(slug.lower(), empty_core.key_result(slug), {"field": "scope", "is": name})
    empty_core.receive_and_drain(snapshot(0, scope=FIRST))
    assert (empty_core.value("KR-1"), empty_core.value("KR-2")) == (0, None)
    return empty_core


@pytest.mark.both_databases
@pytest.mark.parametrize("when", ["before the rename", "after the rename"])
def test_a_repository_and_the_one_that_took_its_name_are_both_watched(core: CoreHarness, when: str) -> None:
    """Each configured name means what is called so at present, whenever the second name was configured."""
    if when == "before the rename":
        watch(core, OLD, NEW)
    core.receive_and_drain(snapshot(30, scope=FIRST_NOW, key=f"{NEW}#1"))
    core.receive_and_drain(ScopeSeen(scope=FIRST_NOW, was=OLD))
    if when == "after the rename":
        watch(core, OLD, NEW)
    done = snapshot(60, scope=SECOND, identity="777#9", key=f"{OLD}#9", state=State.DONE, closed_at=at(60))
    delivery = core.receive_and_drain(ScopeSeen(scope=SECOND, returned=True), done)
    assert "is not watched" not in core.outcome(delivery)
    assert watched(core) == {NEW: (None, "501"), OLD: (None, "777")}
    core.receive_and_drain(snapshot(120, scope=FIRST_NOW, key=f"{NEW}#1"))
    assert (core.value("KR-1"), core.value("KR-2")) == (100, 0)
    late = core.receive_and_drain(ScopeSeen(scope=FIRST_NOW, was=OLD), snapshot(1, scope=FIRST))
    assert "is not watched" not in core.outcome(late)
    assert watched(core) == {NEW: (None, "501"), OLD: (None, "777")}


def test_a_repository_that_took_the_name_of_the_only_configured_one_is_ignored_and_says_why(core: CoreHarness) -> None:
    """The renamed one stays watched by its id."""
    core.receive_and_drain(ScopeSeen(scope=FIRST_NOW, was=OLD))
    delivery = core.receive_and_drain(snapshot(60, scope=SECOND, identity="777#9", key=f"{OLD}#9"))
    assert core.outcome(delivery) == f"ignored, because this {OLD} is not watched: the one that had its name before is"
    core.receive_and_drain(snapshot(120, scope=FIRST_NOW, key=f"{NEW}#1", state=State.DONE, closed_at=at(120)))
    assert core.value() == 100


def test_a_file_with_the_new_name_keeps_what_is_known_of_a_renamed_scope(core: CoreHarness) -> None:
    """It is the same row: covered, with its issues, and nothing is imported again."""
    core.receive_and_drain(ScopeSeen(scope=FIRST_NOW, was=OLD))
    (before,) = core.rows(tables.scope)
    watch(core, NEW)
    (after,) = core.rows(tables.scope)
    assert (after.id, after.name, after.current_name, after.external_id) == (before.id, NEW, None, "501")
    assert after.covered_at == before.covered_at


def test_names_that_moved_on_in_a_row_are_followed_by_a_file(core: CoreHarness) -> None:
    """One was renamed, another took its name, and the file then has the present names of both."""
    watch(core, OLD, "acme/ledger")
    core.receive_and_drain(ScopeSeen(scope=ScopeRef("502", "acme/ledger")))
    core.receive_and_drain(ScopeSeen(scope=ScopeRef("501", "acme/pay"), was=OLD))
    core.receive_and_drain(ScopeSeen(scope=ScopeRef("502", OLD), was="acme/ledger"))
    assert watched(core) == {OLD: ("acme/pay", "501"), "acme/ledger": (OLD, "502")}
    watch(core, OLD, "acme/ledger")
    assert watched(core) == {OLD: ("acme/pay", "501"), "acme/ledger": (OLD, "502")}
    watch(core, "acme/pay", OLD)
    assert watched(core) == {"acme/pay": (None, "501"), OLD: (None, "502")}
    watch(core, OLD)
    assert watched(core) == {OLD: (None, "502")}


def test_a_scope_moved_with_a_new_name_before_a_delivery_is_found_by_a_poll(empty_core: CoreHarness) -> None:
    """The tracker answers the old name with the new one, so a poll knows both."""
    empty_core.receive_and_drain(ScopeSeen(scope=ScopeRef("501", "globex/pay"), was=OLD, returned=True))
    assert watched(empty_core) == {OLD: ("globex/pay", "501")}


def test_scopes_that_nothing_named_are_listed_once_others_were_named(core: CoreHarness) -> None:
    """A name with a typing error looks like this."""
    watch(core, OLD, "acme/chekout")
    with reading(core.engine) as tx:
        assert scope_names.never_named(tx) == [("paper", "acme/chekout")]
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.scope).values(external_id=None))
    with reading(core.engine) as tx:
        assert scope_names.never_named(tx) == []
