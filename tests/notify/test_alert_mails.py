"""Connection alerts: one mail to the owner, with the tracker's words, and none if the connection recovers in time."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.domain.trackers.observations import AccountSeen, ScopeRef, ScopeSeen
from sync_service.notify.connection_alerts import MENDED, NO_RECIPIENT, ConnectionAlerter
from sync_service.store import tables
from sync_service.store.engine.database import database_now, writing
from sync_service.store.queue import clock_skew
from sync_service.store.trackers import connection_alerts, connections, scope_changes
from tests.notify.services import ANA, BO, NOW, MailServices

WORDS = "api.github.com does not accept the credentials (401): Bad credentials"
SETTLE = timedelta(minutes=10)
UNINSTALLED = AccountSeen(name="acme", gone="the GitHub app was uninstalled")


@dataclass
class AlertHarness:
    """Mail services with a connection that Bo owns. A rule links KR-1 to one of its scopes."""

    services: MailServices

    def add_connection(self, count: int = 1) -> None:
        """Insert the connection with this many scopes."""
        with writing(self.services.engine) as tx:
            connection = {"id": 1, "slug": "acme-github", "kind": "github", "site": "https://api.github.com"}
            rest: dict[str, Any] = {"owner_id": 2, "options": {}, "sealed_secrets": []}
            tx.execute(sa.insert(tables.connection), connection | rest)
            rows = [{"connection_id": 1, "name": f"acme/r{n}", "external_id": str(n)} for n in range(1, count + 1)]
            tx.execute(sa.insert(tables.scope), rows)
            rule = {"slug": "r", "connection_id": 1, "key_result_id": 1, "state": "active"}
            tx.execute(sa.insert(tables.rule), rule | {"condition": {"field": "scope", "is": "acme/r1"}})

    def refuse(self) -> None:
        """Store that the tracker refused our credentials."""
        with writing(self.services.engine) as tx:
            connections.refuse(tx, 1, reason=WORDS)

    def recover(self) -> None:
        """Store that the tracker accepts our credentials again."""
        with writing(self.services.engine) as tx:
            connections.clear_refusal(tx, 1)

    def apply_account_change(self, seen: AccountSeen) -> None:
        """Store what a delivery says about an account."""
        with writing(self.services.engine) as tx:
            scope_changes.note_account(tx, 1, seen, received_at=NOW)

    def drain(self, settle: timedelta = SETTLE) -> int:
        """Send the alerts that are due and return their number."""
        outbox = self.services.outbox
        return ConnectionAlerter(engine=self.services.engine, outbox=outbox, settle=settle, now=lambda: NOW).drain()

    def let_time_pass(self, time: timedelta) -> None:
        """Make time pass for the alerts, and make waiting rows due."""
        b = tables.connection_alert
        with writing(self.services.engine) as tx:
            for column in (b.c.broke_at, b.c.alerted_at):
                tx.execute(sa.update(b).values({column: column - time // timedelta(microseconds=1)}))
        self.services.make_due(b)

    def rows(self) -> list[Row[Any]]:
        """Return the alert rows."""
        return self.services.rows(tables.connection_alert)

    def recipients(self) -> list[str]:
        """Return the recipients of all mails."""
        return [row.recipient for row in self.services.rows(tables.mail)]


@pytest.fixture
def harness(services: MailServices) -> AlertHarness:
    """Return a harness with one scope."""
    made = AlertHarness(services)
    made.add_connection()
    return made


def test_the_owner_of_a_refused_connection_gets_one_mail(harness: AlertHarness) -> None:
    """It shows the tracker's words, the time, the stale values, and what to do. Two refusals give one alert."""
    harness.refuse()
    harness.refuse()
    assert harness.drain() == 1
    assert harness.recipients() == []
    assert harness.drain() == 0
    harness.let_time_pass(SETTLE)
    harness.refuse()
    assert harness.drain() == 1
    assert harness.recipients() == [BO]
    (opened,) = harness.services.opened()
    assert opened.line.kind == "broken"
    assert opened.line.subject == "acme-github broke: the tracker refuses our credentials"
    text = " ".join(opened.text.split())
    assert WORDS in text
    assert "KR-1 Ship the new checkout" in text
    assert "KR-2" not in text
    assert "okr-sync doctor acme-github" in text
    assert "because you own the connection" in text
    harness.let_time_pass(timedelta(days=3))
    assert (harness.drain(), harness.recipients()) == (0, [BO])


