"""Compose the mails of due notices.

A due notice becomes a mail in one transaction, together with the notices that share a cause with it: one cause never
makes two mails.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

import structlog
from sqlalchemy.engine import Connection, Engine, Row

from sync_service.domain.people.notices import WaitingNotice, choose_for_mail
from sync_service.notify import render
from sync_service.notify.notice_text import NoticeItem
from sync_service.notify.outbox import Outbox
from sync_service.store.engine import versions
from sync_service.store.engine.database import writing
from sync_service.store.jobs import mails
from sync_service.store.okrs.applying.applied import read as read_applied
from sync_service.store.okrs.key_results import change_of
from sync_service.store.okrs.team_settings import Settings, team_settings
from sync_service.store.queue import due
from sync_service.store.queue.retry import drain_rows
from sync_service.store.tables import notice

log = structlog.get_logger(__name__)

NOTICES = 50
"""Notices claimed at a time."""


@dataclass(slots=True, kw_only=True)
class NoticeComposer:
    """Drains notices: they become mails."""

    engine: Engine
    outbox: Outbox
    now: Callable[[], datetime]

    def drain(self) -> int:
        """Write the mails of a batch of due notices; return how many notices were claimed."""
        return drain_rows(self.engine, notice, self._write_mail, limit=NOTICES, group_by=attrgetter("person_id"))

    def _write_mail(self, claimed: Sequence[Row[Any]]) -> None:
        """Write one person's mail, after locking every key result it may be about."""
        person_id: int = claimed[0].person_id
        locked: set[int] = set()
        while True:
            with writing(self.engine) as tx:
                mails.lock_key_results(tx, locked)
                key_result_ids = mails.key_results_mailed(tx, person_id)
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
        settings, now = team_settings(tx), self.now()
        items = [_notice_item(row, settings.of(row.team_id), now) for row in waiting if row.id in chosen]
        content = render.notice(items, base_url=self.outbox.base_url)
        recipient = mails.email_of(tx, person_id)
        mail_id = self.outbox.put(tx, content, kind="notice", recipient=recipient, now=now)
        others = [row for row in waiting if row.id in chosen and row.lease not in leases]
        due.settle(tx, notice, ours, [{"outcome": "mailed", "mail_id": mail_id}] * len(ours))
        mails.settle_along(tx, others, mail_id=mail_id, outcome="mailed together with another notice")
        versions.bump(tx, versions.CHANGES)
        log.info("mail written", mail=mail_id, notices=len(chosen))


def _causes(row: Row[Any]) -> Iterable[str]:
    """Yield what caused a notice: its deliveries, or the text of a cause without one (a day passed, a rule changed)."""
    for cause in change_of(row).causes:
        yield cause.delivery or f"{cause.what} {cause.issue or ''}"


def _notice_item(row: Row[Any], settings: Settings, now: datetime) -> NoticeItem:
    percents = row.measure.get("kind") == "done-share"
    waiting = read_applied(None, row.proposed, None).waiting
    return NoticeItem(
        slug=row.slug,
        title=row.title,
        objective=row.objective,
        unit=row.unit or ("%" if percents else ""),
        target=row.target,
        stay=row.stay,
        owned=row.owned,
        change=change_of(row),
        thresholds=settings.thresholds,
        expected=settings.span(row.starts, row.ends).elapsed(now),
        proposed=waiting.value if waiting else None,
    )
