"""Creating a GitHub App from a manifest: its permissions, the redirect back, and who may use it."""

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
from tests.web.connections.conftest import ConnectionsHarness
from tests.web.session_client import SessionClient

APP = "/connections/new/github/app"
HIDDEN = re.compile(r'<input type=hidden name="([^"]+)" value="([^"]*)">')


def submit_form(harness: ConnectionsHarness, **changes: str) -> tuple[str, Mapping[str, object]]:
    """Send the form of our page; return the address of the next form, and the manifest in it."""
    response = harness.ana.submit(APP, on=APP, **(harness.form(organization="acme", name="OKR Sync") | changes))
    assert response.status_code == 200, response.text
    action = unescape(re.findall(r'action="(http[^"]+)"', response.text)[0])
    manifest = unescape(re.findall(r'name="manifest" value="([^"]+)"', response.text)[0])
    assert "csrf_token" not in response.text.partition(f'action="{action.partition("?")[0]}')[2].partition("</form>")[0]
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(action))
    assert f"form-action 'self' {origin};" in response.headers["Content-Security-Policy"]
    return action, json.loads(manifest)


def create_at_github(harness: ConnectionsHarness, action: str, manifest: Mapping[str, object]) -> str:
    """Send the manifest to GitHub and press its button; return the path of the redirect back."""
    page = requests.post(action, data={"manifest": json.dumps(manifest)}, timeout=10)
    hidden = {name: unescape(value) for name, value in HIDDEN.findall(page.text)}
    path = re.findall(r'<form method=post action="([^"]+)"', page.text)[0]
    redirect = requests.post(harness.hub.url + path, data=hidden, timeout=10, allow_redirects=False).headers["Location"]
    assert redirect.startswith("http://127.0.0.1:8080/connections/github/created?")
    return redirect.removeprefix("http://127.0.0.1:8080")


@pytest.mark.slow
def test_the_app_requests_only_read_permissions(harness: ConnectionsHarness) -> None:
    """Its webhook address is the connection's, and its installation leads to the choice of scopes."""
    action, manifest = submit_form(harness)
    assert action.startswith(f"{harness.hub.url}/organizations/acme/settings/apps/new?state=")
    assert manifest["default_permissions"] == {"issues": "read", "pull_requests": "read", "metadata": "read"}
    assert manifest["hook_attributes"] == {"url": "http://127.0.0.1:8080/hooks/walk", "active": True}
    assert manifest["setup_url"] == "http://127.0.0.1:8080/connections/walk/scopes"
    assert manifest["public"] is False
    assert harness.hub.rest.calls == []


def test_with_write_back_the_app_requests_write_permissions(harness: ConnectionsHarness) -> None:
    """The connection then writes back."""
    action, manifest = submit_form(harness, write_back="yes")
    assert manifest["default_permissions"] == {"issues": "write", "pull_requests": "write", "metadata": "read"}
    harness.ana.open(create_at_github(harness, action, manifest))
    found = harness.services.connections.named("walk")
    assert found is not None
    assert found.view.writes_back


def test_the_page_with_the_manifest_says_whether_the_app_writes(harness: ConnectionsHarness) -> None:
    """It follows the choice in the form."""
    form = harness.form(organization="acme", name="OKR Sync")
    reads = harness.ana.submit(APP, on=APP, **form).text
    writes = harness.ana.submit(APP, on=APP, **form, write_back="yes").text
    assert ("only reads" in reads, "writes one comment" in reads) == (True, False)
    assert ("only reads" in writes, "writes one comment on each linked issue" in writes) == (False, True)


def test_only_the_page_with_the_manifest_may_send_a_form_to_github(harness: ConnectionsHarness) -> None:
    """The form before it has the usual policy."""
    assert "form-action 'self';" in harness.ana.open(APP).headers["Content-Security-Policy"]


