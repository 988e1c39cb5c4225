"""Hooks made by calls, and the log of what was delivered to them."""

import socket
from typing import Any

import pytest
import requests

from simulator import GitHub, SteppedClock
from simulator.github import App, Repository
from simulator.github.hooks import parcel, signatures
from tests.simulator.asking import ask, assertion, following, mint
from tests.simulator.conftest import SECRET
from tests.simulator.receiver import Receiver
from tests.simulator.schemas import check_answer

HOOKS = "/repos/acme/checkout/hooks"
DAY = 86_400


def described(path: str) -> str:
    """Give the description's name of a path of ours."""
    parts = path.strip("/").split("/")
    named = ["{hook_id}" if before == "hooks" else each for before, each in zip(["", *parts], parts, strict=False)]
    text = "/".join(["", *named]).replace("/repos/acme/checkout", "/repos/{owner}/{repo}").replace("/acme/", "/{org}/")
    before, found, after = text.partition("/deliveries/")
    rest = after.partition("/")
    return f"{before}/deliveries/{{delivery_id}}{rest[1]}{rest[2]}" if found else text


def call(hub: GitHub, path: str, method: str = "GET", *, json: Any = None, token: str = "") -> requests.Response:
    """Make a call and hold its answer against the description."""
    answer = ask(hub, path, method=method, json=json, token=token)
    if answer.status_code < 400:
        check_answer(answer, described(path.partition("?")[0]))
    return answer


def wanted(receiver: Receiver, **more: Any) -> dict[str, Any]:
    """Write what a hook is asked for with."""
    config = {"url": receiver.url, "secret": SECRET, "content_type": "json"}
    return {"name": "web", "config": config, "events": ["issues"], **more}


@pytest.mark.parametrize("place", [HOOKS, "/orgs/acme/hooks"])
def test_a_hook_can_be_made_changed_and_removed(hub: GitHub, receiver: Receiver, place: str) -> None:
    """On a repository and on an organisation; the secret is never shown."""
    repository = hub.repository("checkout")
    made = call(hub, place, "POST", json=wanted(receiver)).json()
    one = f"{place}/{made['id']}"
    assert receiver.names == ["ping"]
    assert (made["events"], made["active"], made["config"]["secret"]) == (["issues"], True, "********")
    assert call(hub, place).json() == [made] == [call(hub, one).json()]
    assert made["url"] == hub.api_url + one
    assert call(hub, f"{one}/pings", "POST").status_code == 204
    repository.create_issue("Heard")
    assert receiver.names == ["ping", "ping", "issues.opened"]
    changed = call(hub, one, "PATCH", json={"events": ["milestone"], "active": False}).json()
    assert (changed["events"], changed["active"]) == (["milestone"], False)
    repository.create_milestone("Unheard")
    call(hub, one, "PATCH", json={"active": True})
    repository.create_milestone("Heard")
    assert receiver.names[3:] == ["milestone.created"]
    assert call(hub, one, "DELETE").status_code == 204
    assert (call(hub, one).status_code, call(hub, place).json()) == (404, [])


def test_the_settings_of_a_hook_can_be_changed_alone(hub: GitHub, receiver: Receiver) -> None:
    """Through `config` what is not named stays; through the hook itself the secret goes unless it is given again."""
    repository = hub.repository("checkout")
    one = f"{HOOKS}/{call(hub, HOOKS, 'POST', json=wanted(receiver)).json()['id']}"
    assert call(hub, f"{one}/config").json()["content_type"] == "json"
    call(hub, f"{one}/config", "PATCH", json={"secret": "new", "content_type": "form"})
    assert (hub.hooks[0].url, hub.hooks[0].secret) == (receiver.url, "new")
    repository.create_issue("Pay")
    assert receiver.received[-1].headers["Content-Type"] == "application/x-www-form-urlencoded"
    latest = receiver.received[-1]
    assert latest.headers["X-Hub-Signature-256"] == signatures("new", latest.body)["X-Hub-Signature-256"]
    call(
        hub, one, "PATCH", json={"config": {"url": receiver.url}, "add_events": ["label"], "remove_events": ["issues"]}
    )
    assert (hub.hooks[0].secret, hub.hooks[0].events) == ("", ("label",))
    assert ask(hub, one, method="PATCH", json={"config": {}}).status_code == 422
    assert ask(hub, f"{one}/config", method="PATCH", json={"colour": "red"}).status_code == 422


def test_a_hook_made_by_a_call_sends_forms_of_pushes_unless_told_otherwise(hub: GitHub, receiver: Receiver) -> None:
    """GitHub's own defaults, which surprise."""
    hub.repository("checkout")
    made = call(hub, HOOKS, "POST", json={"config": {"url": receiver.url}}).json()
    assert (made["config"]["content_type"], made["events"]) == ("form", ["push"])


