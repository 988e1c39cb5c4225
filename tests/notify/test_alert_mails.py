"""A connection that breaks: its owner hears once, with the tracker's words, and not while it may mend by itself."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.domain.trackers.observations import AccountSeen, ScopeRef, ScopeSeen
from sync_service.notify.connection_alerts import MENDED, NOBODY, ConnectionAlerter
from sync_service.store import tables
from sync_service.store.engine.database import database_now, writing
from sync_service.store.queue import clock_skew
from sync_service.store.trackers import connection_alerts, connections, scope_changes
from tests.notify.services import ANA, BO, NOW, House

WORDS = "api.github.com does not accept the credentials (401): Bad credentials"
SETTLE = timedelta(minutes=10)
UNINSTALLED = AccountSeen(name="acme", gone="the GitHub app was uninstalled")


@dataclass
class Wire:
    """A house with a connection of Bo's that watches scopes, one of which KR-1 reaches by a rule."""

    services: House

    def furnish(self, count: int = 1) -> None:
        """Watch so many scopes."""
        with writing(self.services.engine) as tx:
            connection = {"id": 1, "slug": "acme-github", "kind": "github", "site": "https://api.github.com"}
            rest: dict[str, Any] = {"owner_id": 2, "options": {}, "sealed_secrets": []}
            tx.execute(sa.insert(tables.connection), connection | rest)
            rows = [{"connection_id": 1, "name": f"acme/r{n}", "external_id": str(n)} for n in range(1, count + 1)]
            tx.execute(sa.insert(tables.scope), rows)
            rule = {"slug": "r", "connection_id": 1, "key_result_id": 1, "enabled": True}
            tx.execute(sa.insert(tables.rule), rule | {"condition": {"field": "scope", "is": "acme/r1"}})

    def refuse(self) -> None:
        """Let the tracker refuse us."""
        with writing(self.services.engine) as tx:
            connections.refuse(tx, 1, reason=WORDS)

    def mend(self) -> None:
        """Let the tracker answer again."""
        with writing(self.services.engine) as tx:
            connections.clear_refusal(tx, 1)

    def tell(self, seen: AccountSeen) -> None:
        """Let a delivery say what became of an account."""
        with writing(self.services.engine) as tx:
            scope_changes.note_account(tx, 1, seen, received_at=NOW)

    def drain(self, settle: timedelta = SETTLE) -> int:
        """Tell what is due."""
        outbox = self.services.outbox
        return ConnectionAlerter(engine=self.services.engine, outbox=outbox, settle=settle, now=lambda: NOW).drain()

    def pass_(self, time: timedelta) -> None:
        """Let time pass for what broke, and what waits be due."""
        b = tables.connection_alert
        with writing(self.services.engine) as tx:
            for column in (b.c.broke_at, b.c.alerted_at):
                tx.execute(sa.update(b).values({column: column - time // timedelta(microseconds=1)}))
        self.services.make_due(b)

    def rows(self) -> list[Row[Any]]:
        """Read the breakings."""
        return self.services.rows(tables.connection_alert)

    def mails(self) -> list[str]:
        """Give who was written to."""
        return [row.recipient for row in self.services.rows(tables.mail)]


@pytest.fixture
def wire(services: House) -> Wire:
    """Give a connection with one scope."""
    made = Wire(services)
    made.furnish()
    return made


def test_a_refused_connection_is_told_to_its_owner_once(wire: Wire) -> None:
    """With the tracker's words, since when, what is stale by it, and how to mend; refused twice is one breaking."""
    wire.refuse()
    wire.refuse()
    assert wire.drain() == 1
    assert wire.mails() == []
    assert wire.drain() == 0
    wire.pass_(SETTLE)
    wire.refuse()
    assert wire.drain() == 1
    assert wire.mails() == [BO]
    (opened,) = wire.services.opened()
    assert opened.line.kind == "broken"
    assert opened.line.subject == "acme-github broke: the tracker refuses our credentials"
    said = " ".join(opened.text.split())
    assert WORDS in said
    assert "KR-1 Ship the new checkout" in said
    assert "KR-2" not in said
    assert "okr-sync doctor acme-github" in said
    assert "because you own the connection" in said
    wire.pass_(timedelta(days=3))
    assert (wire.drain(), wire.mails()) == (0, [BO])


def test_a_connection_mended_within_the_settling_time_is_not_told_of(wire: Wire) -> None:
    """The mail is dropped, and a mend sends nothing."""
    wire.refuse()
    wire.drain()
    wire.mend()
    wire.pass_(SETTLE)
    assert wire.drain() == 1
    assert wire.mails() == []
    assert wire.rows()[0].outcome == MENDED


@pytest.mark.both_databases
def test_a_breaking_that_comes_again_waits_its_own_settling_time(wire: Wire) -> None:
    """Mended and broken again, it begins anew."""
    wire.refuse()
    wire.pass_(SETTLE)
    wire.mend()
    wire.refuse()
    assert wire.drain() == 1
    assert wire.mails() == []


def test_a_flapping_connection_is_told_of_once_a_day(wire: Wire) -> None:
    """Told, mended and broken again, it waits for a day to be over; if it is broken then, its owner hears."""
    wire.refuse()
    wire.pass_(SETTLE)
    wire.drain()
    for _ in range(3):
        wire.mend()
        wire.refuse()
        wire.pass_(timedelta(hours=2))
        wire.drain()
    assert wire.mails() == [BO]
    assert wire.rows()[0].outcome == "its owner got a mail about it in the last 24 hours"
    assert clock_skew.repair_due_times(wire.services.engine, settle=SETTLE) == 0
    wire.pass_(timedelta(days=1))
    wire.drain()
    assert wire.mails() == [BO, BO]


def test_fifty_scopes_gone_at_once_are_one_mail(services: House) -> None:
    """Ten are named, the rest is counted."""
    wire = Wire(services)
    wire.furnish(50)
    wire.tell(UNINSTALLED)
    assert len(wire.rows()) == 50
    wire.pass_(SETTLE)
    while wire.drain():
        pass
    assert wire.mails() == [BO]
    (opened,) = services.opened()
    assert opened.line.subject == "acme-github broke: 50 scopes can no longer be watched"
    said = " ".join(opened.text.split())
    assert said.count("the GitHub app was uninstalled") == 1
    assert "acme/r1, acme/r10, acme/r11" in said
    assert " and 40 more" in said
    assert "KR-1" in opened.text
    assert {row.due_at for row in wire.rows()} == {None}


@pytest.mark.both_databases
def test_what_breaks_while_another_waits_goes_along(services: House) -> None:
    """One connection, one mail: rows that are not due yet are settled with it."""
    wire = Wire(services)
    wire.furnish(2)
    wire.refuse()
    wire.drain()
    with writing(services.engine) as tx:
        old = database_now(tx) - SETTLE
        tx.execute(sa.update(tables.connection_alert).values(broke_at=old, due_at=old))
    wire.tell(UNINSTALLED)
    with writing(services.engine) as tx:
        later = database_now(tx) + SETTLE
        mine = tables.connection_alert.c.scope_id.isnot(None)
        tx.execute(sa.update(tables.connection_alert).where(mine).values(due_at=later))
    assert wire.drain() == 1
    assert wire.mails() == [BO]
    (opened,) = services.opened()
    assert "the tracker refuses our credentials, and 2 scopes can no longer be watched" in opened.line.subject
    assert {row.due_at for row in wire.rows()} == {None}


def test_a_scope_that_is_back_is_not_told_of(wire: Wire) -> None:
    """Nor one whose reason alone changed, twice."""
    wire.tell(UNINSTALLED)
    wire.tell(AccountSeen(name="acme", gone="the GitHub app was suspended"))
    assert len(wire.rows()) == 1
    wire.tell(AccountSeen(name="acme", returned=True))
    wire.pass_(SETTLE)
    wire.drain()
    assert wire.mails() == []
    with writing(wire.services.engine) as tx:
        scope_changes.note_scope(
            tx, 1, ScopeSeen(scope=ScopeRef("1", "acme/r1"), gone="deleted", for_good=True), received_at=NOW
        )
    wire.pass_(SETTLE)
    wire.drain()
    assert wire.mails() == [BO]
    assert wire.services.opened()[0].line.subject == "acme-github broke: acme/r1 can no longer be watched"


def test_without_an_owner_the_admins_hear(wire: Wire) -> None:
    """All of them; an owner who was removed leaves none."""
    with writing(wire.services.engine) as tx:
        tx.execute(sa.update(tables.objective).values(owner_id=None))
        tx.execute(sa.delete(tables.person).where(tables.person.c.id == 2))
    wire.refuse()
    wire.pass_(SETTLE)
    wire.drain()
    assert wire.mails() == [ANA]
    assert "nobody owns the connection" in " ".join(wire.services.opened()[0].text.split())


def test_with_nobody_to_tell_it_is_buried_to_be_replayed(wire: Wire) -> None:
    """The reason says so."""
    with writing(wire.services.engine) as tx:
        tx.execute(sa.update(tables.connection).values(owner_id=None))
        tx.execute(sa.update(tables.person).values(role="member"))
    wire.refuse()
    wire.pass_(SETTLE)
    wire.drain()
    (row,) = wire.rows()
    assert (row.outcome, row.buried_at is not None, wire.mails()) == (NOBODY, True, [])


def test_a_worker_that_dies_in_between_leaves_all_or_nothing(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever statement it dies after: the next one tells it, once."""
    wire.refuse()
    wire.pass_(SETTLE)

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sync_service.notify.connection_alerts.connection_alerts.settle_along", die)
        with pytest.raises(KeyboardInterrupt):
            wire.drain()
    assert wire.mails() == []
    wire.services.make_due(tables.connection_alert)
    wire.drain()
    assert wire.mails() == [BO]


def test_what_fails_is_tried_again(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug keeps the row."""
    wire.refuse()
    wire.pass_(SETTLE)
    with monkeypatch.context() as patch:
        patch.setattr("sync_service.notify.alert_text.MOST_LISTED", "ten")
        wire.drain()
    (row,) = wire.rows()
    assert row.outcome.startswith("TypeError")
    assert row.due_at is not None
    wire.services.make_due(tables.connection_alert)
    wire.drain()
    assert wire.mails() == [BO]


def test_what_breaks_anew_while_it_is_told_is_left_to_the_next(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lease is lost, so nothing of it is sent."""
    wire.refuse()
    wire.pass_(SETTLE)
    lock = connection_alerts.lock

    def lock_too_late(tx: Any, connection_id: int) -> None:
        lock(tx, connection_id)
        tx.execute(sa.update(tables.connection_alert).values(lease=None))

    with monkeypatch.context() as patch:
        patch.setattr("sync_service.notify.connection_alerts.connection_alerts.lock", lock_too_late)
        wire.drain()
    assert wire.mails() == []
    wire.services.make_due(tables.connection_alert)
    wire.drain()
    assert wire.mails() == [BO]


@pytest.mark.both_databases
def test_two_workers_write_one_mail(services: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever claims which scope."""
    wire = Wire(services)
    wire.furnish(20)
    wire.tell(UNINSTALLED)
    wire.pass_(SETTLE)
    monkeypatch.setattr("sync_service.notify.connection_alerts.ALERT_BATCH", 7)
    start = Barrier(2)

    def work() -> None:
        start.wait()
        while wire.drain():
            pass

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work), pool.submit(work)]:
            done.result()
    services.make_due(tables.connection_alert)
    wire.drain()
    assert wire.mails() == [BO]
