"""Calling GitHub as an app: who we are, which installation sees what, and tokens that come and go."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from connectors.github.apps import WAITS
from connectors.github.assertions import assertion, private_key
from simulator import GitHub, SteppedClock
from simulator.github import Installation
from simulator.github.app import new_key
from sync_service.domain.abilities import Asked
from sync_service.domain.connectors import App, Connection, ConnectorError, Gone, Refused, Rejected
from tests.connectors.app_town import START, AppTown

MINT = "/access_tokens"
LIST = "/installation/repositories"
ISSUE = "/issues/1"


@pytest.fixture
def town() -> Iterator[AppTown]:
    """Give a GitHub with an app that is not installed yet."""
    clock = SteppedClock(START)
    with GitHub("acme", clock=clock, background=False) as hub:
        yield AppTown(hub, clock)


def refusal(town: AppTown, kind: type[ConnectorError] = Refused) -> str:
    """Look, and give the words of the error."""
    with pytest.raises(kind) as caught:
        town.look()
    assert not isinstance(caught.value, Gone) or not caught.value.proven
    return str(caught.value)


def test_an_assertion_says_when_and_who_within_github_s_bounds() -> None:
    """Made a minute ago, good for nine more, and its issuer a text, which alone is allowed."""
    key = new_key()
    made = assertion(App("1204001", ""), key, at=START)
    options: dict[str, bool] = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(made, key.public_key(), algorithms=["RS256"], options=options)  # type: ignore[arg-type]  # PyJWT names its options one by one
    at = int(START.timestamp())
    assert claims == {"iat": at - 60, "exp": at + 540, "iss": "1204001"}


@pytest.mark.parametrize("long", [True, False])
def test_an_app_looks_by_either_of_its_ids_and_with_tokens_of_any_length(town: AppTown, *, long: bool) -> None:
    """What it is shown is what a token is shown."""
    town.app.long_tokens = long
    town.app.install()
    for id_ in (town.app.client_id, str(town.app.id)):
        assert town.look(connection=town.connected_as(id_, town.app.pem)).key == "acme/checkout#1"


def test_a_token_is_used_until_five_minutes_before_its_end(town: AppTown) -> None:
    """Each is minted once, and found by one list of repositories."""
    town.app.install()
    for seconds, minted in ((0, 1), (54 * 60, 1), (2 * 60, 2), (60, 2)):
        town.step(seconds)
        town.look()
        assert len(town.calls(MINT)) == minted
    assert len(town.calls(LIST)) == 1


def test_threads_share_a_token(town: AppTown) -> None:
    """It is minted once, however many want it at the same time."""
    town.app.install()
    other = town.repository("payments")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda number: town.look(other if number % 2 else None).key, range(16)))
    assert keys == {"acme/checkout#1", "acme/payments#1"}
    assert (town.calls(MINT), town.calls(LIST)) == ([201], [200])


def test_without_credentials_there_is_no_part_to_wait_for(town: AppTown) -> None:
    """And none is needed: the call itself is refused."""
    bare = Connection(slug="bare", site=town.hub.api_url)
    assert town.connector.part(bare, about="1#1") == ""


def test_a_token_that_is_refused_is_replaced_once(town: AppTown) -> None:
    """GitHub may revoke it at any time."""
    town.app.install()
    town.look()
    town.step(60)
    town.hub.installation_tokens.clear()
    town.forget_calls()
    town.look()
    assert (town.calls(ISSUE), town.calls(MINT), town.slept) == ([401, 200], [201], [])


def test_a_new_token_is_given_five_seconds_to_be_known(town: AppTown) -> None:
    """Not all of GitHub knows it at once."""
    town.app.install()
    town.app.token_lag = 3
    town.look()
    assert tuple(town.slept) == WAITS[:3]
    town.step(3600)
    town.slept.clear()
    town.app.token_lag = len(WAITS) + 1
    assert "does not accept the credentials (401): Bad credentials" in refusal(town)
    assert (tuple(town.slept), sum(WAITS)) == (WAITS, 5)
    assert len(town.calls(MINT)) == 2


@pytest.mark.parametrize("seconds", [-86400, -600, -55, 59, 600, 86400])
def test_a_clock_that_is_off_is_corrected_by_github_s(town: AppTown, seconds: float) -> None:
    """By its `Date`, with one more call; from then on it is right at once, also about the end of tokens."""
    town.app.install()
    town.ours.step(seconds)
    town.look()
    corrected = town.calls("/app/installations")
    assert corrected == ([200] if abs(seconds) < 60 else [401, 200])
    town.look()
    assert town.calls(MINT) == [201]
    town.step(3 * 3600)
    town.look()
    assert set(town.calls(MINT) + town.calls(ISSUE)) == {201, 200}
    assert town.slept == []


def test_a_key_that_is_not_the_app_s_is_refused_at_once(town: AppTown) -> None:
    """And so is an app that nobody knows; neither is asked again in vain."""
    town.app.install()
    connection = town.connection
    town.app.key = new_key()
    with pytest.raises(Refused, match=r"does not accept the private key of app \d+ \(401\): A JSON web token"):
        town.look(connection=connection)
    with pytest.raises(Refused, match="knows no app 77: give its client id or its number"):
        town.look(connection=town.connected_as("77", town.app.pem))
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
def test_a_private_key_that_can_not_be_read_is_refused_with_what_to_do(town: AppTown, make: Callable[[], str]) -> None:
    """Before any call, and without a word of it."""
    written = make()
    with pytest.raises(Refused, match=r"give the whole \.pem file that GitHub made") as caught:
        town.look(connection=town.connected_as("7", written))
    assert town.hub.rest.calls == []
    assert not written or written[40:80] not in str(caught.value) or len(written) < 40


def test_a_private_key_may_have_its_lines_written_as_backslash_n() -> None:
    """As files of settings make people write it."""
    key = pem()
    read = private_key(App("7", key.replace("\n", "\\n")))
    assert read.private_numbers() == private_key(App("7", key)).private_numbers()


def test_one_connection_covers_all_installations(town: AppTown) -> None:
    """Each repository is asked for as the one that sees it."""
    other = town.repository("umbrella/ledger")
    town.app.install()
    town.app.install([other], account=other.owner)
    assert [town.look(place).key for place in (town.checkout, other)] == ["acme/checkout#1", "umbrella/ledger#1"]
    assert town.part() != town.part(other)
    assert len(town.calls("/app/installations")) == 1


def test_more_repositories_than_a_page_holds_are_gone_through(town: AppTown) -> None:
    """The one asked for may be on any."""
    for number in range(120):
        town.hub.repository(f"place-{number}")
    last = town.repository("last")
    town.app.install()
    assert town.look(last).key == "acme/last#1"
    assert len(town.calls(LIST)) == 2


def test_the_only_installation_when_suspended_refuses_in_github_s_words(town: AppTown) -> None:
    """Until it works again, and whether its token is known or not."""
    installation = town.app.install()
    town.look()
    installation.suspend()
    for _ in range(2):
        assert "This installation has been suspended" in refusal(town)
    town.connector = town.start_anew()
    assert "This installation has been suspended" in refusal(town)
    installation.unsuspend()
    town.step(61)
    assert town.look().key == "acme/checkout#1"


def test_a_suspended_installation_does_not_stop_the_others(town: AppTown) -> None:
    """Its repositories are hidden, which proves nothing of them; theirs are not."""
    other = town.repository("umbrella/ledger")
    suspended = town.app.install()
    town.app.install(account=other.owner)
    town.look()
    suspended.suspend()
    assert "This installation has been suspended" in refusal(town, Gone)
    assert "; suspended: acme" in refusal(town, Gone)
    assert town.look(other).key == "umbrella/ledger#1"


def test_an_app_that_was_uninstalled_is_refused_and_found_again_once_installed(town: AppTown) -> None:
    """Its new installation is another one."""
    assert "is installed nowhere" in refusal(town)
    first = town.app.install()
    town.step(61)
    town.look()
    before = town.part()
    first.delete()
    town.step(61)
    assert "is installed nowhere" in refusal(town)
    town.app.install()
    town.step(61)
    town.look()
    assert town.part() != before


def test_where_one_of_several_was_uninstalled_its_repositories_are_hidden(town: AppTown) -> None:
    """The others work on."""
    other = town.repository("umbrella/ledger")
    town.app.install(account=other.owner)
    left = town.app.install()
    town.look()
    left.delete()
    town.step(61)
    assert f"no installation of the GitHub App sees repository {town.checkout.id}" in refusal(town, Gone)
    assert town.look(other).key == "umbrella/ledger#1"


@pytest.mark.parametrize("what", [Installation.delete, Installation.suspend])
def test_what_befell_an_installation_just_now_does_not_stop_a_search(
    town: AppTown, what: Callable[[Installation], None]
) -> None:
    """Though a list of a moment ago still has it."""
    other, third = town.repository("umbrella/ledger"), town.repository("zebra/stripes")
    town.app.install()
    befallen = town.app.install(account=other.owner)
    town.app.install(account=third.owner)
    town.look()
    what(befallen)
    assert town.look(third).key == "zebra/stripes#1"
    with pytest.raises(Gone):
        town.look(other)


def test_a_token_that_is_none_is_rejected(town: AppTown) -> None:
    """A good status alone is not enough."""
    town.app.install()
    town.look()
    town.step(3600)
    town.hub.rest.answer_next(201)
    assert "gives no token that could be used" in refusal(town, Rejected)


def test_a_repository_that_no_installation_sees_is_not_searched_for_all_the_time(town: AppTown) -> None:
    """Once a minute; when it is added, it is found."""
    payments = town.repository("payments")
    installation = town.app.install([payments])
    for _ in range(5):
        refusal(town, Gone)
    assert len(town.calls(LIST)) == len(town.calls("/app/installations")) == 1
    assert town.look(payments).key == "acme/payments#1"
    installation.add(town.checkout)
    town.step(61)
    assert town.look().key == "acme/checkout#1"


def test_a_repository_that_went_to_another_installation_is_found_there(town: AppTown) -> None:
    """Its former one shows it no longer."""
    town.app.install([town.checkout])
    town.app.install(account=town.hub.repository("umbrella/ledger").owner)
    town.look()
    before = town.part()
    town.checkout.transfer("umbrella")
    town.step(11 * 60)
    assert town.look().key == "umbrella/checkout#1"
    assert town.part() != before


def test_an_issue_that_is_not_there_is_not_searched_for_in_other_installations(town: AppTown) -> None:
    """Its repository is where it was."""
    town.app.install()
    town.look()
    town.step(11 * 60)
    for _ in range(3):
        with pytest.raises(Gone):
            town.connector.look(town.connection, identity=f"{town.checkout.id}#99", key="acme/checkout#99")
    assert len(town.calls(LIST)) == 2


def test_what_changed_is_listed_as_an_app_too_also_by_a_former_name(town: AppTown) -> None:
    """A scope that nothing was heard of yet is known by the name in the file."""
    town.app.install()
    for name in ("acme/checkout", "ACME/Checkout"):
        page = town.connector.changes(town.connection, asked=Asked(name=name, id=None, since=None), cursor=None)
        assert len(page.observations) == 2
    town.checkout.rename("pay")
    town.connector = town.start_anew()
    page = town.connector.changes(town.connection, asked=Asked(name="acme/checkout", id=None, since=None), cursor=None)
    assert len(page.observations) == 2


def test_a_missing_permission_is_named(town: AppTown) -> None:
    """As GitHub names it: either of them would do. Another installation may have granted it."""
    town.app.permissions = {"metadata": "read"}
    town.app.install()
    words = refusal(town, Gone)
    assert "Resource not accessible by integration" in words
    assert "the permission it takes: issues=read or pull_requests=read" in words
    with pytest.raises(Gone, match="the permission it takes: issues=read"):
        town.connector.changes(town.connection, asked=Asked(name="acme/checkout", id=None, since=None), cursor=None)


def test_an_enterprise_server_is_asked_without_a_version_it_does_not_know(town: AppTown) -> None:
    """Which is found out once."""
    clock = SteppedClock(START)
    with GitHub("acme", ghes="3.17", clock=clock, background=False) as server:
        older = AppTown(server, clock)
        older.app.install()
        older.look()
        assert server.api_url.endswith("/api/v3")
        older.look()
        statuses = [call.status for call in server.rest.calls]
    assert statuses.count(400) == 1
    assert statuses[0] == 400
