"""Stored rules, compiled for the custom fields of their connections and the cycles of their key results."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.condition_reach import compares_days, mentions, mentions_custom, possible_scopes
from sync_service.domain.rules.conditions import Predicate, RuleError, Subject, compile_condition
from sync_service.domain.rules.field_tests.context import RuleContext
from sync_service.domain.rules.field_tests.days import CycleDays
from sync_service.domain.rules.rule_index import CompiledRule, necessary_terms
from sync_service.domain.trackers.fields.custom_fields import CustomField, custom_fields_of
from sync_service.store.okrs.rules import MATCHES_NOTHING
from sync_service.store.okrs.team_settings import team_settings
from sync_service.store.tables import live_connection, live_cycle, live_key_result, live_objective, rule_revision


@dataclass(frozen=True, slots=True)
class RuleContexts:
    """The custom fields of each connection, and the days of the cycle of each key result, by their row ids."""

    fields: Mapping[int, Mapping[str, CustomField]]
    cycles: Mapping[int, CycleDays]

    @classmethod
    def read(cls, tx: Transaction) -> "RuleContexts":
        """Read them all."""
        return cls(custom_fields(tx), cycles(tx))

    def of(self, connection_id: int, key_result_id: int) -> RuleContext:
        """Return the context of a rule."""
        return RuleContext(self.fields.get(connection_id, {}), self.cycles.get(key_result_id))

    def compiled(
        self, condition: Mapping[str, Any], connection_id: int, key_result_id: int
    ) -> tuple[Predicate, Predicate]:
        """Return the predicates of what surely matches a stored condition, and of what may match it.

        They differ where a custom field is unknown. A condition that its connection no longer allows matches nothing
        surely.
        """
        context = self.of(connection_id, key_result_id)
        try:
            may = compile_condition(condition, (), replace(context, unknown=True))
            return compile_condition(condition, (), context), may
        except RuleError:
            return _never, _always


def _never(subject: Subject) -> bool:
    del subject
    return False


def _always(subject: Subject) -> bool:
    del subject
    return True


def compiled_rules(tx: Transaction) -> Iterator[CompiledRule]:
    """Yield the pending and the active revisions of all rules that match something."""
    contexts = RuleContexts.read(tx)
    revisions = sa.select(rule_revision).where(rule_revision.c.state.in_(("pending", "active")))
    for row in tx.execute(revisions.order_by(rule_revision.c.id)):
        if row.condition == MATCHES_NOTHING:
            continue  # a disabled rule reaches no scope
        condition = MATCHES_NOTHING if row.query else row.condition
        surely, perhaps = contexts.compiled(condition, row.connection_id, row.key_result_id)
        yield CompiledRule(
            revision_id=row.id,
            slug=row.rule_slug,
            connection_id=row.connection_id,
            key_result_id=row.key_result_id,
            predicate=surely,
            perhaps=perhaps if mentions_custom(condition) else None,
            scopes=possible_scopes(row.condition),
            terms=necessary_terms(row.condition),
            pending=row.state == "pending",
            query=row.query,
            names_parent=mentions(row.condition, "parent"),
            names_ancestors=mentions(row.condition, "under"),
            proposing=row.proposing,
        )


def custom_fields(tx: Transaction) -> dict[int, Mapping[str, CustomField]]:
    """Return the custom fields that connections name, by the connection's row id."""
    rows = tx.execute(sa.select(live_connection.c.id, live_connection.c.options))
    return {row.id: custom_fields_of(row.options) for row in rows}


def dated(tx: Transaction, key_result_ids: Collection[int]) -> list[tuple[int, int]]:
    """Return the connections and key results of rules, toward some key results, that compare days."""
    r = rule_revision.c
    current = sa.select(r.connection_id, r.key_result_id, r.condition).where(r.state.in_(("pending", "active")))
    rows = tx.execute(current.order_by(r.id)).all() if key_result_ids else ()
    found = ((row.connection_id, row.key_result_id) for row in rows if compares_days(row.condition))
    return [one for one in dict.fromkeys(found) if one[1] in key_result_ids]


def name_start(tx: Transaction, connection_id: int) -> bool:
    """Return whether a rule of a connection compares when work on issues started."""
    r = rule_revision.c
    named = sa.cast(r.condition, sa.Text).contains('"started"')
    mine = sa.and_(r.connection_id == connection_id, r.state.in_(("pending", "active")), named)
    return any(mentions(one, "started") for one in tx.scalars(sa.select(r.condition).where(mine)))


def cycles(tx: Transaction) -> dict[int, CycleDays]:
    """Return the days of the cycle of each key result."""
    settings = team_settings(tx)
    found = (
        sa.select(live_key_result.c.id, live_objective.c.team_id, live_cycle.c.starts, live_cycle.c.ends)
        .join(live_objective, live_objective.c.id == live_key_result.c.objective_id)
        .join(live_cycle, live_cycle.c.id == live_objective.c.cycle_id)
    )
    return {row.id: CycleDays(row.starts, row.ends, settings.of(row.team_id).zone) for row in tx.execute(found)}
