"""A GitHub that runs, and an admin on whose pages it is connected."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa

from simulator import GitHub
from sync_service.config_file.plan.export import export_state
from sync_service.config_file.read.state import read_state
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading
from sync_service.web.connections import app_registration, oauth
from sync_service.web.connections.bounded_calls import _SLOTS, MAX_CONCURRENT, call_with_timeout
from tests.web.session_client import SessionClient

FLASH = re.compile(r'role="(?:alert|status)">\s*<div class="alert-icon">.*?</div>\s*<div>(.*?)</div>', re.DOTALL)


@pytest.fixture
def hub() -> Iterator[GitHub]:
    """Give a GitHub with two repositories, whose webhooks lead nowhere."""
    with GitHub(background=False) as running:
        running.repository("checkout")
        running.repository("payments")
        yield running


@dataclass
class Desk:
    """Ana at her browser, and what is stored."""

    ana: SessionClient
    services: Services
    hub: GitHub

    def form(self, **changes: str) -> dict[str, str]:
        """Fill in what every way in asks for."""
        return {"slug": "walk", "site": self.hub.url, "owner": "ana@example.com", "earlier": "import", **changes}

    def by_token(self, **changes: str) -> Any:
        """Send the form of the way by a token."""
        fields = self.form(token=self.hub.token, **changes)
        return self.ana.submit("/connections/new/github/token", on="/connections/new/github/token", **fields)

    def by_hand(self, **changes: str) -> Any:
        """Send the form of the way by hand."""
        return self.ana.submit(
            "/connections/new/github/hand", on="/connections/new/github/hand", **self.form(**changes)
        )

    def send(self, path: str, **fields: str) -> Any:
        """Send a form of the connection's page."""
        return self.ana.submit(f"/connections/walk{path}", on="/connections/walk", **fields)

    def stored(self, slug: str = "walk") -> Any:
        """Give a connection as an export has it; None where there is none."""
        with reading(self.services.engine) as tx:
            found = export_state(read_state(tx, self.services.sealer))["connections"]
        return next((one for one in found if one["slug"] == slug), None)

    def secrets(self, slug: str = "walk") -> tuple[str, ...]:
        """Give its webhook secrets."""
        with reading(self.services.engine) as tx:
            found: tuple[str, ...] = read_state(tx, self.services.sealer)["connections"][slug]["webhook_secrets"]
        return found

    def audit(self) -> list[tuple[str, str]]:
        """Give who changed what."""
        with reading(self.services.engine) as tx:
            return [(row.actor, row.what) for row in tx.execute(sa.select(tables.audit).order_by(tables.audit.c.id))]

    def flashed(self, path: str = "/connections") -> list[str]:
        """Open a page and give what it says once."""
        return [" ".join(unescape(said).split()) for said in FLASH.findall(self.ana.open(path).text)]


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """Give what takes all the room for calls to trackers, and gives it back; pages hardly wait for any."""
    _hurry(monkeypatch)

    @contextmanager
    def taken() -> Iterator[None]:
        with ExitStack() as stack:
            for _ in range(MAX_CONCURRENT):
                stack.enter_context(_SLOTS)
            yield

    return taken


@pytest.fixture
def slowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[type, str], threading.Event]]:
    """Give what makes a method of a connector wait for an event; pages hardly wait for it."""
    events: list[threading.Event] = []

    def slow(connector: type, method: str) -> threading.Event:
        event, quick = threading.Event(), getattr(connector, method)
        events.append(event)

        def wait(*given: Any, **named: Any) -> Any:
            event.wait(timeout=20)
            return quick(*given, **named)

        _hurry(monkeypatch)
        monkeypatch.setattr(connector, method, wait)
        return event

    yield slow
    for event in events:
        event.set()


def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (app_registration, oauth):
        monkeypatch.setattr(module, "call_with_timeout", partial(call_with_timeout, seconds=0.05))


@pytest.fixture
def desk(ana: SessionClient, services: Services, hub: GitHub) -> Desk:
    """Give Ana's desk, with example OKRs."""
    return Desk(ana, services, hub)