def test_a_connection_that_recovers_within_the_settling_time_sends_no_mail(harness: AlertHarness) -> None:
    """The alert is dropped, and the recovery sends nothing either."""
    harness.refuse()
    harness.drain()
    harness.recover()
    harness.let_time_pass(SETTLE)
    assert harness.drain() == 1
    assert harness.recipients() == []
    assert harness.rows()[0].outcome == MENDED


@pytest.mark.both_databases
def test_a_second_failure_waits_its_own_settling_time(harness: AlertHarness) -> None:
    """A connection that recovers and fails again starts a new wait."""
    harness.refuse()
    harness.let_time_pass(SETTLE)
    harness.recover()
    harness.refuse()
    assert harness.drain() == 1
    assert harness.recipients() == []


def test_a_flapping_connection_sends_one_mail_a_day(harness: AlertHarness) -> None:
    """After a mail, the next alert waits until a day is over. The owner gets it if the connection is refused then."""
    harness.refuse()
    harness.let_time_pass(SETTLE)
    harness.drain()
    for _ in range(3):
        harness.recover()
        harness.refuse()
        harness.let_time_pass(timedelta(hours=2))
        harness.drain()
    assert harness.recipients() == [BO]
    assert harness.rows()[0].outcome == "its owner got a mail about it in the last 24 hours"
    assert clock_skew.repair_due_times(harness.services.engine, settle=SETTLE) == 0
    harness.let_time_pass(timedelta(days=1))
    harness.drain()
    assert harness.recipients() == [BO, BO]


def test_fifty_scopes_gone_at_once_are_one_mail(services: MailServices) -> None:
    """Ten are named, the rest is counted."""
    harness = AlertHarness(services)
    harness.add_connection(50)
    harness.apply_account_change(UNINSTALLED)
    assert len(harness.rows()) == 50
    harness.let_time_pass(SETTLE)
    while harness.drain():
        pass
    assert harness.recipients() == [BO]
    (opened,) = services.opened()
    assert opened.line.subject == "acme-github broke: 50 scopes can no longer be watched"
    text = " ".join(opened.text.split())
    assert text.count("the GitHub app was uninstalled") == 1
    assert "acme/r1, acme/r10, acme/r11" in text
    assert " and 40 more" in text
    assert "KR-1" in opened.text
    assert {row.due_at for row in harness.rows()} == {None}


@pytest.mark.both_databases
def test_one_mail_covers_all_alerts_of_a_connection(services: MailServices) -> None:
    """Rows that are not due yet are settled with the due one."""
    harness = AlertHarness(services)
    harness.add_connection(2)
    harness.refuse()
    harness.drain()
    with writing(services.engine) as tx:
        old = database_now(tx) - SETTLE
        tx.execute(sa.update(tables.connection_alert).values(broke_at=old, due_at=old))
    harness.apply_account_change(UNINSTALLED)
    with writing(services.engine) as tx:
        later = database_now(tx) + SETTLE
        mine = tables.connection_alert.c.scope_id.isnot(None)
        tx.execute(sa.update(tables.connection_alert).where(mine).values(due_at=later))
    assert harness.drain() == 1
    assert harness.recipients() == [BO]
    (opened,) = services.opened()
    assert "the tracker refuses our credentials, and 2 scopes can no longer be watched" in opened.line.subject
    assert {row.due_at for row in harness.rows()} == {None}


