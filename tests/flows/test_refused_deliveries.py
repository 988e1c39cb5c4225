"""Deliveries that must be refused: badly signed, malformed and oversized bodies, sent to the running service."""

import contextlib
import hashlib
import hmac
import json
import socket
import uuid
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection

import pytest

from simulator import GitHub
from tests.flows.scenarios import SECRET, configuration, make_trackers
from tests.flows.service import RunningService, running
from tests.support.wait_until import until

pytestmark = pytest.mark.slow

OVERSIZED = 26 * 1024 * 1024
LOG_MARKER = "a word that no log may hold"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Yield `okr-sync up` with its embedded defaults and a connection to each tracker."""
    trackers = make_trackers()
    for tracker in (trackers.hub, trackers.cloud, trackers.data_center):
        tracker.stop()
    with running(tmp_path_factory.mktemp("refused"), configuration(trackers)) as run:
        yield run


@pytest.fixture(autouse=True)
def service_stays_healthy(service: RunningService) -> Iterator[None]:
    """Check after each test that the service answers, and that its log has no traceback, no 500 and no body."""
    yield
    assert service.api("/key-results")["items"]
    log = service.service.log.read_text(errors="replace")
    assert "Traceback" not in log
    assert '" 500 ' not in log
    assert LOG_MARKER not in log


def signature(body: bytes) -> str:
    """Return the signature that both trackers would send."""
    return "sha256=" + hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()


def headers_of(connection: str, body: bytes, *, signature_header: str | None = "") -> dict[str, str]:
    """Return the headers of a new delivery; `signature_header` replaces the signature, None omits it."""
    given = signature(body) if signature_header == "" else signature_header
    if connection == "github":
        headers = {"X-GitHub-Event": "issues", "X-GitHub-Delivery": str(uuid.uuid4())}
        name = "X-Hub-Signature-256"
    else:
        headers, name = {"X-Atlassian-Webhook-Identifier": str(uuid.uuid4())}, "X-Hub-Signature"
    return {"Content-Type": "application/json", **headers, **({name: given} if given else {})}


def send(service: RunningService, path: str, body: bytes | Iterator[bytes], headers: Mapping[str, str]) -> int:
    """POST and return the status; send bytes with `Content-Length`, and an iterator in chunks.

    A service that refuses early may close the connection during the request; its response is still read.
    """
    connection = HTTPConnection("127.0.0.1", service.service.port, timeout=60)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", path, body=body, headers=dict(headers), encode_chunked=not isinstance(body, bytes))
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def payload() -> bytes:
    """Return a payload of an issue that would count, with a word to search for in the log."""
    return json.dumps(
        {"action": "closed", "webhookEvent": "jira:issue_updated", "issue": {"title": LOG_MARKER}}
    ).encode()


HOOKS = ("github", "jira-cloud", "jira-data-center")


@pytest.mark.parametrize("connection", HOOKS)
@pytest.mark.parametrize(
    "signature_header", ["sha256=" + "0" * 64, "sha256=", "sha1=" + "0" * 40, "nonsense", "sha256=ü", None]
)
def test_deliveries_without_a_valid_signature_get_401_and_are_not_stored(
    service: RunningService, connection: str, signature_header: str | None
) -> None:
    """The signature is wrong in several forms, or missing."""
    before, body = len(service.deliveries()), payload()
    headers = {
        name: text.encode().decode("latin-1")
        for name, text in headers_of(connection, body, signature_header=signature_header).items()
    }
    assert send(service, f"/hooks/{connection}", body, headers) == 401
    assert len(service.deliveries()) == before


@pytest.mark.parametrize("connection", HOOKS)
@pytest.mark.parametrize("chunked", [False, True])
def test_oversized_deliveries_get_413_and_are_not_stored(
    service: RunningService, connection: str, *, chunked: bool
) -> None:
    """A body of 26 MB is refused with a valid signature, with its length announced or in chunks."""
    before, body = len(service.deliveries()), b" " * OVERSIZED
    headers = headers_of(connection, body)
    sent = (body[start : start + 65536] for start in range(0, OVERSIZED, 65536)) if chunked else body
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
    assert send(service, f"/hooks/{connection}", sent, headers) == 413
    assert len(service.deliveries()) == before


def test_a_truncated_body_is_refused_and_not_stored(service: RunningService) -> None:
    """The body is shorter than announced. Whoever ends the connection within a body gets no answer."""
    before, body = len(service.deliveries()), payload()
    lines = [f"{name}: {text}" for name, text in headers_of("github", body).items()]
    head = "\r\n".join(
        ["POST /hooks/github HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *lines, "", ""]
    )
    with socket.create_connection(("127.0.0.1", service.service.port), timeout=60) as connection_socket:
        connection_socket.sendall(head.encode() + body[: len(body) // 2])
        connection_socket.shutdown(socket.SHUT_WR)
        response = connection_socket.recv(1000).decode()
    assert response == ""
    assert len(service.deliveries()) == before


UNREADABLE = {
    "truncated JSON": payload()[:-10],
    "no JSON": LOG_MARKER.encode(),
    "nothing": b"",
    "not UTF-8": b'{"action": "closed", "issue": {"title": "\xff\xfe\xc3("}}',
    "deeply nested": b'{"issue": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a huge number": b'{"issue": {"id": ' + b"9" * 5000 + b"}}",
    "no object": b"[1, 2, 3]",
    "half a surrogate pair": b'{"webhookEvent": "jira:issue_updated", "issue": {"title": "\\ud800"}}',
}


@pytest.mark.parametrize("connection", HOOKS)
@pytest.mark.parametrize("name", UNREADABLE)
def test_signed_but_unreadable_deliveries_get_202_and_are_buried_with_their_reason(
    service: RunningService, connection: str, name: str
) -> None:
    """They are stored for a person to inspect. Without a signature they are refused."""
    body, before = UNREADABLE[name], service.deliveries()
    assert send(service, f"/hooks/{connection}", body, headers_of(connection, body, signature_header=None)) == 401
    assert service.deliveries().keys() == before.keys()
    # Data Center sends no id, so its deliveries are told apart by their bodies; ours here have an id each.
    assert send(service, f"/hooks/{connection}", body, headers_of(connection, body)) == 202

    def buried() -> list[str]:
        new = [one for id_, one in service.deliveries().items() if id_ not in before]
        return [one["outcome"] for one in new if one["state"] == "buried"]

    assert until(buried, "the delivery is buried")[0].startswith("can't be read: ")


def test_an_unknown_connection_gets_404(service: RunningService) -> None:
    """The size of the body does not matter."""
    body = payload()
    assert send(service, "/hooks/nobody", body, headers_of("github", body)) == 404
    large = b" " * OVERSIZED
    assert send(service, "/hooks/nobody", large, headers_of("github", large)) == 404


def test_a_redelivery_of_a_rejected_delivery_is_accepted(service: RunningService) -> None:
    """It is the same delivery, first with a wrong signature and then with the right one."""
    with GitHub("acme") as hub:
        hub.add_hook(url=service.hook("github"), secret=SECRET)
        hub.webhooks.forge_next()
        hub.repository("first").create_issue("Spoiled")
        hub.flush()
        rejected = hub.deliveries[-1]
        assert rejected.status == 401
        again = hub.redeliver(rejected)
        hub.flush()
        assert again.status == 202
        until(lambda: service.deliveries()[rejected.request.id]["state"] == "settled", "the redelivery is applied")
