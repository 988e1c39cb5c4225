"""Bearer tokens of dynamic webhooks: which ones are accepted."""

import base64
import json
import math
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from connectors.jira import Jira
from sync_service.domain.trackers.connector import OAuthClient, WebhookRequest
from tests.connectors.jira.payloads import delivery, issue, signed

CLIENT_SECRET = "ATOA-a-client-secret-as-long-as-they-are-in-truth-0123456789"
BODY = delivery("jira:issue_updated", issue=issue(), items=[])


def with_bearer(token: str, *, scheme: str = "Bearer") -> WebhookRequest:
    """Return a delivery with a bearer token."""
    return WebhookRequest({**BODY.headers, "authorization": f"{scheme} {token}"}, BODY.body)


def encode(secret: str = CLIENT_SECRET, algorithm: str = "HS256", /, **claims: Any) -> str:
    """Return a token."""
    return jwt.encode(claims, secret, algorithm=algorithm)


def is_accepted(token: str, client_secret: str = CLIENT_SECRET, *, scheme: str = "Bearer") -> bool:
    """Return whether the connector accepts the delivery."""
    return Jira().verify(with_bearer(token, scheme=scheme), (), OAuthClient("client-id", client_secret))


def soon(seconds: float = 180) -> int:
    """Return a time this many seconds from now."""
    return int(time.time() + seconds)


def in_time(**offsets: float) -> Callable[[], dict[str, Any]]:
    """Return a function that makes claims with times relative to its call: tests may run long after collection."""
    return lambda: {name: soon(seconds) for name, seconds in offsets.items()}


@pytest.mark.parametrize(
    "claims",
    [
        in_time(exp=180),
        lambda: {**in_time(exp=180, iat=0)(), "iss": "client-id", "aud": "https://okr.example/hooks/acme", "sub": "x"},
        in_time(exp=-60),
        in_time(iat=-3600),
        in_time(iat=60),
        lambda: {"iat": time.time() - 5.5, "context": {"any": ["thing"]}},
    ],
)
def test_a_token_signed_with_the_client_secret_is_accepted(claims: Callable[[], dict[str, Any]]) -> None:
    """Other claims do not matter, because Atlassian does not document them. Clocks may differ a little."""
    assert is_accepted(encode(**claims()))
    assert is_accepted(encode(**claims()), scheme="bearer")


@pytest.mark.parametrize(
    "claims",
    [in_time(exp=-600), in_time(iat=-90_000), in_time(iat=600), in_time(exp=180, nbf=600),
     in_time(exp=90_000), in_time(exp=90_000, iat=0), in_time(exp=60, iat=-90_000), in_time(exp=3e8, iat=-5),
     lambda: {"exp": soon(), "iat": math.nan}, lambda: {"exp": math.inf},
     *(lambda odd=odd: odd for odd in ({}, {"exp": "tomorrow"}, {"iat": "today"}, {"exp": None}, {"aud": "x"}))],
)  # fmt: skip
def test_a_token_outside_its_period_is_refused(claims: Callable[[], dict[str, Any]]) -> None:
    """Expired, not yet valid, without any limit, or valid for longer than a day."""
    assert not is_accepted(encode(**claims()))


def test_a_token_signed_with_another_key_is_refused() -> None:
    """Also every token if there is no secret, or one that is too short to be safe."""
    token = encode(exp=soon())
    assert not is_accepted(token, CLIENT_SECRET + "x")
    assert not Jira().verify(with_bearer(token), [])
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        short = encode("short", exp=soon())
    assert not is_accepted(short, "short")
    blank = encode(" " * 40, exp=soon())
    assert not is_accepted(blank, " " * 40)
    assert not is_accepted(token, "{" + '"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAA"' + "}")


def _segment(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_a_token_with_another_algorithm_is_refused(algorithm: str) -> None:
    """Only Jira's algorithm is tried, whatever the token's header says."""
    secret = CLIENT_SECRET * 2
    assert not is_accepted(encode(secret, algorithm, exp=soon()), secret)


def test_an_unsigned_token_is_refused() -> None:
    """In any notation."""
    for name in ("none", "None", "NONE", ""):
        for signature in ("", "AAAA"):
            token = f"{_segment({'alg': name, 'typ': 'JWT'})}.{_segment({'exp': soon()})}.{signature}"
            assert not is_accepted(token)


@pytest.mark.parametrize("odd", ["", " ", ".", "..", "a.b.c", "é", "\ud800", "x" * 100_000, "🎈"])
def test_any_other_header_is_refused_without_an_error(odd: str) -> None:
    """The header comes from the caller."""
    assert not is_accepted(odd)
    post = WebhookRequest({**BODY.headers, "authorization": odd}, BODY.body)
    assert not Jira().verify(post, [CLIENT_SECRET], OAuthClient("client-id", CLIENT_SECRET))
    assert not is_accepted(encode(exp=soon()), scheme="Basic")
    assert not is_accepted(encode(exp=soon()), scheme="JWT")


def test_pitfall_9_an_unexpected_audience_does_not_refuse_a_token() -> None:
    """By default PyJWT refuses one."""
    for audience in ("x", ["x", "y"], 5, None):
        assert is_accepted(encode(exp=soon(), aud=audience))


def test_a_valid_signature_is_enough_with_an_invalid_token() -> None:
    """A proxy may add a header of its own."""
    post = signed(BODY, "secret")
    assert Jira().verify(WebhookRequest({**post.headers, "authorization": "Basic eDp5"}, post.body), ["secret"])


def test_only_the_client_secret_signs_a_bearer_token() -> None:
    """A webhook secret signs bodies; a token that is signed with it would let any body in."""
    post = with_bearer(encode(exp=soon()))
    assert not Jira().verify(post, [CLIENT_SECRET])
    assert not Jira().verify(post, [CLIENT_SECRET], OAuthClient("client-id", CLIENT_SECRET[::-1]))
    assert not Jira().verify(signed(BODY, CLIENT_SECRET), [], OAuthClient("client-id", CLIENT_SECRET))
