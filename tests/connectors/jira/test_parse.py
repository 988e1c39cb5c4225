"""Parse Jira's deliveries."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.jira import Jira
from connectors.jira.model.accounts import account
from connectors.jira.model.snapshots import DROPPED_RESOLUTIONS
from connectors.jira.webhook.events import EVENT_RULES
from sync_service.domain.trackers.connector import Connection, Rejected, WebhookRequest
from sync_service.domain.trackers.observations import (
    Account,
    FetchNeeded,
    Ignored,
    Kind,
    Observation,
    Parent,
    ScopeRef,
    Snapshot,
    State,
    Term,
    Tombstone,
)
from tests.connectors.jira.payloads import (
    ANA_ON_SERVER,
    DONE,
    IN_PROGRESS,
    PAY,
    SITE,
    TO_DO,
    connection,
    delivery,
    done,
    issue,
    item,
)

WON_T_DO = "Won’t do"  # noqa: RUF001  the apostrophe Jira's own default has in some languages
CLOSING_DATES = ("closed_at", "entered_category_at")


def read(post: WebhookRequest, by: Connection | None = None) -> tuple[Observation, ...]:
    """Return a delivery's observations."""
    return Jira().parse_delivery(post, by or connection()).observations


def snapshot(body: dict[str, Any], *items: dict[str, Any], by: Connection | None = None) -> Snapshot:
    """Return the one snapshot of an update."""
    (seen,) = read(delivery("jira:issue_updated", issue=body, items=list(items)), by)
    assert isinstance(seen, Snapshot)
    return seen


def test_the_published_signature_is_accepted() -> None:
    """Atlassian's own example: https://developer.atlassian.com/cloud/jira/platform/webhooks/."""
    signature = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    assert Jira().verify(
        WebhookRequest({"x-hub-signature": signature}, b"Hello World!"), ["It's a Secret to Everybody"]
    )


def test_all_fields_of_an_issue_are_parsed() -> None:
    """Times are in UTC. The URL uses the connection's site."""
    reading = Jira().parse_delivery(
        delivery("jira:issue_created", issue=issue()), connection(points_field="customfield_10016")
    )
    ana = Account("5b10a2844c20165700ede21g", "Ana Ruiz")
    assert (reading.name, reading.actor) == ("jira:issue_created", ana)
    assert reading.observations == (
        Snapshot(
            identity="20012",
            scope=ScopeRef("10000", "SHOP"),
            key="SHOP-12",
            kind=Kind.ISSUE,
            title="Refunds arrive within a day",
            url=f"{SITE}/browse/SHOP-12",
            state=State.TODO,
            updated_at=datetime(2026, 10, 5, 9, 30, 0, 250_000, tzinfo=UTC),
            type="Story",
            labels=(Term("checkout", "checkout"), Term("payments", "payments")),
            assignees=(ana,),
            author=ana,
            priority="High",
            points=5.0,
            created_at=datetime(2026, 10, 1, 8, tzinfo=UTC),
            entered_category_at=datetime(2026, 10, 2, 7, tzinfo=UTC),
        ),
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (TO_DO, State.TODO),
        (IN_PROGRESS, State.DOING),
        (DONE, State.DONE),
        ({"name": "Odd", "statusCategory": {"key": "undefined"}}, State.TODO),
        ({"name": "Odd", "statusCategory": {"key": ["done"]}}, State.TODO),
        ({"name": "Done"}, State.TODO),
    ],
)
def test_the_state_follows_the_key_of_the_status_category(status: dict[str, Any], state: State) -> None:
    """Names of statuses and categories are translated; the key is not."""
    assert snapshot(issue(status=status)).state is state


@pytest.mark.parametrize("resolution", [*DROPPED_RESOLUTIONS, "won't do", "DUPLICATE", WON_T_DO])
def test_some_resolutions_mean_dropped(resolution: str) -> None:
    """Case and apostrophe do not matter."""
    seen = snapshot(done(resolution))
    assert (seen.state, seen.resolution) == (State.DROPPED, resolution)
    assert seen.closed_at == datetime(2026, 10, 6, 10, tzinfo=UTC)


@pytest.mark.parametrize("resolution", ["Done", "Fixed", "Shipped", None])
def test_other_resolutions_and_none_mean_done(resolution: str | None) -> None:
    """A done status without a resolution is done."""
    seen = snapshot(done(resolution))
    assert (seen.state, seen.resolution) == (State.DONE, resolution)


