"""Whatever is sent to a route, by whomever: the answer says what is wrong with the request, and is never 500."""

import hmac
import socket
from itertools import product
from types import SimpleNamespace
from typing import NoReturn

import pytest
import sqlalchemy as sa
from flask import Flask

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.store.people import auth
from sync_service.web.connections import site_check
from tests.support.example_okrs import Example
from tests.support.run_scope import ALL
from tests.support.services import NOW, add
from tests.web.hostile_requests import BROKEN, FORM, JSON, METHODS, Attack, RecordedRequest
from tests.web.rules_seed import NETWORK, add_labelled_issues, add_rule
from tests.web.session_client import SessionClient

SECRET = "a webhook secret that is long enough"
TOKEN_FORM = {
    "slug": "new",
    "site": "http://127.0.0.1:1",
    "email": "eve@example.com",
    "token": "t",
    "scope": "acme/checkout",
    "value": "64",
    "earlier": "ignore",
}


@pytest.fixture
def attack(app: Flask, services: Services, example: Example, monkeypatch: pytest.MonkeyPatch) -> Attack:
    """Return an attack on the application with examples; trackers are closed ports, and no name resolves."""

    def no_name(host: str, *_: object, **__: object) -> NoReturn:
        host.encode("idna")  # as the standard library does
        raise OSError("no such name")

    monkeypatch.setattr(site_check, "socket", SimpleNamespace(getaddrinfo=no_name, SOCK_STREAM=socket.SOCK_STREAM))
    app.request_class = RecordedRequest
    app.config["WTF_CSRF_ENABLED"] = False
    for limiter in app.extensions["limiter"]:
        monkeypatch.setattr(limiter, "enabled", False)
    add_labelled_issues(services, example)
    add_rule(services, example, "network")
    _add_hostile_rows(services, example)
    roles = {"viewer": example.vera, "member": example.ben, "admin": example.ana}
    headers: dict[str, dict[str, str]] = {"nobody": {}} | {
        role: _headers(app, services, role, person) for role, person in roles.items()
    }
    return Attack(app, headers, {**TOKEN_FORM, **NETWORK})


def _add_hostile_rows(services: Services, example: Example) -> None:
    """Add credentials, a delivery whose texts are half characters, and headers with control characters."""
    with writing(services.engine) as tx:
        sealed = services.sealer.encrypt(SECRET)
        changes = {"site": "http://127.0.0.1:1", "sealed_secrets": [sealed, sealed], "sealed_token": sealed}
        tx.execute(sa.update(tables.connection).values(changes))
        add(
            tx,
            tables.delivery,
            connection_id=example.github,
            delivery_id="half a character",
            received_at=NOW,
            headers={"x-github-event": "\x1b[31m"},
            body=b'{"title": "\\ud800 \\u0000", "n": 1e999}',
            outcome="\u202e",
            buried_at=NOW,
        )
        versions.bump(tx, versions.RULES)


def _headers(app: Flask, services: Services, role: str, person_id: int) -> dict[str, str]:
    cookie = SessionClient.signed_in(app, services, person_id).client.get_cookie("okr_sync")
    assert cookie is not None
    with writing(services.engine) as tx:
        token = auth.create_api_token(tx, name=role, role=role, now=services.now())
    return {"Cookie": f"okr_sync={cookie.value}", "Authorization": f"Bearer {token}"}


@pytest.mark.slow
def test_no_request_is_answered_with_a_server_error(attack: Attack) -> None:
    """Every route, every method, every role."""
    rules = list(attack.app.url_map.iter_rules())
    for rule in sorted(rules, key=lambda rule: (rule.endpoint == "sign_in.sign_out", rule.rule)):
        attack.send_all(rule)
    assert attack.failures == []
    assert attack.sent > (30 if ALL else 20) * len(rules)


WEBHOOK_BODIES = (
    b'{"action": "opened", "issue": {"number": 1, "title": "\\ud800\\u0000", "id": 1e999}, "n": ' + b"9" * 5000 + b"}",
    b'{"action": "opened", "repository": {"id": 1, "full_name": "a/\\ud800"}, "issue": {"number": 1}}',
    b'{"webhookEvent": "jira:issue_created", "issue": {"id": "1", "key": "SHOP-1", "fields": {"summary": "\\udfff"}}}',
    b'{"webhookEvent": "\\ud800"}',
    b"[" * 100_000,
    b"\xff",
    b"payload=%ED%A0%80",
    b"",
)
WEBHOOK_HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"X-GitHub-Event": "issues", "X-GitHub-Delivery": "\xff", "X-Atlassian-Webhook-Identifier": "\x1b[2J"},
    {"X-GitHub-Event": "\xed\xa0\x80", "X-GitHub-Delivery": "x" * 5000, "Authorization": "Bearer \xff"},
    {"X-GitHub-Event": "i" * 10_000, "X-Hub-Signature": "\xff", "X-Hub-Signature-256": "sha256=\xff"},
)


@pytest.mark.slow
@pytest.mark.both_databases
def test_no_delivery_is_answered_with_a_server_error_or_fails_later(attack: Attack, services: Services) -> None:
    """Signed or not, in every method. What is stored is applied or buried with a reason."""
    for slug, body, headers in product(("acme-github", "acme-jira", "a%00b", "%FF"), WEBHOOK_BODIES, WEBHOOK_HEADERS):
        signature = "sha256=" + hmac.digest(SECRET.encode(), body, "sha256").hex()
        attack.headers["webhook"] = {"X-Hub-Signature": signature, "X-Hub-Signature-256": signature, **headers}
        attack.send("POST", f"/hooks/{slug}", "webhook", body, JSON)
    for method in METHODS:
        attack.send(method, "/hooks/acme-github", "nobody", b"x", FORM, **BROKEN)
    services.drains.drain_everything()
    assert attack.failures == []
    with reading(services.engine) as tx:
        rows = tx.execute(sa.select(tables.delivery)).all()
    assert len(rows) > 10
    assert [row for row in rows if row.due_at is not None] == []
    assert all(row.outcome for row in rows)


def test_a_body_that_breaks_while_it_is_read_is_a_mistake_of_the_caller(attack: Attack) -> None:
    """A malformed chunk answers 400 on every door."""
    client = attack.app.test_client(use_cookies=False)
    for path in ("/hooks/acme-github", "/sign-in", "/rules/new"):
        response = client.post(
            path, data=b"x", environ_overrides=BROKEN, content_type=FORM, headers=attack.headers["admin"]
        )
        assert response.status_code == 400
        assert "malformed or incomplete" in response.text


def test_head_answers_as_get_does_without_a_body(attack: Attack) -> None:
    """With and without a token."""
    client = attack.app.test_client(use_cookies=False)
    for role, path in product(("nobody", "viewer"), ("/api/v1/key-results", "/api/v1/key-results/KR-1", "/api/v1/no")):
        get, head = (client.open(path, method=method, headers=attack.headers[role]) for method in ("GET", "HEAD"))
        assert (head.status_code, head.content_type, head.data) == (get.status_code, get.content_type, b"")
