"""Create apps from manifests, and install them, as a person does."""

import json
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from simulator import GitHub, SteppedClock
from tests.simulator.github.rest_client import app_jwt, call
from tests.simulator.openapi_schemas import check_answer
from tests.simulator.receiver import Receiver

NEW = "/organizations/acme/settings/apps/new?state=abc"
CONVERSIONS = "/app-manifests/{code}/conversions"


def manifest(receiver: Receiver, **changes: Any) -> dict[str, Any]:
    """Write a manifest; what is replaced by None is left out."""
    whole = {
        "name": "OKR Sync of acme",
        "url": "https://okr.example.com",
        "redirect_url": "http://127.0.0.1:1/made?from=github",
        "setup_url": "http://127.0.0.1:1/installed",
        "hook_attributes": {"url": receiver.url},
        "default_permissions": {"issues": "read"},
        "default_events": ["issues"],
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def submit(hub: GitHub, path: str, **fields: Any) -> requests.Response:
    """Send a form as a browser does, following no redirect."""
    return requests.post(hub.url + path, data=fields, timeout=10, allow_redirects=False)


def press(hub: GitHub, shown: requests.Response, **chosen: Any) -> requests.Response:
    """Press the one button of a page."""
    (action,) = re.findall(r'action="([^"]+)"', shown.text)
    hidden = dict(re.findall(r'type=hidden name="([^"]+)" value="([^"]*)"', shown.text))
    assert shown.text.count("<button") == 1
    return submit(hub, unescape(action), **{name: unescape(value) for name, value in hidden.items()}, **chosen)


def make(hub: GitHub, receiver: Receiver, **changes: Any) -> str:
    """Register an app and return the code."""
    shown = submit(hub, NEW, manifest=json.dumps(manifest(receiver, **changes)))
    assert shown.status_code == 200
    to = press(hub, shown).headers["Location"]
    return parse_qs(urlsplit(to).query)["code"][0]


def test_a_manifest_becomes_an_app_with_one_button(hub: GitHub, receiver: Receiver) -> None:
    """The redirect has state and code; the code returns the secrets, and the app is pinged."""
    text = json.dumps(manifest(receiver, description="Links <OKRs>"))
    to = urlsplit(press(hub, submit(hub, NEW, manifest=text)).headers["Location"])
    query = parse_qs(to.query)
    assert (to.path, query["from"], query["state"]) == ("/made", ["github"], ["abc"])
    answer = requests.post(f"{hub.api_url}/app-manifests/{query['code'][0]}/conversions", timeout=10)
    made = check_answer(answer, CONVERSIONS)
    (app,) = hub.apps
    assert (made["id"], made["slug"], made["client_id"]) == (app.id, "okr-sync-of-acme", app.client_id)
    assert made["pem"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert app.hook is not None
    assert made["webhook_secret"] == app.hook.secret
    assert (made["owner"]["login"], made["permissions"]["issues"], made["events"]) == ("acme", "read", ["issues"])
    assert receiver.names == ["ping"]
    assert call(hub, "/app", token=app_jwt(app, key=made["pem"])).status_code == 200


def test_a_code_is_good_once_and_for_an_hour(hub: GitHub, receiver: Receiver, clock: SteppedClock) -> None:
    """After that it answers 404."""
    first = f"{hub.api_url}/app-manifests/{make(hub, receiver)}/conversions"
    assert [requests.post(first, timeout=10).status_code for _ in range(2)] == [201, 404]
    late = f"{hub.api_url}/app-manifests/{make(hub, receiver, name='Late')}/conversions"
    clock.step(3600)
    answer = requests.post(late, timeout=10)
    check_answer(answer, CONVERSIONS)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("changes", "error_text"),
    [
        ({"name": None}, "&quot;name&quot; wasn&#x27;t supplied"),
        ({"url": ""}, "&quot;url&quot; wasn&#x27;t supplied"),
        ({"redirect_url": None}, "&quot;redirect_url&quot; wasn&#x27;t supplied"),
        ({"hook_attributes": {"active": True}}, "Hook &quot;url&quot; wasn&#x27;t supplied"),
    ],
)
def test_a_manifest_that_lacks_something_is_refused(
    hub: GitHub, receiver: Receiver, changes: dict[str, Any], error_text: str
) -> None:
    """On the page, where a person sees it."""
    shown = submit(hub, NEW, manifest=json.dumps(manifest(receiver, **changes)))
    assert (shown.status_code, error_text in shown.text) == (422, True)
    assert submit(hub, NEW, manifest="{").status_code == 422
    assert hub.apps == []


def test_a_name_is_taken_once(hub: GitHub, receiver: Receiver) -> None:
    """Also between the page and the button."""
    text = json.dumps(manifest(receiver))
    shown = submit(hub, "/settings/apps/new", manifest=text)
    assert press(hub, shown).status_code == 302
    assert hub.apps[0].owner == hub.actor
    again = press(hub, shown)
    assert (again.status_code, "Name has already been taken" in again.text) == (422, True)


def test_an_app_without_a_webhook_has_no_secret(hub: GitHub, receiver: Receiver) -> None:
    """With no hook in the manifest, or an inactive one."""
    for number, hook in enumerate((None, {"url": receiver.url, "active": False})):
        code = make(hub, receiver, hook_attributes=hook, name=f"Quiet {number}")
        made = requests.post(f"{hub.api_url}/app-manifests/{code}/conversions", timeout=10).json()
        assert made["webhook_secret"] is None
    assert receiver.names == []


def test_a_person_installs_an_app_where_they_choose(hub: GitHub, receiver: Receiver) -> None:
    """And is redirected to the app's own page, with the installation's id."""
    checkout, _ = hub.repository("checkout"), hub.repository("payments")
    make(hub, receiver)
    receiver.forget()
    path = "/apps/okr-sync-of-acme/installations/new?state=xyz"
    shown = requests.get(hub.url + path, timeout=10)
    assert ("checkout" in shown.text, "payments" in shown.text) == (True, True)
    nothing = press(hub, shown)
    assert (nothing.status_code, hub.apps[0].installations) == (422, [])
    to = urlsplit(press(hub, shown, repository_ids=[checkout.id]).headers["Location"])
    (installation,) = hub.apps[0].installations
    assert to.path == "/installed"
    assert parse_qs(to.query) == {
        "installation_id": [str(installation.id)],
        "setup_action": ["install"],
        "state": ["xyz"],
    }
    assert installation.repositories == [checkout]
    assert (receiver.names, receiver.last["sender"]["login"]) == (["installation.created"], "anaruiz")


def test_an_app_without_setup_url_shows_a_page(hub: GitHub, receiver: Receiver) -> None:
    """All repositories can be chosen at once."""
    hub.repository("checkout")
    make(hub, receiver, setup_url=None)
    path = "/apps/okr-sync-of-acme/installations/new"
    shown = press(hub, requests.get(hub.url + path, timeout=10), repository_ids="all")
    assert (shown.status_code, "is installed" in shown.text) == (200, True)
    assert hub.apps[0].installations[0].chosen is None


def test_pages_that_are_not_there_are_404(hub: GitHub) -> None:
    """And the page that waits for a manifest says so."""
    assert requests.get(f"{hub.url}/apps/none/installations/new", timeout=10).status_code == 404
    assert submit(hub, "/apps/none/installations/new", repository_ids="all").status_code == 404
    assert "Send a manifest" in requests.get(hub.url + NEW, timeout=10).text
