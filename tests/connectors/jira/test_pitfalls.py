"""The pitfalls of Jira's webhooks, with a test for each."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.jira import Jira
from connectors.jira.webhook.events import EVENT_RULES
from sync_service.domain.trackers.merge import merge_snapshot, merge_tombstone
from sync_service.domain.trackers.observations import Parent, Snapshot, State, Tombstone
from tests.connectors.jira.payloads import (
    ANA_ON_SERVER,
    DONE,
    IN_PROGRESS,
    PAY,
    SITE,
    connection,
    delivery,
    done,
    issue,
    item,
)

BULK = {"bulkOperationMetaData": {"entityCount": 1000, "sequenceNumber": 17, "bulkOperationId": "b-1"}}


def read(body: dict[str, Any], *items: dict[str, Any], **fields: Any) -> Snapshot:
    """Return the one snapshot of an update."""
    post = delivery("jira:issue_updated", issue=body, items=list(items), **fields)
    (seen,) = Jira().parse_delivery(post, connection()).observations
    assert isinstance(seen, Snapshot)
    return seen


def test_pitfall_1_an_older_status_that_arrives_late_changes_nothing() -> None:
    """The tracker's time of the last change decides, not the order of arrival."""
    early = read(issue(status=IN_PROGRESS), item("status", toString="Building"))
    late = read(done(), item("status", toString="Shipped"), item("resolution", toString="Done"))
    in_order, reordered = (
        merge_snapshot(merge_snapshot(None, early), late),
        merge_snapshot(merge_snapshot(None, late), early),
    )
    assert reordered == in_order
    assert (reordered.state, reordered.closed_at) == (State.DONE, merge_snapshot(None, late).closed_at)


def test_pitfall_4_only_a_deletion_event_proves_a_deletion() -> None:
    """A tombstone is final for deliveries, and only one event gives it. See also the tests of fetches with 404."""
    deleting = []
    others: dict[str, Any] = {
        "version": {"id": 1, "name": "1"},
        "sprint": {"id": 1, "name": "S"},
        "comment": {"id": "1", "body": "Hm"},
    }
    for name, treatment in EVENT_RULES.items():
        post = delivery(name, issue=issue(), project=PAY, **others)
        if treatment.parse and any(
            isinstance(one, Tombstone) for one in Jira().parse_delivery(post, connection()).observations
        ):
            deleting.append(name)
    assert deleting == ["jira:issue_deleted"]
    gone = merge_tombstone(None, Tombstone(identity="20012", key="SHOP-12"))
    assert merge_snapshot(gone, read(done())).gone_reason == "deleted"


def test_pitfall_5_one_change_sent_by_two_webhooks_counts_once() -> None:
    """The ids differ, but an equal snapshot changes nothing, so we need no list of changes."""
    first = merge_snapshot(None, read(done(), item("status", toString="Shipped"), matchedWebhookIds=[1]))
    assert merge_snapshot(first, read(done(), item("status", toString="Shipped"), matchedWebhookIds=[2])) is first


@pytest.mark.parametrize(
    "address",
    ["https://api.atlassian.com/ex/jira/11111111-2222-3333-4444-555555555555/rest/api/2/issue/20012", "", None, 5],
)
def test_pitfall_6_the_site_is_never_taken_from_self(address: object) -> None:
    """Links use the connection's site."""
    seen = read({**issue(), "self": address})
    assert seen.url == f"{SITE}/browse/SHOP-12"
    assert seen == read(issue())


def test_pitfall_7_deliveries_of_a_bulk_change_are_parsed_like_others() -> None:
    """They are late, many, and marked."""
    changed = item("labels", toString="payments")
    assert read(issue(), changed, **BULK) == read(issue(), changed)
    assert read(issue(), changed, **BULK, issue_event_type_name="issue_updated") == read(issue(), changed)


@pytest.mark.parametrize("named", ["issue_generic", "issue_resolved", "issue_closed", "made_by_a_plugin", None, 5])
def test_the_type_name_does_not_matter(named: object) -> None:
    """Resolving may have the type `issue_generic`, and reopening too; old servers send none."""
    assert read(done(), item("status", toString="Shipped"), issue_event_type_name=named).state is State.DONE
    reopened = issue(status=IN_PROGRESS, resolution={"id": "10000", "name": "Done"})
    assert read(reopened, item("resolution"), issue_event_type_name=named).state is State.DOING


@pytest.mark.parametrize(
    "text",
    ["h1. Refunds\r\n{code}x{code}", {"type": "doc", "version": 1, "content": [{"type": "paragraph"}]}, None, 5],
)
def test_descriptions_may_be_wiki_or_adf(text: object) -> None:
    """Webhooks and v2 send wiki markup, v3 sends ADF. We use neither."""
    assert read(issue(description=text, environment=text)) == read(issue())


@pytest.mark.parametrize(
    ("status", "category", "state"),
    [("Erledigt", "Fertig", State.DONE), ("完了", "完了", State.DONE), ("Готово", "Выполнено", State.DONE)],
)
def test_localised_names_of_statuses_do_not_matter(status: str, category: str, state: State) -> None:
    """Only the category's key is the same everywhere."""
    translated = {"id": "9", "name": status, "statusCategory": {"id": 3, "key": "done", "name": category}}
    assert read(issue(status=translated)).state is state
    misleading = {"id": "9", "name": "Done", "statusCategory": {"id": 2, "key": "new", "name": "Done"}}
    assert read(issue(status=misleading)).state is State.TODO


def test_a_sub_task_is_recognised_by_its_parent() -> None:
    """On Cloud and Data Center. It counts as an issue."""
    parent = {"id": "20001", "key": "SHOP-1", "fields": {"summary": "x", "status": DONE}}
    kind = {"id": "10003", "name": "Sub-task", "subtask": True, "hierarchyLevel": -1}
    seen = read(issue(issuetype=kind, parent=parent))
    assert (seen.type, seen.parent, seen.state) == ("Sub-task", Parent("SHOP-1", "20001"), State.TODO)
    on_server = read(issue(issuetype={**kind, "hierarchyLevel": None}, parent=parent, assignee=ANA_ON_SERVER))
    assert on_server.parent == seen.parent


def test_a_move_changes_only_key_and_project() -> None:
    """Manual links use the id, so they stay."""
    moved = read(
        issue(key="PAY-3", project=PAY),
        item("project", old=("10000", "Shop"), to="10001", toString="Payments"),
        item("Key", old=(None, "SHOP-12"), toString="PAY-3"),
    )
    before = read(issue())
    assert moved.came_from == before.scope
    assert replace(moved, key=before.key, scope=before.scope, url=before.url, came_from=None) == before


def test_an_issue_done_without_resolution_closes_at_its_status_change() -> None:
    """It has no date of a resolution."""
    seen = read(done(None))
    assert (seen.state, seen.resolution) == (State.DONE, None)
    assert merge_snapshot(None, seen).closed_at == datetime(2026, 10, 6, 10, 0, 1, tzinfo=UTC)
