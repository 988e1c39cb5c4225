"""What a visitor sees when something goes wrong."""

import logging
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import IntegrityError

from config.settings import Settings
from sync_service.runtime import wiring
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.web import create_app
from tests.web.session_client import Visitor


def test_an_address_that_is_not_there_keeps_the_navigation(vera: Visitor) -> None:
    """A mistyped address is no reason to be lost."""
    answer = vera.open("/nothing")
    assert answer.status_code == 404
    assert "Page not found" in answer.text
    assert "Vera Lind" in answer.text


def test_a_wrong_method_says_which_are_right(vera: Visitor) -> None:
    """For those who look closely."""
    answer = vera.client.put("/changes")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_trackers_and_scripts_get_no_pages(vera: Visitor) -> None:
    """They read a problem document."""
    answer = vera.client.get("/hooks/acme/nothing")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["status"] == 404


def test_a_mistake_of_ours_says_so_and_tells_nothing_else(
    app: Flask, vera: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The reason goes to the log."""

    def broken() -> str:
        raise RuntimeError("the secret inside")

    broken.guard = "viewer"  # type: ignore[attr-defined]  # as `guarded` does
    monkeypatch.setitem(app.view_functions, "objectives.index", broken)
    with caplog.at_level(logging.ERROR):
        answer = vera.open("/")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "the secret inside" not in answer.text
    assert "the secret inside" in caplog.text


def test_a_database_that_does_not_answer_is_told_and_the_page_tries_again(tmp_path: Path) -> None:
    """503, with a refresh; nothing listens on port 1."""
    settings = Settings.model_validate(
        {
            "_env_file": None,
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
            "OKR_SYNC_DATA_DIR": tmp_path,
            "OKR_SYNC_SECRET_KEY": "a key for tests " * 3,
        }
    )
    visitor = Visitor(create_app(wiring.build(settings)).test_client())
    answer = visitor.submit("/sign-in", on="/sign-in", email="ana@example.com")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "The database does not answer" in answer.text
    assert '<meta http-equiv="refresh" content="5">' in answer.text


def test_a_person_who_was_removed_is_out_at_once(vera: Visitor, services: Services) -> None:
    """The session goes with the person."""
    with writing(services.engine) as tx:
        tx.execute(sa.delete(tables.person).where(tables.person.c.email == "vera@example.com"))
    assert vera.open("/").status_code == 302


def test_a_query_that_is_our_mistake_is_no_outage(vera: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """500, so that nobody waits for it to pass."""

    def wrong(*_: object, **__: object) -> None:
        raise IntegrityError("INSERT", {}, ValueError("twice"))

    monkeypatch.setattr("sync_service.web.pages.objectives.cycle_views", wrong)
    assert vera.open("/").status_code == 500
