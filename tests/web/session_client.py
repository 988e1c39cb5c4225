"""A test client that keeps cookies and sends each form with the CSRF token of its page."""

import re
from dataclasses import dataclass
from html import unescape

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sync_service.runtime.wiring import Services
from tests.support.example_okrs import sign_in_path

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(slots=True)
class SessionClient:
    """A test client with a session."""

    client: FlaskClient

    @classmethod
    def signed_in(cls, app: Flask, services: Services, person_id: int) -> "SessionClient":
        """Sign in by a sign-in link, and return the client."""
        signed_in = cls(app.test_client())
        path = sign_in_path(services, person_id)
        assert signed_in.submit(path, on=path).status_code == 302
        return signed_in

    def open(self, path: str) -> TestResponse:
        """Request a page."""
        return self.client.get(path)

    def read(self, path: str) -> str:
        """Request a page, check that the status is 200, and return its HTML."""
        response = self.open(path)
        assert response.status_code == 200, response.status
        return response.text

    def words(self, path: str) -> str:
        """Request a page, check that the status is 200, and return its visible text with single spaces."""
        return seen_words(self.read(path))

    def submit(self, path: str, *, on: str, **fields: str) -> TestResponse:
        """Request the page `on`, and send a form with its CSRF token to `path`."""
        return self.client.post(path, data={"csrf_token": self.token(on), **fields})

    def token(self, on: str) -> str:
        """Return the CSRF token of the page `on`."""
        found = TOKEN.search(self.open(on).text)
        assert found, f"no form on {on}"
        return found[1]


def seen_words(html: str) -> str:
    """Return the visible text of a page with single spaces."""
    main = html.partition("<main")[2] or html
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())
