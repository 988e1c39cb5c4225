"""Signing in by a link that works once."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading
from sync_service.web.request.sign_in import local_path
from sync_service.web.request.sign_in_mail import PAUSE
from tests.support.example_okrs import Example, sign_in_path
from tests.support.services import Clock
from tests.web.session_client import SessionClient, seen_words


def mails_to(services: Services) -> list[str]:
    """Return the recipients of the waiting mails."""
    with reading(services.engine) as tx:
        return list(tx.scalars(sa.select(tables.mail.c.recipient)))


def request_link(client: FlaskClient, address: str, **fields: str) -> tuple[int, str]:
    """Request a sign-in link; return status and visible text of the response."""
    response = SessionClient(client).submit("/sign-in", on="/sign-in", email=address, **fields)
    return response.status_code, seen_words(response.text)


def test_a_link_signs_in_and_redirects_to_the_objectives(
    anonymous: FlaskClient, services: Services, example: Example
) -> None:
    """The person presses the button on its page."""
    path = sign_in_path(services, example.ben)
    response = SessionClient(anonymous).submit(path, on=path)
    assert (response.status_code, response.location) == (302, "/")
    assert "Ben Okafor" in anonymous.get("/").text


def test_opening_a_link_does_not_consume_it(anonymous: FlaskClient, services: Services, example: Example) -> None:
    """Mail scanners open links."""
    path = sign_in_path(services, example.ben)
    for _ in range(3):
        assert anonymous.get(path).status_code == 200
    assert anonymous.get("/").status_code == 302
    assert SessionClient(anonymous).submit(path, on=path).status_code == 302


def test_a_link_works_once(app: Flask, services: Services, example: Example) -> None:
    """The second use answers 410 and offers a new link."""
    path = sign_in_path(services, example.ben)
    assert SessionClient(app.test_client()).submit(path, on=path).status_code == 302
    second = SessionClient(app.test_client())
    response = second.submit(path, on=path)
    assert response.status_code == 410
    assert "Get a new link" in response.text
    assert second.open("/").status_code == 302


def test_a_link_expires_after_fifteen_minutes(
    anonymous: FlaskClient, services: Services, example: Example, clock: Clock
) -> None:
    """An old mail must not open a session."""
    path = sign_in_path(services, example.ben)
    clock.advance(timedelta(minutes=15))
    assert SessionClient(anonymous).submit(path, on=path).status_code == 410


def test_an_invented_link_is_refused(anonymous: FlaskClient, example: Example) -> None:
    """The response is the same as for a used link."""
    assert SessionClient(anonymous).submit("/sign-in/made-up", on="/sign-in/made-up").status_code == 410


def test_known_and_unknown_addresses_get_the_same_response(app: Flask, services: Services, example: Example) -> None:
    """Nobody must learn who has an account; only known people get a mail."""
    known = request_link(app.test_client(), "Ben@Example.com ")
    unknown = request_link(app.test_client(), "eve@example.com")
    assert known[0] == unknown[0] == 200
    assert known[1].replace("ben@example.com", "X") == unknown[1].replace("eve@example.com", "X")
    assert mails_to(services) == ["ben@example.com"]


def test_an_invalid_address_is_an_error(anonymous: FlaskClient, services: Services, example: Example) -> None:
    """No mail is sent."""
    status, words = request_link(anonymous, "ben")
    assert status == 422
    assert "not an e-mail address" in words
    assert mails_to(services) == []


def test_after_signing_in_the_requested_page_opens(
    anonymous: FlaskClient, services: Services, example: Example
) -> None:
    """Its path is stored in the session of the browser, not in the mail."""
    request_link(anonymous, "ben@example.com", next="/key-results/KR-2")
    path = sign_in_path(services, example.ben)
    assert SessionClient(anonymous).submit(path, on=path).location == "/key-results/KR-2"


@pytest.mark.parametrize(
    "given",
    [
        "https://evil.example.com/",
        "//evil.example.com",
        "/\\evil.example.com",
        "/\t/evil.example.com",
        "javascript:alert(1)",
        "key-results",
        "",
        None,
        "/" + "a" * 3000,
    ],
)
def test_a_redirect_stays_on_this_site(given: str | None) -> None:
    """Only a path on this site is accepted."""
    assert local_path(given) == "/"


def test_a_path_on_this_site_is_accepted() -> None:
    """It keeps its query."""
    assert local_path("/key-results/KR-1?state=done#issues") == "/key-results/KR-1?state=done#issues"


def test_signing_out_ends_the_session_on_the_server(ben: SessionClient, services: Services) -> None:
    """A copied cookie is worthless afterwards."""
    cookie = ben.client.get_cookie("okr_sync")
    assert cookie is not None
    assert ben.submit("/sign-out", on="/").location == "/sign-in"
    ben.client.set_cookie("okr_sync", cookie.value)
    assert ben.open("/").status_code == 302


def test_a_session_ends_after_thirty_days(ben: SessionClient, clock: Clock) -> None:
    """Then a new link is needed."""
    clock.advance(timedelta(days=30))
    assert ben.open("/").status_code == 302


def test_a_form_without_its_csrf_token_is_refused(ben: SessionClient) -> None:
    """Another site must not send forms in a person's name."""
    response = ben.client.post("/sign-out")
    assert response.status_code == 400
    assert "The form came without its token: another site or a program sent it" in response.text
    assert ben.open("/").status_code == 200


