"""Turn notices into mails, and send the mails: outbox, composing, sending.

A due notice becomes a mail in one transaction, together with the notices that share a cause with it: one cause never
makes two mails. A mail is a row with its own Message-ID, so that a retry repeats the same mail. Sending claims one
mail, hands it to the server, and settles it at once: a crash in between repeats the mail once, and never loses it.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import structlog
from sqlalchemy.engine import Connection, Engine, Row
from sqlalchemy.exc import OperationalError

from sync_service.domain.people.notices import WaitingNotice, choose_for_mail
from sync_service.notify import mime, render, smtp
from sync_service.notify.notice_text import NoticeItem
from sync_service.notify.render import Content
from sync_service.store.engine import versions
from sync_service.store.engine.database import writing
from sync_service.store.engine.encryption import DecryptionError, Sealer
from sync_service.store.jobs import mails
from sync_service.store.jobs.mails import MailLine, MailOpened, mailbox, open_mail
from sync_service.store.okrs.key_results import change_of
from sync_service.store.queue import due
from sync_service.store.queue.retry import bury, try_again, unless_lost
from sync_service.store.tables import mail, notice

__all__ = ["MailLine", "MailOpened", "MailSender", "NoticeComposer", "Outbox", "mailbox", "open_mail"]

log = structlog.get_logger(__name__)

NOTICES = 50
"""Notices claimed at a time."""

TURN_SECONDS = 20.0
"""How long one drain sends before other tables are drained."""

MAILS = 50
"""Mails sent over one SMTP connection."""

LEASE = due.LONGEST_LEASE
"""Lease of a mail: eight steps of an SMTP session at `smtp.SECONDS` each fit in."""

GIVE_UP = timedelta(days=5)
"""How long a mail is retried. https://www.rfc-editor.org/rfc/rfc5321#section-4.5.4.1"""

SIGN_IN_VALID = timedelta(minutes=15)
"""How long a sign-in link works, and so how long its mail is worth sending."""

