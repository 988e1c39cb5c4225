"""Error pages."""

import logging
import traceback
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from structlog.testing import CapturingLogger

from config.settings import Settings
from sync_service.runtime import wiring
from sync_service.runtime.wakeup import WakeupThread
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.web.app import create_app, create_pages_app, create_webhook_app
from sync_service.web.request.errors import JSON_PATHS
from tests.web.session_client import SessionClient


def test_an_unknown_address_answers_404_with_the_navigation(vera: SessionClient) -> None:
    """A mistyped address must not be a dead end."""
    response = vera.open("/nothing")
    assert response.status_code == 404
    assert "Page not found" in response.text
    assert "Vera Lind" in response.text


def test_a_wrong_method_answers_405_with_the_allowed_methods(vera: SessionClient) -> None:
    """The header `Allow` has them."""
    response = vera.client.put("/changes")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


def test_errors_of_webhook_addresses_are_problem_documents(vera: SessionClient) -> None:
    """Trackers do not read HTML."""
    response = vera.client.get("/hooks/acme/nothing")
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["status"] == 404


def test_an_internal_error_shows_no_detail(
    app: Flask, vera: SessionClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The reason is only in the log."""

    def broken() -> str:
        raise RuntimeError("the secret inside")

    broken.guard = "viewer"  # type: ignore[attr-defined]  # as `guarded` does
    monkeypatch.setitem(app.view_functions, "objectives.index", broken)
    with caplog.at_level(logging.ERROR):
        response = vera.open("/objectives")
    assert response.status_code == 500
    assert "Something went wrong on our side" in response.text
    assert "the secret inside" not in response.text
    assert "the secret inside" in caplog.text


def test_an_unreachable_database_answers_503_with_a_refresh(tmp_path: Path) -> None:
    """Nothing listens on port 1."""
    settings = Settings.model_validate(
        {
            "_env_file": None,
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
            "OKR_SYNC_DATA_DIR": tmp_path,
            "OKR_SYNC_SECRET_KEY": "a key for tests " * 3,
        }
    )
    response = create_app(wiring.build(settings)).test_client().get("/sign-in")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert "The database does not answer" in response.text
    assert '<meta http-equiv="refresh" content="5">' in response.text


def test_a_deleted_person_loses_the_session(vera: SessionClient, services: Services) -> None:
    """The next request redirects to the sign-in page."""
    with writing(services.engine) as tx:
        tx.execute(sa.delete(tables.person).where(tables.person.c.email == "vera@example.com"))
    assert vera.open("/objectives").status_code == 302


def test_a_page_without_a_free_connection_to_the_database_answers_503(
    vera: SessionClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the API does: trying again helps."""

    def busy(*_: object, **__: object) -> None:
        raise NoConnectionFree("QueuePool limit reached")

    monkeypatch.setattr("sync_service.web.objectives.index.cycle_views", busy)
    answer = vera.open("/objectives")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_a_database_error_that_is_a_bug_answers_500(vera: SessionClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 503 would say that waiting helps. The log has the traceback, and does not blame the database."""

    def wrong(*_: object, **__: object) -> None:
        raise IntegrityError("INSERT", {}, ValueError("twice"))

    log = CapturingLogger()
    monkeypatch.setattr("sync_service.web.request.errors.log", log)
    monkeypatch.setattr("sync_service.web.objectives.index.cycle_views", wrong)
    assert vera.open("/objectives").status_code == 500
    (call,) = log.calls
    assert (call.method_name, call.args) == ("error", ("a statement of ours failed",))
    assert "in wrong" in "".join(traceback.format_exception(call.kwargs["exc_info"]))


@pytest.mark.parametrize("path", ["/key-results//KR-1", "/api//v1/cycles", "/rules//"])
def test_no_answer_leads_to_the_host_that_a_request_names(vera: SessionClient, path: str) -> None:
    """The header Host can be forged, and behind a proxy it may name another host, without TLS."""
    response = vera.client.get("/", headers={"Host": "evil.example"}, environ_overrides={"PATH_INFO": path})
    assert (response.status_code, response.headers.get("Location")) == (404, None)
    assert "evil.example" not in response.text


def test_each_prefix_whose_callers_get_json_is_one_of_a_route(services: Services) -> None:
    """A prefix without a route would answer programs of other people's with JSON, and people with nothing readable."""
    apps = (create_pages_app(services, thread := WakeupThread(services.wakeup)), create_webhook_app(services, thread))
    rules = [rule.rule for app in apps for rule in app.url_map.iter_rules()]
    assert [one for one in JSON_PATHS if not any(rule.startswith(one) for rule in rules)] == []
