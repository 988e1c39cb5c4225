"""From notices to mails: one cause, one mail."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa

from sync_service.domain.people.notices import Change
from sync_service.domain.trackers.causes import Cause
from sync_service.notify.outbox import Composing, Outbox
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.store.jobs import mails
from sync_service.store.okrs import key_results
from sync_service.store.okrs.key_results import NewNotice
from tests.notify.services import ANA, AT_RISK, BO, COMPLETED, NOW, ON_TRACK, House, closed

LATER = timedelta(minutes=10)


def changes(house: House) -> int:
    """Read the count of visible changes."""
    with reading(house.engine) as tx:
        return versions.value(tx, versions.CHANGES)


def test_a_due_notice_becomes_a_mail_that_is_due(house: House) -> None:
    """The notice is settled and knows its mail; pages hear of a change."""
    house.tell(1, ON_TRACK, COMPLETED, closed(12))
    before = changes(house)
    assert house.composing.drain() == 1
    (mail,), (notice,) = house.rows(tables.mail), house.rows(tables.notice)
    assert (mail.recipient, mail.kind, mail.created_at) == (ANA, "notice", NOW)
    assert mail.due_at is not None
    assert mail.message_id.startswith("<okr-sync.")
    assert mail.message_id.endswith("@example.com>")
    assert (notice.due_at, notice.mail_id, notice.outcome) == (None, mail.id, "mailed")
    assert notice.settled_at is not None
    assert changes(house) == before + 1
    (opened,) = house.opened()
    assert opened.line.subject == "KR-1 completed: Ship the new checkout"
    assert "50 % → 100 %" in opened.text
    assert house.composing.drain() == 0


def test_what_a_mail_says_is_sealed(house: House) -> None:
    """It may carry a sign-in link."""
    house.write_mail()
    assert "KR-1" not in house.rows(tables.mail)[0].sealed_content


def test_a_notice_that_is_not_due_waits(house: House) -> None:
    """The dust may settle."""
    house.tell(1, ON_TRACK, COMPLETED, closed(12), waits=LATER)
    assert house.composing.drain() == 0
    assert house.rows(tables.mail) == []


def test_one_cause_makes_one_mail_whatever_it_moved(house: House) -> None:
    """The others that it moved go along before their time, also by way of a third; what it did not move waits."""
    house.tell(1, ON_TRACK, COMPLETED, closed(1))
    house.tell(2, ON_TRACK, AT_RISK, closed(1), closed(2), waits=LATER)
    house.tell(3, ON_TRACK, AT_RISK, closed(3, delivery="delivery-2"), waits=LATER)
    house.tell(1, ON_TRACK, AT_RISK, closed(1), person=2, waits=LATER)
    house.composing.drain()
    (mail,) = house.opened()
    assert mail.line.recipient == ANA
    assert mail.line.subject == "KR-2 is now at risk, and 2 more moved"
    first, second, third, others = house.rows(tables.notice)
    assert {row.mail_id for row in (first, second, third)} == {mail.line.id}
    assert {row.due_at for row in (first, second, third)} == {None}
    assert (others.mail_id, others.settled_at) == (None, None)


def test_what_moved_for_other_causes_waits_its_time(house: House) -> None:
    """Also when it happened to the same person."""
    house.tell(1, ON_TRACK, COMPLETED, closed(1))
    house.tell(2, ON_TRACK, AT_RISK, closed(2), waits=LATER)
    house.composing.drain()
    assert [mail.line.subject for mail in house.opened()] == ["KR-1 completed: Ship the new checkout"]
    assert [row.mail_id is None for row in house.rows(tables.notice)] == [False, True]


def test_all_that_is_due_to_a_person_at_once_is_one_mail(house: House) -> None:
    """Whatever caused it; each person gets a mail of their own."""
    house.tell(1, ON_TRACK, COMPLETED, closed(1))
    house.tell(2, ON_TRACK, AT_RISK, closed(2))
    house.tell(3, ON_TRACK, AT_RISK, closed(3), person=2)
    house.composing.drain()
    told = {mail.line.recipient: mail.line.subject for mail in house.opened()}
    assert told == {ANA: "KR-2 is now at risk, and KR-1 moved", BO: "KR-3 is now at risk: Refunds within a day"}


def test_a_cause_without_a_delivery_makes_one_mail_too(house: House) -> None:
    """A rule that changed moves many key results, a moment apart."""
    changed = Cause(what="rule checkout changed", actor="ana@example.com")
    house.tell(1, ON_TRACK, COMPLETED, changed)
    house.tell(2, ON_TRACK, AT_RISK, changed, waits=LATER)
    house.composing.drain()
    assert len(house.rows(tables.mail)) == 1


def test_what_a_notice_absorbed_since_its_claim_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read again under lock."""
    house.tell(1, ON_TRACK, AT_RISK, closed(1))

    def meanwhile() -> None:
        (row,) = house.rows(tables.notice)
        with writing(house.engine) as tx:
            key_results.change_notices(tx, {row.id: Change(ON_TRACK, COMPLETED, (closed(1), closed(2)))})

    after_claim(monkeypatch, meanwhile)
    house.composing.drain()
    (mail,) = house.opened()
    assert mail.line.subject.startswith("KR-1 completed")
    assert "acme/checkout#2" in mail.text


