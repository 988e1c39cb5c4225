"""What must not come in: forged, mangled and monstrous bodies, against the service as it really listens."""

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
WITNESS = "a word that no log may hold"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Yield `okr-sync up` on its embedded default, with a connection to each tracker."""
    trackers = make_trackers()
    for tracker in (trackers.hub, trackers.cloud, trackers.data_center):
        tracker.stop()
    with running(tmp_path_factory.mktemp("refused"), configuration(trackers)) as run:
        yield run


@pytest.fixture(autouse=True)
def nothing_breaks(service: RunningService) -> Iterator[None]:
    """After each test: the service still answers, and its log has no traceback, no 500 and no body."""
    yield
    assert service.api("/key-results")["items"]
    log = service.service.log.read_text(errors="replace")
    assert "Traceback" not in log
    assert '" 500 ' not in log
    assert WITNESS not in log


def signature(body: bytes) -> str:
    """Sign as both trackers do."""
    return "sha256=" + hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()


def headers_of(connection: str, body: bytes, *, signed: str | None = "") -> dict[str, str]:
    """Return the headers of a new delivery; `signed` is another signature, or None for none."""
    given = signature(body) if signed == "" else signed
    if connection == "github":
        headers = {"X-GitHub-Event": "issues", "X-GitHub-Delivery": str(uuid.uuid4())}
        name = "X-Hub-Signature-256"
    else:
        headers, name = {"X-Atlassian-Webhook-Identifier": str(uuid.uuid4())}, "X-Hub-Signature"
    return {"Content-Type": "application/json", **headers, **({name: given} if given else {})}


def send(service: RunningService, path: str, body: bytes | Iterator[bytes], headers: Mapping[str, str]) -> int:
    """POST and give the status, with `Content-Length` for bytes and in chunks for parts.

    A service that refuses early may close while we still send; its answer is read all the same.
    """
    connection = HTTPConnection("127.0.0.1", service.service.port, timeout=60)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", path, body=body, headers=dict(headers), encode_chunked=not isinstance(body, bytes))
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def payload() -> bytes:
    """Write a payload of an issue that would count, with a word to look for in the log."""
    return json.dumps({"action": "closed", "webhookEvent": "jira:issue_updated", "issue": {"title": WITNESS}}).encode()


HOOKS = ("github", "jira-cloud", "jira-data-center")


@pytest.mark.parametrize("connection", HOOKS)
@pytest.mark.parametrize("signed", ["sha256=" + "0" * 64, "sha256=", "sha1=" + "0" * 40, "nonsense", "sha256=ü", None])
def test_what_is_forged_or_unsigned_gets_401_and_is_not_stored(
    service: RunningService, connection: str, signed: str | None
) -> None:
    """A wrong signature of any form, or none."""
    before, body = len(service.deliveries()), payload()
    headers = {
        name: text.encode().decode("latin-1") for name, text in headers_of(connection, body, signed=signed).items()
    }
    assert send(service, f"/hooks/{connection}", body, headers) == 401
    assert len(service.deliveries()) == before


@pytest.mark.parametrize("connection", HOOKS)
@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_oversized_gets_413_and_is_not_stored(
    service: RunningService, connection: str, *, chunked: bool
) -> None:
    """26 MB, well signed, announced or in chunks."""
    before, body = len(service.deliveries()), b" " * OVERSIZED
    headers = headers_of(connection, body)
    sent = (body[start : start + 65536] for start in range(0, OVERSIZED, 65536)) if chunked else body
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
    assert send(service, f"/hooks/{connection}", sent, headers) == 413
    assert len(service.deliveries()) == before


def test_a_body_cut_short_on_its_way_is_refused_and_not_stored(service: RunningService) -> None:
    """It announces more than it brings; what was signed is the whole, so what came is not."""
    before, body = len(service.deliveries()), payload()
    lines = [f"{name}: {text}" for name, text in headers_of("github", body).items()]
    head = "\r\n".join(
        ["POST /hooks/github HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *lines, "", ""]
    )
    with socket.create_connection(("127.0.0.1", service.service.port), timeout=60) as wire:
        wire.sendall(head.encode() + body[: len(body) // 2])
        wire.shutdown(socket.SHUT_WR)
        answer = wire.recv(1000).decode()
    assert answer.startswith(("HTTP/1.1 400 ", "HTTP/1.1 401 "))
    assert len(service.deliveries()) == before


UNREADABLE = {
    "truncated JSON": payload()[:-10],
    "no JSON": WITNESS.encode(),
    "nothing": b"",
    "not UTF-8": b'{"action": "closed", "issue": {"title": "\xff\xfe\xc3("}}',
    "deeply nested": b'{"issue": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a huge number": b'{"issue": {"id": ' + b"9" * 5000 + b"}}",
    "no object": b"[1, 2, 3]",
    "half a surrogate pair": b'{"webhookEvent": "jira:issue_updated", "issue": {"title": "\\ud800"}}',
}


@pytest.mark.parametrize("connection", HOOKS)
@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_signed_but_unreadable_gets_202_and_is_buried_with_its_reason(
    service: RunningService, connection: str, name: str
) -> None:
    """It is kept for a person to look at; the same without a signature is refused."""
    body, before = UNREADABLE[name], service.deliveries()
    assert send(service, f"/hooks/{connection}", body, headers_of(connection, body, signed=None)) == 401
    assert service.deliveries().keys() == before.keys()
    # Data Center sends no id, so its deliveries are told apart by their bodies; ours here have an id each.
    assert send(service, f"/hooks/{connection}", body, headers_of(connection, body)) == 202

    def buried() -> list[str]:
        new = [one for id_, one in service.deliveries().items() if id_ not in before]
        return [one["outcome"] for one in new if one["state"] == "buried"]

    assert until(buried, "the delivery is buried")[0].startswith("can't be read: ")


def test_an_unknown_connection_gets_404(service: RunningService) -> None:
    """Whatever is sent there, of whatever size."""
    body = payload()
    assert send(service, "/hooks/nobody", body, headers_of("github", body)) == 404
    large = b" " * OVERSIZED
    assert send(service, "/hooks/nobody", large, headers_of("github", large)) == 404


def test_what_the_simulated_github_forges_is_refused_and_its_redelivery_taken(service: RunningService) -> None:
    """The same delivery, once spoiled and once whole."""
    with GitHub("acme") as hub:
        hub.add_hook(url=service.hook("github"), secret=SECRET)
        hub.webhooks.forge_next()
        hub.repository("first").create_issue("Spoiled")
        hub.flush()
        spoiled = hub.deliveries[-1]
        assert spoiled.status == 401
        again = hub.redeliver(spoiled)
        hub.flush()
        assert again.status == 202
        until(lambda: service.deliveries()[spoiled.request.id]["state"] == "settled", "the redelivery is applied")
