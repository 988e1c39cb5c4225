"""The webhook endpoint: statuses as in the contract, and only signed deliveries are stored."""

import hashlib
import hmac
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sync_service.ingest.receive import LARGEST
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.web.app import LARGEST_FORM, body_limit, create_app
from sync_service.web.server.environ import TOO_LARGE
from tests.support.services import add, build_services
from tests.web.test_busy_database import another_writes

SECRETS = ("It's a secret", "the one before")
BODY = json.dumps({"zen": "Keep it logically awesome.", "hook_id": 1}).encode()


@pytest.fixture
def services(migrated_url: str, tmp_path: Path) -> Iterator[Services]:
    """Build the services with a GitHub and a Jira connection, and one without a secret."""
    built = build_services(migrated_url, tmp_path)
    with writing(built.engine) as tx:
        for slug, kind, secrets in (("hub", "github", SECRETS), ("jira", "jira", SECRETS), ("mute", "github", ())):
            sealed = [built.sealer.encrypt(secret) for secret in secrets]
            add(
                tx, tables.connection, slug=slug, kind=kind, site="https://x.example", options={}, sealed_secrets=sealed
            )
        versions.bump(tx, versions.RULES)
    yield built
    built.engine.dispose()


@pytest.fixture
def client(services: Services) -> FlaskClient:
    """Return a client of the application."""
    return create_app(services).test_client()


def signature(body: bytes, secret: str = SECRETS[0]) -> str:
    """Return the signature of a body, as both trackers send it."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def post(client: FlaskClient, body: bytes = BODY, *, to: str = "hub", **headers: str) -> TestResponse:
    """Send a delivery as GitHub does."""
    named = {"X-GitHub-Event": "ping", "X-GitHub-Delivery": "guid-1", "X-Hub-Signature-256": signature(body)}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {name: value for name, value in (named | given).items() if value}
    return client.post(f"/hooks/{to}", data=body, headers=sent, content_type="application/json")


def stored_deliveries(services: Services) -> list[Any]:
    """Return the stored deliveries."""
    with reading(services.engine) as tx:
        return list(tx.execute(sa.select(tables.delivery).order_by(tables.delivery.c.id)))


@pytest.mark.parametrize("secret", SECRETS)
def test_a_signed_delivery_is_stored_and_acknowledged(client: FlaskClient, services: Services, secret: str) -> None:
    """Each of several secrets is accepted; the delivery is stored as received, without the signature."""
    response = post(client, X_Hub_Signature_256=signature(BODY, secret))
    assert response.status_code == 202
    (row,) = stored_deliveries(services)
    assert (row.delivery_id, row.body) == ("guid-1", BODY)
    assert row.headers["x-github-event"] == "ping"
    assert "signature" not in json.dumps(row.headers)
    assert row.due_at is not None


def test_a_repeat_is_acknowledged_and_stored_once(client: FlaskClient, services: Services) -> None:
    """Trackers send a delivery again when they got no response."""
    assert [post(client).status_code for _ in range(3)] == [202, 202, 202]
    assert len(stored_deliveries(services)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        signature(BODY, "guessed"),
        signature(BODY + b" "),
        signature(BODY, ""),
        signature(BODY).removeprefix("sha256="),
        "sha1=" + hmac.new(SECRETS[0].encode(), BODY, "sha1").hexdigest(),
        "sha256=\u00e9",
    ],
)
def test_a_wrong_or_missing_signature_answers_401_and_is_not_stored(
    client: FlaskClient, services: Services, wrong: str
) -> None:
    """The log has a line without the body."""
    assert post(client, X_Hub_Signature_256=wrong).status_code == 401
    assert stored_deliveries(services) == []


def test_an_unknown_connection_is_not_found(client: FlaskClient) -> None:
    """The response is 404, also with a valid signature."""
    assert post(client, to="nowhere").status_code == 404


def test_a_connection_without_a_secret_accepts_nothing(client: FlaskClient, services: Services) -> None:
    """It answers 503, so that Jira sends the delivery again once a secret is set."""
    assert post(client, to="mute", X_Hub_Signature_256=signature(BODY, "")).status_code == 503
    assert stored_deliveries(services) == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"nul\x00"])
def test_a_signed_but_malformed_body_is_stored_and_buried(client: FlaskClient, services: Services, body: bytes) -> None:
    """The tracker gets 202; an admin sees the reason."""
    assert post(client, body, X_GitHub_Event="issues").status_code == 202
    services.drains.drain_everything()
    (row,) = stored_deliveries(services)
    assert row.buried_at is not None
    assert row.outcome.startswith("can't be read")


def test_a_signed_json_body_sent_again_as_a_form_is_read_as_json(client: FlaskClient, services: Services) -> None:
    """A title may contain `&payload=…`, and the signature does not cover the content type."""
    title = "Pay &payload=" + quote(json.dumps({"action": "deleted", "issue": {"number": 9}}))
    body = json.dumps({"action": "edited", "issue": {"number": 1, "title": title}}).encode()
    sent = {"X-GitHub-Event": "issues", "X-Hub-Signature-256": signature(body)}
    answers = [
        client.post(
            "/hooks/hub", data=body, headers={**sent, "X-GitHub-Delivery": content_type}, content_type=content_type
        )
        for content_type in ("application/json", "application/x-www-form-urlencoded")
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    services.drains.drain_everything()
    as_json, as_form = stored_deliveries(services)
    assert as_json.name == as_form.name
    assert as_json.outcome == as_form.outcome


@pytest.mark.parametrize("to", ["hub", "jira"])
def test_a_bearer_token_signed_with_a_webhook_secret_answers_401(
    client: FlaskClient, services: Services, to: str
) -> None:
    """Only the client secret of an OAuth app signs such tokens."""
    secret = "a webhook secret that is long enough for HS256"
    with writing(services.engine) as tx:
        c = tables.connection.c
        tx.execute(
            sa.update(tables.connection).where(c.slug == to).values(sealed_secrets=[services.sealer.encrypt(secret)])
        )
        versions.bump(tx, versions.RULES)
    bearer = "Bearer " + jwt.encode({"exp": int(time.time()) + 60}, secret, algorithm="HS256")
    assert client.post(f"/hooks/{to}", data=BODY, headers={"Authorization": bearer}).status_code == 401
    assert stored_deliveries(services) == []


def test_a_repeat_of_a_buried_delivery_replaces_its_headers_too(client: FlaskClient, services: Services) -> None:
    """Somebody may have sent the body first, with other headers, which nobody signs."""
    assert post(client, X_GitHub_Event="").status_code == 202
    services.drains.drain_everything()
    (buried,) = stored_deliveries(services)
    assert buried.buried_at is not None
    assert post(client).status_code == 202
    services.drains.drain_everything()
    (row,) = stored_deliveries(services)
    assert (row.name, row.buried_at) == ("ping", None)


def test_a_too_large_body_answers_413(client: FlaskClient, services: Services) -> None:
    """Its announced length counts, or its real length where none is announced."""
    announced = client.post("/hooks/hub", data=b"x", environ_overrides={"CONTENT_LENGTH": str(LARGEST + 2)})
    assert announced.status_code == 413
    stream = io.BytesIO(b"x" * (LARGEST + 1))
    chunked = client.post("/hooks/hub", input_stream=stream, environ_overrides={"wsgi.input_terminated": True})
    assert chunked.status_code == 413
    assert stored_deliveries(services) == []


def test_a_jira_delivery_has_its_identifier_as_id(client: FlaskClient, services: Services) -> None:
    """Without one, as from Data Center, the id is the hash of its body."""
    headers = {"X-Hub-Signature": signature(BODY), "X-Atlassian-Webhook-Identifier": "abc"}
    assert client.post("/hooks/jira", data=BODY, headers=headers).status_code == 202
    del headers["X-Atlassian-Webhook-Identifier"]
    assert [client.post("/hooks/jira", data=BODY, headers=headers).status_code for _ in range(2)] == [202, 202]
    assert [row.delivery_id for row in stored_deliveries(services)] == [
        "abc",
        "sha256:" + hashlib.sha256(BODY).hexdigest(),
    ]


@pytest.mark.both_databases
def test_a_database_error_answers_503(client: FlaskClient, services: Services) -> None:
    """A 2xx would say that the delivery is durable."""
    assert post(client, X_GitHub_Delivery="first").status_code == 202
    with writing(services.engine) as tx:
        tx.execute(sa.text("ALTER TABLE delivery RENAME TO away"))
    assert post(client).status_code == 503
    with writing(services.engine) as tx:
        tx.execute(sa.text("ALTER TABLE away RENAME TO delivery"))
    assert post(client).status_code == 202
    assert len(stored_deliveries(services)) == 2


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_a_delivery_that_can_not_be_stored_while_another_process_writes_may_be_sent_again(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite there is one writer at a time; what was not stored is not acknowledged."""
    with another_writes(services, monkeypatch):
        response = post(client)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert response.get_json() == {"outcome": "the delivery can't be stored now; send it again"}
        assert stored_deliveries(services) == []


