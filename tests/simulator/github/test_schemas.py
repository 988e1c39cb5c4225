"""Check every webhook and response of the simulated GitHub against GitHub's own API description."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator import GitHub
from tests.simulator.openapi_schemas import GITHUB_WEBHOOKS, check, shared
from tests.simulator.receiver import Receiver

SCHEMAS = "/components/schemas"

EVERY_MESSAGE = {
    *(f"issues.{action}" for action in ("opened", "edited", "closed", "reopened", "deleted", "transferred")),
    *(f"issues.{action}" for action in ("labeled", "unlabeled", "milestoned", "demilestoned")),
    *(f"issues.{action}" for action in ("assigned", "unassigned", "typed", "untyped")),
    *(f"pull_request.{action}" for action in ("opened", "edited", "closed", "reopened", "labeled", "unlabeled")),
    *(f"pull_request.{action}" for action in ("milestoned", "demilestoned", "assigned", "unassigned")),
    *(f"pull_request.{action}" for action in ("converted_to_draft", "ready_for_review")),
    *(f"label.{action}" for action in ("created", "edited", "deleted")),
    *(f"milestone.{action}" for action in ("created", "edited", "closed", "opened", "deleted")),
    *(f"issues.{action}" for action in ("field_added", "field_removed")),
    *(f"sub_issues.{what}_{how}" for what in ("sub_issue", "parent_issue") for how in ("added", "removed")),
    *(f"projects_v2_item.{action}" for action in ("created", "edited", "archived", "restored", "deleted")),
    *(f"repository.{action}" for action in ("transferred", "archived", "unarchived", "deleted")),
    *(f"issue_comment.{action}" for action in ("created", "edited", "deleted")),
    *(f"installation.{action}" for action in ("created", "deleted", "suspend", "unsuspend")),
    "installation.new_permissions_accepted",
    "installation_repositories.added",
    "installation_repositories.removed",
    "meta.deleted",
    "repository.renamed",
    "ping",
}
ONLY_SHARED = {"issues.field_added", "issues.field_removed"}
"""Events that only the shared description has yet."""

ONLY_RECORDED = {"installation", "issue.draft", "issue.pull_request"}
"""Fields of the recorded webhooks that ours lack: those came through an app, or are about pull requests."""


def do_everything(hub: GitHub, url: str) -> None:
    """Send every webhook at least once, to a hook on the organisation and one on a repository."""
    hub.add_hook(url=url, secret="s")
    repository = hub.repository("checkout")
    hub.add_hook(repository, url=url, events=[])
    milestone = repository.create_milestone("v1", due=hub.clock())
    start: dict[str, Any] = {"labels": ["ui"], "assignees": ["bruno"], "milestone": milestone}
    issue = repository.create_issue("Pay", body="By card", type="Feature", **start)
    pull = repository.create_pull_request("Add cards", draft=True, **start)
    for work in (issue, pull):
        work.edit(title="Better", body="Clearer")
        work.unlabel("ui")
        work.label("late")
        work.unassign("bruno")
        work.clear_milestone()
        work.close()
        work.reopen()
    issue.set_type(None)
    for reason in ("not_planned", "duplicate"):
        issue.close(reason=reason)
        issue.reopen()
    pull.retarget("release")
    pull.mark_ready()
    pull.convert_to_draft()
    pull.mark_ready()
    pull.merge()
    issue.transfer(hub.repository("payments")).delete()
    label = repository.label("late")
    label.rename("later")
    label.delete()
    milestone.edit(title="v1.0", due=hub.clock())
    milestone.close()
    milestone.reopen()
    milestone.delete()
    repository.rename("shop")
    plan(hub, url)
    manage_an_app(hub, url)
    hub.remove_hook(hub.add_hook(repository, url=url))


def plan(hub: GitHub, url: str) -> None:
    """Use sub-issues, fields and a board."""
    repo, other = hub.repository("plan"), hub.repository("parts")
    epic, story = repo.create_issue("Checkout"), other.create_issue("Card", type="Feature")
    epic.add_sub_issue(story)
    hub.issue_field("Priority", "single_select", options=["High", "Low"])
    for issue in (story, epic):
        issue.set_field("Points", 5)
        issue.set_field("Points", 8.5)
        issue.set_field("Priority", "Low")
        issue.clear_field("Points")
    epic.remove_sub_issue(story, child_first=True)
    for work in (story, repo.create_pull_request("Add forms")):
        comment = work.comment("Soon")
        comment.edit("Later")
        comment.delete()
    item = hub.project("Roadmap").add(story)
    hub.project("Roadmap").add(repo.create_pull_request("Add cards")).set("Points", 3, type="number")
    for value in ("Doing", "Done", None):
        item.set("Status", value)
    item.archive()
    item.restore()
    item.delete()
    repo.archive()
    repo.unarchive()
    hub.add_hook(repo, url=url)  # goes along, unlike the organisation's
    repo.transfer("elsewhere")
    other.delete()


def manage_an_app(hub: GitHub, url: str) -> None:
    """Make every change of an app's installation."""
    app = hub.create_app(permissions={"issues": "read"}, events=["issues"], hook_url=url, hook_secret="s")
    first, second = hub.repository("shop"), hub.repository("payments")
    installation = app.install([first])
    installation.add(second)
    second.create_issue("Heard of by the app")
    installation.remove(first)
    installation.accept({"issues": "write"}, events=["milestone"])
    installation.suspend()
    installation.unsuspend()
    installation.delete()


