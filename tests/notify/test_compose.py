"""Compose mails from notices: one cause, one mail."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.domain.people.notices import Change
from sync_service.domain.trackers.causes import Cause
from sync_service.notify.compose_notices import NoticeComposer
from sync_service.notify.outbox import Outbox
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.store.jobs import mails
from sync_service.store.okrs import key_results
from sync_service.store.okrs.key_results import NewNotice
from tests.notify.services import ANA, AT_RISK, BO, COMPLETED, NOW, ON_TRACK, MailServices, closed

LATER = timedelta(minutes=10)


def changes(services: MailServices) -> int:
    """Return the counter of visible changes."""
    with reading(services.engine) as tx:
        return versions.value(tx, versions.CHANGES)


def test_a_due_notice_becomes_a_mail_that_is_due(services: MailServices) -> None:
    """The notice is settled and refers to its mail; the change counter moves for pages."""
    services.add_notice(1, ON_TRACK, COMPLETED, closed(12))
    before = changes(services)
    assert services.composer.drain() == 1
    (mail,), (notice,) = services.rows(tables.mail), services.rows(tables.notice)
    assert (mail.recipient, mail.kind, mail.created_at) == (ANA, "notice", NOW)
    assert mail.due_at is not None
    assert mail.message_id.startswith("<okr-sync.")
    assert mail.message_id.endswith("@example.com>")
    assert (notice.due_at, notice.mail_id, notice.outcome) == (None, mail.id, "mailed")
    assert notice.settled_at is not None
    assert changes(services) == before + 1
    (opened,) = services.opened()
    assert opened.line.subject == "KR-1 completed: Ship the new checkout"
    assert "50\u202f% → 100\u202f%" in opened.text
    assert services.composer.drain() == 0


def test_a_notice_about_a_proposed_value_names_the_one_that_waits_now(services: MailServices) -> None:
    """A later value may have superseded it since the notice was added."""
    proposed = {"value": 62.5, "since": NOW.isoformat(), "causes": [], "parts": [], "decision": "waiting"}
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.key_result).where(tables.key_result.c.id == 1).values(proposed=proposed))
    services.add_notice(1, ON_TRACK, ON_TRACK, replace(closed(12), proposed=True))
    services.composer.drain()
    (opened,) = services.opened()
    assert opened.line.subject == "KR-1 proposes 62.5 %: Ship the new checkout"
    assert "Proposed  62.5\u202f%, waits for the owner" in opened.text


def test_the_content_of_a_mail_is_encrypted(services: MailServices) -> None:
    """It may hold a sign-in link."""
    services.write_mail()
    assert "KR-1" not in services.rows(tables.mail)[0].sealed_content


def test_a_notice_that_is_not_due_waits(services: MailServices) -> None:
    """It waits for its settling time."""
    services.add_notice(1, ON_TRACK, COMPLETED, closed(12), waits=LATER)
    assert services.composer.drain() == 0
    assert services.rows(tables.mail) == []


@pytest.mark.both_databases
def test_one_cause_makes_one_mail(services: MailServices) -> None:
    """Notices with the same cause are sent early with the due one, also through a third notice. Others wait."""
    services.add_notice(1, ON_TRACK, COMPLETED, closed(1))
    services.add_notice(2, ON_TRACK, AT_RISK, closed(1), closed(2), waits=LATER)
    services.add_notice(3, ON_TRACK, AT_RISK, closed(3, delivery="delivery-2"), waits=LATER)
    services.add_notice(1, ON_TRACK, AT_RISK, closed(1), person=2, waits=LATER)
    services.composer.drain()
    (mail,) = services.opened()
    assert mail.line.recipient == ANA
    assert mail.line.subject == "KR-2 is now at risk, and 2 more moved"
    first, second, third, others = services.rows(tables.notice)
    assert {row.mail_id for row in (first, second, third)} == {mail.line.id}
    assert {row.due_at for row in (first, second, third)} == {None}
    assert (others.mail_id, others.settled_at) == (None, None)


def test_changes_with_other_causes_wait(services: MailServices) -> None:
    """They wait even for the same person."""
    services.add_notice(1, ON_TRACK, COMPLETED, closed(1))
    services.add_notice(2, ON_TRACK, AT_RISK, closed(2), waits=LATER)
    services.composer.drain()
    assert [mail.line.subject for mail in services.opened()] == ["KR-1 completed: Ship the new checkout"]
    assert [row.mail_id is None for row in services.rows(tables.notice)] == [False, True]


def test_all_due_notices_of_a_person_are_one_mail(services: MailServices) -> None:
    """The causes may differ. Each person gets a mail of their own."""
    services.add_notice(1, ON_TRACK, COMPLETED, closed(1))
    services.add_notice(2, ON_TRACK, AT_RISK, closed(2))
    services.add_notice(3, ON_TRACK, AT_RISK, closed(3), person=2)
    services.composer.drain()
    subjects = {mail.line.recipient: mail.line.subject for mail in services.opened()}
    assert subjects == {ANA: "KR-2 is now at risk, and KR-1 moved", BO: "KR-3 is now at risk: Refunds within a day"}


def test_a_cause_without_a_delivery_makes_one_mail_too(services: MailServices) -> None:
    """A changed rule moves many key results within a moment."""
    changed = Cause(what="rule checkout changed", actor="ana@example.com")
    services.add_notice(1, ON_TRACK, COMPLETED, changed)
    services.add_notice(2, ON_TRACK, AT_RISK, changed, waits=LATER)
    services.composer.drain()
    assert len(services.rows(tables.mail)) == 1


def test_changes_absorbed_after_the_claim_are_in_the_mail(
    services: MailServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The composer reads the notice again under lock."""
    services.add_notice(1, ON_TRACK, AT_RISK, closed(1))

    def meanwhile() -> None:
        (row,) = services.rows(tables.notice)
        with writing(services.engine) as tx:
            key_results.change_notices(tx, {row.id: Change(ON_TRACK, COMPLETED, (closed(1), closed(2)))})

    after_claim(monkeypatch, meanwhile)
    services.composer.drain()
    (mail,) = services.opened()
    assert mail.line.subject.startswith("KR-1 completed")
    assert "acme/checkout#2" in mail.text


