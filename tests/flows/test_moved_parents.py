"""Parents with a new key: rules name them by old and new keys, and children follow without a webhook of their own."""

from collections.abc import Iterator
from itertools import permutations

import pytest

from simulator import Jira
from sync_service.domain.trackers.observations import Parent, ScopeRef, ScopeSeen, Snapshot, State, Tombstone
from sync_service.progress.previews.rule_preview import Edit, preview
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from tests.domain.factories import at, snapshot
from tests.flows.harness import clock_of
from tests.flows.jira_harness import DAY, JiraHarness
from tests.support.config_file import jira, okrs
from tests.support.fake_tracker import CoreHarness

SHOP, PAY, STORE = ScopeRef("501", "SHOP"), ScopeRef("502", "PAY"), ScopeRef("501", "STORE")
BY_OLD, BY_NEW = {"field": "parent", "is": "SHOP-50"}, {"field": "parent", "in": ["PAY-9", "PAY-10"]}
EPIC = snapshot(0, identity="50", key="SHOP-50", scope=SHOP)
MOVED = snapshot(5, identity="50", key="PAY-9", scope=PAY)


def child(second: float, number: int, parent: str | None, *, id_: str | None = None, done: bool = False) -> Snapshot:
    """Return a child in SHOP."""
    state = {"state": State.DONE, "closed_at": at(second)} if done else {}
    known = Parent(parent, id_)
    return snapshot(second, identity=str(number), key=f"SHOP-{number}", scope=SHOP, parent=known, **state)


@pytest.fixture
def core(empty_core: CoreHarness) -> CoreHarness:
    """Return a harness that watches two projects; KR-1 counts by the epic's old key, KR-2 by its new one."""
    with empty_core.engine.begin() as tx:
        empty_core.add_scope(tx, "SHOP")
        empty_core.add_scope(tx, "PAY")
    empty_core.rule("by-old", empty_core.key_result(), BY_OLD)
    empty_core.rule("by-new", empty_core.key_result("KR-2"), BY_NEW)
    return empty_core


def parents(core: CoreHarness) -> list[str | None]:
    """Return the parents of the issues, by their ids at the tracker."""
    return [row.parent_key for row in sorted(core.rows(tables.issue), key=lambda row: row.identity)]


@pytest.mark.both_databases
@pytest.mark.parametrize("id_", ["50", None])
def test_rules_go_on_by_old_and_new_key_after_an_epic_moved(core: CoreHarness, id_: str | None) -> None:
    """Its children get its new key, whether they name it by its id too or by its key alone."""
    core.receive_and_drain(EPIC, child(1, 1, "SHOP-50", id_=id_, done=True), child(1, 2, "SHOP-50", id_=id_))
    assert (core.value("KR-1"), core.value("KR-2")) == (50, None)
    core.receive_and_drain(MOVED)
    assert parents(core) == ["PAY-9", "PAY-9", None]
    assert (core.value("KR-1"), core.value("KR-2")) == (50, 50)
    assert "its parent SHOP-50 is now PAY-9" in core.reasons("KR-2")[-1]
    core.receive_and_drain(child(7, 3, "PAY-9", id_=id_), child(7, 4, "SHOP-50", id_=id_))
    assert (core.value("KR-1"), core.value("KR-2")) == (25, 25), "new children too, by whichever key they name it"
    core.receive_and_drain(child(8, 3, "PAY-10"), child(8, 4, None))
    assert (core.value("KR-1"), round(core.value("KR-2") or 0)) == (50, 33), "who leaves it is no longer its child"


@pytest.mark.parametrize("order", list(permutations([EPIC, MOVED, child(1, 1, "SHOP-50", id_="50", done=True)])))
def test_the_order_of_deliveries_about_a_moved_epic_does_not_matter(
    core: CoreHarness, order: tuple[Snapshot, ...]
) -> None:
    """Its old key is only known if one of them had it; the child names it by its id."""
    for one in order:
        core.receive_and_drain(one)
    assert (core.value("KR-1"), core.value("KR-2")) == (100, 100)


def test_children_of_an_unwatched_epic_follow_the_first_of_them(core: CoreHarness) -> None:
    """A late delivery with the old key turns nobody back."""
    core.receive_and_drain(*(child(1, number, "SHOP-50", id_="50", done=number == 1) for number in (1, 2, 3)))
    core.receive_and_drain(child(5, 1, "PAY-9", id_="50", done=True))
    assert parents(core) == ["PAY-9"] * 3
    assert (core.value("KR-1"), core.value("KR-2")) == (core.value("KR-1"), core.value("KR-1"))
    core.receive_and_drain(child(3, 2, "SHOP-50", id_="50"))
    assert parents(core) == ["PAY-9", "SHOP-50", "PAY-9"]
    assert round(core.value("KR-2") or 0) == 33, "it still counts by both keys"


