"""Dynamic webhooks of OAuth apps: which bearer tokens are believed."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from connectors.jira import Jira
from sync_service.domain.trackers.connector import WebhookRequest
from tests.connectors.jira.payloads import delivery, issue, signed

CLIENT_SECRET = "ATOA-a-client-secret-as-long-as-they-are-in-truth-0123456789"
BODY = delivery("jira:issue_updated", issue=issue(), items=[])


def bearing(token: str, *, scheme: str = "Bearer") -> WebhookRequest:
    """Give a delivery that bears a token."""
    return WebhookRequest({**BODY.headers, "authorization": f"{scheme} {token}"}, BODY.body)


def made(secret: str = CLIENT_SECRET, algorithm: str = "HS256", /, **claims: Any) -> str:
    """Make a token."""
    return jwt.encode(claims, secret, algorithm=algorithm)


def is_believed(token: str, *secrets: str, scheme: str = "Bearer") -> bool:
    """Ask the connector."""
    return Jira().verify(bearing(token, scheme=scheme), secrets or (CLIENT_SECRET,))


def soon(seconds: float = 180) -> int:
    """Give a moment so many seconds from now."""
    return int(time.time() + seconds)


def in_time(**offsets: float) -> Callable[[], dict[str, Any]]:
    """Make claims of moments so many seconds from when they are asked for: that may be long after collection."""
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
def test_a_token_that_the_client_secret_signed_is_believed(claims: Callable[[], dict[str, Any]]) -> None:
    """Whatever else it claims, since nobody says what it will; clocks may differ a little."""
    assert is_believed(made(**claims()))
    assert is_believed(made(**claims()), "another secret that is long enough for HS256", CLIENT_SECRET)
    assert is_believed(made(**claims()), scheme="bearer")


@pytest.mark.parametrize(
    "claims",
    [in_time(exp=-600), in_time(iat=-90_000), in_time(iat=600), in_time(exp=180, nbf=600),
     *(lambda odd=odd: odd for odd in ({}, {"exp": "tomorrow"}, {"iat": "today"}, {"exp": None}, {"aud": "x"}))],
)  # fmt: skip
def test_a_token_that_does_not_hold_now_is_refused(claims: Callable[[], dict[str, Any]]) -> None:
    """Over, not yet begun, or without any bound."""
    assert not is_believed(made(**claims()))


def test_a_token_of_another_key_is_refused() -> None:
    """So is any where no secret is held, and one by a secret too short to keep a token safe."""
    token = made(exp=soon())
    assert not is_believed(token, CLIENT_SECRET + "x")
    assert not Jira().verify(bearing(token), [])
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        short = made("short", exp=soon())
    assert not is_believed(short, "short")
    blank = made(" " * 40, exp=soon())
    assert not is_believed(blank, " " * 40)
    assert not is_believed(token, "{" + '"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAA"' + "}")


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_a_token_of_another_algorithm_is_refused(algorithm: str) -> None:
    """Only the one that Jira uses is tried, whatever the token says of itself."""
    secret = CLIENT_SECRET * 2
    assert not is_believed(made(secret, algorithm, exp=soon()), secret)


def test_a_token_that_is_not_signed_is_refused() -> None:
    """In any of the ways to say so."""
    for name in ("none", "None", "NONE", ""):
        for signature in ("", "AAAA"):
            token = f"{_part({'alg': name, 'typ': 'JWT'})}.{_part({'exp': soon()})}.{signature}"
            assert not is_believed(token)


@pytest.mark.parametrize("odd", ["", " ", ".", "..", "a.b.c", "é", "\ud800", "x" * 100_000, "🎈"])
def test_anything_else_is_refused_without_failing(odd: str) -> None:
    """The header comes from whoever calls."""
    assert not is_believed(odd)
    assert not Jira().verify(WebhookRequest({**BODY.headers, "authorization": odd}, BODY.body), [CLIENT_SECRET])
    assert not is_believed(made(exp=soon()), scheme="Basic")
    assert not is_believed(made(exp=soon()), scheme="JWT")


def test_pitfall_9_an_unexpected_audience_does_not_refuse_a_token() -> None:
    """PyJWT refuses one by itself."""
    for audience in ("x", ["x", "y"], 5, None):
        assert is_believed(made(exp=soon(), aud=audience))


def test_a_signature_is_enough_beside_a_token_that_is_none() -> None:
    """A proxy may put a header of its own on a delivery."""
    post = signed(BODY, "secret")
    assert Jira().verify(WebhookRequest({**post.headers, "authorization": "Basic eDp5"}, post.body), ["secret"])
