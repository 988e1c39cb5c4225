"""Sub-issues, issue fields, boards, and repositories that are renamed, transferred or archived."""

import pytest

from simulator import GitHub, SteppedClock
from simulator.github import Issue, Repository
from tests.simulator.github.rest_client import call, create_token, page_url
from tests.simulator.openapi_schemas import check_answer
from tests.simulator.receiver import Receiver

ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"


@pytest.fixture
def epic(hub: GitHub, checkout: Repository, receiver: Receiver) -> Issue:
    """Return an issue whose repository has a hook to the receiver."""
    epic = checkout.create_issue("Checkout")
    receiver.forget()
    return epic


@pytest.mark.parametrize("child_first", [False, True])
def test_a_sub_issue_sends_webhooks_on_both_sides_in_either_order(
    hub: GitHub, epic: Issue, receiver: Receiver, *, child_first: bool
) -> None:
    """Across repositories; each webhook has the other repository, and no time changes."""
    payments = hub.repository("payments")
    hub.add_hook(payments, url=receiver.url)
    story = payments.create_issue("Card")
    receiver.forget()
    epic.add_sub_issue(story, child_first=child_first)
    epic.remove_sub_issue(story, child_first=child_first)
    pairs = [f"sub_issues.{side}_{what}" for what in ("added", "removed") for side in ("sub_issue", "parent_issue")]
    swapped = [pairs[1], pairs[0], pairs[3], pairs[2]]
    assert receiver.names == (swapped if child_first else pairs)
    messages = {each.name: each.json for each in receiver.received}
    above, below = messages["sub_issues.sub_issue_added"], messages["sub_issues.parent_issue_added"]
    assert (above["repository"]["name"], above["sub_issue_repo"]["name"]) == ("checkout", "payments")
    assert (below["repository"]["name"], below["parent_issue_repo"]["name"]) == ("payments", "checkout")
    assert above["parent_issue_id"] == below["parent_issue_id"] == epic.id
    assert above["parent_issue"]["sub_issues_summary"] == {"total": 1, "completed": 0, "percent_completed": 0}
    assert below["sub_issue"]["parent_issue_url"].endswith("/repos/acme/checkout/issues/1")


def test_the_parent_counts_what_is_done(hub: GitHub, epic: Issue, receiver: Receiver) -> None:
    """A closed child sends no webhook of its parent, whose summary changes."""
    children = [hub.repository("payments").create_issue(f"Step {number}") for number in range(3)]
    for child in children:
        epic.add_sub_issue(child)
    receiver.forget()
    children[0].close()
    assert receiver.names == []
    answer = call(hub, "/repos/acme/checkout/issues/1").json()
    assert answer["sub_issues_summary"] == {"total": 3, "completed": 1, "percent_completed": 33}


def test_parents_and_children_are_found_by_calls(hub: GitHub, epic: Issue) -> None:
    """In pages; without a parent it is 404, and hidden issues are left out."""
    payments = hub.repository("payments")
    for number in range(3):
        epic.add_sub_issue(payments.create_issue(f"Step {number}"))
    first = call(hub, "/repos/acme/checkout/issues/1/sub_issues?per_page=2")
    assert [each["title"] for each in check_answer(first, f"{ISSUE}/sub_issues")] == ["Step 0", "Step 1"]
    assert [each["title"] for each in call(hub, page_url(first)).json()] == ["Step 2"]
    parent = check_answer(call(hub, "/repos/acme/payments/issues/1/parent"), f"{ISSUE}/parent")
    assert parent["id"] == epic.id
    assert call(hub, "/repos/acme/checkout/issues/1/parent").status_code == 404
    narrow = hub.create_app(permissions={"issues": "read"}).install([payments])
    assert (
        call(hub, "/repos/acme/payments/issues/1/parent", token=create_token(narrow).json()["token"]).status_code == 404
    )
    payments.visible = False
    assert call(hub, "/repos/acme/checkout/issues/1/sub_issues").json() == []


def test_sub_issues_are_made_and_undone_by_calls(hub: GitHub, epic: Issue, receiver: Receiver) -> None:
    """By the id of the issue, which is not its number."""
    story, other = epic.repository.create_issue("Card"), epic.repository.create_issue("Other")
    receiver.forget()
    path, requested = "/repos/acme/checkout/issues", {"sub_issue_id": story.id}
    made = call(hub, f"{path}/1/sub_issues", method="POST", json=requested)
    assert check_answer(made, f"{ISSUE}/sub_issues")["id"] == epic.id
    second = call(hub, f"{path}/3/sub_issues", method="POST", json=requested)
    assert (second.status_code, second.json()["message"]) == (422, "Sub issue may only have one parent")
    moved = call(hub, f"{path}/3/sub_issues", method="POST", json={**requested, "replace_parent": True})
    assert (moved.status_code, story.parent, epic.sub_issues) == (201, other, [])
    undone = call(hub, f"{path}/3/sub_issue", method="DELETE", json=requested)
    assert check_answer(undone, f"{ISSUE}/sub_issue")["sub_issues_summary"]["total"] == 0
    assert len(receiver.received) == 8
    assert call(hub, f"{path}/3/sub_issue", method="DELETE", json=requested).status_code == 400
    for method, suffix in (("POST", "sub_issues"), ("DELETE", "sub_issue")):
        assert call(hub, f"{path}/1/{suffix}", method=method, json={"sub_issue_id": 1}).status_code == 404
    reader = hub.add_token("bruno", permissions={"issues": "read"}).text
    refused = call(hub, f"{path}/1/sub_issues", method="POST", json=requested, token=reader)
    assert (refused.status_code, refused.headers["X-Accepted-GitHub-Permissions"]) == (403, "issues=write")


