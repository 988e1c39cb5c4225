"""OAuth from the pages: store an OAuth app, consent at the tracker, and come back with a code."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import sqlalchemy as sa
from flask import Flask

from connectors.http import HttpClient
from connectors.jira import Jira as Connector
from connectors.jira.api.auth import Hosts
from simulator import Jira, SteppedClock
from simulator.jira import Atlassian
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.web.connections.oauth import _TokenExchange
from tests.support.example_okrs import Example
from tests.support.services import NOW, Clock
from tests.support.wait_until import until
from tests.web.connections.conftest import ConnectionsHarness
from tests.web.session_client import SessionClient

pytestmark = pytest.mark.slow

FORM_PATH = "/connections/new/jira/consent"
CALLBACK_PATH = "/connections/jira/consented"


@dataclass
class OAuthSetup:
    """The harness, a Jira Cloud, and an Atlassian account server."""

    harness: ConnectionsHarness
    site: Jira
    atlassian: Atlassian

    def create(self, **changes: str) -> Any:
        """Create a connection by the form for OAuth."""
        fields = {
            "slug": "walk",
            "site": self.site.url,
            "owner": "ana@example.com",
            "earlier": "import",
            "client_id": self.atlassian.client_id,
            "client_secret": self.atlassian.client_secret,
        }
        return self.harness.ana.submit(FORM_PATH, on=FORM_PATH, **(fields | changes))

    def request_consent(self, client: SessionClient | None = None) -> str:
        """Press the button on the connection's page; return the authorization address."""
        response = (client or self.harness.ana).submit("/connections/walk/consent", on="/connections/walk")
        assert response.status_code == 200, response.text
        (address,) = re.findall(rf'href="({re.escape(self.atlassian.url)}/authorize[^"]+)"', response.text)
        return unescape(address)

    def accept(self, address: str) -> str:
        """Consent at Atlassian; return the path of the redirect back."""
        query = parse_qs(urlsplit(address).query)
        assert "Accept" in requests.get(address, timeout=10).text
        form = {"redirect_uri": query["redirect_uri"][0], "state": query["state"][0]}
        response = requests.post(f"{self.atlassian.url}/authorize", data=form, allow_redirects=False, timeout=10)
        return response.headers["Location"].removeprefix("http://127.0.0.1:8080")

    def tokens(self) -> list[Any]:
        """Return the stored OAuth tokens."""
        with reading(self.harness.services.engine) as tx:
            return list(tx.execute(sa.select(tables.oauth_token)))


@pytest.fixture
def oauth(harness: ConnectionsHarness, services: Services) -> Iterator[OAuthSetup]:
    """Yield the setup; all clocks show the same time."""
    clock = SteppedClock(NOW)
    with Jira(clock=clock, background=False) as site, Atlassian({"cloud-7": site}, clock=clock) as atlassian:
        site.project("SHOP", "Shop")
        hosts = Hosts(auth=atlassian.url, api=atlassian.url)
        services.connectors["jira"] = Connector(HttpClient(now=clock), hosts=hosts)  # type: ignore[index]  # it is a dict
        yield OAuthSetup(harness, site, atlassian)


def test_the_form_shows_the_callback_address(oauth: OAuthSetup) -> None:
    """The OAuth app must name it before anything is stored."""
    assert "http://127.0.0.1:8080/connections/jira/consented" in oauth.harness.ana.read(FORM_PATH)


