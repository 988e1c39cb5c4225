"""Calls as a GitHub App: the signed assertion and the tokens of installations."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from connectors.github.api.app_auth import NEW_TOKEN_RETRY_SECONDS
from connectors.github.api.app_jwt import app_jwt, private_key
from simulator.github.model.app import new_key
from sync_service.domain.trackers.connector import AppKey, Connection, Refused
from tests.connectors.github.app_fixture import START, GitHubAppFixture, refusal

MINT = "/access_tokens"
LIST = "/installation/repositories"
ISSUE = "/issues/1"


def test_an_assertion_has_issuer_and_times_within_github_s_limits() -> None:
    """Issued a minute ago, valid for nine more minutes. The issuer must be a string."""
    key = new_key()
    made = app_jwt(AppKey("1204001", ""), key, at=START)
    options: dict[str, bool] = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(made, key.public_key(), algorithms=["RS256"], options=options)  # type: ignore[arg-type]  # PyJWT names its options one by one
    at = int(START.timestamp())
    assert claims == {"iat": at - 60, "exp": at + 540, "iss": "1204001"}


@pytest.mark.parametrize("long", [True, False])
def test_an_app_fetches_with_either_id_and_tokens_of_any_length(harness: GitHubAppFixture, *, long: bool) -> None:
    """It reads the same as a token."""
    harness.app.long_tokens = long
    harness.app.install()
    for id_ in (harness.app.client_id, str(harness.app.id)):
        assert harness.fetch_issue(connection=harness.connected_as(id_, harness.app.pem)).key == "acme/checkout#1"


def test_a_token_is_used_until_five_minutes_before_it_expires(harness: GitHubAppFixture) -> None:
    """Each is created once, and one list of repositories finds its installation."""
    harness.app.install()
    for seconds, minted in ((0, 1), (54 * 60, 1), (2 * 60, 2), (60, 2)):
        harness.step(seconds)
        harness.fetch_issue()
        assert len(harness.calls(MINT)) == minted
    assert len(harness.calls(LIST)) == 1


def test_threads_share_a_token(harness: GitHubAppFixture) -> None:
    """It is created once, even if many threads need it at the same time."""
    harness.app.install()
    other = harness.repository("payments")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda number: harness.fetch_issue(other if number % 2 else None).key, range(16)))
    assert keys == {"acme/checkout#1", "acme/payments#1"}
    assert (harness.calls(MINT), harness.calls(LIST)) == ([201], [200])


def test_without_credentials_there_is_no_bucket(harness: GitHubAppFixture) -> None:
    """None is needed: the call itself is refused."""
    bare = Connection(slug="bare", site=harness.hub.api_url)
    assert harness.connector.bucket_for(bare, about="1#1") == ""


def test_a_refused_token_is_replaced_once(harness: GitHubAppFixture) -> None:
    """GitHub may revoke it at any time."""
    harness.app.install()
    harness.fetch_issue()
    harness.step(60)
    harness.hub.installation_tokens.clear()
    harness.forget_calls()
    harness.fetch_issue()
    assert (harness.calls(ISSUE), harness.calls(MINT), harness.slept) == ([401, 200], [201], [])


def test_a_new_token_is_retried_for_five_seconds(harness: GitHubAppFixture) -> None:
    """It takes a moment until all GitHub servers accept it."""
    harness.app.install()
    harness.app.token_lag = 3
    harness.fetch_issue()
    assert tuple(harness.slept) == NEW_TOKEN_RETRY_SECONDS[:3]
    harness.step(3600)
    harness.slept.clear()
    harness.app.token_lag = len(NEW_TOKEN_RETRY_SECONDS) + 1
    assert "does not accept the credentials (401): Bad credentials" in refusal(harness)
    assert (tuple(harness.slept), sum(NEW_TOKEN_RETRY_SECONDS)) == (NEW_TOKEN_RETRY_SECONDS, 5)
    assert len(harness.calls(MINT)) == 2


@pytest.mark.parametrize("seconds", [-86400, -600, -55, 59, 600, 86400])
def test_clock_skew_is_corrected_by_github_s_clock(harness: GitHubAppFixture, seconds: float) -> None:
    """One more call reads its `Date`. After that the times are right at once, also the expiry of tokens."""
    harness.app.install()
    harness.own_clock.step(seconds)
    harness.fetch_issue()
    corrected = harness.calls("/app/installations")
    assert corrected == ([200] if abs(seconds) < 60 else [401, 200])
    harness.fetch_issue()
    assert harness.calls(MINT) == [201]
    harness.step(3 * 3600)
    harness.fetch_issue()
    assert set(harness.calls(MINT) + harness.calls(ISSUE)) == {201, 200}
    assert harness.slept == []


def test_a_wrong_app_key_is_refused_at_once(harness: GitHubAppFixture) -> None:
    """An unknown app too. Neither is retried."""
    harness.app.install()
    connection = harness.connection
    harness.app.key = new_key()
    with pytest.raises(Refused, match=r"does not accept the private key of app \d+ \(401\): A JSON web token"):
        harness.fetch_issue(connection=connection)
    with pytest.raises(Refused, match="knows no app 77: give its client id or its number"):
        harness.fetch_issue(connection=harness.connected_as("77", harness.app.pem))
    assert harness.calls("/app/installations") == [401, 404]


def pem(*, password: bool = False) -> str:
    """Return a private key as a file contains it."""
    sealed = BestAvailableEncryption(b"p") if password else NoEncryption()
    return new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed).decode()


def elliptic() -> str:
    """Return a private key of another type."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "make", [lambda: "", lambda: "SHA256:abc=", lambda: pem()[:400], lambda: pem(password=True), elliptic]
)
def test_an_unreadable_private_key_is_refused_with_a_remedy(harness: GitHubAppFixture, make: Callable[[], str]) -> None:
    """Before any call. The error does not show the key."""
    written = make()
    with pytest.raises(Refused, match=r"give the whole \.pem file that GitHub made") as caught:
        harness.fetch_issue(connection=harness.connected_as("7", written))
    assert harness.hub.rest.calls == []
    assert not written or written[40:80] not in str(caught.value) or len(written) < 40


def test_a_private_key_may_contain_backslash_n() -> None:
    """People write keys like this in env files."""
    key = pem()
    read = private_key(AppKey("7", key.replace("\n", "\\n")))
    assert read.private_numbers() == private_key(AppKey("7", key)).private_numbers()