@pytest.mark.slow
def test_an_app_is_stored_once_and_encrypted(harness: ConnectionsHarness) -> None:
    """Its key and webhook secret are GitHub's; a second use of the redirect is refused."""
    redirect = create_at_github(harness, *submit_form(harness))
    response = harness.ana.open(redirect)
    assert response.location == "/connections/walk/scopes"
    (app,) = harness.hub.apps
    assert app.hook is not None
    assert harness.stored()["app"] == {"id": app.client_id, "private_key": "kept"}
    assert harness.secrets() == (app.hook.secret,)
    assert "private_key" not in str(harness.audit())
    again = harness.ana.open(redirect)
    assert (again.status_code, "is used up" in again.text) == (400, True)
    offered = harness.ana.read("/connections/walk/scopes/offered")
    assert f"{app.url}/installations/new" in offered
    assert "not installed yet" in offered
    assert 'hx-trigger="load delay:3s"' in offered
    assert 'hx-trigger="load delay:15s"' in harness.ana.read("/connections/walk/scopes/offered?tries=60")
    assert "hx-trigger" not in harness.ana.read("/connections/walk/scopes/offered?tries=120")
    app.install()
    assert "acme/payments" in harness.ana.read("/connections/walk/scopes/offered")


def test_a_redirect_without_its_state_and_session_is_refused(
    harness: ConnectionsHarness, app: Flask, services: Services, example: Example
) -> None:
    """Wrong are: the state, the code, the session, the person, or no session at all."""
    redirect = create_at_github(harness, *submit_form(harness))
    query = parse_qs(urlsplit(redirect).query)
    elsewhere = SessionClient.signed_in(app, services, example.ana)
    assert elsewhere.open(redirect).status_code == 400
    ben = SessionClient.signed_in(app, services, example.ben)
    assert ben.open(redirect).status_code == 403
    assert app.test_client().get(redirect).status_code == 302
    for state, code in (("x", query["code"][0]), ("", query["code"][0]), (query["state"][0], "")):
        assert harness.ana.open(f"/connections/github/created?state={state}&code={code}").status_code == 400
    assert harness.ana.open("/connections/jira/created?state=x&code=y").status_code == 404
    assert harness.stored() is None
    assert harness.ana.open(redirect).status_code == 302


def test_a_state_expires_after_an_hour(harness: ConnectionsHarness, clock: Clock) -> None:
    """GitHub's code expires then too."""
    redirect = create_at_github(harness, *submit_form(harness))
    clock.advance(oauth_states.LIFETIME + oauth_states.LIFETIME / 60)
    assert harness.ana.open(redirect).status_code == 400


@pytest.mark.parametrize(("status", "message"), [(404, "valid for one hour and one use"), (422, "refuses the request")])
def test_a_code_that_github_rejects_is_an_error(harness: ConnectionsHarness, status: int, message: str) -> None:
    """The page says to start again."""
    redirect = create_at_github(harness, *submit_form(harness))
    harness.hub.rest.answer_next(status)
    response = harness.ana.open(redirect)
    assert (response.status_code, message in response.text, "Start again" in response.text) == (422, True, True)
    assert harness.stored() is None


def test_after_an_error_of_github_a_reload_tries_again(harness: ConnectionsHarness) -> None:
    """The state stays valid, since the code was not used."""
    redirect = create_at_github(harness, *submit_form(harness))
    harness.hub.rest.answer_next(500)
    response = harness.ana.open(redirect)
    assert (response.status_code, "Reload this page" in response.text) == (503, True)
    assert harness.ana.open(redirect).location == "/connections/walk/scopes"


def test_without_a_free_slot_a_reload_tries_again(
    harness: ConnectionsHarness,
    monkeypatch: pytest.MonkeyPatch,
    no_free_slot: Callable[[], AbstractContextManager[None]],
) -> None:
    """The call was not started, so the state stays valid."""
    redirect = create_at_github(harness, *submit_form(harness))
    with no_free_slot():
        response = harness.ana.open(redirect)
    assert (response.status_code, "Reload this page" in response.text, harness.stored()) == (503, True, None)
    monkeypatch.undo()
    assert harness.ana.open(redirect).location == "/connections/walk/scopes"


