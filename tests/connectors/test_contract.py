"""What every connector in the registry promises, whatever its tracker."""

import re

import pytest

from sync_service.domain.trackers.connector import Connection, Refused, WebhookRequest
from sync_service.domain.trackers.observations import Ignored, Snapshot
from tests.connectors.contract_payloads import PAYLOADS, assert_has_words, connector_of, kinds


@kinds
def test_a_connector_says_what_it_is(kind: str) -> None:
    """Kind, title, options and headers are filled in and hold no secret."""
    connector = connector_of(kind)
    assert connector.kind == kind
    assert connector.title
    assert all(option.name.isidentifier() and option.help for option in connector.options)
    assert all(header == header.lower() for header in connector.stored_headers)
    assert not any(re.search("sign|secret|auth|cookie", header) for header in connector.stored_headers)


@kinds
def test_a_signed_letter_is_verified_under_any_of_several_secrets(kind: str) -> None:
    """While a secret is changed, the old and the new one both count."""
    deliveries = PAYLOADS[kind]
    for post in (*deliveries.issues, deliveries.ignored):
        signed = deliveries.sign(post, "new secret")
        assert connector_of(kind).verify(signed, ["old secret", "new secret"])
        assert connector_of(kind).verify(signed, ["new secret", "old secret"])


@kinds
def test_verification_fails_closed(kind: str) -> None:
    """No secret, another secret, an empty one, no signature, an altered body: none passes."""
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
def test_verification_takes_any_signature_without_failing(kind: str) -> None:
    """Whatever stands in the signature's header, the answer is no."""
    connector, deliveries = connector_of(kind), PAYLOADS[kind]
    signed = deliveries.sign(deliveries.issues[0], "secret")
    (header,) = set(signed.headers) - set(deliveries.issues[0].headers)
    right = signed.headers[header]
    wrong = ["", "sha256=", "sha256", "=", right[:-1], right + "0", right.upper(), right.removeprefix("sha256="),
             "sha1=" + right.removeprefix("sha256="), "sha256=é", "sha256=\ud800", f"{right},{right}"]  # fmt: skip
    for value in wrong:
        assert not connector.verify(WebhookRequest({**signed.headers, header: value}, signed.body), ["secret"])


@kinds
def test_a_repeated_delivery_has_the_same_id_and_another_has_another(kind: str) -> None:
    """The tracker's own id is kept; without one, the body's hash tells repeats apart from news."""
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
def test_an_id_unfit_to_keep_gives_way_to_the_hash_of_the_body(kind: str, given_id: str) -> None:
    """Ids come from outside the signature, so none of them may harm a row."""
    deliveries = PAYLOADS[kind]
    post = WebhookRequest({**deliveries.issues[0].headers, deliveries.id_header: given_id}, deliveries.issues[0].body)
    assert connector_of(kind).delivery_id(post).startswith("sha256:")


@kinds
def test_letters_about_issues_give_snapshots_and_others_say_why_not(kind: str) -> None:
    """Each main letter is read whole; an ignored one completes the sentence "ignored, because …"."""
    connector, deliveries = connector_of(kind), PAYLOADS[kind]
    for post in deliveries.issues:
        assert any(
            isinstance(seen, Snapshot) for seen in connector.parse_delivery(post, deliveries.connection).observations
        )
    (ignored,) = connector.parse_delivery(deliveries.ignored, deliveries.connection).observations
    assert isinstance(ignored, Ignored)
    assert_has_words(ignored.reason)


@kinds
def test_reading_is_repeatable(kind: str) -> None:
    """The same letter always says the same."""
    connector, deliveries = connector_of(kind), PAYLOADS[kind]
    for post in deliveries.issues:
        assert connector.parse_delivery(post, deliveries.connection) == connector.parse_delivery(
            post, deliveries.connection
        )


@kinds
def test_keys_have_one_canonical_form(kind: str) -> None:
    """A key as letters show it is already canonical, also after stray spaces; nonsense says what is allowed."""
    connector, key = connector_of(kind), PAYLOADS[kind].key
    assert connector.normalize_key(key) == key
    assert connector.normalize_key(f"  {key}\n") == key
    for nonsense in ("", "#", "12", "no key", f"{key} {key}", "x" * 10_000, "../../etc#1", "\x00"):
        with pytest.raises(ValueError, match="write") as caught:
            connector.normalize_key(nonsense)
        assert len(str(caught.value)) < 300


@kinds
def test_without_a_token_there_is_no_looking(kind: str) -> None:
    """No call goes out without credentials."""
    bare = Connection(slug="bare", site="https://tracker.example", token=None)
    with pytest.raises(Refused, match="no token"):
        connector_of(kind).fetch_issue(bare, identity="8001#12" if kind == "github" else "20012", key="any")