@pytest.mark.parametrize(
    ("chosen", "state"),
    [(["Parked"], State.DONE), ([], State.DONE), (["parked", "WON'T DO"], State.DROPPED), ("Won't Do", State.DROPPED)],
)
def test_the_connection_can_choose_the_dropped_resolutions(chosen: object, state: State) -> None:
    """The option replaces our list."""
    assert snapshot(done("Won't Do"), by=connection(dropped_resolutions=chosen)).state is state


@pytest.mark.parametrize(("chosen", "state"), [("10000", State.DROPPED), ("10001", State.DONE)])
def test_a_dropped_resolution_may_be_set_by_its_id(chosen: str, state: State) -> None:
    """Names are translated and edited; the id stays."""
    assert snapshot(done("Erledigt"), by=connection(dropped_resolutions=[chosen])).state is state


def test_a_resolution_on_a_reopened_issue_does_not_make_it_done() -> None:
    """Only the status says whether work is over."""
    left = issue(status=IN_PROGRESS, resolution={"name": "Done"}, resolutiondate="2026-10-06T12:00:00.000+0200")
    seen = snapshot(left)
    assert (seen.state, seen.resolution, seen.closed_at) == (State.DOING, None, None)


def test_a_closed_issue_has_the_dates_of_its_resolution_and_of_its_status_category() -> None:
    """Either may be missing. The core chooses the one that agrees with what was seen."""
    resolved, categorized = datetime(2026, 10, 6, 10, tzinfo=UTC), datetime(2026, 10, 6, 10, 0, 1, tzinfo=UTC)
    assert [getattr(snapshot(done()), name) for name in CLOSING_DATES] == [resolved, categorized]
    assert [getattr(snapshot(done(None)), name) for name in CLOSING_DATES] == [None, categorized]
    bare = issue(status=DONE, statuscategorychangedate=None)
    assert [getattr(snapshot(bare), name) for name in CLOSING_DATES] == [None, None]
    started = datetime(2026, 10, 2, 7, tzinfo=UTC)
    assert [getattr(snapshot(issue()), name) for name in CLOSING_DATES] == [None, started]


@pytest.mark.parametrize(
    ("written", "second"),
    [
        ("2026-10-05T11:30:07.000+0200", 7),
        ("2026-10-05T11:30:08+02:00", 8),
        ("2026-10-05T09:30:09Z", 9),
        (1_791_192_610_000, 10),
    ],
)
def test_times_are_parsed_in_each_form(written: object, second: int) -> None:
    """Offsets with and without a colon, and milliseconds since 1970."""
    seen = snapshot(issue(updated=written)).updated_at
    assert seen.replace(minute=30, hour=9) == datetime(2026, 10, 5, 9, 30, second, tzinfo=UTC)


def test_a_server_s_accounts_are_identified_by_name() -> None:
    """Data Center has no accountId."""
    seen = snapshot(issue(assignee=ANA_ON_SERVER, creator=None, reporter={"key": "JIRAUSER1"}))
    assert seen.assignees == (Account("aruiz", "Ana Ruiz"),)
    assert seen.author == Account("JIRAUSER1", "JIRAUSER1")
    assert snapshot(issue(assignee=None)).assignees == ()


def test_a_moved_issue_keeps_its_identity_under_a_new_key() -> None:
    """A move between projects is an update whose id stays."""
    items = [
        item("project", old=("10000", "Shop"), to="10001", toString="Payments"),
        item("Key", old=(None, "SHOP-12"), toString="PAY-3"),
    ]
    seen = snapshot(issue(key="PAY-3", project=PAY), *items)
    assert (seen.identity, seen.key, seen.scope) == ("20012", "PAY-3", ScopeRef("10001", "PAY"))
    assert seen.url == f"{SITE}/browse/PAY-3"
    assert seen.came_from == ScopeRef("10000", "SHOP")


def test_a_move_is_parsed_without_the_former_key() -> None:
    """The stored project id is enough. A delivery without a move has no former key."""
    moved = snapshot(issue(project=PAY), item("project", old=("10000", "Shop"), to="10001", toString="Payments"))
    assert moved.came_from == ScopeRef("10000", "")
    assert snapshot(issue(), item("labels", old=("", "checkout"))).came_from is None


def test_a_deleted_issue_gives_a_tombstone() -> None:
    """Even though the delivery has all fields."""
    assert read(delivery("jira:issue_deleted", issue=issue())) == (Tombstone(identity="20012", key="SHOP-12"),)


