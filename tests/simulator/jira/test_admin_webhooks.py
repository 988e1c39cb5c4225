"""Calls about administrators' webhooks, at the path of each version: JSON, events and permissions."""

import json
from typing import Any

import pytest
import requests

from simulator import Jira
from simulator.jira.admin_webhooks import signature
from tests.simulator.receiver import Receiver

OLDER, NEWER = "/rest/webhooks/1.0/webhook", "/rest/jira-webhook/1.0/webhooks"


def ask(jira: Jira, path: str, *, method: str = "GET", body: Any = None) -> requests.Response:
    """Call with a valid token."""
    headers = {"Authorization": jira.authorization}
    return requests.request(method, f"{jira.url}{path}", headers=headers, json=body, timeout=5)


@pytest.mark.parametrize("projects", [(), ("SHOP",)])
def test_webhooks_are_shown_to_administrators_alone(jira: Jira, projects: tuple[str, ...]) -> None:
    """Without their secrets."""
    jira.add_hook(url="https://okr.example.com/hooks/jira", secret="hush-hush", projects=projects)
    answer = ask(jira, OLDER)
    (hook,) = answer.json()
    assert (hook["url"], hook["enabled"], hook["isSigned"]) == ("https://okr.example.com/hooks/jira", True, True)
    assert "hush-hush" not in json.dumps(hook)
    requested: Any = "project in (SHOP)" if projects else ""
    assert hook["filters"] == {"issue-related-events-section": requested}
    jira.is_admin = False
    for method in ("GET", "POST"):
        assert ask(jira, OLDER, method=method, body={}).status_code == 403


def test_one_made_on_cloud_tells_what_its_filter_lets_through_and_signs(jira: Jira, receiver: Receiver) -> None:
    """A change without a secret keeps it; a removed webhook gets nothing."""
    shop, pay = jira.project("SHOP"), jira.project("PAY")
    body = {"name": "OKR", "url": receiver.url, "events": ["jira:issue_created"], "secret": "one",
            "filters": {"issue-related-events-section": 'project in ("SHOP")'}}  # fmt: skip
    answer = ask(jira, OLDER, method="POST", body=body)
    assert (answer.status_code, answer.json()["isSigned"]) == (201, True)
    pay.create_issue("Not told")
    shop.create_issue("Told")
    (sent,) = receiver.received
    assert sent.headers["X-Hub-Signature"] == signature("one", sent.body)
    path = answer.json()["self"].removeprefix(jira.url)
    changed = {key: value for key, value in body.items() if key not in ("secret", "filters")}
    assert ask(jira, path, method="PUT", body=changed).json()["isSigned"]
    pay.create_issue("Told now")
    assert receiver.received[-1].headers["X-Hub-Signature"] == signature("one", receiver.received[-1].body)
    assert ask(jira, path, method="PUT", body={**changed, "enabled": False}).json()["enabled"] is False
    shop.create_issue("It is switched off")
    assert ask(jira, path, method="DELETE").status_code == 204
    assert ask(jira, path, method="DELETE").status_code == 404
    assert len(receiver.received) == 2


def test_data_center_has_its_own_address_from_10_on(data_center: Jira, receiver: Receiver) -> None:
    """There the secret is in the configuration; one beside it is ignored."""
    data_center.hooks.clear()
    body = {"name": "OKR", "url": receiver.url, "events": ["*"], "secret": "beside", "active": True}
    assert ask(data_center, OLDER).status_code == 404
    made = ask(data_center, NEWER, method="POST", body=body).json()
    assert data_center.hooks[0].secret == ""
    path = f"{NEWER}/{made['id']}"
    configured = {**body, "configuration": {"SECRET": "inside"}}
    assert "inside" not in ask(data_center, path, method="PUT", body=configured).text
    data_center.project("SHOP").create_issue("Told")
    assert receiver.received[-1].headers["x-hub-signature"] == signature("inside", receiver.received[-1].body)
    data_center.version = "9.12.4"
    assert [ask(data_center, path).status_code for path in (OLDER, NEWER)] == [200, 404]


def test_a_server_too_old_for_secrets_makes_one_that_signs_nothing(data_center: Jira, receiver: Receiver) -> None:
    """Without an error."""
    data_center.hooks.clear()
    data_center.version, data_center.knows_secrets = "8.20.1", False
    body = {"name": "OKR", "url": receiver.url, "events": ["*"], "secret": "one"}
    assert "isSigned" not in ask(data_center, OLDER, method="POST", body=body).json()
    data_center.project("SHOP").create_issue("Told")
    assert "x-hub-signature" not in {name.lower() for name in receiver.received[-1].headers}


@pytest.mark.parametrize(
    "wrong",
    [{"url": None}, {"name": 7}, {"events": "all"}, {"events": ["project_archived"]},
     {"filters": {"issue-related-events-section": "project in ("}}],
)  # fmt: skip
def test_what_is_not_valid_is_refused(jira: Jira, wrong: dict[str, Any]) -> None:
    """With a reason, and nothing is created."""
    jira.unknown_events = {"project_archived"}
    body = {"name": "OKR", "url": "https://okr.example.com", "events": ["*"], **wrong}
    assert ask(jira, OLDER, method="POST", body=body).status_code == 400
    assert jira.hooks == []
