"""Access to the API, and its error responses."""

import json
import re
import sqlite3
import traceback

import pytest
import sqlalchemy as sa
from flask import Blueprint, Flask
from structlog.testing import CapturingLogger
from werkzeug.test import TestResponse

from sync_service.store.engine.database import writing
from sync_service.store.engine.sqlite import DatabaseBusy
from sync_service.store.people import auth
from sync_service.web.api import bearer_auth, setup
from sync_service.web.app import create_app
from sync_service.web.request.guards import Guard, guard_of, guarded
from tests.web.api.fixture import NOW, ApiHarness

KEY_RESULT = "/api/v1/key-results/KR-1"


def problem(response: TestResponse) -> dict[str, object]:
    """Check the form of a problem document, and return it."""
    assert response.mimetype == "application/problem+json"
    body: dict[str, object] = json.loads(response.data)
    assert body["status"] == response.status_code
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == response.request.path
    return body


PAGES_LIKE_ROUTES = {
    "api_key_results.list_key_results": "objectives.index",
    "api_key_results.show_key_result": "key_results.show",
    "api_key_results.list_history": "key_results.show",
    "api_key_results.show_explanation": "key_results.show",
    "api_key_results.list_issues": "key_results.show",
    "api_decisions.decide_proposal": "decisions.decide",
    "api_decisions.override_value": "decisions.override",
    "api_decisions.end_override": "decisions.end_override",
    "api_check_ins.list_check_ins": "key_results.show",
    "api_check_ins.add_check_in": "check_ins.add",
    "api_check_ins.correct_check_in": "check_ins.correct",
    "api_check_ins.withdraw_check_in": "check_ins.withdraw",
    "api_steps.list_steps": "key_results.show",
    "api_steps.tick_step": "steps.tick",
    "api_steps.untick_step": "steps.tick",
    "api_issues.show_issue": "key_results.show",
    "api_line.show_line": "key_results.show",
    "api_cycles.show_cycle": "objectives.index",
    "api_cycles.close_cycle": "mailbox.index",
    "api_cycles.settle_cycle": "mailbox.index",
    "api_cycles.refreeze_cycle": "mailbox.index",
    "api_cycles.carry_over_cycle": "mailbox.index",
    "api_plan.make_plan": "check_ins.add",
    "api_rules.show_rule": "rules.show",
    "api_rules.list_rule_versions": "rules.show",
    "api_rules.set_rule_state": "rules.set_state",
    "api_rules.review_rule": "rules.change",
    "api_rules.undo_rule": "rules.change",
    "api_rules.remove_rule": "rules.change",
    "api_rules.list_proposed_links": "key_results.show",
    "api_rules.decide_proposed_links": "proposed_links.decide",
    "api_trials.try_rules": "rules.try_rules",
    "api_trials.preview_rule": "rules.preview",
    "api_queries.preview_query": "rule_queries.ask",
    "api_queries.show_query_words": "rule_queries.show",
    "api_queries.refresh_query_words": "rule_queries.show",
    "api_search.search": "search.index",
    "api_lists.list_objectives": "objectives.index",
    "api_lists.list_cycles": "objectives.index",
    "api_lists.list_rules": "rules.index",
    "api_lists.list_connections": "connections.index",
    "api_lists.list_deliveries": "deliveries.index",
    "api_lists.list_notices": "mailbox.index",
}
"""The page that shows what a route of the API returns; else another page for the same role."""


def test_every_route_of_the_api_needs_the_role_that_its_page_needs(api: ApiHarness) -> None:
    """A new route has to be added to the table above."""
    routes = {rule.endpoint for rule in api.app.url_map.iter_rules() if rule.endpoint.startswith("api_")}
    assert {one for one in routes if not one.startswith("api_document.")} == set(PAGES_LIKE_ROUTES)
    for route, page in PAGES_LIKE_ROUTES.items():
        assert guard_of(api.app, route) is guard_of(api.app, page), route


