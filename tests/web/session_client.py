"""A visitor with a browser's manners: it keeps cookies and sends a form with the token that the page gave it."""

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
class Visitor:
    """Somebody at a browser."""

    client: FlaskClient

    @classmethod
    def signed_in(cls, app: Flask, services: Services, person_id: int) -> "Visitor":
        """Come in by a link."""
        visitor = cls(app.test_client())
        path = sign_in_path(services, person_id)
        assert visitor.submit(path, on=path).status_code == 302
        return visitor

    def open(self, path: str) -> TestResponse:
        """Open a page."""
        return self.client.get(path)

    def read(self, path: str) -> str:
        """Open a page that is there and give its text."""
        answer = self.open(path)
        assert answer.status_code == 200, answer.status
        return answer.text

    def words(self, path: str) -> str:
        """Open a page that is there and give the words a reader sees, with single spaces."""
        return seen_words(self.read(path))

    def submit(self, path: str, *, on: str, **fields: str) -> TestResponse:
        """Open the page `on`, and send a form of it to `path`."""
        found = TOKEN.search(self.open(on).text)
        assert found, f"no form on {on}"
        return self.client.post(path, data={"csrf_token": found[1], **fields})


def seen_words(html: str) -> str:
    """Give what a reader of the page sees, with single spaces."""
    main = html.partition("<main")[2] or html
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())
