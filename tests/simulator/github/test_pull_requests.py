"""Pull requests on the simulated GitHub."""

import pytest

from simulator import GitHub, SteppedClock
from simulator.github import Repository
from tests.simulator.receiver import Receiver


def test_a_merged_pull_request_is_closed_and_merged(
    checkout: Repository, receiver: Receiver, clock: SteppedClock
) -> None:
    """A merge has no action of its own."""
    pull = checkout.create_pull_request("Add cards", labels=["ui"], assignees=["bruno"])
    clock.step(1)
    pull.merge()
    sent = receiver.last["pull_request"]
    assert receiver.names[1:] == [
        "pull_request.opened",
        "pull_request.labeled",
        "pull_request.assigned",
        "pull_request.closed",
    ]
    assert (sent["state"], sent["merged"], sent["merged_by"]["login"]) == ("closed", True, "anaruiz")
    assert sent["merged_at"] == sent["closed_at"] == sent["updated_at"] == "2026-11-23T10:00:01Z"
    assert (sent["base"]["ref"], receiver.last["repository"]["default_branch"]) == ("main", "main")
    with pytest.raises(ValueError, match="is merged"):
        pull.reopen()


def test_a_pull_request_closed_unmerged_can_be_reopened(checkout: Repository, receiver: Receiver) -> None:
    """It takes no reason."""
    pull = checkout.create_pull_request("Add cards")
    with pytest.raises(ValueError, match="without a reason"):
        pull.close(reason="completed")
    pull.close()
    assert (receiver.last["pull_request"]["merged"], receiver.last["pull_request"]["merged_at"]) == (False, None)
    pull.reopen()
    assert (receiver.names[-1], receiver.last["pull_request"]["state"]) == ("pull_request.reopened", "open")


def test_a_draft_must_be_ready_before_it_is_merged(checkout: Repository, receiver: Receiver) -> None:
    """Both changes send a webhook."""
    pull = checkout.create_pull_request("Add cards", draft=True)
    with pytest.raises(ValueError, match="is a draft"):
        pull.merge()
    pull.mark_ready()
    assert (receiver.names[-1], receiver.last["pull_request"]["draft"]) == ("pull_request.ready_for_review", False)
    pull.convert_to_draft()
    assert (receiver.names[-1], receiver.last["pull_request"]["draft"]) == ("pull_request.converted_to_draft", True)


def test_everything_that_sorts_issues_sorts_pull_requests_too(checkout: Repository, receiver: Receiver) -> None:
    """The messages are `pull_request` ones, never `issues`."""
    milestone = checkout.create_milestone("v1")
    pull = checkout.create_pull_request("Add cards")
    receiver.forget()
    pull.edit(title="Add all cards", body="Closes #1")
    pull.retarget("release")
    pull.label("ui")
    pull.unlabel("ui")
    pull.set_milestone(milestone)
    pull.clear_milestone()
    pull.assign("bruno")
    pull.unassign("bruno")
    sorted_by = ["labeled", "unlabeled", "milestoned", "demilestoned", "assigned", "unassigned"]
    names = [f"pull_request.{action}" for action in ["edited", "edited", *sorted_by]]
    assert [name for name in receiver.names if name != "label.created"] == names
    assert receiver.received[1].json["changes"]["base"]["ref"] == {"from": "main"}


def test_a_pull_request_has_two_ids_and_one_number(checkout: Repository, receiver: Receiver) -> None:
    """Issues and pull requests share the numbers of a repository."""
    issue, pull = checkout.create_issue("Pay"), checkout.create_pull_request("Add cards")
    assert (issue.number, pull.number, receiver.last["number"]) == (1, 2, 2)
    assert receiver.last["pull_request"]["id"] == pull.pull_id != pull.id


def test_what_github_does_not_do_to_pull_requests_is_refused(checkout: Repository) -> None:
    """No type, no deletion, no transfer."""
    pull = checkout.create_pull_request("Add cards")
    with pytest.raises(ValueError, match="no type"):
        pull.set_type("Bug")
    with pytest.raises(ValueError, match="cannot be deleted"):
        pull.delete()
    with pytest.raises(ValueError, match="cannot be transferred"):
        pull.transfer(checkout)


def test_a_merge_into_the_default_branch_closes_the_issues_it_names(
    hub: GitHub, checkout: Repository, receiver: Receiver
) -> None:
    """By a keyword; closed issues, pull requests and unknown numbers are ignored."""
    issues = [checkout.create_issue(title) for title in "ABCD"]
    issues[3].close()
    pull = checkout.create_pull_request("Add cards", body="Fixes #1, resolves: #2 and closes #4, #99, fixed #5. See #3")
    receiver.forget()
    with hub.acting_as("bruno"):
        pull.merge()
    assert receiver.names == ["pull_request.closed", "issues.closed", "issues.closed"]
    assert [issue.state for issue in issues] == ["closed", "closed", "open", "closed"]
    assert (issues[0].state_reason, receiver.last["sender"]["login"]) == ("completed", "bruno")


def test_a_merge_into_another_branch_closes_no_issue(checkout: Repository) -> None:
    """Whatever its body says."""
    issue = checkout.create_issue("Pay")
    checkout.create_pull_request("Add cards", body="Closes #1", base="release").merge()
    assert issue.state == "open"
