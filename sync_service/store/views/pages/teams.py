"""A team with its members, its parent team and the teams below it."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.tables import person, team


@dataclass(frozen=True, slots=True)
class Named:
    """A team or a person by the name that people read, and by its slug or e-mail address."""

    slug: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamPage:
    """A team: `parent` is None where it belongs to no other; `members` are in name order."""

    slug: str
    name: str
    parent: Named | None
    children: Sequence[Named]
    members: Sequence[Named]


def team_page(tx: Transaction, slug: str) -> TeamPage | None:
    """Return a team by its slug, in any letter case; None when there is none."""
    above = team.alias("above")
    columns = sa.select(team.c.id, team.c.slug, team.c.name, above.c.slug.label("parent"), above.c.name.label("of"))
    joined = columns.outerjoin(above, above.c.id == team.c.parent_id)
    row = tx.execute(joined.where(sa.func.lower(team.c.slug) == slug.lower())).one_or_none()
    if row is None:
        return None
    below = sa.select(team.c.slug, team.c.name).where(team.c.parent_id == row.id).order_by(team.c.name, team.c.slug)
    people = sa.select(person.c.email, person.c.name).where(person.c.team_id == row.id)
    return TeamPage(
        slug=row.slug,
        name=row.name,
        parent=Named(row.parent, row.of) if row.parent else None,
        children=[Named(*one) for one in tx.execute(below)],
        members=[Named(*one) for one in tx.execute(people.order_by(person.c.name, person.c.email))],
    )
