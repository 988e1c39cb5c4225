"""The outbox: mails to be sent, stored as rows in the caller's transaction, each with its own Message-ID."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.notify import mime, render
from sync_service.notify.mime import Content
from sync_service.store.engine.encryption import Sealer
from sync_service.store.jobs import mails
from sync_service.store.people.auth import LINK_LASTS


@dataclass(slots=True, kw_only=True)
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
        """Store the mail with a sign-in link that works until `now` + `LINK_LASTS`; return its row id."""
        until = now + LINK_LASTS
        content = render.sign_in(name=name, link=link, base_url=self.base_url, valid=LINK_LASTS, until=until)
        return self.put(tx, content, kind="sign_in", recipient=email, now=now)
