"""Calling GitHub as an app: who we are, and tokens that come and go."""

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


def test_an_assertion_says_when_and_who_within_github_s_bounds() -> None:
    """Made a minute ago, good for nine more, and its issuer a text, which alone is allowed."""
    key = new_key()
    made = app_jwt(AppKey("1204001", ""), key, at=START)
    options: dict[str, bool] = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(made, key.public_key(), algorithms=["RS256"], options=options)  # type: ignore[arg-type]  # PyJWT names its options one by one
    at = int(START.timestamp())
    assert claims == {"iat": at - 60, "exp": at + 540, "iss": "1204001"}


@pytest.mark.parametrize("long", [True, False])
def test_an_app_looks_by_either_of_its_ids_and_with_tokens_of_any_length(town: GitHubAppFixture, *, long: bool) -> None:
    """What it is shown is what a token is shown."""
    town.app.long_tokens = long
    town.app.install()
    for id_ in (town.app.client_id, str(town.app.id)):
        assert town.fetch_issue(connection=town.connected_as(id_, town.app.pem)).key == "acme/checkout#1"


def test_a_token_is_used_until_five_minutes_before_its_end(town: GitHubAppFixture) -> None:
    """Each is minted once, and found by one list of repositories."""
    town.app.install()
    for seconds, minted in ((0, 1), (54 * 60, 1), (2 * 60, 2), (60, 2)):
        town.step(seconds)
        town.fetch_issue()
        assert len(town.calls(MINT)) == minted
    assert len(town.calls(LIST)) == 1


def test_threads_share_a_token(town: GitHubAppFixture) -> None:
    """It is minted once, however many want it at the same time."""
    town.app.install()
    other = town.repository("payments")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda number: town.fetch_issue(other if number % 2 else None).key, range(16)))
    assert keys == {"acme/checkout#1", "acme/payments#1"}
    assert (town.calls(MINT), town.calls(LIST)) == ([201], [200])


def test_without_credentials_there_is_no_part_to_wait_for(town: GitHubAppFixture) -> None:
    """And none is needed: the call itself is refused."""
    bare = Connection(slug="bare", site=town.hub.api_url)
    assert town.connector.bucket_for(bare, about="1#1") == ""


def test_a_token_that_is_refused_is_replaced_once(town: GitHubAppFixture) -> None:
    """GitHub may revoke it at any time."""
    town.app.install()
    town.fetch_issue()
    town.step(60)
    town.hub.installation_tokens.clear()
    town.forget_calls()
    town.fetch_issue()
    assert (town.calls(ISSUE), town.calls(MINT), town.slept) == ([401, 200], [201], [])


def test_a_new_token_is_given_five_seconds_to_be_known(town: GitHubAppFixture) -> None:
    """Not all of GitHub knows it at once."""
    town.app.install()
    town.app.token_lag = 3
    town.fetch_issue()
    assert tuple(town.slept) == NEW_TOKEN_RETRY_SECONDS[:3]
    town.step(3600)
    town.slept.clear()
    town.app.token_lag = len(NEW_TOKEN_RETRY_SECONDS) + 1
    assert "does not accept the credentials (401): Bad credentials" in refusal(town)
    assert (tuple(town.slept), sum(NEW_TOKEN_RETRY_SECONDS)) == (NEW_TOKEN_RETRY_SECONDS, 5)
    assert len(town.calls(MINT)) == 2


@pytest.mark.parametrize("seconds", [-86400, -600, -55, 59, 600, 86400])
def test_a_clock_that_is_off_is_corrected_by_github_s(town: GitHubAppFixture, seconds: float) -> None:
    """By its `Date`, with one more call; from then on it is right at once, also about the end of tokens."""
    town.app.install()
    town.ours.step(seconds)
    town.fetch_issue()
    corrected = town.calls("/app/installations")
    assert corrected == ([200] if abs(seconds) < 60 else [401, 200])
    town.fetch_issue()
    assert town.calls(MINT) == [201]
    town.step(3 * 3600)
    town.fetch_issue()
    assert set(town.calls(MINT) + town.calls(ISSUE)) == {201, 200}
    assert town.slept == []


def test_a_key_that_is_not_the_app_s_is_refused_at_once(town: GitHubAppFixture) -> None:
    """And so is an app that nobody knows; neither is asked again in vain."""
    town.app.install()
    connection = town.connection
    town.app.key = new_key()
    with pytest.raises(Refused, match=r"does not accept the private key of app \d+ \(401\): A JSON web token"):
        town.fetch_issue(connection=connection)
    with pytest.raises(Refused, match="knows no app 77: give its client id or its number"):
        town.fetch_issue(connection=town.connected_as("77", town.app.pem))
    assert town.calls("/app/installations") == [401, 404]


def pem(*, password: bool = False) -> str:
    """Give a private key as a file holds it."""
    sealed = BestAvailableEncryption(b"p") if password else NoEncryption()
    return new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed).decode()


def elliptic() -> str:
    """Give a private key of another kind."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "make", [lambda: "", lambda: "SHA256:abc=", lambda: pem()[:400], lambda: pem(password=True), elliptic]
)
def test_a_private_key_that_can_not_be_read_is_refused_with_what_to_do(
    town: GitHubAppFixture, make: Callable[[], str]
) -> None:
    """Before any call, and without a word of it."""
    written = make()
    with pytest.raises(Refused, match=r"give the whole \.pem file that GitHub made") as caught:
        town.fetch_issue(connection=town.connected_as("7", written))
    assert town.hub.rest.calls == []
    assert not written or written[40:80] not in str(caught.value) or len(written) < 40


def test_a_private_key_may_have_its_lines_written_as_backslash_n() -> None:
    """As files of settings make people write it."""
    key = pem()
    read = private_key(AppKey("7", key.replace("\n", "\\n")))
    assert read.private_numbers() == private_key(AppKey("7", key)).private_numbers()