def test_a_family_has_its_limits(hub: GitHub, epic: Issue) -> None:
    """One owner, 100 children, eight levels, no circle, and only a sub-issue can be removed."""
    repo = epic.repository
    hub.hooks.clear()
    with pytest.raises(ValueError, match="same repository owner"):
        epic.add_sub_issue(hub.repository("other/place").create_issue("Elsewhere"))
    with pytest.raises(ValueError, match="may not be a parent"):
        epic.add_sub_issue(epic)
    line = [epic]
    for level in range(7):
        line.append(repo.create_issue(f"Level {level}"))
        line[-2].add_sub_issue(line[-1])
    with pytest.raises(ValueError, match="deeper than 8"):
        line[-1].add_sub_issue(repo.create_issue("Too deep"))
    for number in range(99):
        epic.add_sub_issue(repo.create_issue(f"Step {number}"))
    with pytest.raises(ValueError, match="more than 100"):
        epic.add_sub_issue(repo.create_issue("Too many"))
    with pytest.raises(ValueError, match="is not a sub-issue"):
        epic.remove_sub_issue(line[-1])


def test_a_family_outlives_a_transfer_and_not_a_deletion(hub: GitHub, epic: Issue) -> None:
    """The moved issue keeps its parent and its children; a deleted one leaves them alone."""
    story, task = epic.repository.create_issue("Card"), epic.repository.create_issue("Form")
    epic.add_sub_issue(story)
    story.add_sub_issue(task)
    moved = story.transfer(hub.repository("payments"))
    assert (moved.parent, epic.sub_issues, task.parent) == (epic, [moved], moved)
    moved.delete()
    assert (epic.sub_issues, task.parent) == ([], None)


def test_a_changed_issue_field_sends_its_former_value(
    hub: GitHub, epic: Issue, receiver: Receiver, clock: SteppedClock
) -> None:
    """A number, a text, a date or a choice; it is a change of the issue, so its time changes."""
    clock.step(5)
    epic.set_field("Points", 5)
    assert "changes" not in receiver.last
    assert receiver.last["issue_field"] == {
        "id": hub.issue_field("Points").id,
        "name": "Points",
        "field_type": "number",
    }
    assert receiver.last["issue"]["updated_at"] == "2026-11-23T10:00:05Z"
    epic.set_field("Points", 8.5)
    assert receiver.last["changes"]["issue_field_value"]["from"]["value"] == 5
    assert receiver.last["issue"]["issue_field_values"][0]["value"] == 8.5
    epic.clear_field("Points")
    assert (receiver.names[-1], receiver.last["issue"]["issue_field_values"]) == ("issues.field_removed", [])
    hub.issue_field("Priority", "single_select", options=["High", "Low"])
    epic.set_field("Priority", "Low")
    assert receiver.last["issue_field_value"]["option"]["name"] == "Low"
    hub.issue_field("Due", "date")
    epic.set_field("Due", "2026-12-01")
    for name, value in (("Points", "many"), ("Priority", "Middle"), ("Due", 7)):
        with pytest.raises(ValueError, match=f"that the field {name} can have"):
            epic.set_field(name, value)
    listed = check_answer(call(hub, "/repos/acme/checkout/issues/1/issue-field-values"), f"{ISSUE}/issue-field-values")
    assert [(each["issue_field_name"], each["value"]) for each in listed] == [
        ("Priority", "Low"),
        ("Due", "2026-12-01"),
    ]


def test_types_and_fields_belong_to_the_organisation(hub: GitHub, epic: Issue) -> None:
    """They are listed there."""
    hub.issue_type("Bug")
    hub.issue_field("Priority", "single_select", options=["High"])
    types = check_answer(call(hub, "/orgs/acme/issue-types"), "/orgs/{org}/issue-types")
    fields = check_answer(call(hub, "/orgs/acme/issue-fields"), "/orgs/{org}/issue-fields")
    assert [each["name"] for each in types] == ["Bug"]
    assert [each["options"][0]["name"] for each in fields] == ["High"]
    pull = hub.repository(epic.repository.name).create_pull_request("Add")
    with pytest.raises(ValueError, match="has no field"):
        pull.set_field("Priority", "High")


