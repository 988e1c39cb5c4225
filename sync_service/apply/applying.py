"""Applying files: plan what would change, or change it, all or nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine

from sync_service.apply.cautions import cautions
from sync_service.apply.changes import Change, counted, differences
from sync_service.apply.checks import dangling, doubled, known_names
from sync_service.apply.consequences import Consequences
from sync_service.apply.document import read_document
from sync_service.apply.mistakes import WrongFiles
from sync_service.apply.models import connection_models
from sync_service.apply.saving import Saving
from sync_service.apply.state import ORDER, State, read_state
from sync_service.apply.wanted import Wanting
from sync_service.domain.connectors import Connector
from sync_service.store import counters, write_backs
from sync_service.store.database import reading, writing
from sync_service.store.sealing import Sealer
from sync_service.store.tables import audit

Files = Sequence[tuple[str, bytes]]
"""Each file's name, as people gave it, and its content."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What files would change, and what people should know about it."""

    changes: tuple[Change, ...]
    warnings: tuple[str, ...]

    def lines(self) -> list[str]:
        """Say the changes, one on a line, and their number."""
        if not self.changes:
            return ["nothing to change"]
        return [*(str(change) for change in self.changes), counted(self.changes)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applying:
    """Makes the database match files. `environment` is what `env:NAME` means; `actor` stands in the audit log."""

    engine: Engine
    sealer: Sealer
    connectors: Mapping[str, Connector]
    environment: Mapping[str, str]
    zone: ZoneInfo
    now: Callable[[], datetime]
    actor: str
    occasion: str = "applied configuration files"

    def plan(self, files: Files, *, prune: bool) -> Plan:
        """Work out what would change. Raises `WrongFiles` with every mistake, and `Unopenable`."""
        with reading(self.engine) as tx:
            return self._plan(tx, lambda _stored: files, prune=prune)

    def apply(self, files: Files, *, prune: bool) -> Plan:
        """Change the database, and give what was changed. Raises like `plan`; then nothing was changed."""
        plan = self.plan(files, prune=prune)
        if not plan.changes:
            return plan
        with writing(self.engine) as tx:
            counters.bump(tx, counters.RULES)  # first: nobody links, and nobody else applies, until this is done
            plan = self._plan(tx, lambda _stored: files, prune=prune)
            self._carry_out(tx, plan)
        return plan

    def edit(self, write: Callable[[State], Files]) -> Plan:
        """Apply what is written out of the state as it now stands, so that nobody else's change is undone.

        Raises as `apply` does, and what `write` raises.
        """
        with writing(self.engine) as tx:
            counters.bump(tx, counters.RULES)  # first, as above
            plan = self._plan(tx, write, prune=False)
            if plan.changes:
                self._carry_out(tx, plan)
        return plan

    def carry_out(self, choose: Callable[[State], Sequence[Change]]) -> Plan:
        """Carry out changes that are chosen out of the state as it now stands."""
        with writing(self.engine) as tx:
            counters.bump(tx, counters.RULES)  # first, as above
            plan = Plan(tuple(choose(read_state(tx, self.sealer))), ())
            if plan.changes:
                self._carry_out(tx, plan)
        return plan

    def _plan(self, tx: Transaction, write: Callable[[State], Files], *, prune: bool) -> Plan:
        stored = read_state(tx, self.sealer)
        document = read_document(write(stored), connection_models(self.connectors.values()))
        known = known_names(document, stored, prune=prune)
        wanting = Wanting(
            document=document,
            stored=stored,
            known=known,
            connectors=self.connectors,
            environment=self.environment,
            zone=self.zone,
        )
        wanted = wanting.state()
        mistakes = [*document.mistakes, *wanting.mistakes, *doubled(document, stored), *dangling(document, known)]
        if mistakes:
            raise WrongFiles(mistakes)
        changes = differences(stored, wanted, prune=prune)
        after = _after(stored, wanted, prune=prune)
        return Plan(tuple(changes), tuple(cautions(after, changes, connectors=self.connectors)))

    def _carry_out(self, tx: Transaction, plan: Plan) -> None:
        now = self.now()
        saving = Saving(tx=tx, sealer=self.sealer, actor=self.actor, now=now)
        consequences = Consequences(tx, self.actor)
        rules = [change for change in plan.changes if change.section == "rules"]
        others = [change for change in plan.changes if change.section != "rules"]
        removed = sorted((one for one in others if one.after is None), key=lambda one: -ORDER.index(one.section))
        for change in removed:
            consequences.before_removal(change)
        for change in others:
            if change.after is not None:
                saving.save(change)
                consequences.after_saving(change)
        for change in removed:
            saving.remove(change)
        consequences.make_due()
        write_backs.wake(tx)
        # Rules move the counter of changes, whose row stays locked then: so they come last.
        for change in rules:
            if change.after is None:
                saving.remove(change)
            else:
                saving.save(change)
        what = "\n".join([self.occasion, *plan.lines()])
        tx.execute(sa.insert(audit).values(at=now, actor=self.actor, what=what))
        counters.bump(tx, counters.CHANGES)


def _after(stored: State, wanted: State, *, prune: bool) -> State:
    """Give the state after applying."""
    return wanted if prune else {section: {**stored[section], **wanted[section]} for section in ORDER}