def test_a_scope_that_is_back_sends_no_mail(harness: AlertHarness) -> None:
    """A scope whose reason alone changed, twice, sends none either."""
    harness.apply_account_change(UNINSTALLED)
    harness.apply_account_change(AccountSeen(name="acme", gone="the GitHub app was suspended"))
    assert len(harness.rows()) == 1
    harness.apply_account_change(AccountSeen(name="acme", returned=True))
    harness.let_time_pass(SETTLE)
    harness.drain()
    assert harness.recipients() == []
    with writing(harness.services.engine) as tx:
        scope_changes.note_scope(
            tx, 1, ScopeSeen(scope=ScopeRef("1", "acme/r1"), gone="deleted", for_good=True), received_at=NOW
        )
    harness.let_time_pass(SETTLE)
    harness.drain()
    assert harness.recipients() == [BO]
    assert harness.services.opened()[0].line.subject == "acme-github broke: acme/r1 can no longer be watched"


def test_without_an_owner_all_admins_get_the_mail(harness: AlertHarness) -> None:
    """An owner who was removed counts as none."""
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.objective).values(owner_id=None))
        tx.execute(sa.delete(tables.person).where(tables.person.c.id == 2))
    harness.refuse()
    harness.let_time_pass(SETTLE)
    harness.drain()
    assert harness.recipients() == [ANA]
    assert "nobody owns the connection" in " ".join(harness.services.opened()[0].text.split())


def test_an_alert_without_recipients_is_buried_and_can_be_replayed(harness: AlertHarness) -> None:
    """Its reason says that nobody could be mailed."""
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.connection).values(owner_id=None))
        tx.execute(sa.update(tables.person).values(role="member"))
    harness.refuse()
    harness.let_time_pass(SETTLE)
    harness.drain()
    (row,) = harness.rows()
    assert (row.outcome, row.buried_at is not None, harness.recipients()) == (NO_RECIPIENT, True, [])


def test_a_worker_that_dies_leaves_all_or_nothing(harness: AlertHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever statement was its last, the next worker sends the alert, once."""
    harness.refuse()
    harness.let_time_pass(SETTLE)

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sync_service.notify.connection_alerts.connection_alerts.settle_along", die)
        with pytest.raises(KeyboardInterrupt):
            harness.drain()
    assert harness.recipients() == []
    harness.services.make_due(tables.connection_alert)
    harness.drain()
    assert harness.recipients() == [BO]


def test_an_alert_that_fails_is_retried(harness: AlertHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug must not lose the row."""
    harness.refuse()
    harness.let_time_pass(SETTLE)
    with monkeypatch.context() as patch:
        patch.setattr("sync_service.notify.alert_text.MOST_LISTED", "ten")
        harness.drain()
    (row,) = harness.rows()
    assert row.outcome.startswith("TypeError")
    assert row.due_at is not None
    harness.services.make_due(tables.connection_alert)
    harness.drain()
    assert harness.recipients() == [BO]


def test_a_new_failure_during_composing_waits_for_the_next_run(
    harness: AlertHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease is lost, so nothing of it is sent."""
    harness.refuse()
    harness.let_time_pass(SETTLE)
    lock = connection_alerts.lock

    def lock_too_late(tx: Any, connection_id: int) -> None:
        lock(tx, connection_id)
        tx.execute(sa.update(tables.connection_alert).values(lease=None))

    with monkeypatch.context() as patch:
        patch.setattr("sync_service.notify.connection_alerts.connection_alerts.lock", lock_too_late)
        harness.drain()
    assert harness.recipients() == []
    harness.services.make_due(tables.connection_alert)
    harness.drain()
    assert harness.recipients() == [BO]


@pytest.mark.both_databases
def test_two_workers_write_one_mail(services: MailServices, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either worker may claim either scope."""
    harness = AlertHarness(services)
    harness.add_connection(20)
    harness.apply_account_change(UNINSTALLED)
    harness.let_time_pass(SETTLE)
    monkeypatch.setattr("sync_service.notify.connection_alerts.ALERT_BATCH", 7)
    start = Barrier(2)

    def work() -> None:
        start.wait()
        while harness.drain():
            pass

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work), pool.submit(work)]:
            done.result()
    services.make_due(tables.connection_alert)
    harness.drain()
    assert harness.recipients() == [BO]
