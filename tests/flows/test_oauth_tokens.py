"""A consent from beginning to end: given, used through the gateway, renewed in time, lost on the way, and ended."""

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

BACK = "http://127.0.0.1:8080/connections/consented"


@dataclass
class OAuthHarness(ServicesHarness):
    """A house with one connection to a simulated Jira, which is to be called by consent."""

    site: Jira
    atlassian: Atlassian
    clock: SteppedClock
    connector: Connector = field(init=False)
    consenting: TokenRefresher = field(init=False)

    def __post_init__(self) -> None:
        hosts = Hosts(auth=self.atlassian.url, api=self.atlassian.url)
        self.connector = Connector(HttpClient(now=self.clock), hosts=hosts)
        self.furnish()
        self.consenting = TokenRefresher(
            engine=self.services.engine,
            sealer=self.services.sealer,
            connectors={"jira": self.connector},
            connections=self.services.connections,
            now=self.clock,
        )

    def furnish(self, client: str = "simulated-client", *, secret: str = "hush") -> None:
        """Apply the configuration."""
        app = {"client_id": client, "client_secret": "simulated-client-secret"}
        by_consent = {"token": None, "email": None, "oauth": app, "webhook_secrets": [secret]}
        self.apply(okrs(jira(self.site, earlier="import", **by_consent)))

    @property
    def connection(self) -> Any:
        """Return the connection as it now stands."""
        self.services.connections.forget()
        found = self.services.connections.named("jira")
        assert found is not None
        return found

    def consent(self) -> OAuthTokens:
        """Consent as a person does: go there, accept, and come back with a code."""
        view = self.connection.view
        asked = requests.get(self.connector.authorization_url(view, redirect=BACK, state="s"), timeout=10)
        assert "Accept" in asked.text
        answer = requests.post(
            f"{self.atlassian.url}/authorize",
            data={"redirect_uri": BACK, "state": "s"},
            allow_redirects=False,
            timeout=10,
        )
        code = answer.headers["Location"].partition("code=")[2]
        return self.connector.exchange_code(view, code=code, redirect=BACK)

    def give(self) -> None:
        """Keep a consent as the page does."""
        given = self.consent()
        with writing(self.services.engine) as tx:
            oauth_tokens.store_granted(
                tx, self.services.sealer, self.connection.id, given, by="ana@example.com", now=self.clock()
            )

    def let_come(self, table: sa.Table) -> None:
        """Let the time of rows come, or the lease of a dead worker end."""
        with writing(self.services.engine) as tx:
            tx.execute(sa.update(table).values(due_at=database_now(tx)))

    def renew(self) -> None:
        """Let the time of the renewal come, and renew."""
        self.let_come(tables.oauth_token)
        self.consenting.drain()

    def fetch_issue(self) -> str:
        """Look at an issue by the consent."""
        issue = self.site.project("SHOP").create_issue("Pay by card")
        return self.connector.fetch_issue(self.connection.view, identity=issue.id, key=issue.key).title


@pytest.fixture
def harness(migrated_url: str, tmp_path: Path) -> Iterator[OAuthHarness]:
    """Set the stage on either database; nobody has consented yet."""
    clock = SteppedClock(NOW)
    with (
        Jira(clock=clock, background=False) as site,
        Atlassian({"cloud-7": site}, clock=clock) as atlassian,
        open_services(migrated_url, tmp_path, clock=clock) as services,
    ):
        yield OAuthHarness(services, site, atlassian, clock)


def test_a_connection_calls_by_consent_once_a_person_gave_it(harness: OAuthHarness) -> None:
    """Before, there is nothing to call with; after, calls go through the gateway and the scopes are asked."""
    assert not harness.connection.view.has_credentials
    assert harness.rows(tables.poll) == []
    harness.give()
    assert harness.connection.view.has_credentials
    assert [row.due_at is not None for row in harness.rows(tables.poll)] == [True]
    assert [row.name for row in harness.rows(tables.scheduled_task)] == [""]
    assert harness.fetch_issue() == "Pay by card"
    assert all(call.path.startswith("/ex/jira/cloud-7/") for call in harness.atlassian.rest.calls[-1:])
    assert "r:jira" not in repr(harness.connection)


def test_secrets_of_a_consent_are_sealed(harness: OAuthHarness) -> None:
    """Neither token stands in the database as it is."""
    given = harness.consent()
    with writing(harness.services.engine) as tx:
        oauth_tokens.store_granted(
            tx, harness.services.sealer, harness.connection.id, given, by="ana@example.com", now=harness.clock()
        )
    (row,) = harness.rows(tables.oauth_token)
    assert given.access not in str(row)
    assert given.refresh not in str(row)
    assert (row.given_by, row.site_id) == ("ana@example.com", "cloud-7")


@pytest.mark.both_databases
def test_a_consent_is_renewed_before_its_token_expires(harness: OAuthHarness) -> None:
    """It waits until a quarter of an hour before, and what comes of it waits again."""
    harness.give()
    assert harness.consenting.drain() == 0
    (before,) = harness.rows(tables.oauth_token)
    with reading(harness.services.engine) as tx:
        assert (before.due_at - database_now(tx)) == pytest.approx(timedelta(minutes=45), abs=timedelta(minutes=1))
    harness.clock.step(46 * 60)
    harness.let_come(tables.oauth_token)
    assert harness.consenting.drain() == 1
    (after,) = harness.rows(tables.oauth_token)
    assert (after.outcome, after.lease) == ("refreshed", None)
    assert after.expires_at == before.expires_at + timedelta(minutes=46)
    harness.clock.step(59 * 60)
    assert harness.fetch_issue() == "Pay by card"
    assert harness.atlassian.renewals == 1