def test_only_the_organisations_hooks_get_webhooks_of_a_board(hub: GitHub, epic: Issue, receiver: Receiver) -> None:
    """The webhook has neither issue nor repository: only the node id of the content."""
    hub.add_hook(url=receiver.url, events=["projects_v2_item"])
    app = hub.create_app(permissions={}, events=["projects_v2_item"], hook_url=receiver.url)
    app.install()
    receiver.forget()
    item = hub.project("Roadmap").add(epic)
    item.set("Status", "Doing")
    item.set("Status", "Done")
    change = receiver.last["changes"]["field_value"]
    assert (change["field_name"], change["from"]["name"], change["to"]["name"]) == ("Status", "Doing", "Done")
    item.set("Points", 3, type="number")
    item.archive()
    item.restore()
    item.delete()
    assert [name.partition(".")[2] for name in receiver.names] == [
        *("created", "edited", "edited", "edited", "archived", "restored", "deleted")
    ]
    assert receiver.last["projects_v2_item"]["content_node_id"] == epic.node_id
    assert {"repository", "issue"}.isdisjoint(receiver.last)
    assert hub.project("Roadmap").items == []


def test_a_merge_closes_what_its_description_names_anywhere(hub: GitHub, checkout: Repository) -> None:
    """Also in another repository, and by a manual link; nothing if it does not target the default branch."""
    here, linked = checkout.create_issue("Here"), checkout.create_issue("Linked")
    there = hub.repository("payments").create_issue("There")
    text = f"Fixes #{here.number}, resolves acme/payments#{there.number}, closes acme/none#1 and fixes #99"
    aside = checkout.create_pull_request("Aside", body=text, base="release")
    assert aside.closes() == []
    aside.merge()
    assert here.closed is None
    pull = checkout.create_pull_request("Add", body=text)
    pull.link(linked)
    pull.link(here)
    assert pull.closes() == [here, there, linked]
    pull.merge()
    assert [issue.state_reason for issue in (here, there, linked)] == ["completed"] * 3
    for _ in range(8):
        pull.link(checkout.create_issue("More"))
    with pytest.raises(ValueError, match="linked to 10 issues"):
        pull.link(there)


def test_a_transfer_to_a_hidden_repository_ends_in_404(hub: GitHub, epic: Issue, receiver: Receiver) -> None:
    """The source still sends its webhook; the old URL redirects to a 404, comments are 404 at once."""
    hidden = hub.repository("hidden")
    hidden.visible = False
    epic.transfer(hidden)
    assert receiver.names == ["issues.transferred"]
    moved = call(hub, "/repos/acme/checkout/issues/1")
    assert moved.status_code == 301
    assert call(hub, moved.headers["Location"]).status_code == 404
    assert call(hub, "/repos/acme/checkout/issues/1/sub_issues").status_code == 404


def test_an_archived_repository_can_only_be_read(hub: GitHub, epic: Issue, receiver: Receiver) -> None:
    """Until it is unarchived; both send a webhook."""
    epic.repository.archive()
    assert (receiver.names, receiver.last["repository"]["archived"]) == (["repository.archived"], True)
    assert call(hub, "/repos/acme/checkout/issues/1").status_code == 200
    refused = call(hub, "/repos/acme/checkout/issues/1/sub_issues", method="POST", json={})
    assert (refused.status_code, refused.json()["message"]) == (403, "Repository was archived so is read-only.")
    epic.repository.unarchive()
    assert receiver.last["repository"]["archived"] is False


def test_a_repository_moves_to_another_owner_with_its_hooks(hub: GitHub, epic: Issue, receiver: Receiver) -> None:
    """Its id stays, its old URL redirects, and its former organisation gets no more webhooks."""
    repo = epic.repository
    installation = hub.create_app(permissions={"issues": "read"}).install()
    repo.transfer("elsewhere")
    assert receiver.last["changes"]["owner"]["from"]["organization"]["login"] == "acme"
    assert (receiver.last["repository"]["full_name"], receiver.last["organization"]["login"]) == (
        "elsewhere/checkout",
        "elsewhere",
    )
    moved = call(hub, "/repos/acme/checkout/issues/1")
    assert (moved.status_code, call(hub, moved.headers["Location"]).status_code) == (301, 200)
    assert call(hub, "/repos/elsewhere/checkout").json()["id"] == repo.id
    assert not installation.covers(repo)
    hub.add_hook(url=receiver.url)
    receiver.forget()
    epic.close()
    assert len(receiver.received) == 1
    with hub.reading():
        hub.repository("anaruiz-notes").owner = hub.user("anaruiz")
    hub.add_hook(hub.repositories[-1], url=receiver.url)
    hub.repositories[-1].transfer("acme")
    assert receiver.last["changes"]["owner"]["from"]["user"]["login"] == "anaruiz"


def test_a_deleted_repository_is_gone_with_its_hooks(hub: GitHub, epic: Issue, receiver: Receiver) -> None:
    """They get its last webhook; its issues send none."""
    epic.repository.delete()
    assert (receiver.names, hub.hooks) == (["repository.deleted"], [])
    assert call(hub, "/repos/acme/checkout/issues/1").status_code == 404
    assert call(hub, "/repos/acme/checkout").status_code == 404
