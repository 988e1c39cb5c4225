"""An app made by one press of a button at GitHub: what is asked for, and who may come back with what."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask

from connectors.github import GitHub as GitHubConnector
from sync_service.domain.trackers.capabilities import AppRegistration
from sync_service.runtime.wiring import Services
from sync_service.store.people import oauth_states
from sync_service.web.connections.app_registration import _AppExchange
from tests.support.example_okrs import Example
from tests.support.services import Clock
from tests.support.wait_until import until
from tests.web.connections.conftest import Desk
from tests.web.session_client import SessionClient

APP = "/connections/new/github/app"
HIDDEN = re.compile(r'<input type=hidden name="([^"]+)" value="([^"]*)">')


def ask(desk: Desk, **changes: str) -> tuple[str, Mapping[str, object]]:
    """Send our form; give where the next one goes, and the manifest in it."""
    answer = desk.ana.submit(APP, on=APP, **(desk.form(organization="acme", name="OKR Sync") | changes))
    assert answer.status_code == 200, answer.text
    action = unescape(re.findall(r'action="(http[^"]+)"', answer.text)[0])
    manifest = unescape(re.findall(r'name="manifest" value="([^"]+)"', answer.text)[0])
    assert "csrf_token" not in answer.text.partition(f'action="{action.partition("?")[0]}')[2].partition("</form>")[0]
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(action))
    assert f"form-action 'self' {origin};" in answer.headers["Content-Security-Policy"]
    return action, json.loads(manifest)


def press(desk: Desk, action: str, manifest: Mapping[str, object]) -> str:
    """Go to GitHub and press its button; give the way back."""
    page = requests.post(action, data={"manifest": json.dumps(manifest)}, timeout=10)
    hidden = {name: unescape(value) for name, value in HIDDEN.findall(page.text)}
    path = re.findall(r'<form method=post action="([^"]+)"', page.text)[0]
    back = requests.post(desk.hub.url + path, data=hidden, timeout=10, allow_redirects=False).headers["Location"]
    assert back.startswith("http://127.0.0.1:8080/connections/github/created?")
    return back.removeprefix("http://127.0.0.1:8080")


def test_the_app_asks_to_read_and_for_nothing_else(desk: Desk) -> None:
    """Its webhook comes to the connection, and its installation leads to where one chooses."""
    action, manifest = ask(desk)
    assert action.startswith(f"{desk.hub.url}/organizations/acme/settings/apps/new?state=")
    assert manifest["default_permissions"] == {"issues": "read", "pull_requests": "read", "metadata": "read"}
    assert manifest["hook_attributes"] == {"url": "http://127.0.0.1:8080/hooks/walk", "active": True}
    assert manifest["setup_url"] == "http://127.0.0.1:8080/connections/walk/scopes"
    assert manifest["public"] is False
    assert desk.hub.rest.calls == []


def test_an_app_that_is_to_write_asks_for_that_and_its_connection_does(desk: Desk) -> None:
    """Once somebody ticks it."""
    action, manifest = ask(desk, write_back="yes")
    assert manifest["default_permissions"] == {"issues": "write", "pull_requests": "write", "metadata": "read"}
    desk.ana.open(press(desk, action, manifest))
    found = desk.services.connections.named("walk")
    assert found is not None
    assert found.view.writes_back


def test_the_page_before_the_button_says_whether_the_app_writes(desk: Desk) -> None:
    """As it was ticked."""
    form = desk.form(organization="acme", name="OKR Sync")
    reads = desk.ana.submit(APP, on=APP, **form).text
    writes = desk.ana.submit(APP, on=APP, **form, write_back="yes").text
    assert ("only reads" in reads, "writes one comment" in reads) == (True, False)
    assert ("only reads" in writes, "writes one comment on each linked issue" in writes) == (False, True)


def test_no_other_page_may_send_a_form_elsewhere(desk: Desk) -> None:
    """The form before it neither."""
    assert "form-action 'self';" in desk.ana.open(APP).headers["Content-Security-Policy"]


def test_an_app_is_taken_over_once_and_stored_encrypted(desk: Desk) -> None:
    """Its key and its webhook secret are GitHub's; coming back again with the same answer is refused."""
    back = press(desk, *ask(desk))
    answer = desk.ana.open(back)
    assert answer.location == "/connections/walk/scopes"
    (app,) = desk.hub.apps
    assert app.hook is not None
    assert desk.stored()["app"] == {"id": app.client_id, "private_key": "kept"}
    assert desk.secrets() == (app.hook.secret,)
    assert "private_key" not in str(desk.audit())
    again = desk.ana.open(back)
    assert (again.status_code, "is used up" in again.text) == (400, True)
    offered = desk.ana.read("/connections/walk/scopes/offered")
    assert f"{app.url}/installations/new" in offered
    assert "not installed yet" in offered
    assert 'hx-trigger="load delay:3s"' in offered
    assert 'hx-trigger="load delay:15s"' in desk.ana.read("/connections/walk/scopes/offered?tries=60")
    assert "hx-trigger" not in desk.ana.read("/connections/walk/scopes/offered?tries=120")
    app.install()
    assert "acme/payments" in desk.ana.read("/connections/walk/scopes/offered")