def test_an_answer_lost_on_the_way_does_not_end_the_consent(harness: OAuthHarness) -> None:
    """What was sent is used up, and is taken once more."""
    harness.give()
    harness.atlassian.lose_answer = True
    harness.renew()
    (row,) = harness.rows(tables.oauth_token)
    assert "can't answer now (502)" in row.outcome
    harness.clock.step(60)
    harness.renew()
    assert harness.fetch_issue() == "Pay by card"
    assert harness.atlassian.renewals == 2


def test_a_worker_killed_before_it_kept_the_answer_leaves_a_consent_that_can_be_renewed(
    harness: OAuthHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease ends, and another worker renews from what was used."""
    harness.give()

    class Killed(BaseException):
        """The process is gone."""

    def die(*_words: object, **_more: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(oauth_tokens, "store_refreshed", die)
        harness.let_come(tables.oauth_token)
        with pytest.raises(Killed):
            harness.consenting.drain()
    harness.clock.step(180)
    harness.renew()
    assert harness.fetch_issue() == "Pay by card"


def test_only_one_worker_renews_at_a_time(harness: OAuthHarness) -> None:
    """While one holds the lease there is nothing to claim; who lost it keeps nothing."""
    harness.give()
    harness.let_come(tables.oauth_token)
    (row,) = due.claim(harness.services.engine, tables.oauth_token, limit=1)
    assert harness.consenting.drain() == 0
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.oauth_token).values(lease="another's"))
    given = harness.consent()
    with pytest.raises(due.LeaseLost), writing(harness.services.engine) as tx:
        oauth_tokens.store_refreshed(tx, harness.services.sealer, row, given, now=harness.clock())


def test_an_ended_consent_is_refused_and_says_what_to_do(harness: OAuthHarness) -> None:
    """Key results show as stale with that reason, and a new consent mends it."""
    harness.give()
    harness.atlassian.withdraw()
    harness.renew()
    assert harness.connection.refused.startswith(ENDED)
    assert [row.due_at for row in harness.rows(tables.oauth_token)] == [None]
    with reading(harness.services.engine) as tx:
        (why,) = stale(tx, [row.id for row in harness.rows(tables.key_result)]).values()
    assert ENDED in why.reason
    harness.give()
    assert harness.connection.refused is None
    assert [row.due_at is not None for row in harness.rows(tables.oauth_token)] == [True]
    assert harness.fetch_issue() == "Pay by card"


def test_nothing_is_asked_with_a_token_that_has_expired(harness: OAuthHarness) -> None:
    """Rows wait for the renewal instead of having the connection refused."""
    harness.give()
    harness.clock.step(61 * 60)
    asking = CallPolicy(engine=harness.services.engine, table=tables.poll, now=harness.clock)
    (row,) = due.claim(harness.services.engine, tables.poll, limit=1)
    assert asking.is_blocked(row, harness.connection, bucket="")
    (waiting,) = harness.rows(tables.poll)
    assert waiting.outcome == "waits until the OAuth token is refreshed"
    harness.renew()
    harness.let_come(tables.poll)
    (row,) = due.claim(harness.services.engine, tables.poll, limit=1)
    assert not asking.is_blocked(row, harness.connection, bucket="")


def test_an_ended_consent_is_not_mended_by_a_change_of_other_settings(harness: OAuthHarness) -> None:
    """And its rows wait for an hour at a time, uncounted, in place of every few seconds."""
    harness.give()
    harness.atlassian.withdraw()
    harness.renew()
    harness.furnish(secret="shush")
    assert harness.connection.refused.startswith(ENDED)
    with writing(harness.services.engine) as tx:
        connections.clear_refusal(tx, harness.connection.id)
    harness.clock.step(3600)
    asking = CallPolicy(engine=harness.services.engine, table=tables.poll, now=harness.clock)
    harness.let_come(tables.poll)
    (row,) = due.claim(harness.services.engine, tables.poll, limit=1)
    assert asking.is_blocked(row, harness.connection, bucket="")
    (waiting,) = harness.rows(tables.poll)
    assert waiting.attempts == row.attempts - 1
    with reading(harness.services.engine) as tx:
        assert waiting.due_at - database_now(tx) > timedelta(minutes=50)


def test_a_consent_that_no_key_opens_any_more_is_ended_too(
    harness: OAuthHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret key was lost: whoever looks at the connection sees it."""

    def lost(*_words: object) -> str:
        raise DecryptionError("lost")

    harness.give()
    harness.let_come(tables.oauth_token)
    monkeypatch.setattr(oauth_tokens, "refresh_token", lost)
    harness.consenting.drain()
    assert harness.connection.refused.startswith(ENDED)


def test_another_oauth_app_needs_another_consent(harness: OAuthHarness) -> None:
    """The one before was given to somebody else; the same file again keeps it."""
    harness.give()
    harness.furnish()
    assert len(harness.rows(tables.oauth_token)) == 1
    harness.furnish(client="another-client")
    assert harness.rows(tables.oauth_token) == []
    with pytest.raises(Refused, match="nobody has consented yet"):
        harness.fetch_issue()


@pytest.mark.parametrize("spoil", [lambda harness: harness.consenting.connectors.update(jira=object())])
def test_a_consent_that_serves_nothing_any_more_is_let_be(
    harness: OAuthHarness, spoil: Callable[[OAuthHarness], None]
) -> None:
    """The connector may have come to lack the ability."""
    harness.give()
    spoil(harness)
    harness.renew()
    (row,) = harness.rows(tables.oauth_token)
    assert (row.due_at, row.outcome) == (None, "the connection uses other credentials now")
