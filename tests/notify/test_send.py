"""Send mails: each arrives once, or its row says why not."""

import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.notify import mime
from sync_service.notify.mime import Content
from sync_service.notify.send_mail import GIVE_UP, IN_MAILBOX
from sync_service.notify.smtp import Server
from sync_service.store import tables
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.engine.encryption import Sealer
from sync_service.store.jobs.mails import UNOPENABLE, mailbox, open_mail
from sync_service.store.people.auth import LINK_LASTS
from sync_service.store.queue import due
from tests.notify.services import ANA, BASE_URL, BO, NOW, MailServices
from tests.support.servers import MailServer


@pytest.fixture
def smtp_services(services: MailServices, mail: MailServer) -> MailServices:
    """Yield mail services that use a real SMTP server."""
    services.server = Server(host="127.0.0.1", port=mail.port, security="offered")
    return services


def write_sign_in(services: MailServices) -> str:
    """Write a sign-in mail to Ana and return its link."""
    link = f"{BASE_URL}/sign-in/a-token"
    with writing(services.engine) as tx:
        services.outbox.write_sign_in(tx, email=ANA, name="Ana Ruiz", link=link, now=services.now)
    return link


def test_a_mail_arrives_as_stored(smtp_services: MailServices, mail: MailServer) -> None:
    """Subject, both versions, Message-ID and time are kept; then the mail is settled."""
    smtp_services.write_mail()
    assert smtp_services.sender.drain() == 1
    (kept,), (arrived,) = smtp_services.opened(), mail.messages
    assert mail.recipients == [[ANA]]
    assert arrived["From"] == "OKR Sync <okr@example.com>"
    assert arrived["Subject"] == kept.line.subject
    assert arrived["Message-ID"] == kept.message_id
    assert arrived["Date"] == "Tue, 24 Nov 2026 12:00:00 +0000"
    bodies = [part.get_content().splitlines() for part in arrived.iter_parts()]
    assert bodies == [kept.text.splitlines(), kept.html.splitlines()]
    assert (kept.line.state, kept.line.outcome) == ("settled", "sent")
    assert smtp_services.sender.drain() == 0


def test_a_temporary_failure_is_retried_and_sent_once(smtp_services: MailServices, mail: MailServer) -> None:
    """The mail waits with the server's reason and keeps its Message-ID; other mails do not wait."""
    smtp_services.write_mail()
    smtp_services.write_mail(BO)
    mail.refusals[ANA] = "451 try later"
    assert smtp_services.sender.drain() == 2
    waiting, sent = smtp_services.rows(tables.mail)
    assert (waiting.outcome, sent.outcome) == ("will be tried again: 451 try later", "sent")
    assert waiting.due_at is not None
    assert waiting.settled_at is None
    mail.refusals.clear()
    smtp_services.make_due(tables.mail)
    smtp_services.sender.drain()
    assert mail.recipients == [[BO], [ANA]]
    assert mail.messages[1]["Message-ID"] == waiting.message_id
    assert {line.outcome for line in smtp_services.mailbox()} == {"sent"}


def test_a_permanent_failure_is_buried_with_its_reason(smtp_services: MailServices, mail: MailServer) -> None:
    """A replay sends it once the address is correct."""
    smtp_services.write_mail()
    mail.refusals[ANA] = "550 no such user"
    smtp_services.sender.drain()
    (line,) = smtp_services.mailbox()
    assert (line.state, line.outcome) == ("buried", "can't be sent: 550 no such user")
    smtp_services.make_due(tables.mail)
    assert smtp_services.sender.drain() == 0
    mail.refusals.clear()
    with writing(smtp_services.engine) as tx:
        assert due.replay(tx, tables.mail, tables.mail.c.buried_at.isnot(None)) == 1
    smtp_services.sender.drain()
    assert mail.recipients == [[ANA]]


def test_an_unreachable_server_loses_no_mail_for_five_days(services: MailServices, mail: MailServer) -> None:
    """One attempt is enough for a whole batch. After five days the mail is buried with the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gone = taken.getsockname()[1]
    services.server = Server(host="127.0.0.1", port=gone, security="offered")
    services.write_mail()
    services.write_mail(BO)
    assert services.sender.drain() == 1, "the connection failed, so the others need not be tried now"
    assert services.sender.drain() == 1
    for age in (timedelta(hours=1), timedelta(days=4, hours=23)):
        services.now = NOW + age
        services.make_due(tables.mail)
        services.sender.drain()
        assert [line.state for line in services.mailbox()] == ["waiting", "waiting"]
    assert "refused" in services.mailbox()[1].outcome
    services.now = NOW + GIVE_UP + timedelta(seconds=1)
    services.make_due(tables.mail)
    services.sender.drain()
    (buried,) = [line for line in services.mailbox() if line.state == "buried"]
    assert buried.outcome.startswith("not sent for 5 days, last error: 127.0.0.1")
    services.server = Server(host="127.0.0.1", port=mail.port, security="offered")
    services.make_due(tables.mail)
    services.sender.drain()
    assert len(mail.messages) == 1


def test_a_crash_between_sending_and_settling_repeats_the_same_mail_once(
    smtp_services: MailServices, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease ends, and the mail is sent again with its Message-ID, so mail programs can detect the repeat."""
    smtp_services.write_mail()

    def crash(_tx: sa.Connection, _table: sa.Table, _rows: Sequence[Any], _outcomes: Sequence[Any]) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(due, "settle", crash)
        with pytest.raises(KeyboardInterrupt):
            smtp_services.sender.drain()
    assert smtp_services.sender.drain() == 0, "its lease still runs"
    smtp_services.make_due(tables.mail)
    smtp_services.sender.drain()
    smtp_services.make_due(tables.mail)
    smtp_services.sender.drain()
    first, second = mail.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert [line.outcome for line in smtp_services.mailbox()] == ["sent"]


