"""Retry loop over claimed rows: each alone or in groups. A failing row is retried and stops no other."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine, Row
from sqlalchemy.exc import OperationalError

from sync_service.store import tables
from sync_service.store.engine.availability import is_away
from sync_service.store.engine.database import database_now, open_database, reading, writing
from sync_service.store.queue import due
from sync_service.store.queue.retry import MOST_ATTEMPTS, drain_rows, one_group

MAIL = tables.mail
RECIPIENTS = ("ana", "bo", "ana", "cy")


class Work:
    """Settles the rows that it gets, and fails when a poison row is among them."""

    def __init__(self, engine: Engine, *, poison: dict[str, Exception] | None = None) -> None:
        self.engine = engine
        self.poison = poison or {}
        self.got: list[list[str]] = []

    def __call__(self, rows: Sequence[Row[Any]]) -> None:
        """Settle the rows in one transaction, or raise the error of a poison row."""
        self.got.append([row.message_id for row in rows])
        with writing(self.engine) as tx:
            due.settle(tx, MAIL, rows, [{"outcome": "sent"}] * len(rows))
            for row in rows:
                if row.message_id in self.poison:
                    raise self.poison[row.message_id]


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """Return a database with four due mails: m0 and m2 to ana, m1 to bo, m3 to cy."""
    opened = open_database(migrated_url)
    with writing(opened) as tx:
        now = database_now(tx)
        same = {"kind": "notice", "sealed_content": "", "created_at": now}
        rows = [
            {"message_id": f"m{number}", "recipient": name, "due_at": now - timedelta(seconds=60 - number), **same}
            for number, name in enumerate(RECIPIENTS)
        ]
        tx.execute(sa.insert(MAIL), rows)
    yield opened
    opened.dispose()


def outcomes(engine: Engine) -> list[str]:
    """Return the outcome of each mail, with a star if it is still waiting."""
    with reading(engine) as tx:
        rows = tx.execute(sa.select(MAIL).order_by(MAIL.c.id)).all()
    return [f"{row.outcome}{'*' if row.due_at else ''}" for row in rows]


def test_without_groups_each_row_is_worked_on_alone(engine: Engine) -> None:
    """Oldest first, up to the limit."""
    work = Work(engine)
    assert [drain_rows(engine, MAIL, work, limit=3) for _ in range(3)] == [3, 1, 0]
    assert work.got == [["m0"], ["m1"], ["m2"], ["m3"]]
    assert outcomes(engine) == ["sent"] * 4


def test_rows_of_a_group_are_worked_on_together(engine: Engine) -> None:
    """Groups are in the order of their first rows."""
    work = Work(engine)
    assert drain_rows(engine, MAIL, work, limit=9, group_by=attrgetter("recipient")) == 4
    assert work.got == [["m0", "m2"], ["m1"], ["m3"]]


def test_a_group_that_fails_is_retried_whole_and_stops_no_other(engine: Engine) -> None:
    """Its work is not divisible: one mail to one person."""
    work = Work(engine, poison={"m2": ValueError("no words")})
    drain_rows(engine, MAIL, work, limit=9, group_by=attrgetter("recipient"))
    assert outcomes(engine) == ["ValueError: no words*", "sent", "ValueError: no words*", "sent"]


def test_of_divisible_work_only_the_row_that_fails_alone_is_retried(engine: Engine) -> None:
    """Together first, then one by one."""
    work = Work(engine, poison={"m2": ValueError("no words")})
    drain_rows(engine, MAIL, work, limit=9, group_by=one_group, divisible=True)
    assert work.got == [["m0", "m1", "m2", "m3"], ["m0"], ["m1"], ["m2"], ["m3"]]
    assert outcomes(engine) == ["sent", "sent", "ValueError: no words*", "sent"]


def test_divisible_work_on_a_single_row_is_tried_once(engine: Engine) -> None:
    """There is nothing to divide."""
    work = Work(engine, poison={"m0": ValueError("no words")})
    drain_rows(engine, MAIL, work, limit=1, group_by=one_group, divisible=True)
    assert work.got == [["m0"]]
    assert outcomes(engine)[0] == "ValueError: no words*"


@pytest.mark.parametrize("divisible", [False, True])
def test_a_row_whose_lease_is_lost_is_left_to_its_new_holder(engine: Engine, *, divisible: bool) -> None:
    """The other rows are settled."""
    work = Work(engine, poison={"m1": due.LeaseLost("somebody else has it")})
    group_by = one_group if divisible else None
    drain_rows(engine, MAIL, work, limit=9, group_by=group_by, divisible=divisible)
    assert outcomes(engine) == ["sent", "*", "sent", "sent"]
    with reading(engine) as tx:
        assert tx.scalar(sa.select(MAIL.c.lease).where(MAIL.c.message_id == "m1"))


@pytest.mark.parametrize("divisible", [False, True])
def test_an_error_of_the_database_is_raised_and_blames_no_row(engine: Engine, *, divisible: bool) -> None:
    """Their leases end, and they are due again."""
    work = Work(engine, poison={"m1": OperationalError("UPDATE", {}, Exception("disk full"))})
    group_by = one_group if divisible else None
    with pytest.raises(OperationalError):
        drain_rows(engine, MAIL, work, limit=9, group_by=group_by, divisible=divisible)
    assert outcomes(engine) == (["*"] * 4 if divisible else ["sent", "*", "*", "*"])


def test_a_row_that_fails_too_often_is_buried_with_its_last_reason(engine: Engine) -> None:
    """A person must see it then."""
    with writing(engine) as tx:
        tx.execute(sa.update(MAIL).values(attempts=MOST_ATTEMPTS - 1))
    drain_rows(engine, MAIL, Work(engine, poison={"m0": ValueError("no words\nat all")}), limit=1)
    assert outcomes(engine)[0] == f"failed {MOST_ATTEMPTS} times, last error: ValueError: no words"


@pytest.mark.both_databases
@pytest.mark.parametrize("statement", ["SELECT * FROM nothing_like_it", "SELECT nothing FROM mail", "SELEKT 1"])
def test_a_statement_that_is_wrong_is_no_failure_of_the_database(engine: Engine, statement: str) -> None:
    """SQLite calls it an `OperationalError`. Its row is tried again, and buried in the end: waiting does not help."""

    def work(rows: Sequence[Row[Any]]) -> None:
        del rows
        with reading(engine) as tx:
            tx.execute(sa.text(statement))

    assert drain_rows(engine, MAIL, work, limit=1) == 1
    with reading(engine) as tx:
        row = tx.execute(sa.select(MAIL).where(MAIL.c.attempts > 0)).one()
    assert row.outcome.startswith(("OperationalError", "ProgrammingError"))
    assert row.due_at is not None


def test_only_errors_of_a_database_say_that_it_is_away() -> None:
    """Another error is a bug of ours, wherever it comes from."""
    assert is_away(OperationalError("SELECT 1", {}, ConnectionRefusedError("refused")))
    assert not is_away(ValueError("no database"))