def test_what_makes_no_hook_is_422(hub: GitHub, receiver: Receiver) -> None:
    """No address, an unknown setting, the same hook twice, or the twenty-first for an event."""
    hub.repository("checkout")
    for config in ({}, {"url": receiver.url, "colour": "red"}):
        assert ask(hub, HOOKS, method="POST", json={"config": config}).status_code == 422
    assert call(hub, HOOKS, "POST", json=wanted(receiver)).status_code == 201
    again = ask(hub, HOOKS, method="POST", json=wanted(receiver))
    assert (again.status_code, again.json()["message"]) == (422, "Hook already exists on this repository")
    for number in range(19):
        other = wanted(receiver, config={"url": f"{receiver.url}?{number}"})
        assert ask(hub, HOOKS, method="POST", json=other).status_code == 201
    assert (
        ask(hub, HOOKS, method="POST", json=wanted(receiver, config={"url": "http://127.0.0.1:1"})).status_code == 422
    )


def test_who_may_not_manage_hooks_is_told_what_is_missing(hub: GitHub, checkout: Repository) -> None:
    """For repositories and organisations apart; an organisation that is not there is 404."""
    token = hub.add_token("bruno", permissions={"metadata": "read", "repository_hooks": "read"}).text
    assert ask(hub, HOOKS, token=token).status_code == 200
    refused = ask(hub, HOOKS, method="POST", token=token, json={})
    assert (refused.status_code, refused.headers["X-Accepted-GitHub-Permissions"]) == (403, "repository_hooks=write")
    refused = ask(hub, "/orgs/acme/hooks", token=token)
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "organization_hooks=read"
    assert ask(hub, "/orgs/other/hooks").status_code == 404
    assert ask(hub, f"/orgs/acme/hooks/{hub.hooks[0].id}").status_code == 404


def test_the_log_shows_each_attempt_and_what_came_of_it(hub: GitHub, checkout: Repository, receiver: Receiver) -> None:
    """Newest first; a lost one failed to connect, a redelivery keeps the GUID and has an id of its own."""
    log = f"{HOOKS}/{hub.hooks[0].id}/deliveries"
    receiver.answers.extend([202, 500])
    checkout.create_issue("Pay").close()
    hub.webhooks.lose_next()
    checkout.issues[1].reopen()
    lost, failed, taken, ping = call(hub, log).json()
    assert (taken["event"], taken["action"], taken["status"], taken["status_code"]) == ("issues", "opened", "OK", 202)
    assert (failed["action"], failed["status"], failed["status_code"]) == ("closed", "Invalid HTTP Response: 500", 500)
    assert (lost["action"], lost["status"], lost["status_code"]) == ("reopened", "failed to connect", 0)
    assert (ping["event"], ping["action"], ping["repository_id"]) == ("ping", None, checkout.id)
    assert call(hub, f"{log}/{failed['id']}/attempts", "POST").status_code == 202
    again = call(hub, log).json()[0]
    assert (again["guid"], again["redelivery"], again["status"]) == (failed["guid"], True, "OK")
    assert again["id"] > lost["id"]
    whole = call(hub, f"{log}/{again['id']}").json()
    assert whole["request"]["payload"]["issue"]["state"] == "closed"
    assert whole["request"]["headers"]["X-GitHub-Delivery"] == failed["guid"]
    assert whole["request"]["headers"]["X-Hub-Signature-256"].startswith("sha256=")
    assert receiver.received[-1].headers["X-GitHub-Delivery"] == failed["guid"]
    for path, method in ((f"{log}/7", "GET"), (f"{log}/7/attempts", "POST")):
        assert call(hub, path, method).status_code == 404


def test_the_filters_go_by_the_status_code_alone(hub: GitHub, checkout: Repository, receiver: Receiver) -> None:
    """So what got no answer, and so has no code, is found by neither."""
    log = f"{HOOKS}/{hub.hooks[0].id}/deliveries"
    receiver.answers.extend([202, 301, 404, 599])
    for title in ("One", "Two", "Three", "Four"):
        checkout.create_issue(title)
    hub.webhooks.lose_next()
    checkout.create_issue("Five")
    codes = {
        status: [row["status_code"] for row in call(hub, f"{log}?status={status}").json()]
        for status in ("success", "failure")
    }
    assert codes == {"success": [301, 202, 202], "failure": [599, 404]}
    assert ask(hub, f"{log}?status=odd").status_code == 422


