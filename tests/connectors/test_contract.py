"""The contract of every connector in the registry."""

import re

import pytest

from sync_service.domain.trackers.connector import Connection, Refused, WebhookRequest
from sync_service.domain.trackers.observations import Ignored, Snapshot
from tests.connectors.contract_payloads import PAYLOADS, assert_has_words, connector_of, kinds


@kinds
def test_a_connector_describes_itself(kind: str) -> None:
    """Kind, title, options and headers are set and have no secret."""
    connector = connector_of(kind)
    assert connector.kind == kind
    assert connector.title
    assert all(option.name.isidentifier() and option.help for option in connector.options)
    assert all(header == header.lower() for header in connector.stored_headers)
    assert not any(re.search("sign|secret|auth|cookie", header) for header in connector.stored_headers)


@kinds
def test_a_delivery_is_verified_with_any_of_several_secrets(kind: str) -> None:
    """During a rotation the old and the new secret are valid."""
    deliveries = PAYLOADS[kind]
    for post in (*deliveries.issues, deliveries.ignored):
        signed = deliveries.sign(post, "new secret")
        assert connector_of(kind).verify(signed, ["old secret", "new secret"])
        assert connector_of(kind).verify(signed, ["new secret", "old secret"])


@kinds
def test_verification_fails_closed(kind: str) -> None:
    """No secret, another secret, an empty one, no signature, or a changed body: each is refused."""
    connector, deliveries = connector_of(kind), PAYLOADS[kind]
    post = deliveries.issues[0]
    signed = deliveries.sign(post, "secret")
    assert not connector.verify(signed, [])
    assert not connector.verify(signed, ["other"])
    assert not connector.verify(post, ["secret"])
    assert not connector.verify(WebhookRequest(signed.headers, signed.body + b" "), ["secret"])
    for blank in ("", "  ", "\n"):
        assert not connector.verify(deliveries.sign(post, blank), [blank])


@kinds
def test_any_signature_text_can_be_verified(kind: str) -> None:
    """For any text in the header the answer is no, without an error."""
    connector, deliveries = connector_of(kind), PAYLOADS[kind]
    signed = deliveries.sign(deliveries.issues[0], "secret")
    (header,) = set(signed.headers) - set(deliveries.issues[0].headers)
    right = signed.headers[header]
    wrong = ["", "sha256=", "sha256", "=", right[:-1], right + "0", right.upper(), right.removeprefix("sha256="),
             "sha1=" + right.removeprefix("sha256="), "sha256=é", "sha256=\ud800", f"{right},{right}"]  # fmt: skip
    for value in wrong:
        assert not connector.verify(WebhookRequest({**signed.headers, header: value}, signed.body), ["secret"])


@kinds
def test_a_repeated_delivery_has_the_same_id(kind: str) -> None:
    """Another delivery has another one. The tracker's id is used; without one, the hash of the body."""
    connector, deliveries = connector_of(kind), PAYLOADS[kind]
    post = deliveries.issues[0]
    assert connector.delivery_id(post) == post.headers[deliveries.id_header]
    without = {name: value for name, value in post.headers.items() if name != deliveries.id_header}
    unnamed = connector.delivery_id(WebhookRequest(without, post.body))
    assert unnamed == connector.delivery_id(WebhookRequest(without, post.body))
    assert unnamed.startswith("sha256:")
    assert unnamed != connector.delivery_id(WebhookRequest(without, deliveries.issues[1].body))


@kinds
@pytest.mark.parametrize("given_id", ["", "x" * 201, "a\x00b", "a\nb", "a b", "é", "\ud800"])
def test_an_invalid_delivery_id_is_replaced_by_the_body_hash(kind: str, given_id: str) -> None:
    """The id is not signed, so it must not harm a row."""
    deliveries = PAYLOADS[kind]
    post = WebhookRequest({**deliveries.issues[0].headers, deliveries.id_header: given_id}, deliveries.issues[0].body)
    assert connector_of(kind).delivery_id(post).startswith("sha256:")


@kinds
def test_issue_deliveries_give_snapshots_and_ignored_ones_a_reason(kind: str) -> None:
    """Each main delivery is fully parsed. A reason completes the sentence "ignored, because …"."""
    connector, deliveries = connector_of(kind), PAYLOADS[kind]
    for post in deliveries.issues:
        assert any(
            isinstance(seen, Snapshot) for seen in connector.parse_delivery(post, deliveries.connection).observations
        )
    (ignored,) = connector.parse_delivery(deliveries.ignored, deliveries.connection).observations
    assert isinstance(ignored, Ignored)
    assert_has_words(ignored.reason)


@kinds
def test_parsing_is_deterministic(kind: str) -> None:
    """Equal deliveries give equal results."""
    connector, deliveries = connector_of(kind), PAYLOADS[kind]
    for post in deliveries.issues:
        assert connector.parse_delivery(post, deliveries.connection) == connector.parse_delivery(
            post, deliveries.connection
        )


@kinds
def test_keys_have_one_canonical_form(kind: str) -> None:
    """A key in a delivery is canonical already, also with spaces. An invalid key's error says what is allowed."""
    connector, key = connector_of(kind), PAYLOADS[kind].key
    assert connector.normalize_key(key) == key
    assert connector.normalize_key(f"  {key}\n") == key
    for nonsense in ("", "#", "12", "no key", f"{key} {key}", "x" * 10_000, "../../etc#1", "\x00"):
        with pytest.raises(ValueError, match="write") as caught:
            connector.normalize_key(nonsense)
        assert len(str(caught.value)) < 300


@kinds
def test_without_a_token_there_are_no_fetches(kind: str) -> None:
    """No call is made without credentials."""
    bare = Connection(slug="bare", site="https://tracker.example", token=None)
    with pytest.raises(Refused, match="no token"):
        connector_of(kind).fetch_issue(bare, identity="8001#12" if kind == "github" else "20012", key="any")
