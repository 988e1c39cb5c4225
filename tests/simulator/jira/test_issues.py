"""Changes of issues on the simulated Jira, and their webhooks."""

from typing import Any

import pytest

from simulator import Jira, SteppedClock
from simulator.jira import Project
from tests.simulator.receiver import Receiver


def items(receiver: Receiver) -> dict[str, tuple[Any, Any]]:
    """Return the last changelog as field: (from, to), as people read them."""
    return {each["field"]: (each["fromString"], each["toString"]) for each in receiver.last["changelog"]["items"]}


def test_a_new_issue_is_one_message_with_all_it_began_with(
    shop: Project, receiver: Receiver, clock: SteppedClock
) -> None:
    """Unlike GitHub, Jira sends no more; times have milliseconds, `timestamp` is since 1970."""
    epic = shop.create_issue("Checkout", type="Epic")
    shop.create_issue(
        "Pay",
        type="Bug",
        description="By card",
        labels=["ui"],
        components=["payments"],
        assignee="bruno",
        parent=epic,
        points=3,
        priority="High",
    )
    assert receiver.names == ["jira:issue_created"] * 2
    sent, fields = receiver.last, receiver.last["issue"]["fields"]
    assert (sent["timestamp"], sent["issue_event_type_name"]) == (1795428000123, "issue_created")
    assert sent["timestamp"] == int(clock().timestamp() * 1000)
    assert fields["created"] == fields["updated"] == "2026-11-23T10:00:00.123+0000"
    assert (sent["issue"]["key"], fields["summary"], fields["description"]) == ("SHOP-2", "Pay", "By card")
    assert (fields["issuetype"]["name"], fields["priority"]["name"], fields["labels"]) == ("Bug", "High", ["ui"])
    assert [component["name"] for component in fields["components"]] == ["payments"]
    assert (fields["parent"]["key"], fields["customfield_10016"]) == ("SHOP-1", 3.0)
    assert fields["assignee"]["displayName"] == "Bruno"
    assert "changelog" not in sent


def test_work_that_begins_and_ends_changes_status_and_resolution_together(
    shop: Project, receiver: Receiver, clock: SteppedClock
) -> None:
    """One changelog has both; Cloud calls each transition generic."""
    issue = shop.create_issue("Pay")
    issue.start()
    assert items(receiver) == {"status": ("To Do", "In Progress")}
    assert receiver.last["issue"]["fields"]["status"]["statusCategory"]["key"] == "indeterminate"
    clock.step(1)
    issue.finish()
    fields = receiver.last["issue"]["fields"]
    assert items(receiver) == {"resolution": (None, "Done"), "status": ("In Progress", "Done")}
    assert (fields["status"]["statusCategory"]["key"], fields["resolution"]["name"]) == ("done", "Done")
    assert fields["resolutiondate"] == fields["updated"] == "2026-11-23T10:00:01.123+0000"
    assert fields["statuscategorychangedate"] == fields["updated"]
    assert receiver.last["issue_event_type_name"] == "issue_generic"


def test_done_is_not_always_resolved(shop: Project, receiver: Receiver) -> None:
    """Some workflows set no resolution."""
    shop.create_issue("Pay").finish(resolution=None)
    assert items(receiver) == {"status": ("To Do", "Done")}
    assert receiver.last["issue"]["fields"]["resolution"] is None


def test_dropped_work_is_done_with_another_resolution(shop: Project, receiver: Receiver) -> None:
    """The status alone is the same as of finished work."""
    shop.create_issue("Pay").drop()
    assert items(receiver) == {"resolution": (None, "Won't Do"), "status": ("To Do", "Done")}


@pytest.mark.parametrize(("leave", "resolution"), [(False, None), (True, "Done")])
def test_reopening_clears_the_resolution_by_default(
    shop: Project, receiver: Receiver, *, leave: bool, resolution: str | None
) -> None:
    """With the resolution goes its date."""
    issue = shop.create_issue("Pay")
    issue.finish()
    issue.reopen(leave_resolution=leave)
    fields = receiver.last["issue"]["fields"]
    assert fields["status"]["name"] == "To Do"
    assert (fields["resolution"] or {}).get("name") == resolution
    assert (fields["resolutiondate"] is None) == (resolution is None)
    assert ("resolution" in items(receiver)) == (resolution is None)