def test_the_webhook_endpoint_accepts_only_post(client: FlaskClient) -> None:
    """A browser that opens the address gets 405."""
    assert client.get("/hooks/hub").status_code == 405


def test_a_slash_after_the_connection_changes_nothing(client: FlaskClient, services: Services) -> None:
    """Forms of trackers and proxies add one."""
    assert post(client, to="hub/").status_code == 202
    assert len(stored_deliveries(services)) == 1


def test_a_form_at_an_address_without_a_route_is_not_parsed(client: FlaskClient) -> None:
    """Below `/hooks/` too: it is 404, and 413 when the body is larger than any form of ours."""
    form = "application/x-www-form-urlencoded"
    assert client.post("/hooks/a/b", data="a=%00&b=2", content_type=form).status_code == 404
    length = {"CONTENT_LENGTH": str(200_000_000)}
    assert client.post("/hooks/a/b", data="a=1", content_type=form, environ_overrides=length).status_code in (404, 413)


def test_a_body_that_the_server_left_out_answers_413(client: FlaskClient, services: Services) -> None:
    """At every address; at a connection that does not exist it is 404."""
    left_out = {TOO_LARGE: True}
    assert client.post("/hooks/hub", environ_overrides=left_out).status_code == 413
    assert client.post("/hooks/nowhere", environ_overrides=left_out).status_code == 404
    for path in ("/hooks/a/b", "/sign-in", "/api/v1/key-results", "/nowhere"):
        assert client.post(path, environ_overrides=left_out).status_code == 413
    assert stored_deliveries(services) == []


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/hooks/hub", LARGEST), ("/hooks/a/b/c", LARGEST), ("/sign-in", LARGEST_FORM), ("/", LARGEST_FORM)],
)
def test_every_address_has_a_limit(path: str, limit: int) -> None:
    """It is known before there is a route."""
    assert body_limit(path) == limit