IN_MAILBOX = "shown in the local mailbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """Stores mails to be sent, as part of the caller's transaction."""

    sealer: Sealer
    mail_from: str
    base_url: str

    def put(self, tx: Connection, content: Content, *, kind: str, recipient: str, now: datetime) -> int:
        """Store a mail that is due now; return its row id."""
        host = mime.host_of(self.mail_from)
        return mails.add_mail(
            tx, self.sealer, kind=kind, recipient=recipient, host=host, content=asdict(content), now=now
        )

    def write_sign_in(self, tx: Connection, *, email: str, name: str, link: str, now: datetime) -> int:
        """Store the mail with a sign-in link that works until `now` + `SIGN_IN_VALID`; return its row id."""
        until = now + SIGN_IN_VALID
        content = render.sign_in(name=name, link=link, base_url=self.base_url, valid=SIGN_IN_VALID, until=until)
        return self.put(tx, content, kind="sign_in", recipient=email, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeComposer:
    """Drains notices: they become mails."""

    engine: Engine
    outbox: Outbox
    now: Callable[[], datetime]

    def drain(self) -> int:
        """Write the mails of a batch of due notices; return how many notices were claimed."""
        rows = due.claim(self.engine, notice, limit=NOTICES)
        by_person: dict[int, list[Row[Any]]] = defaultdict(list)
        for row in rows:
            by_person[row.person_id].append(row)
        for person_id, claimed in by_person.items():
            try:
                self._write_to(person_id, claimed)
            except due.LeaseLost as error:
                log.warning("lease lost; another worker has the row", error=str(error))
            except OperationalError:
                raise
            except Exception as error:  # noqa: BLE001 - one person's poison must not keep others' mails; it is logged, tried again and buried
                for row in claimed:
                    try_again(self.engine, notice, row, error)
        return len(rows)

    def _write_to(self, person_id: int, claimed: Sequence[Row[Any]]) -> None:
        """Write one person's mail, after locking every key result it may be about."""
        locked: set[int] = set()
        while True:
            with writing(self.engine) as tx:
                mails.lock_key_results(tx, locked)
                key_result_ids = mails.key_results_told(tx, person_id)
                if key_result_ids <= locked:
                    self._compose(tx, person_id, {row.lease for row in claimed})
                    return
            # Locks are taken in the order of ids, so to lock more of them we start again.
            locked |= key_result_ids

    def _compose(self, tx: Connection, person_id: int, leases: set[str]) -> None:
        """Turn the claimed notices, and those that share a cause with them, into one mail."""
        waiting = mails.lock_notices(tx, person_id)
        ours = [row for row in waiting if row.lease in leases]
        if not ours:
            return  # each was dropped, or is in another mail since we claimed it
        chosen = set(
            choose_for_mail([WaitingNotice(row.id, row.lease in leases, frozenset(_causes(row))) for row in waiting])
        )
        items = [_notice_item(row) for row in waiting if row.id in chosen]
        content = render.notice(items, base_url=self.outbox.base_url)
        recipient = mails.email_of(tx, person_id)
        mail_id = self.outbox.put(tx, content, kind="notice", recipient=recipient, now=self.now())
        others = [row for row in waiting if row.id in chosen and row.lease not in leases]
        due.settle(tx, notice, ours, [{"outcome": "mailed", "mail_id": mail_id}] * len(ours))
        mails.settle_along(tx, others, mail_id=mail_id, outcome="mailed together with another notice")
        versions.bump(tx, versions.CHANGES)
        log.info("mail written", mail=mail_id, notices=len(chosen))


def _causes(row: Row[Any]) -> Iterable[str]:
    """Yield what caused a notice: its deliveries, or the text of a cause without one (a day passed, a rule changed)."""
    for cause in change_of(row).causes:
        yield cause.delivery or f"{cause.what} {cause.issue or ''}"


def _notice_item(row: Row[Any]) -> NoticeItem:
    percents = row.measure.get("kind") == "done-share"
    return NoticeItem(
        slug=row.slug,
        title=row.title,
        objective=row.objective,
        unit=row.unit or ("%" if percents else ""),
        target=row.target,
        owned=row.owned,
        change=change_of(row),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSender:
    """Drains mails: to the SMTP server, or to the local mailbox where there is no server."""

    engine: Engine
    sealer: Sealer
    mail_from: str
    server: smtp.Server | None
    now: Callable[[], datetime]

    def drain(self) -> int:
        """Send due mails over one SMTP connection; return how many were claimed."""
        return self._show_in_mailbox() if self.server is None else self._send_over(self.server)

    def _show_in_mailbox(self) -> int:
        rows = due.claim(self.engine, mail, limit=MAILS)
        if rows:
            with unless_lost(), writing(self.engine) as tx:
                due.settle(tx, mail, rows, [{"outcome": IN_MAILBOX}] * len(rows))
                versions.bump(tx, versions.CHANGES)
        return len(rows)

    def _send_over(self, server: smtp.Server) -> int:
        """Claim each mail just before it is sent, so that its lease covers it alone."""
        ends = time.monotonic() + TURN_SECONDS
        with smtp.Line(server) as line:
            for count in range(MAILS):
                if time.monotonic() > ends:
                    return count
                rows = due.claim(self.engine, mail, limit=1, lease=LEASE)
                if not rows:
                    return count
                if not self._send(line, rows[0]):
                    return count + 1
        return MAILS

    def _send(self, line: smtp.Line, row: Row[Any]) -> bool:
        """Send one mail and record the result; return whether the server can take another one."""
        if row.kind == "sign_in" and self.now() - row.created_at > SIGN_IN_VALID:
            bury(self.engine, mail, row, reason="the sign-in link expired before a mail server took it")
            return True
        try:
            line.send(self._message(row))
        except smtp.Temporary as error:
            self._wait(row, error)
            return not isinstance(error, smtp.Unreachable)
        except (smtp.Permanent, mime.Unaddressable, DecryptionError) as error:
            bury(self.engine, mail, row, reason=f"can't be sent: {error}")
        except Exception as error:  # noqa: BLE001 - a poison mail must not stop its neighbours; it is logged, tried again and buried
            try_again(self.engine, mail, row, error)
        else:
            self._settle(row)
        return True

    def _message(self, row: Row[Any]) -> EmailMessage:
        content = Content(**mails.content_of(self.sealer, row))
        return mime.build(
            content,
            sender=self.mail_from,
            recipient=row.recipient,
            message_id=row.message_id,
            created_at=row.created_at,
        )

    def _settle(self, row: Row[Any]) -> None:
        try:
            with writing(self.engine) as tx:
                due.settle(tx, mail, [row], [{"outcome": "sent"}])
                versions.bump(tx, versions.CHANGES)
        except due.LeaseLost as error:
            log.warning("a mail took longer than its lease and may be sent twice", error=str(error))
        else:
            log.info("mail sent", mail=row.id, attempts=row.attempts)

    def _wait(self, row: Row[Any], error: smtp.Temporary) -> None:
        now = self.now()
        if now - row.created_at > GIVE_UP:
            bury(self.engine, mail, row, reason=f"not sent for {GIVE_UP.days} days, last error: {error}")
            return
        log.warning("a mail will be tried again", mail=row.id, attempts=row.attempts, reason=str(error))
        with unless_lost(), writing(self.engine) as tx:
            due.postpone(tx, mail, row, wait=due.wait_after(row.attempts), outcome=f"will be tried again: {error}")