@pytest.mark.both_databases
def test_a_consent_leads_to_the_choice_of_projects(oauth: OAuthSetup) -> None:
    """The client secret is encrypted, the connection shows who consented, and the projects of the token are offered."""
    assert oauth.create().location == "/connections/walk#consent"
    assert oauth.harness.stored()["oauth"] == {"client_id": "simulated-client", "client_secret": "kept"}
    page = oauth.harness.ana.words("/connections/walk")
    assert "no consent yet" in page
    assert "Nobody has allowed OKR Sync yet to call Jira" in page
    assert "OKR Sync creates the OAuth app’s webhook itself" in page  # noqa: RUF001 - as the page writes it
    assert "refused with 503" not in page
    redirect = oauth.accept(oauth.request_consent())
    assert redirect.startswith(f"{CALLBACK_PATH}?state=")
    response = oauth.harness.ana.open(redirect)
    assert response.location == "/connections/walk/scopes"
    (token,) = oauth.tokens()
    assert (token.given_by, token.site_id) == ("ana@example.com", "cloud-7")
    page = oauth.harness.ana.words("/connections/walk")
    assert "no consent yet" not in page
    assert "Given by ana@example.com" in page
    assert oauth.atlassian.client_secret not in page
    assert "SHOP" in oauth.harness.ana.read("/connections/walk/scopes/offered")
    assert "consented to calls of the connection walk" in oauth.harness.ana.read("/audit")


def test_a_second_consent_replaces_the_first(oauth: OAuthSetup) -> None:
    """A connection with scopes leads back to its own page."""
    oauth.create()
    oauth.harness.ana.open(oauth.accept(oauth.request_consent()))
    oauth.harness.send("/scopes", scopes="SHOP", act="add")
    first = oauth.tokens()
    assert oauth.harness.ana.open(oauth.accept(oauth.request_consent())).location is not None
    second = oauth.tokens()
    assert len(first) == len(second) == 1
    assert first[0].sealed_access != second[0].sealed_access


@pytest.mark.parametrize(
    ("name", "message"), [("client_id", "paste it"), ("client_secret", "paste it"), ("slug", "found")]
)
def test_a_missing_field_is_an_error(oauth: OAuthSetup, name: str, message: str) -> None:
    """Nothing is stored."""
    response = oauth.create(**{name: ""})
    assert response.status_code == 422
    assert message in response.text.lower()
    assert oauth.harness.stored() is None


def test_a_redirect_is_valid_once_and_in_its_own_session(
    oauth: OAuthSetup, app: Flask, services: Services, example: Example
) -> None:
    """Another session of the same person can't use it."""
    oauth.create()
    redirect = oauth.accept(oauth.request_consent())
    assert SessionClient.signed_in(app, services, example.ana).open(redirect).status_code == 400
    assert oauth.tokens() == []
    assert oauth.harness.ana.open(redirect).status_code == 302
    assert oauth.harness.ana.open(redirect).status_code == 400


def test_a_redirect_without_a_known_state_is_refused(oauth: OAuthSetup) -> None:
    """The tracker is not called."""
    oauth.create()
    for query in ("", "?state=made-up&code=x", "?code=x", "?state="):
        response = oauth.harness.ana.open(CALLBACK_PATH + query)
        assert (response.status_code, '<a class="btn" href="/connections">' in response.text) == (400, True)
    assert oauth.atlassian.rest.calls == []


def test_a_denied_consent_changes_nothing(oauth: OAuthSetup) -> None:
    """Atlassian redirects back with an error instead of a code."""
    oauth.create()
    state = parse_qs(urlsplit(oauth.request_consent()).query)["state"][0]
    response = oauth.harness.ana.open(f"{CALLBACK_PATH}?state={state}&error=access_denied")
    assert response.location == "/connections/walk"
    assert "Consent was not given. Nothing has changed." in oauth.harness.flash_messages("/connections/walk")
    assert oauth.tokens() == []


def test_a_state_expires_after_an_hour(oauth: OAuthSetup, clock: Clock) -> None:
    """Then the redirect is refused."""
    oauth.create()
    redirect = oauth.accept(oauth.request_consent())
    clock.advance(timedelta(minutes=61))
    assert oauth.harness.ana.open(redirect).status_code == 400
    assert oauth.tokens() == []