def test_rules_go_on_by_old_and_new_key_after_a_project_was_renamed(core: CoreHarness) -> None:
    """Also where the epic itself is unknown, and after a second rename; what only begins alike is another's."""
    core.rule("by-mall", core.key_result("KR-3"), {"field": "parent", "matches": "MALL-5*"})
    core.receive_and_drain(child(1, 1, "SHOP-50", done=True), child(1, 2, "SHOPPING-50"), child(1, 3, "SHOP-5"))
    core.receive_and_drain(ScopeSeen(scope=STORE))
    assert (core.value("KR-1"), core.value("KR-3")) == (100, None)
    core.receive_and_drain(ScopeSeen(scope=ScopeRef("501", "MALL")))
    assert parents(core)[0] == "MALL-50"
    assert (core.value("KR-1"), core.value("KR-3")) == (100, 50)


def test_a_preview_knows_old_and_new_keys_as_the_saved_rule_does(core: CoreHarness) -> None:
    """Otherwise it would promise something else."""
    core.receive_and_drain(EPIC, child(1, 1, "SHOP-50", done=True), MOVED)
    key_result_id = core.key_result_row().id
    with reading(core.engine) as tx:
        for condition in (BY_OLD, BY_NEW):
            edit = Edit(
                slug=None,
                connection_id=core.connection_id,
                key_result_id=key_result_id,
                condition=condition,
            )
            assert preview(tx, edit, now=core.now).matching == 1


def test_children_of_a_transferred_issue_go_on_counting(core: CoreHarness) -> None:
    """On GitHub an issue that moves gets another id too."""
    core.receive_and_drain(EPIC, child(1, 1, "SHOP-50", id_="50", done=True))
    core.receive_and_drain(Tombstone(identity="50", key="SHOP-50", successor="90", moved_to="PAY-9"))
    assert (core.value("KR-1"), core.value("KR-2")) == (100, 100)


def test_a_manual_link_by_the_old_key_finds_an_issue_that_moved(core: CoreHarness) -> None:
    """It may be older than the link, which then meets the issue under its new key only."""
    core.receive_and_drain(EPIC, MOVED)
    with writing(core.engine) as tx:
        row = {"key_result_id": core.key_result_row().id, "connection_id": core.connection_id, "weight": 1}
        tx.execute(tables.manual_link.insert().values(key="SHOP-50", **row))
    core.receive_and_drain(snapshot(9, identity="50", key="PAY-9", scope=PAY, state=State.DONE, closed_at=at(9)))
    assert core.value() == 100


def test_a_moved_epic_without_children_requests_nothing(core: CoreHarness) -> None:
    """A bulk move of a thousand issues must not relink everything a thousand times."""
    core.receive_and_drain(EPIC)
    before = len(core.rows(tables.relink_request))
    core.receive_and_drain(MOVED)
    assert len(core.rows(tables.relink_request)) == before


@pytest.fixture
def jira_harness(services: Services, *, data_center: bool) -> Iterator[JiraHarness]:
    """Yield a Jira with an epic in PAY and two stories in SHOP, of which a rule counts those of the epic."""
    clock = clock_of(3 * DAY)
    with Jira(clock=clock, data_center=data_center) as site:
        harness = JiraHarness(services, site, clock)
        epic = harness.pay.create_issue("Epic", type="Epic")
        harness.shop.create_issue("One", parent=epic).finish()
        harness.shop.create_issue("Two", parent=epic)
        rule = {"slug": "epic", "connection": "jira", "key_result": "KR-1", "when": {"field": "parent", "is": "PAY-1"}}
        site.add_hook(url="http://127.0.0.1:9/hooks/jira", secret="hush")
        site.webhooks.lose_next(10_000)
        harness.apply(okrs(jira(site, scopes=["SHOP", "PAY"], earlier="import"), rules=[rule]))
        harness.drain()
        assert harness.value() == 50
        harness.received = len(site.deliveries)
        yield harness


@pytest.mark.slow
def test_an_epic_that_moves_takes_its_children_along(jira_harness: JiraHarness) -> None:
    """On Cloud and Data Center: Jira sends one webhook, about the epic."""
    epic = jira_harness.jira.find("PAY-1")
    assert epic is not None
    jira_harness.clock.step(60)
    epic.move(jira_harness.attic)
    jira_harness.receive_webhooks()
    jira_harness.drain()
    assert jira_harness.value() == 50
    assert {row.parent_key for row in jira_harness.rows(tables.issue) if row.parent_key} == {epic.key}


@pytest.mark.slow
@pytest.mark.both_databases
@pytest.mark.parametrize("data_center", [True])
def test_an_epic_link_that_only_a_link_webhook_reports_is_followed(jira_harness: JiraHarness) -> None:
    """The issues do not change by it, not even their times."""
    site = jira_harness.jira
    site.tells_epics_by_links = True
    two, epic = site.find("SHOP-2"), site.find("PAY-1")
    assert two is not None
    for parent, value in ((None, 100), (epic, 50)):
        jira_harness.clock.step(60)
        two.set_parent(parent)
        assert {one.request.name for one in site.deliveries[jira_harness.received :]} <= {
            "issuelink_created",
            "issuelink_deleted",
        }
        jira_harness.receive_webhooks()
        jira_harness.drain()
        assert jira_harness.value() == value