@pytest.mark.parametrize("missing", ["updated", "status", "project"])
def test_an_incomplete_issue_is_no_snapshot(missing: str) -> None:
    """Missing fields are unknown, not empty, so the issue is fetched."""
    (seen,) = read(delivery("jira:issue_updated", issue=issue(without=(missing,)), items=[]))
    assert seen == FetchNeeded(identity="20012", key="SHOP-12", reason="the delivery holds only a part of the issue")


def test_a_delivery_of_an_old_server_needs_no_type_and_event_name() -> None:
    """An issue with a changelog can only be an update."""
    reading = Jira().parse_delivery(delivery(None, issue=issue(), items=[item("summary", toString="x")]), connection())
    assert reading.name == "jira:issue_updated"
    assert isinstance(reading.observations[0], Snapshot)


def test_a_delivery_without_an_event_is_rejected() -> None:
    """Without a changelog it may be a deletion."""
    with pytest.raises(Rejected, match="webhookEvent"):
        read(delivery(None, issue=issue()))


@pytest.mark.parametrize(
    ("parent_field", "parent"),
    [
        ({"id": "20001", "key": "SHOP-1", "fields": {}}, Parent("SHOP-1", "20001")),
        ({"key": "SHOP-1"}, Parent("SHOP-1")),
        (None, None),
        ({"id": "20001"}, None),
    ],
)
def test_a_present_parent_is_used_and_a_missing_one_is_unknown(parent_field: object, parent: Parent | None) -> None:
    """Cloud omits the field both for none and for hidden."""
    assert snapshot(issue(parent=parent_field)).parent == parent
    assert snapshot(issue()).parent is None


@pytest.mark.parametrize("field", ["IssueParentAssociation", "Epic Link", "Parent Link", "Parent Issue", "Parent"])
@pytest.mark.parametrize(
    ("new", "parent"),
    [
        ({"to": "20001", "toString": "SHOP-1"}, Parent("SHOP-1", "20001")),
        ({"to": None, "toString": None}, Parent(None)),
        ({"to": "", "toString": ""}, Parent(None)),
        ({"to": "20001", "toString": "SHOP-1 - Faster refunds"}, Parent("SHOP-1", "20001")),
        ({"to": "20001", "toString": "Faster refunds"}, None),
    ],
)
def test_a_changed_parent_in_the_changelog_counts(field: str, new: dict[str, Any], parent: Parent | None) -> None:
    """Only the changelog shows that a parent was removed."""
    assert snapshot(issue(), item(field, old=("20000", "SHOP-9"), **new)).parent == parent


def test_the_last_change_of_parent_counts() -> None:
    """A changelog may have two, for example when an epic link becomes a parent."""
    changes = (item("Epic Link", to=None), item("IssueParentAssociation", to="20001", toString="SHOP-1"))
    assert snapshot(issue(), *changes).parent == Parent("SHOP-1", "20001")


def test_a_parent_in_the_fields_overrides_the_changelog() -> None:
    """The fields have the current state, the changelog only one step."""
    parent_field = issue(parent={"id": "20002", "key": "SHOP-2"})
    assert snapshot(parent_field, item("Epic Link", to=None)).parent == Parent("SHOP-2", "20002")


def test_an_epic_link_field_is_not_assumed_by_its_usual_id() -> None:
    """`customfield_10014` is another field on another site."""
    assert snapshot(issue(customfield_10014="SHOP-1")).parent is None


@pytest.mark.parametrize(
    ("value", "points"),
    [(8, 8.0), (0.5, 0.5), (0, 0.0), (None, None), ("8", 8.0), ("2,5", 2.5), (" ", None), ({"value": "5"}, 5.0),
     ([{"id": "1", "value": "13"}], 13.0), ([], None)],
)  # fmt: skip
def test_points_come_from_the_field_with_the_configured_id(value: object, points: float | None) -> None:
    """Whatever its type: a number, a text, an option. Zero is a number."""
    assert snapshot(issue(customfield_10016=value), by=connection(points_field="customfield_10016")).points == points
    assert snapshot(issue(customfield_10016=value)).points is None


