"""What befalls the listings of queries: pages that are old, long, refused or lost, and rules that change meanwhile."""

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
from tests.flows.fake_query_tracker import FINDS_FIRST, FIRST, SECOND, FakeQueryTracker, Stage
from tests.support.services import NOW, add_issue

pytestmark = pytest.mark.slow


@pytest.fixture
def stage(services: Services) -> Stage:
    """Set the stage."""
    return Stage(services, FakeQueryTracker())


def test_a_page_from_before_a_change_adds_nothing_that_left(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listing began before, and ends after the index was asked once more."""
    stage.furnish()
    stage.list_again()
    stage.connector.answers = {"1#1": False}
    stage.connector.pages = [MemberPage(found={"1#1": FIRST}, cursor="next"), MemberPage(found={}, cursor=None)]
    save_page = QueryLister._save_page

    def save_and_change(lister: QueryLister, row: Row[Any], run: Any, page: MemberPage) -> Any:
        kept = save_page(lister, row, run, page)
        if page.cursor:
            stage.change(1)
            stage.match()
            stage.ask_once_more()
        return kept

    monkeypatch.setattr(QueryLister, "_save_page", save_and_change)
    stage.list_again()
    assert stage.linked() == []


def test_a_listing_that_the_tracker_rejects_says_so_and_comes_again(stage: Stage) -> None:
    """Nothing is let go, and the next one that works says no more of it."""
    stage.furnish()
    stage.connector.pages = [FINDS_FIRST]
    stage.list_again()
    stage.connector.pages = [Rejected("no such field")]
    stage.list_again()
    (row,) = stage.rows(tables.query_listing)
    assert (row.incomplete_reason, row.cursor) == ("no such field", None)
    assert stage.seconds(tables.query_listing) == pytest.approx(INTERVAL.total_seconds(), abs=60)
    assert stage.linked() == [FIRST]
    stage.connector.pages = [Unavailable("busy"), FINDS_FIRST]
    stage.list_again()
    with writing(stage.services.engine) as tx:
        tx.execute(sa.delete(tables.rate_limit))
    stage.list_again()
    assert stage.rows(tables.query_listing)[0].incomplete_reason is None


def test_a_query_that_is_never_listed_whole_is_not_listed_every_minute(stage: Stage) -> None:
    """Once it lacks what it lacked before, the usual time is soon enough, and the rules' version stays."""
    stage.furnish()

    def version() -> int:
        with reading(stage.services.engine) as tx:
            return counters.value(tx, counters.RULES)

    waits = []
    versions = []
    for lacking in ("too many", "too many", "cut short", "cut short"):
        stage.connector.pages = [MemberPage(found={"1#1": FIRST}, cursor=None, incomplete_reason=lacking)]
        stage.list_again()
        waits.append(round(stage.seconds(tables.query_listing) / 60))
        versions.append(version())
    assert waits == [1, 15, 1, 15]
    assert versions[0] == versions[1] < versions[2] == versions[3]


def test_a_long_page_is_kept_a_part_at_a_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who dies between two parts has the page fetched again, and each of its members is counted once."""
    monkeypatch.setattr("sync_service.tracker_sync.list_query_members.CHUNK", 2)
    stage.furnish()
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
    stage.connector.pages = [page]
    stage.querying.drain()
    assert [row.identity for row in stage.rows(tables.query_member)] == ["1#1", "1#2"]
    stage.connector.pages = [page]
    stage.list_again()
    assert [len(bucket) for bucket in shown] == [2, 0, 2, 2, 1]
    assert [row.identity for row in stage.rows(tables.query_member) if row.holds] == sorted(page.found)
    assert stage.rows(tables.query_listing)[0].outcome == "5 members"


def test_a_member_that_is_not_known_yet_is_looked_at_and_then_counts(stage: Stage) -> None:
    """Where the page shows no more than its name."""
    stage.furnish()
    stage.connector.pages = [MemberPage(found={"1#9": "acme/checkout#9"}, cursor=None)]
    stage.list_again()
    (look,) = stage.rows(tables.fetch_request)
    assert (look.identity, look.reason) == ("1#9", "listed")
    with writing(stage.services.engine) as tx:
        (scope,) = tx.execute(sa.select(tables.scope)).all()
        place = {"scope_external_id": "1", "scope_name": "acme/checkout", "identity": "1#9"}
        add_issue(tx, scope.connection_id, scope.id, "acme/checkout#9", "Late", updated_at=NOW, **place)
        tx.execute(
            sa.insert(tables.relink_request).values(connection_id=scope.connection_id, cause="seen", due_at=EPOCH)
        )
    stage.services.drains.drain("relink_request")
    assert stage.linked() == ["acme/checkout#9"]


def test_a_worker_that_lost_its_lease_changes_nothing(stage: Stage) -> None:
    """Another took the listing over meanwhile, and ended it."""
    stage.furnish()
    (_, other) = stage.worker()

    def take_over() -> None:
        with writing(stage.services.engine) as tx:
            tx.execute(sa.update(tables.query_listing).values(due_at=EPOCH))
        while other.drain():
            pass

    stage.connector.meanwhile = take_over
    stage.connector.pages = [
        FINDS_FIRST,
        MemberPage(found={"1#2": SECOND}, cursor=None),
    ]
    stage.querying.drain()
    stage.services.drains.drain("rule_revision")
    assert stage.linked() == [FIRST]


def test_a_member_in_a_scope_that_is_hidden_stays(stage: Stage) -> None:
    """It may be one unseen."""
    stage.furnish()
    stage.connector.pages = [FINDS_FIRST]
    stage.list_again()
    with writing(stage.services.engine) as tx:
        tx.execute(sa.update(tables.scope).values(gone_reason="hidden", gone_at=database_now(tx)))
    stage.list_again()
    assert stage.linked() == [FIRST]
    with writing(stage.services.engine) as tx:
        tx.execute(sa.update(tables.scope).values(gone_reason=None, gone_at=None))
    stage.list_again()
    assert stage.linked() == []


def test_a_row_of_a_retired_rule_settles(stage: Stage) -> None:
    """Where its turn comes before it is swept."""
    stage.furnish()
    with writing(stage.services.engine) as tx:
        tx.execute(sa.update(tables.rule_revision).values(state="retired"))
    stage.querying.drain()
    assert stage.rows(tables.query_listing)[0].outcome == "the rule was changed"


def test_a_rule_that_is_edited_while_a_page_is_fetched_notes_nothing(stage: Stage) -> None:
    """The page was of the old query."""
    stage.furnish()

    def edit() -> None:
        with writing(stage.services.engine) as tx:
            tx.execute(sa.update(tables.rule_revision).values(state="retired"))

    stage.connector.meanwhile = edit
    stage.connector.pages = [FINDS_FIRST]
    stage.querying.drain()
    assert stage.rows(tables.query_listing)[0].outcome == "the rule was changed"
    assert stage.rows(tables.query_member) == []


def test_a_query_that_a_version_no_longer_takes_says_why(stage: Stage) -> None:
    """Without credentials too."""
    stage.furnish(token=None)
    with writing(stage.services.engine) as tx:
        tx.execute(sa.update(tables.rule_revision).values(query="is:issue"))
    stage.list_again()
    assert "names no repository or owner" in stage.rows(tables.query_listing)[0].incomplete_reason