def test_a_status_of_one_s_own_has_a_category_too(jira: Jira, shop: Project, receiver: Receiver) -> None:
    """The default resolution follows the category."""
    jira.add_status("Erledigt", "done")
    issue = shop.create_issue("Pay")
    issue.transition("Erledigt")
    assert items(receiver) == {"resolution": (None, "Done"), "status": ("To Do", "Erledigt")}
    with pytest.raises(LookupError, match="'Nowhere' is none of To Do"):
        issue.transition("Nowhere")


def test_what_changes_nothing_sends_nothing(shop: Project, receiver: Receiver) -> None:
    """The same status, the same labels."""
    issue = shop.create_issue("Pay", labels=["ui"])
    receiver.forget()
    issue.transition("To Do")
    issue.label("ui")
    issue.unlabel("other")
    assert receiver.names == []


def test_labels_change_as_one_text(shop: Project, receiver: Receiver) -> None:
    """Old and new are all labels, with blanks between them."""
    issue = shop.create_issue("Pay", labels=["ui"])
    issue.label("checkout", "late")
    assert items(receiver) == {"labels": ("ui", "ui checkout late")}
    issue.unlabel("ui")
    assert receiver.last["issue"]["fields"]["labels"] == ["checkout", "late"]


def test_the_summary_the_assignee_and_the_points_change(shop: Project, receiver: Receiver) -> None:
    """Each with what was there before; points are a custom field."""
    issue = shop.create_issue("Pay")
    issue.edit(summary="Pay by card")
    assert items(receiver) == {"summary": ("Pay", "Pay by card")}
    issue.assign("bruno")
    assert items(receiver) == {"assignee": (None, "Bruno")}
    assert receiver.last["changelog"]["items"][0]["to"] == receiver.last["issue"]["fields"]["assignee"]["accountId"]
    assert receiver.last["issue_event_type_name"] == "issue_assigned"
    issue.assign(None)
    assert receiver.last["issue"]["fields"]["assignee"] is None
    issue.set_points(2.5)
    issue.set_points(None)
    assert items(receiver) == {"Story Points": ("2.5", None)}
    item = receiver.last["changelog"]["items"][0]
    assert (item["fieldtype"], item["fieldId"]) == ("custom", "customfield_10016")


def test_a_parent_is_set_and_taken_away(shop: Project, receiver: Receiver) -> None:
    """Cloud's field has a name of its own and no id."""
    epic, issue = shop.create_issue("Checkout", type="Epic"), shop.create_issue("Pay")
    issue.set_parent(epic)
    item = receiver.last["changelog"]["items"][0]
    assert (item["field"], item["to"], item["toString"]) == ("IssueParentAssociation", epic.id, "SHOP-1")
    assert "fieldId" not in item
    assert receiver.last["issue"]["fields"]["parent"]["fields"]["issuetype"]["hierarchyLevel"] == 1
    issue.set_parent(None)
    assert "parent" not in receiver.last["issue"]["fields"]


def test_asking_twice_for_the_same_name_gives_the_same_thing(jira: Jira, shop: Project) -> None:
    """Projects by key, components by name."""
    assert jira.project("SHOP") is shop
    assert shop.component("payments") is shop.component("payments") is not shop.component("cards")


def test_a_subtask_is_listed_by_its_parent(shop: Project, receiver: Receiver) -> None:
    """Children of an epic are not."""
    story = shop.create_issue("Pay")
    shop.create_issue("Test it", type="Sub-task", parent=story)
    story.edit(summary="Pay by card")
    assert [each["key"] for each in receiver.last["issue"]["fields"]["subtasks"]] == ["SHOP-2"]


def test_a_move_gives_a_new_key_and_keeps_the_id(jira: Jira, shop: Project, receiver: Receiver) -> None:
    """One message, with the project by id and name and the key as text only."""
    issue = shop.create_issue("Pay")
    target = jira.project("PAY", "Payments")
    issue.move(target)
    project_item, key = receiver.last["changelog"]["items"]
    assert (project_item["field"], project_item["from"], project_item["fromString"]) == ("project", shop.id, "Shop")
    assert (project_item["to"], project_item["toString"]) == (target.id, "Payments")
    assert key == {
        "field": "Key",
        "fieldtype": "jira",
        "from": None,
        "fromString": "SHOP-1",
        "to": None,
        "toString": "PAY-1",
    }
    assert (receiver.last["issue"]["id"], receiver.last["issue"]["key"]) == (issue.id, "PAY-1")
    assert (receiver.last["issue_event_type_name"], issue.url) == ("issue_moved", f"{jira.url}/browse/PAY-1")


