"""A consent from the pages: an OAuth app is stored, somebody goes to the tracker, and comes back with a code."""

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
from tests.web.connections.conftest import Desk
from tests.web.session_client import SessionClient

WAY = "/connections/new/jira/consent"
BACK = "/connections/jira/consented"


@dataclass
class Town:
    """Ana's desk, a Jira Cloud, and the Atlassian beside it."""

    desk: Desk
    site: Jira
    atlassian: Atlassian

    def make(self, **changes: str) -> Any:
        """Send the form of the way by consent."""
        fields = {
            "slug": "walk",
            "site": self.site.url,
            "owner": "ana@example.com",
            "earlier": "import",
            "client_id": self.atlassian.client_id,
            "client_secret": self.atlassian.client_secret,
        }
        return self.desk.ana.submit(WAY, on=WAY, **(fields | changes))

    def ask(self, who: SessionClient | None = None) -> str:
        """Press the button on the connection's page; give where its page leads."""
        answer = (who or self.desk.ana).submit("/connections/walk/consent", on="/connections/walk")
        assert answer.status_code == 200, answer.text
        (address,) = re.findall(rf'href="({re.escape(self.atlassian.url)}/authorize[^"]+)"', answer.text)
        return unescape(address)

    def accept(self, address: str) -> str:
        """Consent at Atlassian; give the way back."""
        asked = parse_qs(urlsplit(address).query)
        assert "Accept" in requests.get(address, timeout=10).text
        form = {"redirect_uri": asked["redirect_uri"][0], "state": asked["state"][0]}
        answer = requests.post(f"{self.atlassian.url}/authorize", data=form, allow_redirects=False, timeout=10)
        return answer.headers["Location"].removeprefix("http://127.0.0.1:8080")

    def consents(self) -> list[Any]:
        """Give the stored consents."""
        with reading(self.desk.services.engine) as tx:
            return list(tx.execute(sa.select(tables.oauth_token)))


@pytest.fixture
def town(desk: Desk, services: Services) -> Iterator[Town]:
    """Give a town whose clocks agree."""
    clock = SteppedClock(NOW)
    with Jira(clock=clock, background=False) as site, Atlassian({"cloud-7": site}, clock=clock) as atlassian:
        site.project("SHOP", "Shop")
        hosts = Hosts(auth=atlassian.url, api=atlassian.url)
        services.connectors["jira"] = Connector(HttpClient(now=clock), hosts=hosts)  # type: ignore[index]  # a dict, in truth
        yield Town(desk, site, atlassian)


def test_the_form_shows_what_the_oauth_app_has_to_name(town: Town) -> None:
    """The callback, before there is anything to store."""
    assert "http://127.0.0.1:8080/connections/jira/consented" in town.desk.ana.read(WAY)


@pytest.mark.both_databases
def test_from_the_form_to_projects_that_can_be_chosen(town: Town) -> None:
    """The client's secret is sealed, the consent renewed by itself, and what it sees is offered."""
    assert town.make().location == "/connections/walk#consent"
    assert town.desk.stored()["oauth"] == {"client_id": "simulated-client", "client_secret": "kept"}
    page = town.desk.ana.words("/connections/walk")
    assert "no consent yet" in page
    assert "Nobody has allowed OKR Sync yet to call Jira" in page
    assert "OKR Sync creates the OAuth app’s webhook itself" in page  # noqa: RUF001 - as the page writes it
    assert "503" not in page
    back = town.accept(town.ask())
    assert back.startswith(f"{BACK}?state=")
    answer = town.desk.ana.open(back)
    assert answer.location == "/connections/walk/scopes"
    (given,) = town.consents()
    assert (given.given_by, given.site_id) == ("ana@example.com", "cloud-7")
    page = town.desk.ana.words("/connections/walk")
    assert "no consent yet" not in page
    assert "Given by ana@example.com" in page
    assert town.atlassian.client_secret not in page
    assert "SHOP" in town.desk.ana.read("/connections/walk/scopes/offered")


def test_a_connection_with_scopes_goes_back_to_its_page(town: Town) -> None:
    """There is nothing to choose; a second consent takes the place of the first."""
    town.make()
    town.desk.ana.open(town.accept(town.ask()))
    town.desk.send("/scopes", scopes="SHOP", act="add")
    first = town.consents()
    assert town.desk.ana.open(town.accept(town.ask())).location is not None
    second = town.consents()
    assert len(first) == len(second) == 1
    assert first[0].sealed_access != second[0].sealed_access


@pytest.mark.parametrize(
    ("name", "said"), [("client_id", "paste it"), ("client_secret", "paste it"), ("slug", "found")]
)
def test_what_is_missing_is_said_beside_it(town: Town, name: str, said: str) -> None:
    """And nothing is stored."""
    answer = town.make(**{name: ""})
    assert answer.status_code == 422
    assert said in answer.text.lower()
    assert town.desk.stored() is None


def test_an_answer_is_good_once_and_in_its_own_session(
    town: Town, app: Flask, services: Services, example: Example
) -> None:
    """Neither another session of hers nor the same link again can use it."""
    town.make()
    back = town.accept(town.ask())
    assert SessionClient.signed_in(app, services, example.ana).open(back).status_code == 400
    assert town.consents() == []
    assert town.desk.ana.open(back).status_code == 302
    assert town.desk.ana.open(back).status_code == 400


