"""Changes of issues on the simulated GitHub, and their webhooks."""

import pytest

from simulator import GitHub, SteppedClock
from simulator.github import Repository
from tests.simulator.receiver import Receiver


def test_a_new_issue_sends_webhooks_of_its_first_values(checkout: Repository, receiver: Receiver) -> None:
    """After `opened` comes one webhook for each label, assignee, milestone and type, each with the whole issue."""
    milestone = checkout.create_milestone("v1")
    receiver.forget()
    checkout.create_issue(
        "Pay", body="By card", labels=["checkout", "ui"], assignees=["bruno"], milestone=milestone, type="Feature"
    )
    assert receiver.names == [
        "label.created",
        "label.created",
        "issues.opened",
        "issues.labeled",
        "issues.labeled",
        "issues.assigned",
        "issues.milestoned",
        "issues.typed",
    ]
    issue = receiver.received[2].json["issue"]
    assert [label["name"] for label in issue["labels"]] == ["checkout", "ui"]
    assert (issue["assignee"]["login"], issue["assignees"][0]["login"]) == ("bruno", "bruno")
    assert (issue["milestone"]["title"], issue["milestone"]["open_issues"]) == ("v1", 1)
    assert (issue["type"]["name"], issue["body"], issue["state_reason"]) == ("Feature", "By card", None)


def test_ids_do_not_fit_into_32_bits(checkout: Repository, receiver: Receiver) -> None:
    """As GitHub's own for years."""
    checkout.create_issue("Pay")
    assert receiver.last["issue"]["id"] > 2**31
    assert receiver.last["repository"]["id"] > 2**31


@pytest.mark.parametrize("reason", ["completed", "not_planned", "duplicate"])
def test_closing_says_why(checkout: Repository, receiver: Receiver, clock: SteppedClock, reason: str) -> None:
    """Reason, time and state are set together."""
    issue = checkout.create_issue("Pay")
    clock.step(2)
    issue.close(reason=reason)
    sent = receiver.last["issue"]
    assert (receiver.names[-1], sent["state"], sent["state_reason"]) == ("issues.closed", "closed", reason)
    assert sent["closed_at"] == sent["updated_at"] == "2026-11-23T10:00:02Z"


def test_a_reason_that_github_does_not_know_is_refused(checkout: Repository) -> None:
    """So a typo in a test is found at once."""
    with pytest.raises(ValueError, match="'done' is none of completed"):
        checkout.create_issue("Pay").close(reason="done")


def test_what_is_closed_cannot_be_closed_again(checkout: Repository) -> None:
    """Nor can an open one be reopened."""
    issue = checkout.create_issue("Pay")
    with pytest.raises(ValueError, match="is open, not closed"):
        issue.reopen()
    issue.close()
    with pytest.raises(ValueError, match="is closed, not open"):
        issue.close()


def test_a_reopened_issue_is_open_for_that_reason(checkout: Repository, receiver: Receiver) -> None:
    """`state_reason` is `reopened`, and the closing time is cleared."""
    issue = checkout.create_issue("Pay")
    issue.close()
    issue.reopen()
    sent = receiver.last["issue"]
    assert receiver.names[-1] == "issues.reopened"
    assert (sent["state"], sent["state_reason"], sent["closed_at"]) == ("open", "reopened", None)


def test_an_edit_has_the_former_values(checkout: Repository, receiver: Receiver) -> None:
    """Only what changed is named."""
    issue = checkout.create_issue("Pay")
    issue.edit(title="Pay by card", body="Soon")
    assert receiver.last["changes"] == {"title": {"from": "Pay"}, "body": {"from": ""}}
    issue.edit(title="Pay by phone")
    assert receiver.last["changes"] == {"title": {"from": "Pay by card"}}
    issue.edit(body="Later")
    assert (receiver.last["issue"]["title"], receiver.last["issue"]["body"]) == ("Pay by phone", "Later")


def test_labels_come_and_go_one_message_each(checkout: Repository, receiver: Receiver) -> None:
    """A label that is already there sends nothing; one that is not there cannot be removed."""
    issue = checkout.create_issue("Pay", labels=["ui"])
    receiver.forget()
    issue.label("UI", "checkout")
    assert receiver.names == ["label.created", "issues.labeled"]
    issue.unlabel("ui")
    assert (receiver.names[-1], receiver.last["label"]["name"]) == ("issues.unlabeled", "ui")
    assert [label["name"] for label in receiver.last["issue"]["labels"]] == ["checkout"]
    with pytest.raises(ValueError, match="not in list"):
        issue.unlabel("ui")