def test_the_sign_in_page_redirects_people_with_a_session(ben: SessionClient) -> None:
    """They get to the page that they requested."""
    assert ben.open("/sign-in?next=/key-results/KR-2").location == "/key-results/KR-2"


def test_too_many_link_requests_answer_429(anonymous: FlaskClient, services: Services, example: Example) -> None:
    """The limit is for the client's network address."""
    statuses = [request_link(anonymous, "ben@example.com")[0] for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    other = anonymous.application.test_client()
    other.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert request_link(other, "ben@example.com")[0] == 200


def test_requests_in_a_persons_name_lock_nobody_out(
    anonymous: FlaskClient, services: Services, example: Example, clock: Clock
) -> None:
    """In the pause after a mail its link goes on to work; after the pause a new one is mailed."""
    for _ in range(5):
        assert request_link(anonymous, "ben@example.com")[0] == 200
    assert mails_to(services) == ["ben@example.com"]
    clock.advance(PAUSE)
    assert request_link(anonymous, "ben@example.com")[0] == 200
    assert mails_to(services) == ["ben@example.com"] * 2
    sign_in_path(services, example.ana)  # printed by the command line: nobody got a mail
    assert request_link(anonymous, "ana@example.com")[0] == 200
    assert mails_to(services)[-1] == "ana@example.com"


@pytest.mark.both_databases
def test_a_request_does_the_same_work_for_every_address(app: Flask, services: Services, example: Example) -> None:
    """Known, unknown, and in the pause after a mail: the same rows are written, and mails encrypted."""

    def statements(address: str) -> list[str]:
        client, found = app.test_client(), list[str]()
        SessionClient(client).open("/sign-in")

        def record(*arguments: Any) -> None:
            found.append(" ".join(str(arguments[2]).split()[:3]))

        sa.event.listen(services.engine, "before_cursor_execute", record)
        assert request_link(client, address)[0] == 200
        sa.event.remove(services.engine, "before_cursor_execute", record)
        return [one for one in found if one.split()[0] in ("INSERT", "SELECT", "UPDATE")]

    known, unknown, pause = (statements(f"{one}@example.com") for one in ("ben", "eve", "ben"))
    assert known[:-1] == unknown == pause
    assert known[-1] == "INSERT INTO audit"
    assert [one for one in known if one.startswith("INSERT")][:2] == ["INSERT INTO sign_in_link", "INSERT INTO mail"]
    assert mails_to(services) == ["ben@example.com"]


def test_using_a_link_ends_the_other_links(app: Flask, services: Services, example: Example) -> None:
    """Of the same person."""
    first, second = sign_in_path(services, example.ben), sign_in_path(services, example.ben)
    assert SessionClient(app.test_client()).submit(second, on=second).status_code == 302
    assert SessionClient(app.test_client()).submit(first, on=first).status_code == 410


def test_an_unchanged_session_sends_no_cookie(ana: SessionClient) -> None:
    """A cookie would overwrite what a parallel response has just stored in the session."""
    ana.open("/")  # removes the message of the sign-in from the session, and stores a CSRF token there
    for path in ("/", "/connections"):
        assert "Set-Cookie" not in ana.open(path).headers
