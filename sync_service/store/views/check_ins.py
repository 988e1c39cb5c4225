"""Check-ins of a key result for pages, API and command line, the newest first."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.people.check_in import Author, CheckIn
from sync_service.store import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInView:
    """A check-in. `value` is in the key result's unit; `person_id`, `name` and `email` are None without a person.

    `source` is then the name of the API token or command; empty if the person was removed. A correction
    has the time of what it corrects. `withdrawn_at` is when it was withdrawn or corrected.
    """

    id: int
    at: datetime
    person_id: int | None
    name: str | None
    email: str | None
    source: str
    confidence: int | None
    value: float | None
    note: str
    blockers: str
    corrects: int | None
    corrected_by: int | None
    withdrawn_at: datetime | None

    @property
    def by(self) -> str:
        """The author, in words."""
        return self.name or self.source or "a person who was removed"

    @property
    def author(self) -> str | None:
        """An e-mail address, or the name of an API token; None if the person was removed."""
        return self.email or self.source or None

    @property
    def entered(self) -> CheckIn:
        """The fields of the check-in."""
        return CheckIn(confidence=self.confidence, value=self.value, note=self.note, blockers=self.blockers)

    def is_by(self, author: Author) -> bool:
        """Return whether this author made it."""
        if self.person_id is not None or author.person_id is not None:
            return self.person_id == author.person_id
        return self.source == author.name != ""


def check_in_views(tx: Transaction, key_result_id: int, *, limit: int, before: int | None = None) -> list[CheckInView]:
    """Return the newest check-ins of a key result, withdrawn ones too: those with an id below `before`, if given."""
    c = tables.check_in
    older = sa.true() if before is None else c.c.id < before
    found = _views().where(c.c.key_result_id == key_result_id, older).order_by(c.c.id.desc()).limit(limit)
    return [CheckInView(**row) for row in tx.execute(found).mappings()]


def check_in_view(tx: Transaction, key_result_id: int, check_in_id: int) -> CheckInView | None:
    """Return one check-in of a key result; None when there is none."""
    c = tables.check_in
    row = tx.execute(_views().where(c.c.key_result_id == key_result_id, c.c.id == check_in_id)).mappings().one_or_none()
    return None if row is None else CheckInView(**row)


def _views() -> sa.Select[tuple[object, ...]]:
    c, p, correction = tables.check_in, tables.person, tables.check_in.alias("correction")
    columns = ("id", "at", "person_id", "confidence", "value", "note", "blockers", "withdrawn_at")
    return (
        sa.select(
            *(c.c[name] for name in columns),
            c.c.author.label("source"),
            c.c.corrects_id.label("corrects"),
            correction.c.id.label("corrected_by"),
            p.c.name,
            p.c.email,
        )
        .outerjoin(p, p.c.id == c.c.person_id)
        .outerjoin(correction, correction.c.corrects_id == c.c.id)
    )
