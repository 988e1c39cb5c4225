"""Labels, milestones and repositories on the simulated GitHub."""

from datetime import UTC, datetime

from simulator import GitHub, SteppedClock
from simulator.github import Repository
from tests.simulator.receiver import Receiver


def test_a_renamed_label_keeps_its_id_and_leaves_issues_untold(
    checkout: Repository, receiver: Receiver, clock: SteppedClock
) -> None:
    """The issues carry the new name afterwards, at the time they had before."""
    issue = checkout.create_issue("Pay", labels=["checkout"])
    receiver.forget()
    clock.step(60)
    checkout.label("checkout").rename("payments")
    assert receiver.names == ["label.edited"]
    assert receiver.last["changes"] == {"name": {"from": "checkout"}}
    assert (receiver.last["label"]["id"], receiver.last["label"]["name"]) == (issue.labels[0].id, "payments")
    assert issue.updated < clock()


def test_a_deleted_label_leaves_its_issues_without_saying_which_it_was(
    checkout: Repository, receiver: Receiver
) -> None:
    """Each issue reports `unlabeled` with no `label`, as the real GitHub does."""
    checkout.create_issue("Pay", labels=["checkout", "ui"])
    checkout.create_pull_request("Add cards", labels=["checkout"])
    checkout.create_issue("Other")
    receiver.forget()
    checkout.label("checkout").delete()
    assert receiver.names == ["label.deleted", "issues.unlabeled", "pull_request.unlabeled"]
    assert "label" not in receiver.received[1].json
    assert [label["name"] for label in receiver.received[1].json["issue"]["labels"]] == ["ui"]


def test_a_label_can_be_described(checkout: Repository, receiver: Receiver) -> None:
    """Colour and description are optional."""
    checkout.create_label("bug", color="d73a4a", description="It is broken")
    assert (receiver.last["label"]["color"], receiver.last["label"]["description"]) == ("d73a4a", "It is broken")


def test_a_milestone_lives_and_dies_by_messages_of_its_own(checkout: Repository, receiver: Receiver) -> None:
    """Its issues send no webhook, whatever happens to it."""
    milestone = checkout.create_milestone("v1")
    issue, done = checkout.create_issue("Pay", milestone=milestone), checkout.create_issue("B", milestone=milestone)
    done.close()
    receiver.forget()
    milestone.edit(title="v1.0", due=datetime(2026, 12, 1, 8, tzinfo=UTC))
    assert receiver.last["changes"] == {"title": {"from": "v1"}, "due_on": {"from": None}}
    milestone.close()
    assert (receiver.last["milestone"]["state"], receiver.last["milestone"]["closed_at"]) == (
        "closed",
        "2026-11-23T10:00:00Z",
    )
    milestone.reopen()
    sent = receiver.last["milestone"]
    assert (sent["state"], sent["open_issues"], sent["closed_issues"]) == ("open", 1, 1)
    milestone.delete()
    names = ["milestone.edited", "milestone.closed", "milestone.opened", "milestone.deleted"]
    assert (receiver.names, issue.milestone, checkout.milestones) == (names, None, [])


def test_an_edited_milestone_names_only_what_changed(checkout: Repository, receiver: Receiver) -> None:
    """Title and due date change apart."""
    milestone = checkout.create_milestone("v1", due=datetime(2026, 12, 1, 8, tzinfo=UTC))
    milestone.edit(due=datetime(2026, 12, 8, 8, tzinfo=UTC))
    assert receiver.last["changes"] == {"due_on": {"from": "2026-12-01T08:00:00Z"}}
    milestone.edit(title="v2")
    assert receiver.last["changes"] == {"title": {"from": "v1"}}


def test_a_renamed_repository_keeps_its_id(checkout: Repository, receiver: Receiver) -> None:
    """The webhook has the new and the old name."""
    checkout.rename("shop")
    assert receiver.names == ["repository.renamed"]
    assert receiver.last["changes"] == {"repository": {"name": {"from": "checkout"}}}
    assert (receiver.last["repository"]["id"], receiver.last["repository"]["full_name"]) == (checkout.id, "acme/shop")


def test_asking_twice_for_the_same_name_gives_the_same_thing(hub: GitHub, checkout: Repository) -> None:
    """Names of repositories and labels ignore case, as on GitHub."""
    assert hub.repository("Checkout") is checkout
    assert checkout.label("UI") is checkout.label("ui")
    assert hub.issue_type("Bug") is hub.issue_type("Bug")
