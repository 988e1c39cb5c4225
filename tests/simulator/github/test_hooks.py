"""Hooks created by REST calls, and their delivery log."""

import socket
from typing import Any

import pytest
import requests

from simulator import GitHub, SteppedClock
from simulator.github import App, Repository
from simulator.github.model.hooks import signatures, webhook_request
from tests.simulator.conftest import SECRET
from tests.simulator.github.rest_client import app_jwt, call, create_token, page_url
from tests.simulator.openapi_schemas import check_answer
from tests.simulator.receiver import Receiver

HOOKS = "/repos/acme/checkout/hooks"
DAY = 86_400


def described(path: str) -> str:
    """Return the path as the API description writes it."""
    segments = path.strip("/").split("/")
    named = [
        "{hook_id}" if before == "hooks" else each for before, each in zip(["", *segments], segments, strict=False)
    ]
    text = "/".join(["", *named]).replace("/repos/acme/checkout", "/repos/{owner}/{repo}").replace("/acme/", "/{org}/")
    before, found, after = text.partition("/deliveries/")
    rest = after.partition("/")
    return f"{before}/deliveries/{{delivery_id}}{rest[1]}{rest[2]}" if found else text


def call_and_check(
    hub: GitHub, path: str, method: str = "GET", *, json: Any = None, token: str = ""
) -> requests.Response:
    """Make a call and check its response against the API description."""
    answer = call(hub, path, method=method, json=json, token=token)
    if answer.status_code < 400:
        check_answer(answer, described(path.partition("?")[0]))
    return answer


def requested(receiver: Receiver, **more: Any) -> dict[str, Any]:
    """Return the request body that creates a hook."""
    config = {"url": receiver.url, "secret": SECRET, "content_type": "json"}
    return {"name": "web", "config": config, "events": ["issues"], **more}


@pytest.mark.parametrize("path", [HOOKS, "/orgs/acme/hooks"])
def test_a_hook_can_be_made_changed_and_removed(hub: GitHub, receiver: Receiver, path: str) -> None:
    """On a repository and on an organisation; the secret is never shown."""
    repository = hub.repository("checkout")
    made = call_and_check(hub, path, "POST", json=requested(receiver)).json()
    one = f"{path}/{made['id']}"
    assert receiver.names == ["ping"]
    assert (made["events"], made["active"], made["config"]["secret"]) == (["issues"], True, "********")
    assert call_and_check(hub, path).json() == [made] == [call(hub, one).json()]
    assert made["url"] == hub.api_url + one
    assert call_and_check(hub, f"{one}/pings", "POST").status_code == 204
    repository.create_issue("Heard")
    assert receiver.names == ["ping", "ping", "issues.opened"]
    changed = call_and_check(hub, one, "PATCH", json={"events": ["milestone"], "active": False}).json()
    assert (changed["events"], changed["active"]) == (["milestone"], False)
    repository.create_milestone("Unheard")
    call_and_check(hub, one, "PATCH", json={"active": True})
    repository.create_milestone("Heard")
    assert receiver.names[3:] == ["milestone.created"]
    assert call_and_check(hub, one, "DELETE").status_code == 204
    assert (call_and_check(hub, one).status_code, call(hub, path).json()) == (404, [])


def test_the_settings_of_a_hook_can_be_changed_alone(hub: GitHub, receiver: Receiver) -> None:
    """By `config`, absent settings stay; by the hook itself, an absent secret is removed."""
    repository = hub.repository("checkout")
    one = f"{HOOKS}/{call_and_check(hub, HOOKS, 'POST', json=requested(receiver)).json()['id']}"
    assert call_and_check(hub, f"{one}/config").json()["content_type"] == "json"
    call_and_check(hub, f"{one}/config", "PATCH", json={"secret": "new", "content_type": "form"})
    assert (hub.hooks[0].url, hub.hooks[0].secret) == (receiver.url, "new")
    repository.create_issue("Pay")
    assert receiver.received[-1].headers["Content-Type"] == "application/x-www-form-urlencoded"
    latest = receiver.received[-1]
    assert latest.headers["X-Hub-Signature-256"] == signatures("new", latest.body)["X-Hub-Signature-256"]
    call_and_check(
        hub, one, "PATCH", json={"config": {"url": receiver.url}, "add_events": ["label"], "remove_events": ["issues"]}
    )
    assert (hub.hooks[0].secret, hub.hooks[0].events) == ("", ("label",))
    assert call(hub, one, method="PATCH", json={"config": {}}).status_code == 422
    assert call(hub, f"{one}/config", method="PATCH", json={"colour": "red"}).status_code == 422


