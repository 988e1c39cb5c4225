"""Forms from other sites are refused by the browser's own word, and the text says what is true."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from sync_service.runtime.wiring import Services
from sync_service.web.app import create_app
from sync_service.web.request.same_origin import origin_of
from tests.support.example_okrs import prepare_examples
from tests.support.servers import SqliteDatabases
from tests.support.services import build_services
from tests.web.session_client import TOKEN, seen_words

BASE = "https://okr.example.com:8443"
SITE = "https://internal.example.com"
"""Another name of the service, by which it was reached."""


@pytest.fixture
def app(sqlite: SqliteDatabases, tmp_path: Path) -> Iterator[Flask]:
    """Return the application of a service on another port than 443."""
    services: Services = build_services(sqlite.prepared(prepare_examples), tmp_path, OKR_SYNC_BASE_URL=BASE)
    yield create_app(services)
    services.engine.dispose()


def send(app: Flask, headers: dict[str, str]) -> tuple[int, str]:
    """Send a form from the sign-in page with these headers; return status and visible text."""
    client = app.test_client()
    found = TOKEN.search(client.get("/sign-in", base_url=SITE).text)
    assert found
    form = {"csrf_token": found[1], "email": "ana@example.com"}
    response = client.post("/sign-in", data=form, base_url=SITE, headers=headers)
    return response.status_code, seen_words(response.text)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": BASE},
        {"Origin": SITE},
        {"Origin": "HTTPS://okr.EXAMPLE.com:8443"},
        {"Referer": f"{BASE}/sign-in"},
        {"Referer": f"{SITE}/sign-in"},
        {"Referer": f"{SITE}:443/sign-in"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_form_of_this_site_is_accepted_however_the_browser_says_so(app: Flask, headers: dict[str, str]) -> None:
    """Also by the base URL where the proxy passes a host without its port, and by a browser without Referer."""
    assert send(app, headers)[0] == 200


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Origin": "https://evil.example.com"}, "was sent from https://evil.example.com, and this service is at"),
        (
            {"Origin": "https://okr.example.com"},
            f"from https://okr.example.com, and this service is at {BASE}",
        ),
        ({"Origin": "http://internal.example.com"}, "was sent from http://internal.example.com"),
        ({"Referer": "https://okr.example.com.evil.example/"}, "was sent from https://okr.example.com.evil.example"),
        ({"Referer": "about:blank"}, "was sent from an unknown site"),
        ({"Origin": "https://[", "Referer": f"{BASE}/"}, "was sent from an unknown site"),
        ({"Origin": BASE.replace("8443", "x"), "Referer": f"{BASE}/"}, "was sent from an unknown site"),
        ({"Sec-Fetch-Site": "cross-site"}, "was sent from another site"),
        ({"Sec-Fetch-Site": "same-site", "Referer": f"{BASE}/"}, "was sent from another site"),
    ],
)
def test_a_form_of_another_site_is_refused_with_its_name(app: Flask, headers: dict[str, str], words: str) -> None:
    """The operator sees what to set."""
    status, text = send(app, headers)
    assert status == 400
    assert words in text


@pytest.mark.parametrize("headers", [{}, {"Origin": "null"}])
def test_a_form_without_origin_and_referer_is_refused_with_that_reason(app: Flask, headers: dict[str, str]) -> None:
    """It is not told that a form was open for too long."""
    status, text = send(app, headers)
    assert status == 400
    assert "neither Origin nor Referer" in text
    assert "expired" not in text


def test_a_form_without_the_sessions_cookie_is_refused_with_that_reason(app: Flask) -> None:
    """Cookies are off, or the service was opened without TLS, over which the cookie is not sent."""
    with_token = TOKEN.search(app.test_client().get("/sign-in", base_url=SITE).text)
    assert with_token
    form = {"csrf_token": with_token[1], "email": "ana@example.com"}
    response = app.test_client().post("/sign-in", data=form, base_url=SITE, headers={"Origin": BASE})
    assert response.status_code == 400
    assert (
        f"sent no session cookie with this form. Allow cookies for this site. They are sent over TLS only: open {BASE}"
        in (seen_words(response.text))
    )


def test_a_form_of_an_earlier_session_is_refused_with_that_reason(app: Flask) -> None:
    """The token belongs to a session that ended."""
    client = app.test_client()
    old = TOKEN.search(app.test_client().get("/sign-in", base_url=SITE).text)
    client.get("/sign-in", base_url=SITE)
    assert old
    response = client.post("/sign-in", data={"csrf_token": old[1]}, base_url=SITE, headers={"Origin": BASE})
    assert response.status_code == 400
    assert "belongs to an earlier session" in seen_words(response.text)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Example.com/a?b", "https://example.com"),
        ("http://example.com:80", "http://example.com"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://u:p@example.com:8443", "https://example.com:8443"),
        ("file:///x", ""),
        ("https://", ""),
        ("https://example.com:99999", ""),
    ],
)
def test_the_origin_of_an_address_is_written_as_browsers_write_it(address: str, origin: str) -> None:
    """The default port is left out."""
    assert origin_of(address) == origin