def test_a_deleted_issue_sends_one_webhook_with_the_whole_issue(jira: Jira, shop: Project, receiver: Receiver) -> None:
    """The message has no type name and no changelog."""
    shop.create_issue("Pay").delete()
    assert set(receiver.last) == {"timestamp", "webhookEvent", "user", "issue"}
    assert (receiver.names[-1], dict(jira.issues)) == ("jira:issue_deleted", {})


def test_a_comment_on_cloud_has_some_fields_of_the_issue(shop: Project, receiver: Receiver) -> None:
    """Not enough for a snapshot: no time, no labels, no resolution; and no user."""
    issue = shop.create_issue("Pay")
    issue.comment("/okr KR-1")
    assert set(receiver.last) == {"timestamp", "webhookEvent", "comment", "issue"}
    fields = {"summary", "issuetype", "project", "assignee", "priority", "status"}
    assert (receiver.names[-1], set(receiver.last["issue"]["fields"])) == ("comment_created", fields)
    assert receiver.last["comment"]["body"] == "/okr KR-1"


def test_who_acts_is_the_user(jira: Jira, shop: Project, receiver: Receiver) -> None:
    """Until the block ends."""
    with jira.acting_as("bruno"):
        shop.create_issue("Pay")
    assert receiver.last["user"]["accountId"] == jira.user("bruno").account_id
    shop.create_issue("Pay")
    assert receiver.last["user"]["displayName"] == "Ana"
    jira.user("chen", display_name="Chen Li", account_id="5b10a2844c20165700ede21g")
    with jira.acting_as("chen"):
        shop.create_issue("Pay")
    sent = receiver.last["user"]
    assert (sent["displayName"], sent["accountId"]) == ("Chen Li", "5b10a2844c20165700ede21g")


def test_data_center_speaks_of_names_and_epic_links(data_center: Jira, receiver: Receiver) -> None:
    """No account ids, no ids of fields in a changelog, specific type names."""
    shop = data_center.project("SHOP")
    epic, issue = shop.create_issue("Checkout", type="Epic"), shop.create_issue("Pay")
    issue.set_parent(epic)
    assert items(receiver) == {"Epic Link": (None, "SHOP-1")}
    assert receiver.last["issue"]["fields"]["customfield_10101"] == "SHOP-1"
    issue.assign("bruno")
    item = receiver.last["changelog"]["items"][0]
    assert (item["to"], "fieldId" in item, "accountId" in receiver.last["user"]) == ("bruno", False, False)
    receiver.forget()
    issue.start()
    issue.finish()
    issue.reopen()
    issue.transition("In Progress")
    issue.transition("To Do")
    names = ["issue_work_started", "issue_closed", "issue_reopened", "issue_work_started", "issue_generic"]
    assert [each.json["issue_event_type_name"] for each in receiver.received] == names


def test_data_center_knows_parents_of_subtasks(data_center: Jira, receiver: Receiver) -> None:
    """There the parent is the field it is on Cloud, and the epic link is empty."""
    shop = data_center.project("SHOP")
    story, other = shop.create_issue("Pay"), shop.create_issue("Ship")
    task = shop.create_issue("Test it", type="Sub-task", parent=story)
    fields = receiver.last["issue"]["fields"]
    assert (fields["parent"]["key"], fields["customfield_10101"]) == ("SHOP-1", None)
    task.set_parent(other)
    assert items(receiver) == {"Parent": ("SHOP-1", "SHOP-2")}


def test_data_center_tells_of_a_comment_twice(data_center: Jira, receiver: Receiver) -> None:
    """Once without any issue, once as an update of the issue without a changelog."""
    issue = data_center.project("SHOP").create_issue("Pay")
    receiver.forget()
    issue.comment("Hello")
    assert receiver.names == ["comment_created", "jira:issue_updated"]
    assert "issue" not in receiver.received[0].json
    assert receiver.last["issue_event_type_name"] == "issue_commented"
    assert "changelog" not in receiver.last