def test_what_times_out_is_told_from_what_cannot_connect(hub: GitHub) -> None:
    """Neither has a code."""
    repository = hub.repository("checkout")
    hub.webhooks.timeout = 0.2
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub.add_hook(repository, url=f"http://127.0.0.1:{silent.getsockname()[1]}/")
    hub.add_hook(repository, url="http://127.0.0.1:1/")
    rows = [call(hub, f"{HOOKS}/{hook.id}/deliveries").json()[0] for hook in hub.hooks]
    assert [row["status"] for row in rows] == ["timed out", "failed to connect"]
    assert call(hub, f"{HOOKS}/{hub.hooks[0].id}/deliveries/{rows[0]['id']}").json()["response"]["payload"] is None


def test_the_log_is_read_on_by_a_cursor(hub: GitHub, checkout: Repository) -> None:
    """What comes meanwhile shifts nothing."""
    for number in range(7):
        checkout.create_label(f"label {number}")
    page = ask(hub, f"{HOOKS}/{hub.hooks[0].id}/deliveries?per_page=3")
    seen = page.json()
    checkout.create_label("later")
    while following(page):
        page = ask(hub, following(page))
        seen += page.json()
    assert [row["event"] for row in seen] == ["label"] * 7 + ["ping"]
    assert len({row["id"] for row in seen}) == 8
    assert ask(hub, f"{HOOKS}/{hub.hooks[0].id}/deliveries?cursor=nonsense").status_code == 400


def test_the_log_goes_back_three_days(hub: GitHub, checkout: Repository, clock: SteppedClock) -> None:
    """By the simulator's clock; what is older cannot be redelivered. A redelivery counts from its own time."""
    log = f"{HOOKS}/{hub.hooks[0].id}/deliveries"
    checkout.create_issue("Pay")
    clock.step(2 * DAY)
    first = call(hub, log).json()[0]
    call(hub, f"{log}/{first['id']}/attempts", "POST")
    clock.step(DAY)
    assert [row["redelivery"] for row in call(hub, log).json()] == [True]
    assert call(hub, f"{log}/{first['id']}/attempts", "POST").status_code == 404
    clock.step(2 * DAY)
    assert call(hub, log).json() == []


@pytest.fixture
def app(hub: GitHub, receiver: Receiver) -> App:
    """Give an app that hears of issues everywhere."""
    app = hub.create_app(
        permissions={"issues": "read"},
        events=["issues"],
        hook_url=receiver.url,
        hook_secret=SECRET,
        content_type="form",
    )
    app.install()
    return app


def test_an_app_sees_and_repeats_what_it_was_told(hub: GitHub, app: App, receiver: Receiver) -> None:
    """With its assertion alone; a row names the installation and the repository."""
    place, token = hub.repository("checkout"), assertion(app)
    receiver.answers.append(503)
    place.create_issue("Pay")
    failed, installed, ping = call(hub, "/app/hook/deliveries", token=token).json()
    assert (failed["installation_id"], failed["repository_id"]) == (app.installations[0].id, place.id)
    assert (installed["event"], installed["installation_id"], installed["repository_id"]) == (
        "installation",
        app.installations[0].id,
        None,
    )
    assert ping["installation_id"] is None
    assert call(hub, f"/app/hook/deliveries/{failed['id']}/attempts", "POST", token=token).status_code == 202
    assert receiver.received[-1].json["installation"]["id"] == app.installations[0].id
    one = f"/app/hook/deliveries/{failed['id']}"
    assert call(hub, one, token=token).json()["request"]["payload"]["action"] == "opened"
    assert ask(hub, one, token=mint(app.installations[0]).json()["token"]).status_code == 401


def test_an_app_changes_its_own_hook(hub: GitHub, app: App, receiver: Receiver) -> None:
    """The next message is signed with the new secret."""
    token = assertion(app)
    assert call(hub, "/app/hook/config", token=token).json()["url"] == receiver.url
    changed = call(hub, "/app/hook/config", "PATCH", token=token, json={"secret": "new", "content_type": "json"})
    assert (changed.json()["secret"], app.hook and app.hook.secret) == ("********", "new")
    other = hub.create_app("No hook", permissions={})
    assert ask(hub, "/app/hook/config", token=assertion(other)).status_code == 404


def test_a_broken_parcel_is_shown_without_its_message(hub: GitHub, checkout: Repository) -> None:
    """As the demo sends one to see what becomes of it."""
    broken = parcel(hub.hooks[0], event="issues", guid="7", text="{", message={"action": "broken"}, sent=hub.clock())
    hub.webhooks.take(broken)
    hub.flush()
    row = call(hub, f"{HOOKS}/{hub.hooks[0].id}/deliveries").json()[0]
    assert (row["action"], row["repository_id"]) == ("broken", None)
