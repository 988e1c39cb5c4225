"""OAuth tokens: granted, used through the gateway, refreshed in time, with lost responses, and withdrawn."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from connectors.http import HttpClient
from connectors.jira import Jira as Connector
from connectors.jira.api.auth import Hosts
from simulator import Jira, SteppedClock
from simulator.jira import Atlassian
from sync_service.domain.trackers.capabilities import OAuthTokens
from sync_service.domain.trackers.connector import Refused
from sync_service.store import tables
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.engine.encryption import DecryptionError
from sync_service.store.jobs import oauth_tokens
from sync_service.store.okrs.staleness import stale
from sync_service.store.queue import due
from sync_service.store.trackers import connections
from sync_service.tracker_sync.call_policy import CallPolicy
from sync_service.tracker_sync.refresh_tokens import ENDED, TokenRefresher
from tests.flows.harness import ServicesHarness
from tests.support.config_file import jira, okrs
from tests.support.services import NOW, open_services

pytestmark = pytest.mark.slow

REDIRECT = "http://127.0.0.1:8080/connections/consented"


@dataclass
class OAuthHarness(ServicesHarness):
    """Services with one connection to a simulated Jira that uses OAuth."""

    site: Jira
    atlassian: Atlassian
    clock: SteppedClock
    connector: Connector = field(init=False)
    refresher: TokenRefresher = field(init=False)

    def __post_init__(self) -> None:
        hosts = Hosts(auth=self.atlassian.url, api=self.atlassian.url)
        self.connector = Connector(HttpClient(now=self.clock), hosts=hosts)
        self.furnish()
        self.refresher = TokenRefresher(
            engine=self.services.engine,
            sealer=self.services.sealer,
            connectors={"jira": self.connector},
            connections=self.services.connections,
            now=self.clock,
        )

    def furnish(self, client: str = "simulated-client", *, secret: str = "hush-hush") -> None:
        """Apply the configuration."""
        app = {"client_id": client, "client_secret": "simulated-client-secret"}
        oauth_fields = {"token": None, "email": None, "oauth": app, "webhook_secrets": [secret]}
        self.apply(okrs(jira(self.site, earlier="import", **oauth_fields)))

    @property
    def connection(self) -> Any:
        """Return the connection as it is stored now."""
        self.services.connections.clear_cache()
        found = self.services.connections.named("jira")
        assert found is not None
        return found

    def consent(self) -> OAuthTokens:
        """Grant access as a person does, and return the tokens for the code."""
        view = self.connection.view
        page = requests.get(self.connector.authorization_url(view, redirect=REDIRECT, state="s"), timeout=10)
        assert "Accept" in page.text
        answer = requests.post(
            f"{self.atlassian.url}/authorize",
            data={"redirect_uri": REDIRECT, "state": "s"},
            allow_redirects=False,
            timeout=10,
        )
        code = answer.headers["Location"].partition("code=")[2]
        return self.connector.exchange_code(view, code=code, redirect=REDIRECT)

    def store_tokens(self) -> None:
        """Grant access, and store the tokens as the page does."""
        tokens = self.consent()
        with writing(self.services.engine) as tx:
            oauth_tokens.store_granted(
                tx, self.services.sealer, self.connection.id, tokens, by="ana@example.com", now=self.clock()
            )

    def make_due(self, table: sa.Table) -> None:
        """Make the rows of a table due now; this also ends the lease of a crashed worker."""
        with writing(self.services.engine) as tx:
            tx.execute(sa.update(table).values(due_at=database_now(tx)))

    def refresh(self) -> None:
        """Make the refresh due, and run it."""
        self.make_due(tables.oauth_token)
        self.refresher.drain()

    def fetch_issue(self) -> str:
        """Fetch an issue with the token."""
        issue = self.site.project("SHOP").create_issue("Pay by card")
        return self.connector.fetch_issue(self.connection.view, identity=issue.id, key=issue.key).title


@pytest.fixture
def harness(migrated_url: str, tmp_path: Path) -> Iterator[OAuthHarness]:
    """Yield the harness on either database; nobody has granted access yet."""
    clock = SteppedClock(NOW)
    with (
        Jira(clock=clock, background=False) as site,
        Atlassian({"cloud-7": site}, clock=clock) as atlassian,
        open_services(migrated_url, tmp_path, clock=clock) as services,
    ):
        yield OAuthHarness(services, site, atlassian, clock)


def test_a_connection_uses_oauth_after_a_person_granted_access(harness: OAuthHarness) -> None:
    """Before, it has no credentials. After, calls go through the gateway and the scopes are polled."""
    assert not harness.connection.view.has_credentials
    assert harness.rows(tables.poll) == []
    harness.store_tokens()
    assert harness.connection.view.has_credentials
    assert [row.due_at is not None for row in harness.rows(tables.poll)] == [True]
    assert [row.name for row in harness.rows(tables.scheduled_task)] == [""]
    assert harness.fetch_issue() == "Pay by card"
    assert all(call.path.startswith("/ex/jira/cloud-7/") for call in harness.atlassian.rest.calls[-1:])
    assert "r:jira" not in repr(harness.connection)


def test_oauth_tokens_are_encrypted_at_rest(harness: OAuthHarness) -> None:
    """Neither token is readable in the database."""
    tokens = harness.consent()
    with writing(harness.services.engine) as tx:
        oauth_tokens.store_granted(
            tx, harness.services.sealer, harness.connection.id, tokens, by="ana@example.com", now=harness.clock()
        )
    (row,) = harness.rows(tables.oauth_token)
    assert tokens.access not in str(row)
    assert tokens.refresh not in str(row)
    assert (row.given_by, row.site_id) == ("ana@example.com", "cloud-7")


@pytest.mark.both_databases
def test_a_token_is_refreshed_before_it_expires(harness: OAuthHarness) -> None:
    """The refresh is due a quarter of an hour before, and then again for the new token."""
    harness.store_tokens()
    assert harness.refresher.drain() == 0
    (before,) = harness.rows(tables.oauth_token)
    with reading(harness.services.engine) as tx:
        assert (before.due_at - database_now(tx)) == pytest.approx(timedelta(minutes=45), abs=timedelta(minutes=1))
    harness.clock.step(46 * 60)
    harness.make_due(tables.oauth_token)
    assert harness.refresher.drain() == 1
    (after,) = harness.rows(tables.oauth_token)
    assert (after.outcome, after.lease) == ("refreshed", None)
    assert after.expires_at == before.expires_at + timedelta(minutes=46)
    harness.clock.step(59 * 60)
    assert harness.fetch_issue() == "Pay by card"
    assert harness.atlassian.renewals == 1


def test_a_lost_response_does_not_end_the_grant(harness: OAuthHarness) -> None:
    """Atlassian accepts the used refresh token once more."""
    harness.store_tokens()
    harness.atlassian.lose_answer = True
    harness.refresh()
    (row,) = harness.rows(tables.oauth_token)
    assert "can't answer now (502)" in row.outcome
    harness.clock.step(60)
    harness.refresh()
    assert harness.fetch_issue() == "Pay by card"
    assert harness.atlassian.renewals == 2


def test_a_worker_killed_before_it_stored_new_tokens_does_not_end_the_grant(
    harness: OAuthHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease ends, and another worker refreshes with the used token."""
    harness.store_tokens()

    class Killed(BaseException):
        """Simulated kill of the process."""

    def die(*_words: object, **_more: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(oauth_tokens, "store_refreshed", die)
        harness.make_due(tables.oauth_token)
        with pytest.raises(Killed):
            harness.refresher.drain()
    harness.clock.step(180)
    harness.refresh()
    assert harness.fetch_issue() == "Pay by card"


def test_only_one_worker_refreshes_a_token_at_a_time(harness: OAuthHarness) -> None:
    """A leased row can't be claimed, and a worker that lost its lease stores nothing."""
    harness.store_tokens()
    harness.make_due(tables.oauth_token)
    (row,) = due.claim(harness.services.engine, tables.oauth_token, limit=1)
    assert harness.refresher.drain() == 0
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.oauth_token).values(lease="another's"))
    tokens = harness.consent()
    with pytest.raises(due.LeaseLost), writing(harness.services.engine) as tx:
        oauth_tokens.store_refreshed(tx, harness.services.sealer, row, tokens, now=harness.clock())


