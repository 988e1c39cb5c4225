"""Mail a sign-in link to a known address. Unknown addresses take the same time, so nobody can find out who is known.

Somebody who requests links for another person can neither lock that person out nor fill the mailbox: after each mail
there is a pause, in which its link stays valid.
"""

from datetime import timedelta

from sqlalchemy.engine import Connection

from sync_service.store.jobs import mails
from sync_service.store.people import audit, auth
from sync_service.web.request.context import public_url, services

PAUSE = timedelta(minutes=2)
"""How long no second link is mailed to a person who has an unused one."""


def request_link(tx: Connection, address: str) -> None:
    """Write the mail with a new link; undo the same work for an unknown address, and in the pause after a mail."""
    now = services().now()
    known, anybody = auth.person_id_of(tx, address), auth.first_person_id(tx)
    holder = anybody if known is None else known
    if holder is None:
        return
    waits = auth.was_mailed(tx, holder, since=now - PAUSE, now=now)
    token = auth.create_sign_in_link(tx, holder, now, mailed_at=now)
    mail_id = _write_mail(tx, holder, address, token)
    if known is None or waits:
        auth.delete_sign_in_link(tx, token)
        mails.delete(tx, mail_id)
    else:
        audit.note(tx, actor="somebody", what=f"a sign-in link for {address} was requested", at=now)


def _write_mail(tx: Connection, person_id: int, address: str, token: str) -> int:
    """Write the mail, with a link below the base URL of the settings: a request's Host header can be forged."""
    link = public_url("sign_in.link", token=token)
    name = auth.name_of(tx, person_id)
    return services().outbox.write_sign_in(tx, email=address, name=name, link=link, now=services().now())
