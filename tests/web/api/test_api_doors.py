"""Who may call the API, and what those hear who may not, or when something fails."""

import json
import re

import pytest
import sqlalchemy as sa
from flask import Blueprint, Flask
from werkzeug.test import TestResponse

from sync_service.store.engine.database import writing
from sync_service.store.people import auth
from sync_service.web import create_app
from sync_service.web.api import setup
from sync_service.web.request.guards import Guard, guarded
from tests.web.api.fixture import NOW, Town

KEY_RESULT = "/api/v1/key-results/KR-1"


def problem(response: TestResponse) -> dict[str, object]:
    """Check the form of a problem document, and give it."""
    assert response.mimetype == "application/problem+json"
    said: dict[str, object] = json.loads(response.data)
    assert said["status"] == response.status_code
    assert said["type"] == "about:blank"
    assert said["title"]
    assert said["detail"]
    assert said["instance"] == response.request.path
    return said


def test_every_role_may_read(town: Town) -> None:
    """Admin, member and viewer."""
    for role in auth.ROLES:
        assert town.call(KEY_RESULT, token=town.token(role)).status_code == 200


def test_without_a_token_nothing_is_told(town: Town) -> None:
    """Not even whether there is such a key result."""
    for path in (KEY_RESULT, "/api/v1/key-results/nothing", "/api/v1/connections"):
        response = town.call(path, token=None)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="OKR Sync"'
        problem(response)


def test_what_is_no_token_opens_nothing(town: Town) -> None:
    """Nor does it break anything."""
    for sent in ("Bearer", "Bearer ", "Basic YW5hOnNlY3JldA==", "Bearer a b", "Bearer é", "nonsense"):
        response = town.call(KEY_RESULT, token=None, headers={"Authorization": sent})
        assert response.status_code == 401, sent
        problem(response)


def test_a_token_that_is_unknown_or_revoked_opens_nothing(town: Town) -> None:
    """And the answer says that it is the token."""
    with writing(town.services.engine) as tx:
        revoked = auth.create_api_token(tx, name="old", role="admin", now=NOW)
        auth.revoke_api_token(tx, "old", NOW)
    for token in (revoked, "guessed"):
        response = town.call(KEY_RESULT, token=token)
        assert response.status_code == 401
        assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
        assert problem(response)["detail"] == "This token is unknown or revoked."


def test_a_session_is_no_token(town: Town) -> None:
    """So that no other site can make a browser call the API."""
    client = town.app.test_client()
    with writing(town.services.engine) as tx:
        token = auth.start_session(tx, town.ids["ana"], NOW)
    with client.session_transaction() as session:
        session["session"] = token
    assert client.get(KEY_RESULT).status_code == 401


def with_routes(town: Town) -> Flask:
    """Make the application with routes that are for members, that fail, and that state no guard."""
    app = create_app(town.services)
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


def test_a_role_that_does_not_reach_is_refused(town: Town) -> None:
    """A viewer may not do what a member may."""
    town.app = with_routes(town)
    assert town.call("/api/v1/for-members", token=town.token("member")).status_code == 200
    refused = town.call("/api/v1/for-members", token=town.token("viewer"))
    assert refused.status_code == 403
    problem(refused)


def test_a_route_without_a_guard_is_closed(town: Town) -> None:
    """Even to an admin."""
    town.app = with_routes(town)
    response = town.call("/api/v1/unguarded", token=town.token("admin"))
    assert response.status_code == 403
    problem(response)


def test_a_bug_is_a_problem_that_tells_no_secret(town: Town, token: str) -> None:
    """The reason is in the log."""
    town.app = with_routes(town)
    response = town.call("/api/v1/failing", token=token)
    assert response.status_code == 500
    assert "secret reason" not in str(problem(response))


def test_a_wrong_address_is_answered_with_where_to_look(town: Town) -> None:
    """Never with a page."""
    for path in ("/api/", "/api/v1", "/api/v2/key-results", "/api/v1/nothing", "/api/v1/docs/no.js"):
        response = town.call(path, token=None)
        assert response.status_code == 404
        assert "/api/v1/docs" in str(problem(response)["detail"])


def test_nothing_can_be_written(town: Town, token: str) -> None:
    """And the answer says what can be done."""
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        response = town.call(KEY_RESULT, token=token, method=method)
        assert response.status_code == 405
        assert "GET" in response.headers["Allow"]
        problem(response)


def test_other_addresses_keep_their_own_errors(town: Town) -> None:
    """Problem documents in this form are for the API."""
    response = town.app.test_client().post("/hooks/nothing")
    assert (response.status_code, response.get_json()) == (404, {"outcome": "there is no such connection"})


def test_a_database_that_is_away_is_said_with_when_to_try_again(town: Town, token: str) -> None:
    """The caller did nothing wrong."""

    def away(*_: object) -> None:
        raise sa.exc.OperationalError("SELECT 1", {}, ConnectionRefusedError("the secret address"))

    sa.event.listen(town.services.engine, "checkout", away)
    response = town.call(KEY_RESULT, token=token)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert "secret address" not in str(problem(response))


def test_too_many_requests_with_one_token_wait_and_others_go_on(
    town: Town, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is for all addresses of the API together; hooks have none."""
    monkeypatch.setattr(setup, "LIMIT", "2/minute")
    town.app = create_app(town.services)
    statuses = [town.call(path, token=token).status_code for path in (KEY_RESULT, "/api/v1/cycles", KEY_RESULT)]
    assert statuses == [200, 200, 429]
    refused = town.call(KEY_RESULT, token=token)
    assert re.fullmatch(r"[0-9]+", refused.headers["Retry-After"])
    problem(refused)
    assert town.call(KEY_RESULT, token=town.token("viewer")).status_code == 200
    hooks = {town.app.test_client().post("/hooks/nothing").status_code for _ in range(4)}
    assert hooks == {404}