def test_a_rejected_code_shows_the_message_of_the_tracker(oauth: OAuthSetup) -> None:
    """A wrong client secret is noticed only here."""
    oauth.create(client_secret="another")
    response = oauth.harness.ana.open(oauth.accept(oauth.request_consent()))
    assert response.status_code == 422
    assert "access_denied: Unauthorized" in unescape(response.text)
    assert "The consent is not stored" in response.text
    assert '<a class="btn" href="/connections/walk#consent">walk</a>' in response.text
    assert oauth.tokens() == []


def test_after_an_error_of_the_account_server_a_reload_tries_again(oauth: OAuthSetup) -> None:
    """The state stays valid."""
    oauth.create()
    redirect = oauth.accept(oauth.request_consent())
    oauth.atlassian.rest.answer_next(503)
    assert oauth.harness.ana.open(redirect).status_code == 503
    assert oauth.harness.ana.open(redirect).status_code == 302
    assert len(oauth.tokens()) == 1


def test_without_a_free_slot_a_reload_tries_again(
    oauth: OAuthSetup, monkeypatch: pytest.MonkeyPatch, no_free_slot: Callable[[], AbstractContextManager[None]]
) -> None:
    """The call was not started, so the state stays valid."""
    oauth.create()
    redirect = oauth.accept(oauth.request_consent())
    with no_free_slot():
        response = oauth.harness.ana.open(redirect)
    assert (response.status_code, "Reload this page" in response.text, oauth.tokens()) == (503, True, [])
    monkeypatch.undo()
    assert oauth.harness.ana.open(redirect).status_code == 302
    assert len(oauth.tokens()) == 1


def test_tokens_are_stored_also_after_the_page_timed_out(
    oauth: OAuthSetup, slowed: Callable[[type, str], threading.Event]
) -> None:
    """The state is not restored meanwhile, since the code is already used."""
    oauth.create()
    redirect = oauth.accept(oauth.request_consent())
    finish = slowed(Connector, "exchange_code")
    response = oauth.harness.ana.open(redirect)
    assert (response.status_code, "Check the connection first" in response.text) == (503, True)
    assert oauth.harness.ana.open(redirect).status_code == 400
    finish.set()
    assert len(until(oauth.tokens, "the consent is stored")) == 1


def test_the_exchange_hides_state_and_session_in_its_repr(oauth: OAuthSetup) -> None:
    """A traceback or a log may print it."""
    exchange = _TokenExchange(oauth.harness.services, "a-state", "a-session", "ana@example.com")
    assert ("a-state" in repr(exchange), "a-session" in repr(exchange)) == (False, False)


def test_a_pasted_token_replaces_oauth(oauth: OAuthSetup) -> None:
    """The OAuth tokens are deleted with the OAuth app."""
    oauth.create()
    oauth.harness.ana.open(oauth.accept(oauth.request_consent()))
    oauth.harness.send("/settings", owner="", earlier="import", email=oauth.site.email)
    oauth.harness.send("/credentials", token=oauth.site.token)
    assert oauth.harness.stored().get("oauth") is None
    assert oauth.tokens() == []


def test_a_connection_without_an_oauth_app_has_no_consent(oauth: OAuthSetup) -> None:
    """There is no button, and a crafted request answers 409."""
    form_path = "/connections/new/jira/hand"
    oauth.harness.ana.submit(form_path, on=form_path, slug="walk", site=oauth.site.url, owner="", scopes="SHOP")
    assert "/consent" not in oauth.harness.ana.read("/connections/walk")
    assert oauth.harness.send("/consent").status_code == 409


def test_with_write_back_the_consent_includes_writing(oauth: OAuthSetup) -> None:
    """The page says that an earlier consent does not include it."""
    oauth.create()
    assert "write%3Ajira-work" not in oauth.request_consent()
    with writing(oauth.harness.services.engine) as tx:
        tx.execute(sa.update(tables.connection).values(write_back=True))
    oauth.harness.services.connections.clear_cache()
    response = oauth.harness.ana.submit("/connections/walk/consent", on="/connections/walk")
    assert "write%3Ajira-work" in response.text
    assert "A consent given before this was switched on does not include it." in response.text
