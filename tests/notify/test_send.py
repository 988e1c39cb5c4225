"""From mails to people: each arrives, once, or says why not."""

import socket
from collections.abc import Sequence
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.notify import mime
from sync_service.notify.outbox import SIGN_IN_VALID
from sync_service.notify.render import Content
from sync_service.notify.send_mail import GIVE_UP, IN_MAILBOX
from sync_service.notify.smtp import Server
from sync_service.store import tables
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.engine.encryption import Sealer
from sync_service.store.jobs.mails import UNOPENABLE, mailbox, open_mail
from sync_service.store.queue import due
from tests.notify.services import ANA, BASE_URL, BO, NOW, House
from tests.support.servers import MailServer


@pytest.fixture
def sending(services: House, mail: MailServer) -> House:
    """Give a house that sends to a real server."""
    services.server = Server(host="127.0.0.1", port=mail.port, security="offered")
    return services


def write_sign_in(services: House) -> str:
    """Write Ana a sign-in mail; give its link."""
    link = f"{BASE_URL}/sign-in/a-token"
    with writing(services.engine) as tx:
        services.outbox.write_sign_in(tx, email=ANA, name="Ana Ruiz", link=link, now=services.now)
    return link


def test_a_mail_arrives_as_it_is_kept(sending: House, mail: MailServer) -> None:
    """Subject, both versions, Message-ID and time; then it is settled."""
    sending.write_mail()
    assert sending.sending.drain() == 1
    (kept,), (arrived,) = sending.opened(), mail.messages
    assert mail.recipients == [[ANA]]
    assert arrived["From"] == "OKR Sync <okr@example.com>"
    assert arrived["Subject"] == kept.line.subject
    assert arrived["Message-ID"] == kept.message_id
    assert arrived["Date"] == "Tue, 24 Nov 2026 12:00:00 +0000"
    bodies = [part.get_content().splitlines() for part in arrived.iter_parts()]
    assert bodies == [kept.text.splitlines(), kept.html.splitlines()]
    assert (kept.line.state, kept.line.outcome) == ("settled", "sent")
    assert sending.sending.drain() == 0


def test_a_temporary_failure_is_tried_again_and_then_sent_once(sending: House, mail: MailServer) -> None:
    """It waits with the server's reason, and goes under the same Message-ID; its neighbour does not wait."""
    sending.write_mail()
    sending.write_mail(BO)
    mail.refusals[ANA] = "451 try later"
    assert sending.sending.drain() == 2
    waiting, sent = sending.rows(tables.mail)
    assert (waiting.outcome, sent.outcome) == ("will be tried again: 451 try later", "sent")
    assert waiting.due_at is not None
    assert waiting.settled_at is None
    mail.refusals.clear()
    sending.make_due(tables.mail)
    sending.sending.drain()
    assert mail.recipients == [[BO], [ANA]]
    assert mail.messages[1]["Message-ID"] == waiting.message_id
    assert {line.outcome for line in sending.mailbox()} == {"sent"}


def test_a_permanent_failure_is_buried_with_its_reason(sending: House, mail: MailServer) -> None:
    """A replay sends it once the address is mended."""
    sending.write_mail()
    mail.refusals[ANA] = "550 no such user"
    sending.sending.drain()
    (line,) = sending.mailbox()
    assert (line.state, line.outcome) == ("buried", "can't be sent: 550 no such user")
    sending.make_due(tables.mail)
    assert sending.sending.drain() == 0
    mail.refusals.clear()
    with writing(sending.engine) as tx:
        assert due.replay(tx, tables.mail, tables.mail.c.buried_at.isnot(None)) == 1
    sending.sending.drain()
    assert mail.recipients == [[ANA]]


def test_a_server_that_is_gone_loses_no_mail_for_five_days(services: House, mail: MailServer) -> None:
    """One try for all of a batch tells enough; after five days the mail is buried with the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gone = taken.getsockname()[1]
    services.server = Server(host="127.0.0.1", port=gone, security="offered")
    services.write_mail()
    services.write_mail(BO)
    assert services.sending.drain() == 1, "the connection failed, so the others need not be tried now"
    assert services.sending.drain() == 1
    for age in (timedelta(hours=1), timedelta(days=4, hours=23)):
        services.now = NOW + age
        services.make_due(tables.mail)
        services.sending.drain()
        assert [line.state for line in services.mailbox()] == ["waiting", "waiting"]
    assert "refused" in services.mailbox()[1].outcome
    services.now = NOW + GIVE_UP + timedelta(seconds=1)
    services.make_due(tables.mail)
    services.sending.drain()
    (buried,) = [line for line in services.mailbox() if line.state == "buried"]
    assert buried.outcome.startswith("not sent for 5 days, last error: 127.0.0.1")
    services.server = Server(host="127.0.0.1", port=mail.port, security="offered")
    services.make_due(tables.mail)
    services.sending.drain()
    assert len(mail.messages) == 1


def test_a_crash_between_sending_and_settling_repeats_the_same_mail_once(
    sending: House, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease ends, and the mail goes again under its Message-ID, by which mail programs know it."""
    sending.write_mail()

    def crash(_tx: sa.Connection, _table: sa.Table, _rows: Sequence[Any], _outcomes: Sequence[Any]) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(due, "settle", crash)
        with pytest.raises(KeyboardInterrupt):
            sending.sending.drain()
    assert sending.sending.drain() == 0, "its lease still runs"
    sending.make_due(tables.mail)
    sending.sending.drain()
    sending.make_due(tables.mail)
    sending.sending.drain()
    first, second = mail.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert [line.outcome for line in sending.mailbox()] == ["sent"]