def test_an_answer_that_nobody_began_is_refused(desk: Desk, app: Flask, services: Services, example: Example) -> None:
    """A wrong state, none, no code, another session, another person, and a stranger."""
    back = press(desk, *ask(desk))
    query = parse_qs(urlsplit(back).query)
    elsewhere = SessionClient.signed_in(app, services, example.ana)
    assert elsewhere.open(back).status_code == 400
    ben = SessionClient.signed_in(app, services, example.ben)
    assert ben.open(back).status_code == 403
    assert app.test_client().get(back).status_code == 302
    for state, code in (("x", query["code"][0]), ("", query["code"][0]), (query["state"][0], "")):
        assert desk.ana.open(f"/connections/github/created?state={state}&code={code}").status_code == 400
    assert desk.ana.open("/connections/jira/created?state=x&code=y").status_code == 404
    assert desk.stored() is None
    assert desk.ana.open(back).status_code == 302


def test_a_state_is_good_for_an_hour(desk: Desk, clock: Clock) -> None:
    """As GitHub's code is."""
    back = press(desk, *ask(desk))
    clock.pass_(oauth_states.LIFE + oauth_states.LIFE / 60)
    assert desk.ana.open(back).status_code == 400


@pytest.mark.parametrize(("status", "said"), [(404, "valid for one hour and one use"), (422, "refuses the request")])
def test_a_code_that_github_does_not_take_is_said(desk: Desk, status: int, said: str) -> None:
    """With what to do: start again."""
    back = press(desk, *ask(desk))
    desk.hub.rest.answer_next(status)
    answer = desk.ana.open(back)
    assert (answer.status_code, said in answer.text, "Start again" in answer.text) == (422, True, True)
    assert desk.stored() is None


def test_a_github_that_can_not_answer_is_asked_again_by_a_reload(desk: Desk) -> None:
    """The state is given back, since the code was not used."""
    back = press(desk, *ask(desk))
    desk.hub.rest.answer_next(500)
    answer = desk.ana.open(back)
    assert (answer.status_code, "Reload this page" in answer.text) == (503, True)
    assert desk.ana.open(back).location == "/connections/walk/scopes"


def test_an_app_that_there_is_no_room_for_is_taken_by_a_reload(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, no_room: Callable[[], AbstractContextManager[None]]
) -> None:
    """The call was not begun, so the state is good once more."""
    back = press(desk, *ask(desk))
    with no_room():
        answer = desk.ana.open(back)
    assert (answer.status_code, "Reload this page" in answer.text, desk.stored()) == (503, True, None)
    monkeypatch.undo()
    assert desk.ana.open(back).location == "/connections/walk/scopes"


