"""The audit log: what is recorded, and its page."""

import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.people import audit
from tests.support.example_okrs import Example
from tests.support.services import NOW
from tests.web.session_client import SessionClient


def recorded(services: Services) -> list[tuple[str, str]]:
    """Return actor and text of every entry, oldest first."""
    with reading(services.engine) as tx:
        return [(one.actor, one.what) for one in audit.entries(tx)[::-1]]


@pytest.mark.both_databases
def test_sign_in_links_and_sign_ins_are_recorded(app: Flask, services: Services, example: Example) -> None:
    """An unknown address is not: anybody could fill the log."""
    client = SessionClient(app.test_client())
    client.submit("/sign-in", on="/sign-in", email="eve@example.com")
    client.submit("/sign-in", on="/sign-in", email="Ben@example.com")
    SessionClient.signed_in(app, services, example.ben)
    assert recorded(services) == [
        ("somebody", "a sign-in link for ben@example.com was requested"),
        ("ben@example.com", "signed in"),
    ]


def test_replays_are_recorded(ana: SessionClient, services: Services, example: Example) -> None:
    """With the person who made them."""
    with writing(services.engine) as tx:
        delivery = {"connection_id": example.github, "delivery_id": "x", "received_at": NOW, "headers": {}, "body": b""}
        tx.execute(sa.insert(tables.delivery).values(**delivery, buried_at=NOW))
    ana.submit("/deliveries/1/replay", on="/deliveries/1")
    assert recorded(services)[-1] == ("ana@example.com", "delivery 1 replayed")


def test_the_page_shows_the_entries_newest_first_by_pages(ana: SessionClient, services: Services) -> None:
    """Texts are escaped."""
    with writing(services.engine) as tx:
        for number in range(150):
            audit.note(tx, actor="<b>ana</b>", what=f"entry {number}\n~ <script>", at=NOW)
    page = ana.read("/audit")
    assert "<script>alert" not in page
    assert "&lt;b&gt;ana&lt;/b&gt;" in page
    numbers = [int(found) for found in re.findall(r"entry (\d+)", page)]
    assert numbers == list(range(149, 49, -1))
    older = re.search(r'href="(/audit\?before=\d+)"', page)
    assert older
    assert "entry 49" in ana.read(older[1])


def test_the_page_is_for_admins(ana: SessionClient, ben: SessionClient, anonymous: FlaskClient) -> None:
    """It names everybody who signed in."""
    assert 'href="/audit"' in ana.read("/settings")
    assert 'href="/audit"' not in ben.read("/")
    assert ben.open("/audit").status_code == 403
    assert anonymous.get("/audit").status_code == 302
