"""Fixtures: a simulated GitHub, and an admin who connects it on the pages."""

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
    """Yield a GitHub with two repositories, which sends no webhooks by itself."""
    with GitHub(background=False) as running:
        running.repository("checkout")
        running.repository("payments")
        yield running


@dataclass
class ConnectionsHarness:
    """Ana's signed-in client, the services and a GitHub; methods send forms and read what is stored."""

    ana: SessionClient
    services: Services
    hub: GitHub

    def form(self, **changes: str) -> dict[str, str]:
        """Return the fields that every form of a new connection has."""
        return {"slug": "walk", "site": self.hub.url, "owner": "ana@example.com", "earlier": "import", **changes}

    def by_token(self, **changes: str) -> Any:
        """Create a connection by the form with a token."""
        fields = self.form(token=self.hub.token, **changes)
        return self.ana.submit("/connections/new/github/token", on="/connections/new/github/token", **fields)

    def by_webhook_only(self, **changes: str) -> Any:
        """Create a connection by the form for a webhook only."""
        return self.ana.submit(
            "/connections/new/github/hand", on="/connections/new/github/hand", **self.form(**changes)
        )

    def send(self, path: str, **fields: str) -> Any:
        """Send a form of the connection's page."""
        return self.ana.submit(f"/connections/walk{path}", on="/connections/walk", **fields)

    def stored(self, slug: str = "walk") -> Any:
        """Return a connection as it is exported, or None."""
        with reading(self.services.engine) as tx:
            found = export_state(read_state(tx, self.services.sealer))["connections"]
        return next((one for one in found if one["slug"] == slug), None)

    def secrets(self, slug: str = "walk") -> tuple[str, ...]:
        """Return the webhook secrets of a connection."""
        with reading(self.services.engine) as tx:
            found: tuple[str, ...] = read_state(tx, self.services.sealer)["connections"][slug]["webhook_secrets"]
        return found

    def audit(self) -> list[tuple[str, str]]:
        """Return the audit log: who changed what."""
        with reading(self.services.engine) as tx:
            return [(row.actor, row.what) for row in tx.execute(sa.select(tables.audit).order_by(tables.audit.c.id))]

    def flash_messages(self, path: str = "/connections") -> list[str]:
        """Open a page and return its flash messages."""
        return [" ".join(unescape(text).split()) for text in FLASH.findall(self.ana.open(path).text)]


@pytest.fixture
def no_free_slot(monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """Return a context manager that takes all slots for calls to trackers; pages wait only 50 ms for one."""
    _shorten_timeouts(monkeypatch)

    @contextmanager
    def take_slots() -> Iterator[None]:
        with ExitStack() as stack:
            for _ in range(MAX_CONCURRENT):
                stack.enter_context(_SLOTS)
            yield

    return take_slots


@pytest.fixture
def slowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[type, str], threading.Event]]:
    """Yield a function that makes a connector's method wait for an event; pages wait only 50 ms for it."""
    events: list[threading.Event] = []

    def slow(connector: type, method: str) -> threading.Event:
        event, original = threading.Event(), getattr(connector, method)
        events.append(event)

        def wait(*args: Any, **kwargs: Any) -> Any:
            event.wait(timeout=20)
            return original(*args, **kwargs)

        _shorten_timeouts(monkeypatch)
        monkeypatch.setattr(connector, method, wait)
        return event

    yield slow
    for event in events:
        event.set()


def _shorten_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (app_registration, oauth):
        monkeypatch.setattr(module, "call_with_timeout", partial(call_with_timeout, seconds=0.05))


@pytest.fixture
def harness(ana: SessionClient, services: Services, hub: GitHub) -> ConnectionsHarness:
    """Return the harness, with the example OKRs."""
    return ConnectionsHarness(ana, services, hub)
