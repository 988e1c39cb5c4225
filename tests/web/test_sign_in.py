"""Coming in by a link, once."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading
from sync_service.web.request.sign_in import local_path
from tests.support.example_okrs import Example, sign_in_path
from tests.support.services import Clock
from tests.web.session_client import Visitor, seen_words


def mails_to(services: Services) -> list[str]:
    """Give the recipients of the mails that wait."""
    with reading(services.engine) as tx:
        return list(tx.scalars(sa.select(tables.mail.c.recipient)))


def ask(client: FlaskClient, address: str, **fields: str) -> tuple[int, str]:
    """Ask for a link; give the status and the words of the answer."""
    answer = Visitor(client).submit("/sign-in", on="/sign-in", email=address, **fields)
    return answer.status_code, seen_words(answer.text)


def test_a_link_signs_in_and_leads_to_the_objectives(
    stranger: FlaskClient, services: Services, example: Example
) -> None:
    """The page before the button shows nothing yet."""
    path = sign_in_path(services, example.ben)
    answer = Visitor(stranger).submit(path, on=path)
    assert (answer.status_code, answer.location) == (302, "/")
    assert "Ben Okafor" in stranger.get("/").text


def test_opening_a_link_does_not_use_it_up(stranger: FlaskClient, services: Services, example: Example) -> None:
    """Mail scanners follow links."""
    path = sign_in_path(services, example.ben)
    for _ in range(3):
        assert stranger.get(path).status_code == 200
    assert stranger.get("/").status_code == 302
    assert Visitor(stranger).submit(path, on=path).status_code == 302


def test_a_link_works_once(app: Flask, services: Services, example: Example) -> None:
    """The second who uses it is told kindly."""
    path = sign_in_path(services, example.ben)
    assert Visitor(app.test_client()).submit(path, on=path).status_code == 302
    second = Visitor(app.test_client())
    answer = second.submit(path, on=path)
    assert answer.status_code == 410
    assert "Get a new link" in answer.text
    assert second.open("/").status_code == 302


def test_a_link_works_for_a_quarter_of_an_hour(
    stranger: FlaskClient, services: Services, example: Example, clock: Clock
) -> None:
    """An old mail opens nothing."""
    path = sign_in_path(services, example.ben)
    clock.pass_(timedelta(minutes=15))
    assert Visitor(stranger).submit(path, on=path).status_code == 410


def test_a_made_up_link_opens_nothing(stranger: FlaskClient) -> None:
    """It answers as a used one does."""
    assert Visitor(stranger).submit("/sign-in/made-up", on="/sign-in/made-up").status_code == 410


def test_asking_answers_the_same_for_known_and_unknown(app: Flask, services: Services, example: Example) -> None:
    """Nobody learns who is known here; only the known get a mail."""
    known = ask(app.test_client(), "Ben@Example.com ")
    unknown = ask(app.test_client(), "eve@example.com")
    assert known[0] == unknown[0] == 200
    assert known[1].replace("ben@example.com", "X") == unknown[1].replace("eve@example.com", "X")
    assert mails_to(services) == ["ben@example.com"]


def test_what_is_no_address_is_told_so(stranger: FlaskClient, services: Services) -> None:
    """And nothing is sent."""
    status, words = ask(stranger, "ben")
    assert status == 422
    assert "not an e-mail address" in words
    assert mails_to(services) == []


def test_one_leads_back_to_where_one_wanted_to_go(stranger: FlaskClient, services: Services, example: Example) -> None:
    """The place is kept in the browser that asked, not in the mail."""
    ask(stranger, "ben@example.com", next="/key-results/KR-2")
    path = sign_in_path(services, example.ben)
    assert Visitor(stranger).submit(path, on=path).location == "/key-results/KR-2"


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
def test_nobody_is_sent_elsewhere(given: str | None) -> None:
    """Only a path on this site counts as a place to go to."""
    assert local_path(given) == "/"


def test_a_path_on_this_site_is_a_place_to_go_to() -> None:
    """With its query."""
    assert local_path("/key-results/KR-1?state=done#issues") == "/key-results/KR-1?state=done#issues"


def test_signing_out_ends_the_session_on_the_server(ben: Visitor, services: Services) -> None:
    """A copied cookie is worth nothing after that."""
    cookie = ben.client.get_cookie("okr_sync")
    assert cookie is not None
    assert ben.submit("/sign-out", on="/").location == "/sign-in"
    ben.client.set_cookie("okr_sync", cookie.value)
    assert ben.open("/").status_code == 302


def test_a_session_ends_after_thirty_days(ben: Visitor, clock: Clock) -> None:
    """Then one asks for a link again."""
    clock.pass_(timedelta(days=30))
    assert ben.open("/").status_code == 302


def test_a_form_without_its_token_is_refused(ben: Visitor) -> None:
    """Another site can't send forms in one's name."""
    answer = ben.client.post("/sign-out")
    assert answer.status_code == 400
    assert "The form has expired, or it was sent from another site" in answer.text
    assert ben.open("/").status_code == 200


def test_the_page_to_sign_in_sends_on_who_is_in(ben: Visitor) -> None:
    """There is nothing to ask."""
    assert ben.open("/sign-in?next=/key-results/KR-2").location == "/key-results/KR-2"


def test_asking_too_often_is_slowed_down(stranger: FlaskClient, services: Services, example: Example) -> None:
    """A mailbox can't be flooded; the answer says when to come back."""
    statuses = [ask(stranger, "ben@example.com")[0] for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert len(mails_to(services)) == 5


@pytest.mark.both_databases
def test_an_answer_that_changes_nothing_brings_no_cookie(ana: Visitor) -> None:
    """It would undo what another one, which was under way, has just put into it."""
    ana.open("/")  # which takes the sign-in's words out of it, and puts a form's token into it
    for path in ("/", "/connections"):
        assert "Set-Cookie" not in ana.open(path).headers