def test_a_notice_dropped_since_its_claim_is_not_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change was undone; the others of the claim are told."""
    house.tell(1, ON_TRACK, AT_RISK, closed(1))
    house.tell(2, ON_TRACK, AT_RISK, closed(2), person=2)

    def meanwhile() -> None:
        with writing(house.engine) as tx:
            key_results.drop_notices(tx, {house.rows(tables.notice)[0].id: "undone"}, now=NOW)

    after_claim(monkeypatch, meanwhile)
    house.composing.drain()
    assert [mail.line.recipient for mail in house.opened()] == [BO]
    assert house.rows(tables.notice)[0].outcome == "undone"


def test_notices_of_a_person_who_is_gone_vanish(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also between claim and mail."""
    house.tell(1, ON_TRACK, AT_RISK, closed(1))

    def meanwhile() -> None:
        with writing(house.engine) as tx:
            tx.execute(sa.delete(tables.person).where(tables.person.c.email == ANA))

    after_claim(monkeypatch, meanwhile)
    house.composing.drain()
    assert house.rows(tables.notice) == house.rows(tables.mail) == []


def test_two_composers_at_once_make_one_mail(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has claimed one of two notices that share a cause."""
    house.tell(1, ON_TRACK, COMPLETED, closed(1))
    house.tell(2, ON_TRACK, AT_RISK, closed(1))
    monkeypatch.setattr("sync_service.notify.outbox.NOTICES", 1)
    both_claimed = Barrier(2)
    after_claim(monkeypatch, lambda: both_claimed.wait(timeout=10))
    with ThreadPoolExecutor(2) as two:
        claimed = [running.result(timeout=20) for running in [two.submit(house.composing.drain) for _ in range(2)]]
    assert claimed == [1, 1]
    (mail,) = house.opened()
    assert mail.line.subject == "KR-2 is now at risk, and KR-1 moved"
    assert {(row.mail_id, row.due_at) for row in house.rows(tables.notice)} == {(mail.line.id, None)}


def test_notices_that_come_while_locks_are_taken_go_along(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key result that was not locked makes the composer begin again, with that one too."""
    house.tell(2, ON_TRACK, AT_RISK, closed(1))
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
    house.composing.drain()
    assert locked == [set(), {2}, {1, 2}]
    assert [mail.line.subject for mail in house.opened()] == ["KR-2 is now at risk, and KR-1 moved"]


def test_a_poison_notice_is_tried_again_and_keeps_nobody_else_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its reason is kept with it; once it can be told, it is, once."""
    house.tell(1, ON_TRACK, AT_RISK, closed(1))
    house.tell(2, ON_TRACK, AT_RISK, closed(2), person=2)
    real = Outbox.put

    def refuse_ana(outbox: Outbox, tx: sa.Connection, content: object, *, recipient: str, **columns: object) -> int:
        if recipient == ANA:
            raise RuntimeError("no words for it")
        return real(outbox, tx, content, recipient=recipient, **columns)  # type: ignore[arg-type]  # passed through

    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "put", refuse_ana)
        house.composing.drain()
    assert [mail.line.recipient for mail in house.opened()] == [BO]
    poison = house.rows(tables.notice)[0]
    assert poison.outcome == "RuntimeError: no words for it"
    assert (poison.settled_at, poison.lease) == (None, None)
    house.make_due(tables.notice)
    house.composing.drain()
    assert [mail.line.recipient for mail in house.opened()] == [BO, ANA]


def test_the_owner_of_the_objective_is_told_why_the_mail_is_theirs(house: House) -> None:
    """Bo owns no key result here."""
    house.tell(1, ON_TRACK, AT_RISK, closed(1), person=2)
    house.composing.drain()
    assert "because you own the objective of KR-1." in house.opened()[0].text


def after_claim(monkeypatch: pytest.MonkeyPatch, meanwhile: object) -> None:
    """Let something happen between the claim and the mail."""
    real = Composing._write_to

    def write(composing: Composing, person_id: int, claimed: object) -> None:
        if callable(meanwhile) and person_id == 1:
            meanwhile()
        real(composing, person_id, claimed)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(Composing, "_write_to", write)