def test_a_hook_created_by_a_call_sends_pushes_as_forms_by_default(hub: GitHub, receiver: Receiver) -> None:
    """These are GitHub's own surprising defaults."""
    hub.repository("checkout")
    made = call_and_check(hub, HOOKS, "POST", json={"config": {"url": receiver.url}}).json()
    assert (made["config"]["content_type"], made["events"]) == ("form", ["push"])


def test_what_makes_no_hook_is_422(hub: GitHub, receiver: Receiver) -> None:
    """No URL, an unknown setting, the same hook twice, or the twenty-first for an event."""
    hub.repository("checkout")
    for config in ({}, {"url": receiver.url, "colour": "red"}):
        assert call(hub, HOOKS, method="POST", json={"config": config}).status_code == 422
    assert call_and_check(hub, HOOKS, "POST", json=requested(receiver)).status_code == 201
    again = call(hub, HOOKS, method="POST", json=requested(receiver))
    assert (again.status_code, again.json()["message"]) == (422, "Hook already exists on this repository")
    for number in range(19):
        other = requested(receiver, config={"url": f"{receiver.url}?{number}"})
        assert call(hub, HOOKS, method="POST", json=other).status_code == 201
    assert (
        call(hub, HOOKS, method="POST", json=requested(receiver, config={"url": "http://127.0.0.1:1"})).status_code
        == 422
    )


def test_a_refused_hook_call_names_the_missing_permission(hub: GitHub, checkout: Repository) -> None:
    """Separately for repositories and organisations; an unknown organisation is 404."""
    token = hub.add_token("bruno", permissions={"metadata": "read", "repository_hooks": "read"}).text
    assert call(hub, HOOKS, token=token).status_code == 200
    refused = call(hub, HOOKS, method="POST", token=token, json={})
    assert (refused.status_code, refused.headers["X-Accepted-GitHub-Permissions"]) == (403, "repository_hooks=write")
    refused = call(hub, "/orgs/acme/hooks", token=token)
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "organization_hooks=read"
    assert call(hub, "/orgs/other/hooks").status_code == 404
    assert call(hub, f"/orgs/acme/hooks/{hub.hooks[0].id}").status_code == 404


def test_the_log_shows_each_attempt_and_what_came_of_it(hub: GitHub, checkout: Repository, receiver: Receiver) -> None:
    """Newest first; a lost one failed to connect, a redelivery keeps the GUID and has an id of its own."""
    log = f"{HOOKS}/{hub.hooks[0].id}/deliveries"
    receiver.answers.extend([202, 500])
    checkout.create_issue("Pay").close()
    hub.webhooks.lose_next()
    checkout.issues[1].reopen()
    lost, failed, taken, ping = call_and_check(hub, log).json()
    assert (taken["event"], taken["action"], taken["status"], taken["status_code"]) == ("issues", "opened", "OK", 202)
    assert (failed["action"], failed["status"], failed["status_code"]) == ("closed", "Invalid HTTP Response: 500", 500)
    assert (lost["action"], lost["status"], lost["status_code"]) == ("reopened", "failed to connect", 0)
    assert (ping["event"], ping["action"], ping["repository_id"]) == ("ping", None, checkout.id)
    assert call_and_check(hub, f"{log}/{failed['id']}/attempts", "POST").status_code == 202
    again = call_and_check(hub, log).json()[0]
    assert (again["guid"], again["redelivery"], again["status"]) == (failed["guid"], True, "OK")
    assert again["id"] > lost["id"]
    whole = call_and_check(hub, f"{log}/{again['id']}").json()
    assert whole["request"]["payload"]["issue"]["state"] == "closed"
    assert whole["request"]["headers"]["X-GitHub-Delivery"] == failed["guid"]
    assert whole["request"]["headers"]["X-Hub-Signature-256"].startswith("sha256=")
    assert receiver.received[-1].headers["X-GitHub-Delivery"] == failed["guid"]
    for path, method in ((f"{log}/7", "GET"), (f"{log}/7/attempts", "POST")):
        assert call_and_check(hub, path, method).status_code == 404


def test_the_filters_go_by_the_status_code_alone(hub: GitHub, checkout: Repository, receiver: Receiver) -> None:
    """So an attempt without an answer, which has no code, is found by neither."""
    log = f"{HOOKS}/{hub.hooks[0].id}/deliveries"
    receiver.answers.extend([202, 301, 404, 599])
    for title in ("One", "Two", "Three", "Four"):
        checkout.create_issue(title)
    hub.webhooks.lose_next()
    checkout.create_issue("Five")
    codes = {
        status: [row["status_code"] for row in call_and_check(hub, f"{log}?status={status}").json()]
        for status in ("success", "failure")
    }
    assert codes == {"success": [301, 202, 202], "failure": [599, 404]}
    assert call(hub, f"{log}?status=odd").status_code == 422