def test_deliveries_and_notices_are_for_admins(api: ApiHarness) -> None:
    """They show what trackers sent, and what others are told."""
    for path in ("/api/v1/deliveries", "/api/v1/notices"):
        statuses = [api.call(path, token=api.token(role)).status_code for role in auth.ROLES]
        assert statuses == [200, 403, 403]


def test_every_role_may_read(api: ApiHarness) -> None:
    """The roles are admin, member and viewer."""
    for role in auth.ROLES:
        assert api.call(KEY_RESULT, token=api.token(role)).status_code == 200


def test_without_a_token_every_address_answers_401(api: ApiHarness) -> None:
    """Otherwise anybody could learn which key results exist."""
    for path in (KEY_RESULT, "/api/v1/key-results/nothing", "/api/v1/connections"):
        response = api.call(path, token=None)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="OKR Sync"'
        problem(response)


def test_a_malformed_token_answers_401(api: ApiHarness) -> None:
    """It causes no internal error."""
    for sent in ("Bearer", "Bearer ", "Basic YW5hOnNlY3JldA==", "Bearer a b", "Bearer é", "nonsense"):
        response = api.call(KEY_RESULT, token=None, headers={"Authorization": sent})
        assert response.status_code == 401, sent
        problem(response)


def test_an_unknown_revoked_or_expired_token_answers_401(api: ApiHarness) -> None:
    """The response says that the token is the reason."""
    with writing(api.services.engine) as tx:
        revoked = auth.create_api_token(tx, name="old", role="admin", now=NOW)
        auth.revoke_api_token(tx, "old", NOW)
        expired = auth.create_api_token(tx, name="short", role="admin", now=NOW, expires_at=NOW)
    for token in (revoked, expired, "guessed"):
        response = api.call(KEY_RESULT, token=token)
        assert response.status_code == 401
        assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
        assert problem(response)["detail"] == "This token is unknown, revoked or expired."


def test_a_session_does_not_replace_a_token(api: ApiHarness) -> None:
    """Another site must not make a browser call the API."""
    client = api.app.test_client()
    with writing(api.services.engine) as tx:
        token = auth.start_session(tx, api.ids["ana"], NOW)
    with client.session_transaction() as session:
        session["session"] = token
    assert client.get(KEY_RESULT).status_code == 401


def app_with_more_routes(api: ApiHarness) -> Flask:
    """Return the application with routes that need a member, that fail, and that have no guard."""
    app = create_app(api.services)
    added = Blueprint("added", __name__, url_prefix="/api/v1")

    @added.get("/for-members")
    @guarded(Guard.MEMBER)
    def for_members() -> str:
        """Greet."""
        return "welcome"

    @added.get("/failing")
    @guarded(Guard.VIEWER)
    def failing() -> str:
        """Fail."""
        raise ZeroDivisionError("the secret reason")

    @added.get("/unguarded")
    def unguarded() -> str:
        """State no guard."""
        return "welcome"

    app.register_blueprint(added)
    return app


def test_a_too_low_role_answers_403(api: ApiHarness) -> None:
    """A viewer may not do what a member may."""
    api.app = app_with_more_routes(api)
    assert api.call("/api/v1/for-members", token=api.token("member")).status_code == 200
    refused = api.call("/api/v1/for-members", token=api.token("viewer"))
    assert refused.status_code == 403
    problem(refused)


def test_a_route_without_a_guard_is_closed(api: ApiHarness) -> None:
    """It is closed even to an admin."""
    api.app = app_with_more_routes(api)
    response = api.call("/api/v1/unguarded", token=api.token("admin"))
    assert response.status_code == 403
    problem(response)


def test_an_internal_error_shows_no_detail(api: ApiHarness, token: str) -> None:
    """The reason is only in the log."""
    api.app = app_with_more_routes(api)
    response = api.call("/api/v1/failing", token=token)
    assert response.status_code == 500
    assert "secret reason" not in str(problem(response))