def test_an_app_that_takes_long_is_stored_although_nobody_waits(
    desk: Desk, slowed: Callable[[type, str], threading.Event]
) -> None:
    """The page says where to look before anything is done anew: the code is on its way."""
    back = press(desk, *ask(desk))
    go = slowed(GitHubConnector, "exchange_app_code")
    answer = desk.ana.open(back)
    assert (answer.status_code, "Check the Connections page first" in answer.text) == (503, True)
    assert '<a class="btn" href="/connections">Connections</a>' in answer.text
    assert "Begin again" not in answer.text
    go.set()
    assert until(desk.stored, "the app is stored")["app"]["private_key"] == "kept"
    assert desk.ana.open(back).status_code == 400


def test_what_takes_an_app_over_shows_neither_state_nor_session() -> None:
    """Wherever it is printed."""
    nothing: Any = None
    exchange = _AppExchange(nothing, nothing, nothing, "a-state", "a-session")
    assert ("a-state" in repr(exchange), "a-session" in repr(exchange)) == (False, False)


def test_a_code_that_is_none_goes_nowhere(desk: Desk) -> None:
    """It would become part of an address at GitHub."""
    action, _ = ask(desk)
    state = parse_qs(urlsplit(action).query)["state"][0]
    answer = desk.ana.open(f"/connections/github/created?state={state}&code=../../user%3Fx")
    assert (answer.status_code, desk.hub.rest.calls) == (422, [])


def test_a_name_that_was_taken_meanwhile_loses_no_key(desk: Desk) -> None:
    """The app gets another one, and its webhook is told."""
    back = press(desk, *ask(desk))
    assert desk.by_hand().status_code == 302
    slug = (desk.ana.open(back).location or "").removeprefix("/connections/").removesuffix("/scopes")
    assert slug.startswith("walk-")
    assert desk.stored(slug)["app"]["private_key"] == "kept"
    hook = desk.hub.apps[0].hook
    assert hook is not None
    assert hook.url == f"http://127.0.0.1:8080/hooks/{slug}"
    assert desk.secrets(slug) == (hook.secret,)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("organization", "../acme", "organisation on GitHub"),
        ("organization", "acme/settings?x=", "organisation on GitHub"),
        ("name", "x" * 35, "34 characters"),
        ("name", "", "34 characters"),
        ("slug", "acme-github", "another connection"),
        ("site", "https://10.1.2.3", "OKR_SYNC_ALLOW_PRIVATE_SITES"),
    ],
)
def test_what_can_not_be_asked_for_is_said_before(desk: Desk, field: str, value: str, said: str) -> None:
    """Nobody is led anywhere."""
    answer = desk.ana.submit(APP, on=APP, **(desk.form(name="OKR Sync") | {field: value}))
    assert answer.status_code == 422
    assert said.lower() in answer.text.partition(f'id="{field}-mistake"')[2].partition("</div>")[0].lower()


@pytest.mark.parametrize(
    ("typed", "site", "goes"),
    [
        ("", "https://api.github.com", "https://github.com/settings/apps/new?"),
        ("https://github.com/", "https://api.github.com", "https://github.com/settings/apps/new?"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com", "https://acme.ghe.com/settings/apps/new?"),
        ("https://git.acme.example", "https://git.acme.example/api/v3", "https://git.acme.example/settings/apps/new?"),
    ],
)
def test_the_form_goes_to_the_pages_of_the_site(typed: str, site: str, goes: str) -> None:
    """Whichever GitHub it is; an Enterprise Server is not asked for events that it may not know."""
    connector = GitHubConnector()
    found = connector.normalize_site(typed or connector.default_site or "")
    assert found == site
    wanted = AppRegistration(
        name="x", organization="", home_url="https://o", hook_url="https://h", back_url="https://b", installed_url=""
    )
    form = connector.app_form(site=found, wanted=wanted, state="s")
    assert form.action == f"{goes}state=s"
    assert ("sub_issues" in form.fields["manifest"]) is not site.endswith("/api/v3")
