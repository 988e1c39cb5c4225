"""Apply configuration files: plan what would change, or change it, all or nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine

from sync_service.config_file.plan.desired_state import DesiredStateBuilder
from sync_service.config_file.plan.diff import Change, diff, summarize
from sync_service.config_file.plan.follow_ups import FollowUps
from sync_service.config_file.plan.save import ChangeWriter
from sync_service.config_file.plan.warnings import unnamed_people, warnings
from sync_service.config_file.read.cross_checks import dangling_references, duplicate_names, known_names
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.config_file.read.models import connection_models
from sync_service.config_file.read.parse import Document, read_document
from sync_service.config_file.read.state import ORDER, State, read_state
from sync_service.domain.trackers.connector import Connector
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.store.engine.encryption import Sealer
from sync_service.store.jobs import write_backs
from sync_service.store.people import first_admin
from sync_service.store.tables import audit
from sync_service.store.trackers import scope_names

Files = Sequence[tuple[str, bytes]]
"""Each file's name, as people gave it, and its content."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What files would change, and the warnings."""

    changes: tuple[Change, ...]
    warnings: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the changes, one per line, and their number."""
        if not self.changes:
            return ["nothing to change"]
        return [*(str(change) for change in self.changes), summarize(self.changes)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigApplier:
    """Makes the database match files. `environment` resolves `env:NAME`; `actor` is written to the audit log."""

    engine: Engine
    sealer: Sealer
    connectors: Mapping[str, Connector]
    environment: Mapping[str, str]
    zone: ZoneInfo
    now: Callable[[], datetime]
    actor: str
    audit_text: str = "applied configuration files"

    def plan(self, files: Files, *, prune: bool) -> Plan:
        """Compute what would change. Raise `InvalidFiles` with every error, or `DecryptionError`."""
        with reading(self.engine) as tx:
            return self._plan(tx, self._read(files), prune=prune)

    def apply(self, files: Files, *, prune: bool) -> Plan:
        """Change the database and return what changed. Raise as `plan` does; then nothing was changed."""
        document = self._read(files)  # outside of the transaction: it takes long
        with reading(self.engine) as tx:
            plan = self._plan(tx, document, prune=prune)
        if not plan.changes:
            return plan
        with writing(self.engine) as tx:
            versions.bump(tx, versions.RULES)  # first: this row lock stops linking and other applies until the end
            plan = self._plan(tx, document, prune=prune)
            self._carry_out(tx, plan)
        return plan

    def edit(self, write: Callable[[State], Files], *, before: Callable[[Transaction], None] | None = None) -> Plan:
        """Apply files that `write` makes from the present state, so that nobody else's change is undone.

        `before` runs first in the same transaction. Raise as `apply` does, and what the two raise; then nothing was
        changed.
        """
        with writing(self.engine) as tx:
            versions.bump(tx, versions.RULES)  # first, as above
            if before is not None:
                before(tx)
            stored = read_state(tx, self.sealer)
            plan = self._plan(tx, self._read(write(stored)), prune=False, stored=stored)
            if plan.changes:
                self._carry_out(tx, plan)
        return plan

    def apply_changes(self, choose: Callable[[State], Sequence[Change]]) -> Plan:
        """Apply changes that `choose` makes from the present state."""
        with writing(self.engine) as tx:
            versions.bump(tx, versions.RULES)  # first, as above
            plan = Plan(tuple(choose(read_state(tx, self.sealer))), ())
            if plan.changes:
                self._carry_out(tx, plan)
        return plan

    def _read(self, files: Files) -> Document:
        return read_document(files, connection_models(self.connectors.values()))

    def _plan(self, tx: Transaction, document: Document, *, prune: bool, stored: State | None = None) -> Plan:
        if stored is None:
            stored = read_state(tx, self.sealer)
        known = known_names(document, stored, prune=prune)
        wanting = DesiredStateBuilder(
            document=document,
            stored=stored,
            known=known,
            connectors=self.connectors,
            environment=self.environment,
            zone=self.zone,
        )
        wanted = wanting.state()
        errors = [
            *document.errors,
            *wanting.errors,
            *duplicate_names(document, stored),
            *dangling_references(document, known),
        ]
        if errors:
            raise InvalidFiles(errors)
        changes = diff(stored, wanted, prune=prune)
        after = _after(stored, wanted, prune=prune)
        never_named = scope_names.never_named(tx)
        found = [] if prune else list(unnamed_people(stored, wanted))
        found += warnings(after, changes, connectors=self.connectors, never_named=never_named)
        return Plan(tuple(changes), tuple(found))

    def _carry_out(self, tx: Transaction, plan: Plan) -> None:
        now = self.now()
        saving = ChangeWriter(tx=tx, sealer=self.sealer, actor=self.actor, now=now)
        consequences = FollowUps(tx, self.actor)
        rules = [change for change in plan.changes if change.section == "rules"]
        other_changes = [change for change in plan.changes if change.section != "rules"]
        removed = sorted((one for one in other_changes if one.after is None), key=lambda one: -ORDER.index(one.section))
        for change in removed:
            consequences.before_removal(change)
        saved = [change for change in other_changes if change.after is not None]
        for change in saved:
            saving.save(change)
            consequences.after_saving(change)
        for change in saved:  # a scope that moves to another connection was copied before
            saving.stop_watching(change)
        for change in removed:
            saving.remove(change)
        consequences.make_due()
        first_admin.end_needless_link(tx)
        write_backs.wake(tx)
        # Rules bump the change counter and keep its row locked, so they come last.
        for change in rules:
            if change.after is None:
                saving.remove(change)
            else:
                saving.save(change)
        what = "\n".join([self.audit_text, *plan.lines()])
        tx.execute(sa.insert(audit).values(at=now, actor=self.actor, what=what))
        versions.bump(tx, versions.CHANGES)


def _after(stored: State, wanted: State, *, prune: bool) -> State:
    """Return the state after applying."""
    return wanted if prune else {section: {**stored[section], **wanted[section]} for section in ORDER}