@pytest.mark.slow
def test_every_message_is_as_github_describes(hub: GitHub, receiver: Receiver) -> None:
    """Check against the package that GitHub's own libraries use."""
    do_everything(hub, receiver.url)
    assert set(receiver.names) == EVERY_MESSAGE
    for message in [each for each in receiver.received if each.name not in ONLY_SHARED]:
        name = message.name.replace("_", "-").replace(".", "-")
        check(message.json, GITHUB_WEBHOOKS, f"{SCHEMAS}/webhook-{name}")


@pytest.mark.slow
def test_every_message_is_as_the_shared_description_says(hub: GitHub, receiver: Receiver) -> None:
    """A later version of it, in the older form of OpenAPI."""
    document = shared("openapi/github-rest-2026.json")
    known = json.loads(document.read_text())["components"]["schemas"]
    do_everything(hub, receiver.url)
    checked = set()
    for message in receiver.received:
        name = f"webhook-{message.name.replace('_', '-').replace('.', '-')}"
        if name in known:
            check(message.json, document, f"{SCHEMAS}/{name}")
            checked.add(message.name)
    assert EVERY_MESSAGE - checked == {"pull_request.assigned", "pull_request.unassigned"}


@pytest.mark.parametrize(
    ("message", "lie"),
    [
        ("issues.closed", {"action": "reopened"}),
        ("issues.closed", {"repository": None}),
        ("milestone.closed", {"milestone": {"number": "1"}}),
    ],
)
def test_a_wrong_message_is_found_out(hub: GitHub, receiver: Receiver, message: str, lie: dict[str, Any]) -> None:
    """So that the tests above can fail."""
    do_everything(hub, receiver.url)
    true = next(each for each in receiver.received if each.name == message)
    with pytest.raises(AssertionError, match=r"\$\."):
        check({**true.json, **lie}, GITHUB_WEBHOOKS, f"{SCHEMAS}/webhook-{message.replace('.', '-')}")


def _answers(hub: GitHub) -> list[tuple[str, Any]]:
    """Return responses with the names of their schemas."""
    repository = hub.repository("checkout")
    start: dict[str, Any] = {
        "labels": ["ui"],
        "assignees": ["bruno"],
        "milestone": repository.create_milestone("v1"),
    }
    repository.create_issue("Pay", type="Bug", **start).close()
    repository.create_pull_request("Add cards", **start).merge()
    payload = [
        ("issue", "/repos/acme/checkout/issues/1"),
        ("issue", "/repos/acme/checkout/issues/2"),
        ("pull-request", "/repos/acme/checkout/pulls/2"),
        ("full-repository", "/repos/acme/checkout"),
        ("public-user", "/user"),
        ("rate-limit-overview", "/rate_limit"),
        ("basic-error", "/repos/acme/checkout/issues/3"),
    ]
    headers = {"Authorization": f"Bearer {hub.token}"}
    return [(schema, requests.get(hub.url + path, headers=headers, timeout=5).json()) for schema, path in payload]


def test_issues_and_pull_requests_are_answered_as_github_describes(hub: GitHub) -> None:
    """The package has these two of the REST shapes."""
    described = [(schema, answer) for schema, answer in _answers(hub) if schema in ("issue", "pull-request")]
    assert len(described) == 3
    for schema, answer in described:
        check(answer, GITHUB_WEBHOOKS, f"{SCHEMAS}/{schema}")


def test_every_answer_is_as_the_shared_description_says(hub: GitHub) -> None:
    """All of them."""
    document = shared("openapi/github-rest-2026.json")
    for schema, answer in _answers(hub):
        check(answer, document, f"{SCHEMAS}/{schema}")


def _recorded() -> list[Path]:
    folder = shared("payloads/github")
    requested = ["issues", "pull_request", "label", "milestone", "repository", "ping"]
    requested += ["installation", "installation_repositories", "meta", "projects_v2_item", "issue_comment"]
    return sorted(path for name in requested for path in folder.glob(f"{name}/*.json"))


@pytest.mark.slow
def test_nothing_is_missing_that_recorded_messages_have(hub: GitHub, receiver: Receiver) -> None:
    """Each field of each recorded message is in the simulated one of that name, if we send that webhook."""
    do_everything(hub, receiver.url)
    compared = 0
    for path in _recorded():
        recorded = json.loads(path.read_text())
        name = f"{path.parent.name}.{recorded['action']}" if "action" in recorded else path.parent.name
        simulated = [message.json for message in receiver.received if message.name == name]
        if simulated:
            compared += 1
            missing = min((_missing(recorded, each) for each in simulated), key=len)
            assert missing <= ONLY_RECORDED, f"{path.name} of {name} has {sorted(missing)}"
    assert compared > 40


def _missing(recorded: dict[str, Any], simulated: dict[str, Any]) -> set[str]:
    missing = set(recorded) - set(simulated)
    names = (
        "issue",
        "pull_request",
        "label",
        "milestone",
        "repository",
        "sender",
        "organization",
        "installation",
        "comment",
    )
    for event in names:
        if isinstance(recorded.get(event), dict) and isinstance(simulated.get(event), dict):
            missing |= {f"{event}.{name}" for name in set(recorded[event]) - set(simulated[event])}
    return missing