def test_an_answer_that_nobody_asked_for_is_refused(town: Town) -> None:
    """Whoever made it up."""
    town.make()
    for query in ("", "?state=made-up&code=x", "?code=x", "?state="):
        answer = town.desk.ana.open(BACK + query)
        assert (answer.status_code, '<a class="btn" href="/connections">' in answer.text) == (400, True)
    assert town.atlassian.rest.calls == []


def test_who_does_not_consent_changes_nothing(town: Town) -> None:
    """Atlassian comes back with an error in place of a code."""
    town.make()
    state = parse_qs(urlsplit(town.ask()).query)["state"][0]
    answer = town.desk.ana.open(f"{BACK}?state={state}&error=access_denied")
    assert answer.location == "/connections/walk"
    assert "Consent was not given. Nothing has changed." in town.desk.flashed("/connections/walk")
    assert town.consents() == []


def test_an_old_answer_is_refused(town: Town, clock: Clock) -> None:
    """After an hour nobody remembers what was asked."""
    town.make()
    back = town.accept(town.ask())
    clock.pass_(timedelta(minutes=61))
    assert town.desk.ana.open(back).status_code == 400
    assert town.consents() == []


def test_a_refusal_is_told_in_the_trackers_words(town: Town) -> None:
    """A wrong secret shows only here."""
    town.make(client_secret="another")
    answer = town.desk.ana.open(town.accept(town.ask()))
    assert answer.status_code == 422
    assert "access_denied: Unauthorized" in unescape(answer.text)
    assert "The consent is not stored" in answer.text
    assert '<a class="btn" href="/connections/walk#consent">walk</a>' in answer.text
    assert town.consents() == []


def test_an_account_service_that_is_away_loses_nothing(town: Town) -> None:
    """The same answer works once it is back."""
    town.make()
    back = town.accept(town.ask())
    town.atlassian.rest.answer_next(503)
    assert town.desk.ana.open(back).status_code == 503
    assert town.desk.ana.open(back).status_code == 302
    assert len(town.consents()) == 1


def test_a_consent_that_there_is_no_room_for_is_stored_by_a_reload(
    town: Town, monkeypatch: pytest.MonkeyPatch, no_room: Callable[[], AbstractContextManager[None]]
) -> None:
    """The call was not begun, so the state is good once more."""
    town.make()
    back = town.accept(town.ask())
    with no_room():
        answer = town.desk.ana.open(back)
    assert (answer.status_code, "Reload this page" in answer.text, town.consents()) == (503, True, [])
    monkeypatch.undo()
    assert town.desk.ana.open(back).status_code == 302
    assert len(town.consents()) == 1


def test_a_consent_that_takes_long_is_stored_although_nobody_waits(
    town: Town, slowed: Callable[[type, str], threading.Event]
) -> None:
    """Its answer is not given back meanwhile: the code is on its way, and good once."""
    town.make()
    back = town.accept(town.ask())
    go = slowed(Connector, "exchange_code")
    answer = town.desk.ana.open(back)
    assert (answer.status_code, "Check the connection first" in answer.text) == (503, True)
    assert town.desk.ana.open(back).status_code == 400
    go.set()
    assert len(until(town.consents, "the consent is stored")) == 1


def test_what_takes_a_consent_shows_neither_state_nor_session(town: Town) -> None:
    """Wherever it is printed."""
    exchange = _TokenExchange(town.desk.services, "a-state", "a-session", "ana@example.com")
    assert ("a-state" in repr(exchange), "a-session" in repr(exchange)) == (False, False)


def test_a_token_may_take_its_place(town: Town) -> None:
    """The consent goes with its OAuth app."""
    town.make()
    town.desk.ana.open(town.accept(town.ask()))
    town.desk.send("/settings", owner="", earlier="import", email=town.site.email)
    town.desk.send("/credentials", token=town.site.token)
    assert town.desk.stored().get("oauth") is None
    assert town.consents() == []


def test_a_connection_without_an_oauth_app_has_nothing_to_consent_to(town: Town) -> None:
    """Neither by a button nor by a form somebody made."""
    way = "/connections/new/jira/hand"
    town.desk.ana.submit(way, on=way, slug="walk", site=town.site.url, owner="", scopes="SHOP")
    assert "/consent" not in town.desk.ana.read("/connections/walk")
    assert town.desk.send("/consent").status_code == 409


def test_a_connection_that_writes_back_asks_for_that_and_says_so(town: Town) -> None:
    """A consent from before does not cover it."""
    town.make()
    assert "write%3Ajira-work" not in town.ask()
    with writing(town.desk.services.engine) as tx:
        tx.execute(sa.update(tables.connection).values(write_back=True))
    town.desk.services.connections.forget()
    answer = town.desk.ana.submit("/connections/walk/consent", on="/connections/walk")
    assert "write%3Ajira-work" in answer.text
    assert "A consent from before this was switched on does not include it." in answer.text