@pytest.mark.slow
def test_an_app_is_stored_also_after_the_page_timed_out(
    harness: ConnectionsHarness, slowed: Callable[[type, str], threading.Event]
) -> None:
    """The page says to check the connections first, since the code is already used."""
    redirect = create_at_github(harness, *submit_form(harness))
    finish = slowed(GitHubConnector, "exchange_app_code")
    response = harness.ana.open(redirect)
    assert (response.status_code, "Check the Connections page first" in response.text) == (503, True)
    assert '<a class="btn" href="/connections">Connections</a>' in response.text
    assert "Begin again" not in response.text
    finish.set()
    assert until(harness.stored, "the app is stored")["app"]["private_key"] == "kept"
    assert harness.ana.open(redirect).status_code == 400


def test_the_exchange_hides_state_and_session_in_its_repr() -> None:
    """A traceback or a log may print it."""
    nothing: Any = None
    exchange = _AppExchange(nothing, nothing, nothing, "a-state", "a-session")
    assert ("a-state" in repr(exchange), "a-session" in repr(exchange)) == (False, False)


def test_a_malformed_code_is_not_sent(harness: ConnectionsHarness) -> None:
    """It would become part of an address at GitHub."""
    action, _ = submit_form(harness)
    state = parse_qs(urlsplit(action).query)["state"][0]
    response = harness.ana.open(f"/connections/github/created?state={state}&code=../../user%3Fx")
    assert (response.status_code, harness.hub.rest.calls) == (422, [])


def test_an_app_whose_name_was_taken_meanwhile_gets_another(harness: ConnectionsHarness) -> None:
    """Its key is stored, and its webhook gets the new address."""
    redirect = create_at_github(harness, *submit_form(harness))
    assert harness.by_webhook_only().status_code == 302
    slug = (harness.ana.open(redirect).location or "").removeprefix("/connections/").removesuffix("/scopes")
    assert slug.startswith("walk-")
    assert harness.stored(slug)["app"]["private_key"] == "kept"
    hook = harness.hub.apps[0].hook
    assert hook is not None
    assert hook.url == f"http://127.0.0.1:8080/hooks/{slug}"
    assert harness.secrets(slug) == (hook.secret,)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("organization", "../acme", "organisation on GitHub"),
        ("organization", "acme/settings?x=", "organisation on GitHub"),
        ("name", "x" * 35, "34 characters"),
        ("name", "", "34 characters"),
        ("slug", "acme-github", "another connection"),
        ("site", "https://10.1.2.3", "OKR_SYNC_ALLOW_PRIVATE_SITES"),
    ],
)
def test_invalid_fields_are_an_error_before_the_redirect(
    harness: ConnectionsHarness, field: str, value: str, message: str
) -> None:
    """The message is beside its field."""
    response = harness.ana.submit(APP, on=APP, **(harness.form(name="OKR Sync") | {field: value}))
    assert response.status_code == 422
    assert message.lower() in response.text.partition(f'id="{field}-error"')[2].partition("</div>")[0].lower()


@pytest.mark.parametrize(
    ("typed", "site", "action"),
    [
        ("", "https://api.github.com", "https://github.com/settings/apps/new?"),
        ("https://github.com/", "https://api.github.com", "https://github.com/settings/apps/new?"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com", "https://acme.ghe.com/settings/apps/new?"),
        ("https://git.acme.example", "https://git.acme.example/api/v3", "https://git.acme.example/settings/apps/new?"),
    ],
)
def test_the_manifest_goes_to_the_website_of_the_api(typed: str, site: str, action: str) -> None:
    """An Enterprise Server gets no events that it may not know."""
    connector = GitHubConnector()
    found = connector.normalize_site(typed or connector.default_site or "")
    assert found == site
    wanted = AppRegistration(
        name="x", organization="", home_url="https://o", hook_url="https://h", back_url="https://b", installed_url=""
    )
    form = connector.app_form(site=found, wanted=wanted, state="s")
    assert form.action == f"{action}state=s"
    assert ("sub_issues" in form.fields["manifest"]) is not site.endswith("/api/v3")