def test_an_unknown_address_answers_404_with_the_documentation(api: ApiHarness) -> None:
    """The response is never an HTML page."""
    for path in ("/api/", "/api/v1", "/api/v2/key-results", "/api/v1/nothing", "/api/v1/docs/no.js"):
        response = api.call(path, token=None)
        assert response.status_code == 404
        assert "/api/v1/docs" in str(problem(response)["detail"])


def test_the_api_is_read_only(api: ApiHarness, token: str) -> None:
    """Other methods answer 405 with the allowed ones."""
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        response = api.call(KEY_RESULT, token=token, method=method)
        assert response.status_code == 405
        assert "GET" in response.headers["Allow"]
        problem(response)


def test_webhook_errors_have_their_own_form(api: ApiHarness) -> None:
    """Problem documents in this form are only for the API."""
    response = api.app.test_client().post("/hooks/nothing")
    assert (response.status_code, response.get_json()) == (404, {"outcome": "there is no such connection"})


def test_an_unreachable_database_answers_503_with_retry_after(api: ApiHarness, token: str) -> None:
    """The caller did nothing wrong."""

    def fail_to_connect(*_: object) -> None:
        raise sa.exc.OperationalError("SELECT 1", {}, ConnectionRefusedError("the secret address"))

    api.call(KEY_RESULT, token=token)  # the web process has seen that there are people
    sa.event.listen(api.services.engine, "checkout", fail_to_connect)
    response = api.call(KEY_RESULT, token=token)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert "secret address" not in str(problem(response))


def test_a_busy_database_answers_503_with_what_it_waited_for(
    api: ApiHarness, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the answer knows which process to look at."""
    says = "waited 5 s for the turn to write to the database, at last for okr-sync worker 3 (process 4712); try again"

    def wait_in_vain(*_: object) -> None:
        raise DatabaseBusy("BEGIN IMMEDIATE", None, sqlite3.OperationalError(says))

    api.call(KEY_RESULT, token=token)  # as above
    monkeypatch.setattr(bearer_auth, "find_api_token", wait_in_vain)
    response = api.call(KEY_RESULT, token=token)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert problem(response)["detail"] == f"The database is busy: this request {says}."


@pytest.mark.both_databases
def test_a_statement_that_is_wrong_answers_500_and_is_logged(
    api: ApiHarness, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 503 would say that waiting helps. SQLite calls the bug an `OperationalError`."""

    def wrong(tx: sa.Connection, *_: object, **__: object) -> None:
        tx.execute(sa.text("SELECT secret FROM nothing_like_it"))

    log = CapturingLogger()
    monkeypatch.setattr("sync_service.web.api.problems.log", log)
    monkeypatch.setattr("sync_service.web.api.lists.lists.cycles", wrong)
    response = api.call("/api/v1/cycles", token=token)
    assert (response.status_code, response.headers.get("Retry-After")) == (500, None)
    assert "secret" not in str(problem(response))
    (call,) = log.calls
    assert (call.method_name, call.args) == ("error", ("a statement of ours failed",))
    assert "in wrong" in "".join(traceback.format_exception(call.kwargs["exc_info"]))


def test_each_token_has_its_own_request_limit(api: ApiHarness, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit counts all addresses of the API together; webhooks have none."""
    monkeypatch.setattr(setup, "LIMIT", "2/minute")
    api.app = create_app(api.services)
    statuses = [api.call(path, token=token).status_code for path in (KEY_RESULT, "/api/v1/cycles", KEY_RESULT)]
    assert statuses == [200, 200, 429]
    refused = api.call(KEY_RESULT, token=token)
    assert re.fullmatch(r"[0-9]+", refused.headers["Retry-After"])
    problem(refused)
    assert api.call(KEY_RESULT, token=api.token("viewer")).status_code == 200
    hooks = {api.app.test_client().post("/hooks/nothing").status_code for _ in range(4)}
    assert hooks == {404}
