"""Lists of people and teams for the pages of settings."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.people.auth import SESSION_LASTS
from sync_service.store.tables import person, session, team


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """A person. `signed_in_at` is the last sign-in; None where none is known, as some time after it."""

    email: str
    name: str
    role: str
    team: str | None
    team_name: str | None
    signed_in_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamRow:
    """A team in the tree: `depth` is 0 for one without a parent; `members` counts its people."""

    slug: str
    name: str
    depth: int
    timezone: str
    cadence: str | None
    members: int


def person_rows(tx: Transaction) -> list[PersonRow]:
    """Return everybody, by name."""
    latest = sa.select(session.c.person_id, sa.func.max(session.c.expires_at).label("until"))
    seen = latest.group_by(session.c.person_id).subquery()
    columns = sa.select(
        person.c.email, person.c.name, person.c.role, team.c.slug, team.c.name.label("team_name"), seen.c.until
    )
    joined = columns.outerjoin(team, team.c.id == person.c.team_id).outerjoin(seen, seen.c.person_id == person.c.id)
    return [
        PersonRow(
            email=row.email,
            name=row.name,
            role=row.role,
            team=row.slug,
            team_name=row.team_name,
            signed_in_at=row.until - SESSION_LASTS if row.until else None,
        )
        for row in tx.execute(joined.order_by(person.c.name, person.c.email))
    ]


def team_rows(tx: Transaction) -> list[TeamRow]:
    """Return the teams so that each follows its parent, otherwise by name."""
    members = sa.select(sa.func.count()).select_from(person).where(person.c.team_id == team.c.id).scalar_subquery()
    rows = tx.execute(sa.select(team, members.label("members")).order_by(team.c.name, team.c.slug))
    below: dict[int | None, list[sa.Row[tuple[object, ...]]]] = defaultdict(list)
    for row in rows:
        below[row.parent_id].append(row)
    return _tree(below)


def _tree(below: dict[int | None, list[sa.Row[tuple[object, ...]]]]) -> list[TeamRow]:
    found: list[TeamRow] = []
    waiting: list[tuple[sa.Row[tuple[object, ...]], int]] = [(row, 0) for row in reversed(below[None])]
    while waiting:
        row, depth = waiting.pop()
        found.append(
            TeamRow(
                slug=row.slug,
                name=row.name,
                depth=depth,
                timezone=row.timezone,
                cadence=row.cadence,
                members=row.members,
            )
        )
        children: Sequence[sa.Row[tuple[object, ...]]] = below[row.id]
        waiting += [(child, depth + 1) for child in reversed(children)]
    return found