def test_a_lease_lost_while_sending_leaves_the_mail_to_whoever_has_it(
    sending: House, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other worker's lease is not broken."""
    sending.write_mail()
    real = due.settle

    def settle_late(tx: sa.Connection, table: sa.Table, rows: Sequence[Any], outcomes: Sequence[Any]) -> None:
        values = {"lease": "another worker's", "due_at": database_now(tx) + timedelta(minutes=1)}
        tx.execute(sa.update(table).values(values))
        real(tx, table, rows, outcomes)

    monkeypatch.setattr(due, "settle", settle_late)
    assert sending.sending.drain() == 1
    assert len(mail.messages) == 1
    assert sending.mailbox()[0].state == "waiting"


def test_a_mail_that_can_not_be_opened_or_addressed_is_buried_alone(sending: House, mail: MailServer) -> None:
    """The reason says what to mend; the next mail goes out."""
    for _ in range(2):
        sending.write_mail()
    sending.write_mail(BO)
    first, second, _ = (row.id for row in sending.rows(tables.mail))
    with writing(sending.engine) as tx:
        m = tables.mail
        tx.execute(sa.update(m).where(m.c.id == first).values(sealed_content="lost"))
        tx.execute(sa.update(m).where(m.c.id == second).values(recipient="nobody"))
    assert sending.sending.drain() == 3
    reasons = {line.id: line.outcome for line in sending.mailbox() if line.state == "buried"}
    assert reasons[first].startswith("can't be sent: OKR_SYNC_SECRET_KEY does not decrypt")
    assert reasons[second] == "can't be sent: 'nobody' is not an e-mail address"
    assert mail.recipients == [[BO]]


def test_a_fault_of_our_own_is_tried_again(sending: House, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """And does not stop the neighbours."""
    sending.write_mail()
    sending.write_mail(BO)
    real = mime.build

    def fail_for_ana(content: Content, *, recipient: str, **headers: Any) -> EmailMessage:
        if recipient == ANA:
            raise RuntimeError("out of ink")
        return real(content, recipient=recipient, **headers)

    monkeypatch.setattr(mime, "build", fail_for_ana)
    assert sending.sending.drain() == 2
    assert sorted(line.outcome for line in sending.mailbox()) == ["RuntimeError: out of ink", "sent"]
    assert mail.recipients == [[BO]]


@pytest.mark.both_databases
def test_without_a_server_mails_are_shown_in_the_local_mailbox(services: House) -> None:
    """Newest first, by pages, of everybody or of one."""
    for recipient in (ANA, BO, ANA):
        services.write_mail(recipient)
    assert services.sending.drain() == 3
    assert services.sending.drain() == 0
    lines = services.mailbox()
    assert [line.recipient for line in lines] == [ANA, BO, ANA]
    assert {(line.state, line.outcome, line.kind) for line in lines} == {("settled", IN_MAILBOX, "notice")}
    assert lines[0].created_at == NOW
    with reading(services.engine) as tx:
        assert mailbox(tx, services.sealer, limit=1, before=lines[0].id) == [lines[1]]
        assert mailbox(tx, services.sealer, limit=9, recipient=BO) == [lines[1]]
        opened = open_mail(tx, services.sealer, lines[1].id)
        assert open_mail(tx, services.sealer, 999) is None
    assert opened is not None
    assert opened.line == lines[1]
    assert "KR-1 completed" in opened.text
    assert "<html" in opened.html


@pytest.mark.both_databases
def test_a_mail_sealed_with_a_lost_key_does_not_hide_the_others(services: House) -> None:
    """It says so in the list."""
    services.write_mail()
    with reading(services.engine) as tx:
        (line,) = mailbox(tx, Sealer(("another secret key, long enough too",)), limit=9)
    assert line.subject == UNOPENABLE


def test_a_sign_in_mail_carries_its_link(sending: House, mail: MailServer) -> None:
    """And a plain subject."""
    link = write_sign_in(sending)
    sending.sending.drain()
    (arrived,) = mail.messages
    assert arrived["Subject"] == "Your sign-in link for OKR Sync"
    text, html = (part.get_content() for part in arrived.iter_parts())
    assert link in text.splitlines()
    assert f'href="{link}"' in html
    assert "12:15 UTC" in text


def test_a_sign_in_mail_that_comes_too_late_is_not_sent(sending: House, mail: MailServer) -> None:
    """Its link no longer works."""
    write_sign_in(sending)
    sending.now = NOW + SIGN_IN_VALID + timedelta(seconds=1)
    sending.sending.drain()
    assert mail.messages == []
    (line,) = sending.mailbox()
    assert (line.state, line.outcome) == ("buried", "the sign-in link expired before a mail server took it")
