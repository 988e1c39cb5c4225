"""What the rights to write rules depend on: who owns a key result, which team has it, and whether its cycle is over."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.measures.status import Span
from sync_service.domain.rules.rights import Toward, Writer
from sync_service.domain.rules.rule_state import RuleState
from sync_service.store.okrs.team_settings import team_settings
from sync_service.store.tables import live_cycle, live_key_result, live_objective, person, team


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A key result that a rule counts toward. `closed` names its cycle when that one's numbers are final."""

    slug: str
    owner: str | None
    team: str | None
    closed: str | None

    def toward(self, state: RuleState) -> Toward:
        """Return a rule in a state toward it, as far as rights go."""
        return Toward(state=state, key_result=self.slug, owner=self.owner, team=self.team)


def targets(tx: Transaction, now: datetime) -> dict[int, Target]:
    """Return all key results as targets of rules, by id."""
    return _targets(tx, now, sa.true())


def target(tx: Transaction, key_result_id: int, now: datetime) -> Target:
    """Return a key result as the target of a rule."""
    return _targets(tx, now, live_key_result.c.id == key_result_id)[key_result_id]


def _targets(tx: Transaction, now: datetime, where: sa.ColumnElement[bool]) -> dict[int, Target]:
    grace_days = team_settings(tx).grace_days
    found = (
        sa.select(live_key_result.c.id, live_key_result.c.slug, person.c.email, team.c.slug.label("team"))
        .add_columns(live_cycle.c.name, live_cycle.c.starts_at, live_cycle.c.ends_at)
        .join(live_objective, live_objective.c.id == live_key_result.c.objective_id)
        .join(live_cycle, live_cycle.c.id == live_objective.c.cycle_id)
        .outerjoin(person, person.c.id == sa.func.coalesce(live_key_result.c.owner_id, live_objective.c.owner_id))
        .outerjoin(team, team.c.id == live_objective.c.team_id)
        .where(where)
    )
    return {
        row.id: Target(
            slug=row.slug,
            owner=row.email,
            team=row.team,
            closed=row.name if Span(row.starts_at, row.ends_at).frozen(now, grace_days) else None,
        )
        for row in tx.execute(found)
    }


def writer(tx: Transaction, *, role: str, person_id: int | None) -> Writer:
    """Return who wants to write rules. A token has a role, but no person, so no address and no team."""
    found = sa.select(person.c.email, team.c.slug).outerjoin(team, team.c.id == person.c.team_id)
    row = tx.execute(found.where(person.c.id == person_id)).one_or_none() if person_id is not None else None
    return Writer(role=role, email=row.email if row else None, team=row.slug if row else None)