def test_a_withdrawn_grant_refuses_the_connection_and_says_what_to_do(harness: OAuthHarness) -> None:
    """Key results are stale with that reason, until somebody grants access again."""
    harness.store_tokens()
    harness.atlassian.withdraw()
    harness.refresh()
    assert harness.connection.refused.startswith(ENDED)
    assert [row.due_at for row in harness.rows(tables.oauth_token)] == [None]
    with reading(harness.services.engine) as tx:
        (stale_reason,) = stale(tx, [row.id for row in harness.rows(tables.key_result)]).values()
    assert ENDED in stale_reason.reason
    harness.store_tokens()
    assert harness.connection.refused is None
    assert [row.due_at is not None for row in harness.rows(tables.oauth_token)] == [True]
    assert harness.fetch_issue() == "Pay by card"


def test_an_expired_token_is_not_used(harness: OAuthHarness) -> None:
    """Rows wait for the refresh, so that the connection is not refused."""
    harness.store_tokens()
    harness.clock.step(61 * 60)
    policy = CallPolicy(engine=harness.services.engine, table=tables.poll, now=harness.clock)
    (row,) = due.claim(harness.services.engine, tables.poll, limit=1)
    assert policy.is_blocked(row, harness.connection, bucket="")
    (waiting,) = harness.rows(tables.poll)
    assert waiting.outcome == "waits until the OAuth token is refreshed"
    harness.refresh()
    harness.make_due(tables.poll)
    (row,) = due.claim(harness.services.engine, tables.poll, limit=1)
    assert not policy.is_blocked(row, harness.connection, bucket="")


