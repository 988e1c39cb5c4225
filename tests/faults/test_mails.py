"""A worker may crash while it sends a mail: the mail is sent, at most once more, with the same Message-ID."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiosmtpd.smtp import SMTP, Envelope, Session

from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from tests.faults.crashing_worker import CrashingWorker
from tests.notify.servers import serving
from tests.support.migrated_database import prepare
from tests.support.servers import Databases, MailServer

pytestmark = [pytest.mark.slow, pytest.mark.both_databases]

MOST_STATEMENTS = 60


@pytest.fixture
def crashing_worker(databases: Databases, tmp_path: Path, mail: MailServer) -> Iterator[CrashingWorker]:
    """Yield a crashing worker with a mail server, on either database."""
    made = CrashingWorker(databases.prepared(prepare), tmp_path, {"SMTP_URL": mail.url})
    yield made
    made.close()


def test_a_kill_at_any_moment_of_sending_repeats_a_mail_at_most_once_and_loses_none(
    crashing_worker: CrashingWorker, mail: MailServer
) -> None:
    """Crash a drain after the first statement, then after the second, and so on."""
    copies: list[int] = []
    for statements in range(MOST_STATEMENTS):
        before, arrived = crashing_worker.crashes, len(mail.messages)
        message_id = put_mail(crashing_worker)
        crashing_worker.drain(crash_after=[statements])
        assert {message["Message-ID"] for message in mail.messages[arrived:]} == {message_id}
        copies.append(len(mail.messages) - arrived)
        if crashing_worker.crashes == before:
            break
    assert crashing_worker.crashes == len(copies) - 1 > 5
    assert set(copies) == {1, 2}
    assert copies[-1] == 1
    assert outcomes(crashing_worker) == ["sent"] * len(copies)


@dataclass
class CrashingMailServer(MailServer):
    """A mail server that crashes the worker after its response, for so many mails."""

    crashing_worker: CrashingWorker | None = None
    kills: int = 3

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        """Store the message, and crash the worker at its next statement."""
        answer = await MailServer.handle_DATA(self, _server, _session, envelope)
        if self.kills and self.crashing_worker is not None:
            self.kills -= 1
            self.crashing_worker.left = 0
        return answer


def test_each_crash_between_the_servers_response_and_our_commit_sends_one_copy(
    databases: Databases, tmp_path: Path
) -> None:
    """Three workers crash between the response and the commit; the fourth sends the last copy."""
    server = CrashingMailServer()
    with serving(server) as port:
        crashing_worker = server.crashing_worker = CrashingWorker(
            databases.prepared(prepare), tmp_path, {"SMTP_URL": f"smtp://127.0.0.1:{port}"}
        )
        message_id = put_mail(crashing_worker)
        crashing_worker.drain(crash_after=[MOST_STATEMENTS] * 3)
        assert crashing_worker.crashes == 3
        assert [message["Message-ID"] for message in server.messages] == [message_id] * 4
        assert outcomes(crashing_worker) == ["sent"]
        crashing_worker.close()


def put_mail(crashing_worker: CrashingWorker) -> str:
    """Insert a waiting mail; return its Message-ID."""
    services, m = crashing_worker.services, tables.mail
    with writing(services.engine) as tx:
        mail_id = services.outbox.write_sign_in(
            tx, email="ana@example.com", name="Ana Ruiz", link="http://127.0.0.1/sign-in/x", now=services.now()
        )
        return str(tx.execute(sa.select(m.c.message_id).where(m.c.id == mail_id)).scalar_one())


def outcomes(crashing_worker: CrashingWorker) -> list[str]:
    """Return the outcome of each mail."""
    m = tables.mail
    with reading(crashing_worker.services.engine) as tx:
        return list(tx.scalars(sa.select(m.c.outcome).order_by(m.c.id)))
