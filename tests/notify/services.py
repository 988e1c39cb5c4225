"""Mail services for tests. Ana owns three key results of one objective; Bo owns the objective."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine, Row

from sync_service.domain.measures.status import Status
from sync_service.domain.people.notices import Change, KeyResultState
from sync_service.domain.trackers.causes import Cause
from sync_service.notify import smtp
from sync_service.notify.compose_notices import NoticeComposer
from sync_service.notify.outbox import Outbox
from sync_service.notify.send_mail import MailSender
from sync_service.store import tables
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.engine.encryption import Sealer
from sync_service.store.jobs.mails import MailLine, MailOpened, mailbox, open_mail
from sync_service.store.okrs import key_results
from sync_service.store.okrs.key_results import NewNotice

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BASE_URL = "https://okr.example.com"
ANA, BO = "ana@example.com", "bo@example.com"

ON_TRACK = KeyResultState(Status.ON_TRACK, 50.0, 0.5)
AT_RISK = KeyResultState(Status.AT_RISK, 30.0, 0.3)
COMPLETED = KeyResultState(Status.COMPLETED, 100.0, 1.0)


def closed(number: int, *, delivery: str | None = None) -> Cause:
    """Return the cause "closed" of an issue, by default with a delivery of its own."""
    return Cause(
        what="closed as done",
        issue=f"acme/checkout#{number}",
        title="Pay by card",
        url=f"https://github.com/acme/checkout/issues/{number}",
        delivery=delivery or f"delivery-{number}",
        actor="ana",
    )


@dataclass(slots=True)
class MailServices:
    """The outbox, composer and sender of mails, with a clock that tests set."""

    engine: Engine
    now: datetime = NOW
    server: smtp.Server | None = None

    @property
    def sealer(self) -> Sealer:
        """Return the sealer with the tests' key."""
        return Sealer(("a secret key of the tests, long enough",))

    @property
    def outbox(self) -> Outbox:
        """Return the outbox, which stores mails."""
        return Outbox(sealer=self.sealer, mail_from="OKR Sync <okr@example.com>", base_url=BASE_URL)

    @property
    def composer(self) -> NoticeComposer:
        """Return the composer, which turns notices into mails."""
        return NoticeComposer(engine=self.engine, outbox=self.outbox, now=lambda: self.now)

    @property
    def sender(self) -> MailSender:
        """Return the sender, which sends mails by SMTP."""
        return MailSender(
            engine=self.engine,
            sealer=self.sealer,
            mail_from="OKR Sync <okr@example.com>",
            server=self.server,
            now=lambda: self.now,
        )

    def add_okrs(self) -> None:
        """Insert two people, a cycle, an objective and three key results."""
        with writing(self.engine) as tx:
            people = [
                {"id": 1, "email": ANA, "name": "Ana Ruiz", "role": "admin", "accounts": {}},
                {"id": 2, "email": BO, "name": "Bo Lind", "role": "member", "accounts": {}},
            ]
            tx.execute(sa.insert(tables.person), people)
            cycle = {"id": 1, "slug": "2026-q4", "name": "Q4", "starts": date(2026, 10, 1), "ends": date(2026, 12, 31)}
            times = {"starts_at": NOW - timedelta(days=54), "ends_at": NOW + timedelta(days=38)}
            tx.execute(sa.insert(tables.cycle), cycle | times)
            objective = {"id": 1, "slug": "fast", "title": "Paying is effortless", "cycle_id": 1, "owner_id": 2}
            tx.execute(sa.insert(tables.objective), objective)
            tx.execute(sa.insert(tables.key_result), [_key_result(number) for number in (1, 2, 3)])

    def add_notice(
        self,
        key_result: int,
        before: KeyResultState,
        after: KeyResultState,
        *causes: Cause,
        person: int = 1,
        waits: timedelta = timedelta(seconds=-1),
    ) -> None:
        """Add a notice about a change of a key result. By default it is due."""
        with writing(self.engine) as tx:
            notice = NewNotice(person_id=person, key_result_id=key_result, change=Change(before, after, causes))
            key_results.add_notices(tx, [notice], now=self.now, settle=waits)

    def rows(self, table: sa.Table) -> list[Row[Any]]:
        """Return all rows of a table."""
        with reading(self.engine) as tx:
            return list(tx.execute(sa.select(table).order_by(table.c.id)))

    def make_due(self, table: sa.Table) -> None:
        """Make time pass: leases end, and waiting rows are due."""
        with writing(self.engine) as tx:
            past = database_now(tx) - timedelta(seconds=1)
            tx.execute(sa.update(table).where(table.c.due_at.isnot(None)).values(due_at=past))

    def mailbox(self) -> list[MailLine]:
        """Return the mails, newest first."""
        with reading(self.engine) as tx:
            return mailbox(tx, self.sealer, limit=100)

    def opened(self) -> list[MailOpened]:
        """Return all mails opened, oldest first."""
        with reading(self.engine) as tx:
            found = [open_mail(tx, self.sealer, line.id) for line in reversed(mailbox(tx, self.sealer, limit=100))]
        return [one for one in found if one]

    def write_mail(self, recipient: str = ANA) -> None:
        """Put a mail about KR-1 into the outbox."""
        self.add_notice(
            1, ON_TRACK, COMPLETED, closed(len(self.rows(tables.notice)) + 1), person=1 if recipient == ANA else 2
        )
        self.composer.drain()


def _key_result(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "slug": f"KR-{number}",
        "objective_id": 1,
        "title": ["Ship the new checkout", "Open payment bugs down", "Refunds within a day"][number - 1],
        "owner_id": 1,
        "start": 0.0,
        "target": 100.0,
        "measure": {"kind": "done-share"},
    }