def test_a_worker_that_lost_its_lease_does_not_settle_the_mail(
    smtp_services: MailServices, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other worker's lease stays."""
    smtp_services.write_mail()
    real = due.settle

    def settle_late(tx: sa.Connection, table: sa.Table, rows: Sequence[Any], outcomes: Sequence[Any]) -> None:
        values = {"lease": "another worker's", "due_at": database_now(tx) + timedelta(minutes=1)}
        tx.execute(sa.update(table).values(values))
        real(tx, table, rows, outcomes)

    monkeypatch.setattr(due, "settle", settle_late)
    assert smtp_services.sender.drain() == 1
    assert len(mail.messages) == 1
    assert smtp_services.mailbox()[0].state == "waiting"


def test_an_unreadable_or_misaddressed_mail_is_buried_alone(smtp_services: MailServices, mail: MailServer) -> None:
    """The reason says what to fix; the next mail is sent."""
    for _ in range(2):
        smtp_services.write_mail()
    smtp_services.write_mail(BO)
    first, second, _ = (row.id for row in smtp_services.rows(tables.mail))
    with writing(smtp_services.engine) as tx:
        m = tables.mail
        tx.execute(sa.update(m).where(m.c.id == first).values(sealed_content="lost"))
        tx.execute(sa.update(m).where(m.c.id == second).values(recipient="nobody"))
    assert smtp_services.sender.drain() == 3
    reasons = {line.id: line.outcome for line in smtp_services.mailbox() if line.state == "buried"}
    assert reasons[first].startswith("can't be sent: OKR_SYNC_SECRET_KEY does not decrypt")
    assert reasons[second] == "can't be sent: 'nobody' is not an e-mail address"
    assert mail.recipients == [[BO]]


def test_an_unexpected_error_is_retried(
    smtp_services: MailServices, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other mails are still sent."""
    smtp_services.write_mail()
    smtp_services.write_mail(BO)
    real = mime.build

    def fail_for_ana(content: Content, *, recipient: str, **headers: Any) -> mime.Mail:
        if recipient == ANA:
            raise RuntimeError("out of ink")
        return real(content, recipient=recipient, **headers)

    monkeypatch.setattr(mime, "build", fail_for_ana)
    assert smtp_services.sender.drain() == 2
    assert sorted(line.outcome for line in smtp_services.mailbox()) == ["RuntimeError: out of ink", "sent"]
    assert mail.recipients == [[BO]]


@pytest.mark.both_databases
def test_without_a_server_the_local_mailbox_shows_mails(services: MailServices) -> None:
    """Newest first, by pages, of one person or of all."""
    for recipient in (ANA, BO, ANA):
        services.write_mail(recipient)
    assert services.sender.drain() == 3
    assert services.sender.drain() == 0
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
def test_a_mail_encrypted_with_a_lost_key_does_not_hide_others(services: MailServices) -> None:
    """The list marks that mail."""
    services.write_mail()
    with reading(services.engine) as tx:
        (line,) = mailbox(tx, Sealer(("another secret key, long enough too",)), limit=9)
    assert line.subject == UNOPENABLE


def test_a_sign_in_mail_carries_its_link(smtp_services: MailServices, mail: MailServer) -> None:
    """Its subject is plain."""
    link = write_sign_in(smtp_services)
    smtp_services.sender.drain()
    (arrived,) = mail.messages
    assert arrived["Subject"] == "Your sign-in link for OKR Sync"
    text, html = (part.get_content() for part in arrived.iter_parts())
    assert link in text.splitlines()
    assert f'href="{link}"' in html
    assert "12:15 UTC" in text


def test_an_expired_sign_in_mail_is_not_sent(smtp_services: MailServices, mail: MailServer) -> None:
    """Its link no longer works."""
    write_sign_in(smtp_services)
    smtp_services.now = NOW + LINK_LASTS + timedelta(seconds=1)
    smtp_services.sender.drain()
    assert mail.messages == []
    (line,) = smtp_services.mailbox()
    assert (line.state, line.outcome) == ("buried", "the sign-in link expired before a mail server took it")
