"""Listings of query members: pages that are old, long, refused or lost, and rules that change meanwhile."""

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.trackers.connector import Rejected, Unavailable
from sync_service.domain.trackers.queries import MemberPage
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine import versions as counters
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.okrs import query_members
from sync_service.store.tables.instant import EPOCH
from sync_service.tracker_sync.list_query_members import INTERVAL, QueryLister
from tests.flows.fake_query_tracker import FINDS_FIRST, FIRST, SECOND, FakeQueryTracker, QueryHarness
from tests.support.services import NOW, add_issue

pytestmark = pytest.mark.slow


@pytest.fixture
def harness(services: Services) -> QueryHarness:
    """Return the harness."""
    return QueryHarness(services, FakeQueryTracker())


def test_a_page_from_before_a_change_adds_no_former_member(
    harness: QueryHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listing began before the change, and ends after the second match."""
    harness.furnish()
    harness.list_again()
    harness.connector.answers = {"1#1": False}
    harness.connector.pages = [MemberPage(found={"1#1": FIRST}, cursor="next"), MemberPage(found={}, cursor=None)]
    save_page = QueryLister._save_page

    def save_and_change(lister: QueryLister, row: Row[Any], run: Any, page: MemberPage) -> Any:
        kept = save_page(lister, row, run, page)
        if page.cursor:
            harness.change(1)
            harness.match()
            harness.match_after_a_minute()
        return kept

    monkeypatch.setattr(QueryLister, "_save_page", save_and_change)
    harness.list_again()
    assert harness.linked() == []


def test_a_rejected_listing_has_the_reason_and_is_retried(harness: QueryHarness) -> None:
    """No member is removed, and the next listing that works clears the reason."""
    harness.furnish()
    harness.connector.pages = [FINDS_FIRST]
    harness.list_again()
    harness.connector.pages = [Rejected("no such field")]
    harness.list_again()
    (row,) = harness.rows(tables.query_listing)
    assert (row.incomplete_reason, row.cursor) == ("no such field", None)
    assert harness.seconds(tables.query_listing) == pytest.approx(INTERVAL.total_seconds(), abs=60)
    assert harness.linked() == [FIRST]
    harness.connector.pages = [Unavailable("busy"), FINDS_FIRST]
    harness.list_again()
    with writing(harness.services.engine) as tx:
        tx.execute(sa.delete(tables.rate_limit))
    harness.list_again()
    assert harness.rows(tables.query_listing)[0].incomplete_reason is None


def test_a_query_that_is_never_complete_is_not_listed_every_minute(harness: QueryHarness) -> None:
    """With the same reason as before it waits the usual time, and the rules' version stays."""
    harness.furnish()

    def version() -> int:
        with reading(harness.services.engine) as tx:
            return counters.value(tx, counters.RULES)

    waits = []
    versions = []
    for lacking in ("too many", "too many", "cut short", "cut short"):
        harness.connector.pages = [MemberPage(found={"1#1": FIRST}, cursor=None, incomplete_reason=lacking)]
        harness.list_again()
        waits.append(round(harness.seconds(tables.query_listing) / 60))
        versions.append(version())
    assert waits == [1, 15, 1, 15]
    assert versions[0] == versions[1] < versions[2] == versions[3]


def test_a_long_page_is_stored_in_chunks(harness: QueryHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash between two chunks the page is fetched again, and each member counts once."""
    monkeypatch.setattr("sync_service.tracker_sync.list_query_members.CHUNK", 2)
    harness.furnish()
    page = MemberPage(found={f"1#{number}": f"acme/checkout#{number}" for number in range(1, 6)}, cursor=None)
    shown: list[list[str]] = []

    def show(tx: Transaction, revision_id: int, identities: Sequence[str], *, run: int) -> None:
        if len(shown) == 1:
            shown.append([])
            message = "dies"
            raise ZeroDivisionError(message)
        shown.append(list(identities))
        noted(tx, revision_id, identities, run=run)

    noted = query_members.show
    monkeypatch.setattr(query_members, "show", show)
    harness.connector.pages = [page]
    harness.lister.drain()
    assert [row.identity for row in harness.rows(tables.query_member)] == ["1#1", "1#2"]
    harness.connector.pages = [page]
    harness.list_again()
    assert [len(bucket) for bucket in shown] == [2, 0, 2, 2, 1]
    assert [row.identity for row in harness.rows(tables.query_member) if row.holds] == sorted(page.found)
    assert harness.rows(tables.query_listing)[0].outcome == "5 members"


def test_an_unknown_member_is_fetched_and_then_counts(harness: QueryHarness) -> None:
    """The page has only its key."""
    harness.furnish()
    harness.connector.pages = [MemberPage(found={"1#9": "acme/checkout#9"}, cursor=None)]
    harness.list_again()
    (request,) = harness.rows(tables.fetch_request)
    assert (request.identity, request.reason) == ("1#9", "listed")
    with writing(harness.services.engine) as tx:
        (scope,) = tx.execute(sa.select(tables.scope)).all()
        issue_scope = {"scope_external_id": "1", "scope_name": "acme/checkout", "identity": "1#9"}
        add_issue(tx, scope.connection_id, scope.id, "acme/checkout#9", "Late", updated_at=NOW, **issue_scope)
        tx.execute(sa.insert(tables.relink_request).values(connection_id=scope.connection_id, due_at=EPOCH))
    harness.services.drains.drain("relink_request")
    assert harness.linked() == ["acme/checkout#9"]


def test_a_worker_that_lost_its_lease_changes_nothing(harness: QueryHarness) -> None:
    """Another worker took over the listing and ended it."""
    harness.furnish()
    (_, other) = harness.worker()

    def take_over() -> None:
        with writing(harness.services.engine) as tx:
            tx.execute(sa.update(tables.query_listing).values(due_at=EPOCH))
        while other.drain():
            pass

    harness.connector.meanwhile = take_over
    harness.connector.pages = [
        FINDS_FIRST,
        MemberPage(found={"1#2": SECOND}, cursor=None),
    ]
    harness.lister.drain()
    harness.services.drains.drain("rule_revision")
    assert harness.linked() == [FIRST]


def test_a_member_in_a_hidden_scope_stays(harness: QueryHarness) -> None:
    """It may still match while it is hidden."""
    harness.furnish()
    harness.connector.pages = [FINDS_FIRST]
    harness.list_again()
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.scope).values(gone_reason="hidden", gone_at=database_now(tx)))
    harness.list_again()
    assert harness.linked() == [FIRST]
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.scope).values(gone_reason=None, gone_at=None))
    harness.list_again()
    assert harness.linked() == []


def test_a_row_of_a_retired_rule_settles(harness: QueryHarness) -> None:
    """It may be due before it is deleted."""
    harness.furnish()
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.rule_revision).values(state="retired"))
    harness.lister.drain()
    assert harness.rows(tables.query_listing)[0].outcome == "the rule was changed"


def test_a_page_of_a_rule_edited_meanwhile_is_dropped(harness: QueryHarness) -> None:
    """The page belongs to the old query."""
    harness.furnish()

    def edit() -> None:
        with writing(harness.services.engine) as tx:
            tx.execute(sa.update(tables.rule_revision).values(state="retired"))

    harness.connector.meanwhile = edit
    harness.connector.pages = [FINDS_FIRST]
    harness.lister.drain()
    assert harness.rows(tables.query_listing)[0].outcome == "the rule was changed"
    assert harness.rows(tables.query_member) == []


def test_a_query_that_this_version_cannot_read_has_the_reason(harness: QueryHarness) -> None:
    """Credentials are not needed for it."""
    harness.furnish(token=None)
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.rule_revision).values(query="is:issue"))
    harness.list_again()
    assert "names no repository or owner" in harness.rows(tables.query_listing)[0].incomplete_reason