def test_assignees_come_and_go_one_message_each(checkout: Repository, receiver: Receiver) -> None:
    """The message names the person it is about."""
    issue = checkout.create_issue("Pay", assignees=["bruno"])
    receiver.forget()
    issue.assign("bruno", "chen")
    issue.unassign("bruno")
    assert receiver.names == ["issues.assigned", "issues.unassigned"]
    assert receiver.last["assignee"]["login"] == "bruno"
    assert [user["login"] for user in receiver.last["issue"]["assignees"]] == ["chen"]


def test_a_change_of_milestone_is_two_messages(checkout: Repository, receiver: Receiver) -> None:
    """It leaves the old one before it enters the new one."""
    first, second = checkout.create_milestone("v1"), checkout.create_milestone("v2")
    issue = checkout.create_issue("Pay", milestone=first)
    receiver.forget()
    issue.set_milestone(second)
    issue.clear_milestone()
    assert receiver.names == ["issues.demilestoned", "issues.milestoned", "issues.demilestoned"]
    assert [each.json["milestone"]["title"] for each in receiver.received] == ["v1", "v2", "v2"]
    assert receiver.last["issue"]["milestone"] is None
    with pytest.raises(ValueError, match="has no milestone"):
        issue.clear_milestone()


def test_a_type_can_be_given_and_taken(checkout: Repository, receiver: Receiver) -> None:
    """Removing nothing sends nothing."""
    issue = checkout.create_issue("Pay")
    receiver.forget()
    issue.set_type("Bug")
    issue.set_type(None)
    issue.set_type(None)
    assert receiver.names == ["issues.typed", "issues.untyped"]
    assert (receiver.last["type"]["name"], receiver.last["issue"]["type"]) == ("Bug", None)


def test_a_deleted_issue_sends_a_last_webhook(checkout: Repository, receiver: Receiver) -> None:
    """Its time does not change: the webhook is the only sign."""
    issue = checkout.create_issue("Pay")
    issue.delete()
    assert (receiver.names[-1], receiver.last["issue"]["number"]) == ("issues.deleted", issue.number)
    assert checkout.open_issues == 0


@pytest.mark.parametrize("opened_first", [False, True])
def test_a_transfer_sends_webhooks_of_both_repositories_in_either_order(
    hub: GitHub, checkout: Repository, receiver: Receiver, *, opened_first: bool
) -> None:
    """Each message names the other side; number, id and node id are all new."""
    target = hub.repository("payments")
    hub.add_hook(target, url=receiver.url)
    target.create_issue("Before it")
    due = hub.clock()
    for repo in (checkout, target):
        repo.create_milestone("v1", due=due)
    target.create_label("ui")
    issue = checkout.create_issue("Pay", labels=["UI", "checkout"], milestone=checkout.milestones[0], type="Bug")
    receiver.forget()
    moved = issue.transfer(target, opened_first=opened_first)
    messages = {each.name: each.json for each in receiver.received}
    names = ["issues.opened", "issues.transferred"]
    assert receiver.names == (names if opened_first else names[::-1])
    away, here = messages["issues.transferred"], messages["issues.opened"]
    assert (away["issue"]["number"], away["repository"]["name"]) == (1, "checkout")
    assert (away["changes"]["new_issue"]["number"], away["changes"]["new_repository"]["name"]) == (2, "payments")
    assert (here["changes"]["old_issue"]["number"], here["changes"]["old_repository"]["name"]) == (1, "checkout")
    assert here["issue"] == away["changes"]["new_issue"]
    assert {issue.id, issue.node_id}.isdisjoint({moved.id, moved.node_id})
    assert [label["name"] for label in here["issue"]["labels"]] == ["ui"]
    assert (here["issue"]["milestone"]["title"], here["issue"]["type"]["name"]) == ("v1", "Bug")


def test_two_changes_within_a_second_have_the_same_time(
    checkout: Repository, receiver: Receiver, clock: SteppedClock
) -> None:
    """GitHub's times have whole seconds, so receivers see ties."""
    issue = checkout.create_issue("Pay")
    clock.step(0.5)
    issue.close()
    clock.step(0.3)
    issue.reopen()
    clock.step(0.2)
    issue.close()
    times = [each.json["issue"]["updated_at"] for each in receiver.received]
    assert times == ["2026-11-23T10:00:00Z"] * 3 + ["2026-11-23T10:00:01Z"]


def test_the_sender_is_who_acts(hub: GitHub, checkout: Repository, receiver: Receiver) -> None:
    """Acting as someone else ends with the block, also when it fails."""
    issue = checkout.create_issue("Pay")
    with hub.acting_as("bruno"):
        issue.close()
    assert receiver.last["sender"]["login"] == "bruno"
    with pytest.raises(ValueError, match="is closed"), hub.acting_as("chen"):
        issue.close()
    issue.reopen()
    assert receiver.last["sender"]["login"] == "anaruiz"
