"""Every route has a guard, and without one it is closed."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sync_service.runtime.wakeup import WakeupThread
from sync_service.runtime.wiring import Services
from sync_service.web.app import create_webhook_app
from sync_service.web.request.guards import Guard, guard_of
from tests.support.example_okrs import Example
from tests.web.session_client import SessionClient


def test_every_route_has_a_guard(app: Flask, services: Services) -> None:
    """A route without a guard, in either application, is closed to everybody."""
    webhook_app = create_webhook_app(services, WakeupThread(services.wakeup))
    for application, known_endpoint in ((app, "objectives.index"), (webhook_app, "hooks.receive")):
        routes = {rule.endpoint for rule in application.url_map.iter_rules()}
        assert known_endpoint in routes
        assert [endpoint for endpoint in routes if guard_of(application, endpoint) is None] == []


def test_a_route_without_a_guard_is_closed(app: Flask, ana: SessionClient) -> None:
    """It is closed even to an admin, so that a forgotten guard exposes nothing."""
    app._got_first_request = False
    app.add_url_rule("/forgotten", "forgotten", lambda: "open!")
    response = ana.open("/forgotten")
    assert response.status_code == 403
    assert "open!" not in response.text


def test_a_page_redirects_to_sign_in_and_back(anonymous: FlaskClient, example: Example) -> None:
    """The requested address is kept with its query."""
    response = anonymous.get("/key-results/KR-1?state=done")
    assert response.status_code == 302
    assert response.location == "/sign-in?next=/key-results/KR-1?state%3Ddone"


def test_every_guarded_route_is_closed_without_a_session(app: Flask, anonymous: FlaskClient, example: Example) -> None:
    """It answers with a redirect, 400, 401 or 403."""
    closed = [rule for rule in app.url_map.iter_rules() if guard_of(app, rule.endpoint) is not Guard.OPEN]
    assert closed
    for rule in closed:
        path = re.sub(r"<[^>]*>", "1", rule.rule)
        method = next(one for one in ("GET", "POST", "PUT", "PATCH", "DELETE") if one in (rule.methods or ()))
        with anonymous.open(path, method=method) as response:
            assert response.status_code in (302, 400, 401, 403), path


def test_the_counter_answers_401_without_a_session(anonymous: FlaskClient, example: Example) -> None:
    """A script polls it, which can't follow to a sign-in page."""
    assert anonymous.get("/changes").status_code == 401


def test_a_viewer_may_not_do_what_a_member_may(vera: SessionClient) -> None:
    """The page says as whom one is signed in."""
    response = vera.client.post("/key-results/KR-3/check-ins", data={"value": "64"})
    assert response.status_code == 403
    assert "You are signed in as Vera Lind, viewer" in response.text


@pytest.mark.parametrize("path", ["/api/v1/key-results", "/api/v1/nothing"])
def test_a_session_does_not_open_the_api(ana: SessionClient, path: str) -> None:
    """The API takes bearer tokens only, and its errors are no pages."""
    response = ana.open(path)
    assert response.status_code in (401, 404)
    assert response.mimetype != "text/html"


def test_every_page_has_a_content_security_policy_and_is_not_cached(ana: SessionClient) -> None:
    """Scripts of other sites do not run, and no copy stays in a cache."""
    headers = ana.open("/").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_pages_have_no_inline_script_and_no_inline_style(ana: SessionClient) -> None:
    """The policy would block them."""
    for path in ("/", "/key-results/KR-1", "/key-results/KR-3", "/nothing"):
        text = ana.open(path).text
        assert " style=" not in text
        assert " onclick=" not in text
        assert "<script>" not in text


def test_a_static_file_with_its_hash_is_cached_for_a_year(ana: SessionClient) -> None:
    """A new version has a new address."""
    address = ana.read("/").partition('href="/static/okr.css?v=')[2].partition('"')[0]
    assert address
    with ana.open(f"/static/okr.css?v={address}") as versioned, ana.open("/static/okr.css") as plain:
        assert versioned.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert plain.headers["Cache-Control"] == "no-cache"
