"""Send due mails to the SMTP server, or show them in the local mailbox where there is no server.

A retry repeats the same mail with its Message-ID. Sending claims one mail, hands it to the server, and settles it at
once: a crash in between repeats the mail once, and never loses it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy.engine import Engine, Row

from sync_service.notify import mime, smtp
from sync_service.notify.mime import Content
from sync_service.store.engine import versions
from sync_service.store.engine.database import writing
from sync_service.store.engine.encryption import DecryptionError, Sealer
from sync_service.store.jobs import mails
from sync_service.store.people.auth import LINK_LASTS
from sync_service.store.queue import due
from sync_service.store.queue.retry import Rows, bury, drain_rows, one_group
from sync_service.store.tables import mail

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 20.0
"""How long one drain sends before other tables are drained."""

MAILS = 50
"""Mails sent over one SMTP connection."""

LEASE = due.LONGEST_LEASE
"""Lease of a mail: eight steps of an SMTP session at `smtp.SECONDS` each fit in."""

GIVE_UP = timedelta(days=5)
"""How long a mail is retried. https://www.rfc-editor.org/rfc/rfc5321#section-4.5.4.1"""

IN_MAILBOX = "shown in the local mailbox"


@dataclass(slots=True, kw_only=True)
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
        return drain_rows(self.engine, mail, self._show, limit=MAILS, group_by=one_group)

    def _show(self, rows: Rows) -> None:
        with writing(self.engine) as tx:
            due.settle(tx, mail, rows, [{"outcome": IN_MAILBOX}] * len(rows))
            versions.bump(tx, versions.CHANGES)

    def _send_over(self, server: smtp.Server) -> int:
        """Claim each mail just before it is sent, so that its lease covers it alone."""
        ends = time.monotonic() + DRAIN_SECONDS
        with smtp.SmtpSession(server) as line:
            for count in range(MAILS):
                if time.monotonic() > ends:
                    return count
                if not drain_rows(self.engine, mail, partial(self._send, line), limit=1, lease=LEASE):
                    return count
                if line.unreachable:
                    return count + 1
        return MAILS

    def _send(self, line: smtp.SmtpSession, rows: Rows) -> None:
        """Send one mail and record the result."""
        row = rows[0]
        if row.kind == "sign_in" and self.now() - row.created_at > LINK_LASTS:
            bury(self.engine, mail, row, reason="the sign-in link expired before a mail server took it")
            return
        try:
            line.send(self._message(row))
        except smtp.Temporary as error:
            self._wait(row, error)
        except (smtp.Permanent, mime.Unaddressable, DecryptionError) as error:
            bury(self.engine, mail, row, reason=f"can't be sent: {error}")
        else:
            self._settle(row)

    def _message(self, row: Row[Any]) -> mime.Mail:
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
        with writing(self.engine) as tx:
            due.postpone(tx, mail, row, wait=due.wait_after(row.attempts), outcome=f"will be tried again: {error}")
