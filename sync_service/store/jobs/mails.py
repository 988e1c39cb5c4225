"""Mails: lock the notices that become one mail, store it until it is sent, and read the local mailbox."""

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.store import tables
from sync_service.store.engine.database import database_now
from sync_service.store.engine.encryption import DecryptionError, Sealer

State = Literal["waiting", "settled", "buried"]

UNOPENABLE = "(encrypted with a secret key that no longer exists)"


def key_results_mailed(tx: Transaction, person_id: int) -> set[int]:
    """Return the ids of the key results that a person's waiting notices are about."""
    n = tables.notice
    return set(tx.scalars(sa.select(n.c.key_result_id).where(n.c.person_id == person_id, n.c.due_at.isnot(None))))


def lock_key_results(tx: Transaction, ids: Iterable[int]) -> None:
    """Lock key results in id order, so that notices about them can't change: computing takes the same locks first."""
    k = tables.live_key_result
    locking = sa.select(k.c.id).where(k.c.id.in_(sorted(ids))).order_by(k.c.id).with_for_update(key_share=True)
    tx.execute(locking).all()


def lock_notices(tx: Transaction, person_id: int) -> list[Row[Any]]:
    """Lock a person's waiting notices; return each with its key result's texts and whether the person owns it.

    The caller must have locked the key results.
    """
    n, k, o, c = tables.notice, tables.live_key_result, tables.live_objective, tables.live_cycle
    statement = (
        sa.select(
            n,
            k.c.slug,
            k.c.title,
            k.c.unit,
            k.c.target,
            k.c.stay,
            k.c.proposed,
            k.c.measure,
            o.c.title.label("objective"),
            o.c.team_id,
            c.c.starts,
            c.c.ends,
            (sa.func.coalesce(k.c.owner_id, 0) == n.c.person_id).label("owned"),
        )
        .join(k, k.c.id == n.c.key_result_id)
        .join(o, o.c.id == k.c.objective_id)
        .join(c, c.c.id == o.c.cycle_id)
        .where(n.c.person_id == person_id, n.c.due_at.isnot(None))
        .order_by(n.c.id)
        .with_for_update(of=n)
    )
    return list(tx.execute(statement))


def settle_along(tx: Transaction, rows: Sequence[Row[Any]], *, mail_id: int, outcome: str) -> None:
    """Settle locked notices that become part of the same mail, also under leases of other workers."""
    n = tables.notice
    columns = {"due_at": None, "lease": None, "settled_at": database_now(tx), "mail_id": mail_id, "outcome": outcome}
    tx.execute(sa.update(n).where(n.c.id.in_([row.id for row in rows])).values(columns))


def delete(tx: Transaction, mail_id: int) -> None:
    """Delete a mail that is not to be sent after all, in the transaction that added it."""
    tx.execute(sa.delete(tables.mail).where(tables.mail.c.id == mail_id))


def email_of(tx: Transaction, person_id: int) -> str:
    """Return a person's e-mail address."""
    p = tables.person
    email: str = tx.execute(sa.select(p.c.email).where(p.c.id == person_id)).scalar_one()
    return email


def add_mail(
    tx: Transaction, sealer: Sealer, *, kind: str, recipient: str, host: str, content: dict[str, str], now: datetime
) -> int:
    """Store a mail that is due now. Its Message-ID is created here, once, so that a second sending is recognised."""
    columns = {
        "message_id": f"<okr-sync.{secrets.token_hex(12)}@{host}>",
        "recipient": recipient,
        "kind": kind,
        "sealed_content": sealer.encrypt(json.dumps(content)),
        "created_at": now,
        "due_at": database_now(tx),
    }
    added: int = tx.execute(sa.insert(tables.mail).values(columns).returning(tables.mail.c.id)).scalar_one()
    return added


def content_of(sealer: Sealer, row: Row[Any]) -> dict[str, str]:
    """Decrypt a mail: `subject`, `text` and `html`. Raise `DecryptionError` when no key fits."""
    content: dict[str, str] = json.loads(sealer.decrypt(row.sealed_content))
    return content


@dataclass(frozen=True, slots=True, kw_only=True)
class MailLine:
    """A mail in the list of the local mailbox. `outcome` is empty until the first try."""

    id: int
    created_at: datetime
    recipient: str
    subject: str
    kind: str
    state: State
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOpened:
    """A mail of the local mailbox with its texts. `html` is a complete document, to show in its own frame."""

    line: MailLine
    message_id: str
    text: str
    html: str


def mailbox(
    tx: Transaction, sealer: Sealer, *, limit: int, before: int | None = None, recipient: str | None = None
) -> list[MailLine]:
    """List mails, newest first: of all recipients or one, and only those with an id below `before`, if given."""
    m = tables.mail
    statement = sa.select(m).order_by(m.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(m.c.id < before)
    if recipient is not None:
        statement = statement.where(m.c.recipient == recipient)
    return [_line(row, _opened(sealer, row)["subject"]) for row in tx.execute(statement)]


def open_mail(tx: Transaction, sealer: Sealer, mail_id: int) -> MailOpened | None:
    """Return one mail; None when the id is unknown."""
    row = tx.execute(sa.select(tables.mail).where(tables.mail.c.id == mail_id)).one_or_none()
    if row is None:
        return None
    content = _opened(sealer, row)
    line = _line(row, content["subject"])
    return MailOpened(line=line, message_id=row.message_id, text=content["text"], html=content["html"])


def _opened(sealer: Sealer, row: Row[Any]) -> dict[str, str]:
    try:
        return content_of(sealer, row)
    except DecryptionError:
        return {"subject": UNOPENABLE, "text": "", "html": ""}  # one unreadable mail must not hide the others


def _line(row: Row[Any], subject: str) -> MailLine:
    return MailLine(
        id=row.id,
        created_at=row.created_at,
        recipient=row.recipient,
        subject=subject,
        kind=row.kind,
        state="buried" if row.buried_at else "settled" if row.settled_at else "waiting",
        outcome=row.outcome,
    )