def test_a_notice_dropped_after_the_claim_is_not_mailed(
    services: MailServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change was undone. The other notices of the claim are mailed."""
    services.add_notice(1, ON_TRACK, AT_RISK, closed(1))
    services.add_notice(2, ON_TRACK, AT_RISK, closed(2), person=2)

    def meanwhile() -> None:
        with writing(services.engine) as tx:
            key_results.drop_notices(tx, {services.rows(tables.notice)[0].id: "undone"}, now=NOW)

    after_claim(monkeypatch, meanwhile)
    services.composer.drain()
    assert [mail.line.recipient for mail in services.opened()] == [BO]
    assert services.rows(tables.notice)[0].outcome == "undone"


def test_notices_of_a_deleted_person_are_deleted(services: MailServices, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the person is deleted between claim and mail."""
    services.add_notice(1, ON_TRACK, AT_RISK, closed(1))

    def meanwhile() -> None:
        with writing(services.engine) as tx:
            tx.execute(sa.delete(tables.person).where(tables.person.c.email == ANA))

    after_claim(monkeypatch, meanwhile)
    services.composer.drain()
    assert services.rows(tables.notice) == services.rows(tables.mail) == []


@pytest.mark.both_databases
def test_two_concurrent_composers_make_one_mail(services: MailServices, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has claimed one of two notices with the same cause."""
    services.add_notice(1, ON_TRACK, COMPLETED, closed(1))
    services.add_notice(2, ON_TRACK, AT_RISK, closed(1))
    monkeypatch.setattr("sync_service.notify.compose_notices.NOTICES", 1)
    both_claimed = Barrier(2)
    after_claim(monkeypatch, lambda: both_claimed.wait(timeout=10))
    with ThreadPoolExecutor(2) as two:
        claimed = [running.result(timeout=20) for running in [two.submit(services.composer.drain) for _ in range(2)]]
    assert claimed == [1, 1]
    (mail,) = services.opened()
    assert mail.line.subject == "KR-2 is now at risk, and KR-1 moved"
    assert {(row.mail_id, row.due_at) for row in services.rows(tables.notice)} == {(mail.line.id, None)}


def test_notices_that_arrive_during_locking_are_included(
    services: MailServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key result that was not locked makes the composer start again and include that one too."""
    services.add_notice(2, ON_TRACK, AT_RISK, closed(1))
    real = mails.lock_key_results
    locked: list[set[int]] = []

    def lock_while_another_comes(tx: sa.Connection, ids: set[int]) -> None:
        locked.append(set(ids))
        if len(locked) == 2:
            change = Change(ON_TRACK, COMPLETED, (closed(1),))
            notice = NewNotice(person_id=1, key_result_id=1, change=change)
            key_results.add_notices(tx, [notice], now=NOW, settle=timedelta(days=999))
        real(tx, ids)

    monkeypatch.setattr(mails, "lock_key_results", lock_while_another_comes)
    services.composer.drain()
    assert locked == [set(), {2}, {1, 2}]
    assert [mail.line.subject for mail in services.opened()] == ["KR-2 is now at risk, and KR-1 moved"]


def test_a_failing_notice_is_retried_and_does_not_block_others(
    services: MailServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row keeps the reason. Once the notice can be composed, it is mailed once."""
    services.add_notice(1, ON_TRACK, AT_RISK, closed(1))
    services.add_notice(2, ON_TRACK, AT_RISK, closed(2), person=2)
    real = Outbox.put

    def refuse_ana(outbox: Outbox, tx: sa.Connection, content: object, *, recipient: str, **columns: object) -> int:
        if recipient == ANA:
            raise RuntimeError("no words for it")
        return real(outbox, tx, content, recipient=recipient, **columns)  # type: ignore[arg-type]  # passed through

    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "put", refuse_ana)
        services.composer.drain()
    assert [mail.line.recipient for mail in services.opened()] == [BO]
    poison = services.rows(tables.notice)[0]
    assert poison.outcome == "RuntimeError: no words for it"
    assert (poison.settled_at, poison.lease) == (None, None)
    services.make_due(tables.notice)
    services.composer.drain()
    assert [mail.line.recipient for mail in services.opened()] == [BO, ANA]


def test_an_objective_owner_reads_why_they_get_the_mail(services: MailServices) -> None:
    """Bo owns no key result here."""
    services.add_notice(1, ON_TRACK, AT_RISK, closed(1), person=2)
    services.composer.drain()
    assert "because you own the objective of KR-1." in services.opened()[0].text


def after_claim(monkeypatch: pytest.MonkeyPatch, meanwhile: object) -> None:
    """Run a callback between the claim and the mail."""
    real = NoticeComposer._write_mail

    def write(composer: NoticeComposer, claimed: Sequence[Row[Any]]) -> None:
        if callable(meanwhile) and claimed[0].person_id == 1:
            meanwhile()
        real(composer, claimed)

    monkeypatch.setattr(NoticeComposer, "_write_mail", write)
