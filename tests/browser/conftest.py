"""The web application on a port of loopback, with example OKRs, for a real browser."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from playwright.sync_api import Page, expect

from sync_service.web import create_app
from sync_service.wiring import House
from tests.examples import Example, fill_with_examples, sign_in_path
from tests.house import build_house
from tests.migrated import prepare
from tests.servers import SqliteDatabases

expect.set_options(timeout=20_000)  # milliseconds; a busy machine is no mistake


class Threaded(ThreadingMixIn, WSGIServer):
    """Answers each request in a thread, and closes its answer also where the browser went away before its end.

    werkzeug's own server leaves the file of such an answer open.
    """


class Quiet(WSGIRequestHandler):
    """Answers without a line for each request."""

    def log_message(self, format: str, *words: object) -> None:  # noqa: A002 - the name is the standard library's
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Site:
    """The running site."""

    url: str
    house: House
    example: Example

    def enter(self, page: Page, person_id: int) -> None:
        """Sign in by a link, as a person does."""
        page.goto(self.url + sign_in_path(self.house, person_id))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(self.url + "/")


@pytest.fixture
def site(sqlite: SqliteDatabases, tmp_path: Path, page: Page) -> Iterator[Site]:
    """Serve the example OKRs until the test ends; the open page leaves before the server does."""
    house = build_house(sqlite.prepared(prepare), tmp_path)
    example = fill_with_examples(house)
    with make_server("127.0.0.1", 0, create_app(house), server_class=Threaded, handler_class=Quiet) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield Site(f"http://127.0.0.1:{server.server_port}", house, example)
        page.goto("about:blank")
        server.shutdown()
        serving.join()
    house.engine.dispose()
