"""Every route is closed until opened."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sync_service.runtime.wakeup import WakeupThread
from sync_service.runtime.wiring import Services
from sync_service.web.app import create_webhook_app
from sync_service.web.request.guards import Guard, guard_of
from tests.web.session_client import Visitor


def test_every_route_states_its_guard(app: Flask, services: Services) -> None:
    """A route without one, by either door, is closed to everybody, and so a mistake."""
    trackers = create_webhook_app(services, WakeupThread(services.wakeup))
    for door, some in ((app, "objectives.index"), (trackers, "hooks.receive")):
        routes = {rule.endpoint for rule in door.url_map.iter_rules()}
        assert some in routes
        assert [endpoint for endpoint in routes if guard_of(door, endpoint) is None] == []


def test_a_route_without_a_guard_is_closed(app: Flask, ana: Visitor) -> None:
    """Even an admin gets no answer from a view whose author forgot the guard."""
    app._got_first_request = False
    app.add_url_rule("/forgotten", "forgotten", lambda: "open!")
    answer = ana.open("/forgotten")
    assert answer.status_code == 403
    assert "open!" not in answer.text


def test_a_page_sends_a_stranger_to_sign_in_and_back(stranger: FlaskClient) -> None:
    """The place that was asked for is kept."""
    answer = stranger.get("/key-results/KR-1?state=done")
    assert answer.status_code == 302
    assert answer.location == "/sign-in?next=/key-results/KR-1?state%3Ddone"


def test_every_guarded_page_is_closed_to_a_stranger(app: Flask, stranger: FlaskClient) -> None:
    """Whatever is not open answers with a redirect, 401 or 403, and shows nothing."""
    closed = [rule for rule in app.url_map.iter_rules() if guard_of(app, rule.endpoint) is not Guard.OPEN]
    assert closed
    for rule in closed:
        path = re.sub(r"<[^>]*>", "1", rule.rule)
        method = "GET" if "GET" in (rule.methods or ()) else "POST"
        with stranger.open(path, method=method) as answer:
            assert answer.status_code in (302, 400, 401, 403), path


def test_the_counter_tells_a_stranger_401_instead_of_a_page(stranger: FlaskClient) -> None:
    """A script asks for it."""
    assert stranger.get("/changes").status_code == 401


def test_a_viewer_may_not_do_what_a_member_may(vera: Visitor) -> None:
    """The answer is a page that says who one is."""
    answer = vera.client.post("/key-results/KR-3/check-ins", data={"value": "64"})
    assert answer.status_code == 403
    assert "You are signed in as Vera Lind, viewer" in answer.text


@pytest.mark.parametrize("path", ["/api/v1/key-results", "/api/v1/nothing"])
def test_a_session_opens_nothing_of_the_api(ana: Visitor, path: str) -> None:
    """There it takes a bearer token, and errors are no pages."""
    answer = ana.open(path)
    assert answer.status_code in (401, 404)
    assert answer.mimetype != "text/html"


def test_every_page_locks_the_browser_and_is_never_kept(ana: Visitor) -> None:
    """Neither scripts from elsewhere nor copies in a cache."""
    headers = ana.open("/").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_pages_carry_no_inline_script_and_no_inline_style(ana: Visitor) -> None:
    """The policy would block them."""
    for path in ("/", "/key-results/KR-1", "/key-results/KR-3", "/nothing"):
        text = ana.open(path).text
        assert " style=" not in text
        assert " onclick=" not in text
        assert "<script>" not in text


def test_a_static_file_is_kept_for_a_year_under_an_address_of_its_content(ana: Visitor) -> None:
    """A new version has a new address."""
    address = ana.read("/").partition('href="/static/okr.css?v=')[2].partition('"')[0]
    assert address
    with ana.open(f"/static/okr.css?v={address}") as versioned, ana.open("/static/okr.css") as plain:
        assert versioned.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert plain.headers["Cache-Control"] == "no-cache"