def test_other_settings_do_not_restore_a_withdrawn_grant(harness: OAuthHarness) -> None:
    """Rows wait for an hour each time without a counted attempt, not for seconds."""
    harness.store_tokens()
    harness.atlassian.withdraw()
    harness.refresh()
    harness.furnish(secret="shush-shush")
    assert harness.connection.refused.startswith(ENDED)
    with writing(harness.services.engine) as tx:
        connections.clear_refusal(tx, harness.connection.id)
    harness.clock.step(3600)
    policy = CallPolicy(engine=harness.services.engine, table=tables.poll, now=harness.clock)
    harness.make_due(tables.poll)
    (row,) = due.claim(harness.services.engine, tables.poll, limit=1)
    assert policy.is_blocked(row, harness.connection, bucket="")
    (waiting,) = harness.rows(tables.poll)
    assert waiting.attempts == row.attempts - 1
    with reading(harness.services.engine) as tx:
        assert waiting.due_at - database_now(tx) > timedelta(minutes=50)


def test_a_token_that_can_not_be_decrypted_refuses_the_connection(
    harness: OAuthHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret key was lost, and the connection shows it."""

    def lose_key(*_words: object) -> str:
        raise DecryptionError("lost")

    harness.store_tokens()
    harness.make_due(tables.oauth_token)
    monkeypatch.setattr(oauth_tokens, "refresh_token", lose_key)
    harness.refresher.drain()
    assert harness.connection.refused.startswith(ENDED)


def test_another_oauth_app_needs_a_new_grant(harness: OAuthHarness) -> None:
    """The tokens belong to the former app. Applying the same file again keeps them."""
    harness.store_tokens()
    harness.furnish()
    assert len(harness.rows(tables.oauth_token)) == 1
    harness.furnish(client="another-client")
    assert harness.rows(tables.oauth_token) == []
    with pytest.raises(Refused, match="nobody has consented yet"):
        harness.fetch_issue()


@pytest.mark.parametrize("spoil", [lambda harness: harness.refresher.connectors.update(jira=object())])
def test_a_grant_that_is_no_longer_used_is_not_refreshed(
    harness: OAuthHarness, spoil: Callable[[OAuthHarness], None]
) -> None:
    """A connector may have lost its OAuth support."""
    harness.store_tokens()
    spoil(harness)
    harness.refresh()
    (row,) = harness.rows(tables.oauth_token)
    assert (row.due_at, row.outcome) == (None, "the connection uses other credentials now")
