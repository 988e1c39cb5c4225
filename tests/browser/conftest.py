"""Serve the web application with example OKRs on a loopback port, for a real browser."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sync_service.runtime.wiring import Services
from sync_service.web.app import create_app
from tests.support.example_okrs import Example, find_examples, prepare_examples, sign_in_path
from tests.support.servers import SqliteDatabases
from tests.support.services import build_services
from tests.support.wsgi_server import serving

expect.set_options(timeout=20_000)  # milliseconds; the machine may be busy


@dataclass(frozen=True, slots=True)
class Site:
    """The served application, with its services and example."""

    url: str
    services: Services
    example: Example

    def sign_in(self, page: Page, person_id: int) -> None:
        """Sign in by a sign-in link."""
        page.goto(self.url + sign_in_path(self.services, person_id))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(self.url + "/")


@pytest.fixture
def site(sqlite: SqliteDatabases, tmp_path: Path, page: Page) -> Iterator[Site]:
    """Serve the example OKRs; leave the page before the server stops."""
    services = build_services(sqlite.prepared(prepare_examples), tmp_path)
    example = find_examples(services)
    with serving(create_app(services)) as address:
        yield Site(address, services, example)
        page.goto("about:blank")
    services.engine.dispose()