def test_a_field_set_by_name_is_read_only_from_the_changelog() -> None:
    """Deliveries name custom fields by id, except in the changelog, where servers omit the id."""
    by = connection(points_field="Story Points")
    assert snapshot(issue(), by=by).points is None
    cloud = item("Story Points", fieldId="customfield_10016", toString="5")
    assert snapshot(issue(), cloud, by=by).points == 5.0
    assert snapshot(issue(), item("story points", toString="2.5"), by=by).points == 2.5
    assert snapshot(issue(), item("Story Points", toString=None), by=by).points is None
    seen, unclear = read(delivery("jira:issue_updated", issue=issue(), items=[item("Story Points", toString="XS")]), by)
    assert isinstance(seen, Snapshot)
    assert not seen.points_known
    assert unclear == Ignored("its points are unknown: XS is no number")


@pytest.mark.parametrize(
    "name", sorted(name for name, treatment in EVENT_RULES.items() if treatment.parse is None and name != "*")
)
def test_ignored_events_have_the_reason_of_the_table(name: str) -> None:
    """The table has the words."""
    assert read(delivery(name, issue=issue())) == (Ignored(EVENT_RULES[name].description),)


def test_an_unknown_event_is_ignored() -> None:
    """Jira may send new events at any time."""
    assert read(delivery("asteroid_sighted")) == (Ignored(EVENT_RULES["*"].description),)


@pytest.mark.parametrize(
    "written",
    [
        "SHOP-12",
        "shop-12",
        f"{SITE}/browse/SHOP-12",
        f"{SITE}/jira/browse/shop-12?focus=1",
        f"{SITE}/projects/SHOP/issues/SHOP-12",
        f"{SITE}/jira/software/c/projects/SHOP/issues/SHOP-12/?jql=project%20%3D%20SHOP",
        f"{SITE}/jira/software/c/projects/SHOP/boards/1/backlog?view=detail&selectedIssue=SHOP-12",
        f"{SITE}/jira/servicedesk/projects/SHOP/queues/custom/1/SHOP-12",
        f"{SITE}/servicedesk/customer/portal/2/SHOP-12",
    ],
)
def test_keys_have_the_forms_that_people_write(written: str) -> None:
    """Any case, or the address of any page of the issue."""
    assert Jira().normalize_key(written, site=SITE) == "SHOP-12"


@pytest.mark.parametrize(
    "written",
    ["https://other.example.org/browse/SHOP-12", f"{SITE}.evil.example/browse/SHOP-12", f"{SITE}/browse/", "https://[/SHOP-12",
     f"{SITE}:8443/browse/SHOP-12", "SHOP"],
)  # fmt: skip
def test_an_address_of_another_site_is_no_key(written: str) -> None:
    """The host decides; the message names the site."""
    with pytest.raises(ValueError, match=f"or its web address at {SITE}"):
        Jira().normalize_key(written, site=SITE)


def test_an_archived_issue_is_dropped_until_it_is_restored() -> None:
    """Done work stays done. Neither changes the issue's own time, so the time of archiving and restoring decides."""
    archived, restored = 1791280000000, 1791290000000  # after the issue's last change

    def seen(event: str, at: int | None, **fields: Any) -> Snapshot:
        (one,) = read(delivery(event, issue=issue(**fields), timestamp=at))
        assert isinstance(one, Snapshot)
        return one

    before = seen("jira:issue_updated", archived)
    gone = seen("jira:issue_archived", archived)
    again = seen("jira:issue_restored", restored, archiveddate="2026-10-06T11:46:40.000+0200")
    assert (before.state, gone.state, again.state) == (State.TODO, State.DROPPED, State.TODO)
    assert gone.resolution == "archived"
    assert before.updated_at < gone.updated_at < again.updated_at
    assert gone.closed_at == gone.updated_at
    assert again.closed_at is None
    assert seen("jira:issue_archived", archived, status=DONE).state is State.DONE
    assert seen("jira:issue_updated", None, archiveddate="2026-10-06T11:46:40.000+0200").state is State.DROPPED


def test_a_username_of_data_center_comes_with_its_key_and_an_account_id_alone() -> None:
    """A username can be renamed and taken by another person; the key stays, and so does an account id of Cloud."""
    on_data_center = account({"name": "ana", "key": "JIRAUSER10100", "displayName": "Ana Ruiz"})
    on_cloud = account({"accountId": "5b10a2844c20165700ede21g", "displayName": "Ana Ruiz"})
    assert on_data_center is not None
    assert on_cloud is not None
    assert (on_data_center.id, on_data_center.stable_id) == ("ana", "JIRAUSER10100")
    assert (on_cloud.id, on_cloud.stable_id) == ("5b10a2844c20165700ede21g", None)