def test_a_timeout_differs_from_a_failed_connection(hub: GitHub) -> None:
    """Neither has a code."""
    repository = hub.repository("checkout")
    hub.webhooks.timeout = 0.2
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub.add_hook(repository, url=f"http://127.0.0.1:{silent.getsockname()[1]}/")
    hub.add_hook(repository, url="http://127.0.0.1:1/")
    rows = [call_and_check(hub, f"{HOOKS}/{hook.id}/deliveries").json()[0] for hook in hub.hooks]
    assert [row["status"] for row in rows] == ["timed out", "failed to connect"]
    assert (
        call_and_check(hub, f"{HOOKS}/{hub.hooks[0].id}/deliveries/{rows[0]['id']}").json()["response"]["payload"]
        is None
    )


def test_the_log_is_read_on_by_a_cursor(hub: GitHub, checkout: Repository) -> None:
    """New deliveries shift nothing."""
    for number in range(7):
        checkout.create_label(f"label {number}")
    page = call(hub, f"{HOOKS}/{hub.hooks[0].id}/deliveries?per_page=3")
    seen = page.json()
    checkout.create_label("later")
    while page_url(page):
        page = call(hub, page_url(page))
        seen += page.json()
    assert [row["event"] for row in seen] == ["label"] * 7 + ["ping"]
    assert len({row["id"] for row in seen}) == 8
    assert call(hub, f"{HOOKS}/{hub.hooks[0].id}/deliveries?cursor=nonsense").status_code == 400


def test_the_log_goes_back_three_days(hub: GitHub, checkout: Repository, clock: SteppedClock) -> None:
    """By the simulator's clock; what is older cannot be redelivered. A redelivery counts from its own time."""
    log = f"{HOOKS}/{hub.hooks[0].id}/deliveries"
    checkout.create_issue("Pay")
    clock.step(2 * DAY)
    first = call_and_check(hub, log).json()[0]
    call_and_check(hub, f"{log}/{first['id']}/attempts", "POST")
    clock.step(DAY)
    assert [row["redelivery"] for row in call_and_check(hub, log).json()] == [True]
    assert call_and_check(hub, f"{log}/{first['id']}/attempts", "POST").status_code == 404
    clock.step(2 * DAY)
    assert call_and_check(hub, log).json() == []


@pytest.fixture
def app(hub: GitHub, receiver: Receiver) -> App:
    """Return an app that gets issues everywhere."""
    app = hub.create_app(
        permissions={"issues": "read"},
        events=["issues"],
        hook_url=receiver.url,
        hook_secret=SECRET,
        content_type="form",
    )
    app.install()
    return app


def test_an_app_lists_and_redelivers_its_deliveries(hub: GitHub, app: App, receiver: Receiver) -> None:
    """With its JWT only; a row names the installation and the repository."""
    repo, token = hub.repository("checkout"), app_jwt(app)
    receiver.answers.append(503)
    repo.create_issue("Pay")
    failed, installed, ping = call_and_check(hub, "/app/hook/deliveries", token=token).json()
    assert (failed["installation_id"], failed["repository_id"]) == (app.installations[0].id, repo.id)
    assert (installed["event"], installed["installation_id"], installed["repository_id"]) == (
        "installation",
        app.installations[0].id,
        None,
    )
    assert ping["installation_id"] is None
    assert call_and_check(hub, f"/app/hook/deliveries/{failed['id']}/attempts", "POST", token=token).status_code == 202
    assert receiver.received[-1].json["installation"]["id"] == app.installations[0].id
    one = f"/app/hook/deliveries/{failed['id']}"
    assert call_and_check(hub, one, token=token).json()["request"]["payload"]["action"] == "opened"
    assert call(hub, one, token=create_token(app.installations[0]).json()["token"]).status_code == 401


def test_an_app_changes_its_own_hook(hub: GitHub, app: App, receiver: Receiver) -> None:
    """The next webhook is signed with the new secret."""
    token = app_jwt(app)
    assert call_and_check(hub, "/app/hook/config", token=token).json()["url"] == receiver.url
    changed = call_and_check(
        hub, "/app/hook/config", "PATCH", token=token, json={"secret": "new", "content_type": "json"}
    )
    assert (changed.json()["secret"], app.hook and app.hook.secret) == ("********", "new")
    other = hub.create_app("No hook", permissions={})
    assert call(hub, "/app/hook/config", token=app_jwt(other)).status_code == 404


def test_an_invalid_payload_is_shown_without_its_message(hub: GitHub, checkout: Repository) -> None:
    """As the demo sends one."""
    broken = webhook_request(
        hub.hooks[0], event="issues", guid="7", text="{", message={"action": "broken"}, sent=hub.clock()
    )
    hub.webhooks.send(broken)
    hub.flush()
    row = call_and_check(hub, f"{HOOKS}/{hub.hooks[0].id}/deliveries").json()[0]
    assert (row["action"], row["repository_id"]) == ("broken", None)
