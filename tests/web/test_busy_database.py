"""A request that waits in vain for its turn to write on SQLite: 503, when to try again, and what it waited for."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from werkzeug.test import TestResponse

from sync_service.runtime.wiring import Services
from sync_service.store.engine import write_queue
from sync_service.store.engine.database import open_database, writing
from sync_service.store.engine.write_queue import Front
from tests.web.session_client import SessionClient


@contextmanager
def another_writes(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let another process write, and requests wait no time at all for it."""
    monkeypatch.setattr(write_queue, "process_name", lambda: "okr-sync worker 3 (process 4712)")
    other = open_database(services.engine.url.render_as_string(hide_password=False))
    with writing(other):
        monkeypatch.setattr(Front, "wait_more", lambda _: False)
        yield
    other.dispose()


def assert_try_again(response: TestResponse) -> None:
    """Assert the status and the header of an answer that asks to try again."""
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_a_page_says_what_it_waited_for(
    ana: SessionClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing was changed: she is still signed in."""
    with another_writes(services, monkeypatch):
        response = ana.submit("/sign-out", on="/deliveries")
    assert_try_again(response)
    assert "The database is busy: this request waited 5 s" in response.text
    assert "okr-sync worker 3 (process 4712); try again" in response.text
    assert ana.open("/deliveries").status_code == 200
