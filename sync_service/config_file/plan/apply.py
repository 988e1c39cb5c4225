"""Apply configuration files: plan what would change, or change it, all or nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Self
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine

from sync_service.config_file.plan.desired_state import DesiredStateBuilder
from sync_service.config_file.plan.diff import Change, diff, format_item, reverted, summarize
from sync_service.config_file.plan.follow_ups import FollowUps
from sync_service.config_file.plan.page_edits import Origins, staying
from sync_service.config_file.plan.rule_checks.closed_cycles import rules_toward_closed
from sync_service.config_file.plan.rule_checks.rule_fields import rules_without_fields
from sync_service.config_file.plan.save import ChangeWriter, MadeBy
from sync_service.config_file.plan.saving.basis import Basis, without_collecting
from sync_service.config_file.plan.saving.wired import Wired
from sync_service.config_file.plan.warnings import unnamed_people, warnings
from sync_service.config_file.read.cross_checks import (
    circles,
    dangling_references,
    duplicate_names,
    known_names,
    mixed_sums,
)
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.config_file.read.models import connection_models
from sync_service.config_file.read.parse import Document, read_document
from sync_service.config_file.read.state import ORDER, Key, State
from sync_service.domain.trackers.connector import Connector
from sync_service.store.engine import versions
from sync_service.store.engine.database import TransactionConflict, reading, writing
from sync_service.store.engine.encryption import Sealer
from sync_service.store.jobs import write_backs
from sync_service.store.people import first_admin
from sync_service.store.tables import audit

Files = Sequence[tuple[str, bytes]]
"""Each file's name, as people gave it, and its content."""

PLANNED_BEFORE = 3
"""How often a plan is made before the transaction that carries it out, which then only checks that nothing changed.

After that, others wait while it is made."""

InSameTransaction = Callable[[Transaction], None] | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What files would change, and the warnings.

    `reverts` names what they would undo of what people wrote on pages; `agreed` are the items that people edited on
    pages and that the files name.
    """

    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    reverts: tuple[str, ...] = ()
    agreed: tuple[tuple[str, Key], ...] = ()

    def lines(self) -> list[str]:
        """Return the changes, one per line, and their number."""
        if not self.changes:
            return ["nothing to change"]
        return [*(str(change) for change in self.changes), summarize(self.changes)]


class RevertsPageEdits(Exception):
    """Files that would undo what people wrote on pages, and may not. `lines` name each field."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(lines))


APPLIED = "applied configuration files"
"""What the audit log says first, where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigApplier:
    """Makes the database match files. `actor` is written to the audit log.

    `environment` resolves `env:NAME`. None: no secret that a file refers to is read, and the stored one stays.
    """

    engine: Engine
    sealer: Sealer
    connectors: Mapping[str, Connector]
    environment: Mapping[str, str] | None
    zone: ZoneInfo
    now: Callable[[], datetime]
    actor: str
    audit_text: str = APPLIED

    @classmethod
    def of(
        cls,
        services: Wired,
        *,
        actor: str,
        environment: Mapping[str, str] = MappingProxyType({}),
        audit_text: str = APPLIED,
    ) -> Self:
        """Return the applier of a process with these services."""
        return cls(
            engine=services.engine,
            sealer=services.sealer,
            connectors=services.connectors,
            environment=environment,
            zone=services.settings.zone,
            now=services.now,
            actor=actor,
            audit_text=audit_text,
        )

    def plan(self, files: Files, *, prune: bool) -> Plan:
        """Compute what would change. Raise `InvalidFiles` with every error, or `DecryptionError`."""
        document = self._read(files)
        with reading(self.engine) as tx:
            basis = Basis.read(tx, self.sealer)
        return self._plan(basis, document, prune=prune)

    def apply(self, files: Files, *, prune: bool, overwrite: bool = False) -> Plan:
        """Change the database and return what changed; `overwrite` what people wrote on pages, too.

        Raise as `plan` does, or `RevertsPageEdits`; then nothing was changed.
        """
        document = self._read(files)
        for _ in range(PLANNED_BEFORE):
            with reading(self.engine) as tx:
                basis = Basis.read(tx, self.sealer)
            plan = self._plan(basis, document, prune=prune)
            _refuse_reverts(plan, overwrite=overwrite)
            with suppress(TransactionConflict):
                self._carry_out_file(plan, basis)
                return plan
        with writing(self.engine) as tx:
            versions.lock_rules(tx)  # first, as below
            basis = Basis.read(tx, self.sealer)
            plan = self._plan(basis, document, prune=prune)
            _refuse_reverts(plan, overwrite=overwrite)
            self._write_file(tx, plan, basis, self._audit_line(plan))
        return plan

    def _carry_out_file(self, plan: Plan, basis: Basis) -> None:
        """Carry out the plan of a file. Raise `TransactionConflict` if the configuration has changed since."""
        if not plan.changes and not plan.agreed:
            return
        line = self._audit_line(plan)
        with without_collecting(), writing(self.engine) as tx:
            versions.lock_rules(tx)  # first: this row lock stops linking and other applies until the end
            if not basis.holds(tx, self.sealer):
                raise TransactionConflict("the configuration was changed since it was read")
            self._write_file(tx, plan, basis, line)

    def _write_file(self, tx: Transaction, plan: Plan, basis: Basis, line: str) -> None:
        if plan.changes:
            versions.bump(tx, versions.RULES)
            self._carry_out(tx, plan, basis, line, made_by="file")
        if plan.agreed:
            self._writer(tx, basis, made_by="file").delete_page_edits(plan.agreed)

    def edit(
        self, write: Callable[[State], Files], *, before: InSameTransaction = None, after: InSameTransaction = None
    ) -> Plan:
        """Apply files that `write` makes from the present state, so that nobody else's change is undone.

        `before` runs first, `after` last in the same transaction. Raise as `apply` does, and what these raise; then
        nothing was changed.
        """
        with writing(self.engine) as tx:
            versions.bump(tx, versions.RULES)  # first, as above
            if before is not None:
                before(tx)
            basis = Basis.read(tx, self.sealer)
            plan = self._plan(basis, self._read(write(basis.stored)), prune=False)
            if plan.changes:
                self._carry_out(tx, plan, basis, self._audit_line(plan), made_by="page")
            if after is not None:
                after(tx)
        return plan

    def apply_changes(self, choose: Callable[[State], Sequence[Change]]) -> Plan:
        """Apply changes that `choose` makes from the present state."""
        with writing(self.engine) as tx:
            versions.bump(tx, versions.RULES)  # first, as above
            basis = Basis.read(tx, self.sealer)
            plan = Plan(tuple(choose(basis.stored)), ())
            if plan.changes:
                self._carry_out(tx, plan, basis, self._audit_line(plan), made_by="page")
        return plan

    def _read(self, files: Files) -> Document:
        return read_document(files, connection_models(self.connectors.values()))

    def _plan(self, basis: Basis, document: Document, *, prune: bool) -> Plan:
        stored, origins = basis.stored, basis.origins
        kept = staying(document, stored, origins, prune=prune)
        known = known_names(document, kept)
        wanting = DesiredStateBuilder(
            document=document,
            stored=stored,
            known=known,
            connectors=self.connectors,
            environment=self.environment,
            zone=self.zone,
            staying=kept,
        )
        wanted = wanting.state()
        after = _after(kept, wanted)
        errors = [
            *document.errors,
            *wanting.errors,
            *duplicate_names(document, stored),
            *dangling_references(document, known),
            *(list(circles(document, after)) or mixed_sums(document, after)),
        ]
        if errors:
            raise InvalidFiles(errors)
        changes = diff(stored, wanted, staying=kept)
        closed = rules_toward_closed(document, changes, stored, after, now=self.now(), zone=self.zone)
        if errors := [*closed, *rules_without_fields(document, changes, after)]:
            raise InvalidFiles(errors)
        found = list(_kept(kept, wanted, origins)) if prune else list(unnamed_people(stored, wanted))
        found += warnings(after, changes, connectors=self.connectors, never_named=basis.never_named)
        edited = (item for item, origin in origins.items() if origin.edits and item[1] in wanted[item[0]])
        return Plan(tuple(changes), tuple(found), tuple(reverted(changes, origins)), tuple(edited))

    def _audit_line(self, plan: Plan) -> str:
        return "\n".join([self.audit_text, *plan.lines()])

    def _writer(self, tx: Transaction, basis: Basis, *, made_by: MadeBy) -> ChangeWriter:
        now, origins = self.now(), basis.origins
        return ChangeWriter(tx=tx, sealer=self.sealer, actor=self.actor, now=now, made_by=made_by, origins=origins)

    def _carry_out(self, tx: Transaction, plan: Plan, basis: Basis, line: str, *, made_by: MadeBy) -> None:
        saving = self._writer(tx, basis, made_by=made_by)
        now = saving.now
        consequences = FollowUps(tx, self.actor, now)
        rules = [change for change in plan.changes if change.section == "rules"]
        other_changes = [change for change in plan.changes if change.section != "rules"]
        removed = sorted((one for one in other_changes if one.after is None), key=lambda one: -ORDER.index(one.section))
        for change in removed:
            consequences.before_removal(change)
        saved = [change for change in other_changes if change.after is not None]
        saving.save(saved)
        consequences.after_saving(saved)
        saving.set_parents()
        for change in [*saved, *removed]:  # a scope that moves to another connection was adopted before
            saving.stop_watching(change)
        saving.remove(removed)
        consequences.make_due()
        first_admin.end_needless_link(tx)
        write_backs.wake(tx)
        # Rules bump the change counter and keep its row locked, so they come last.
        # New ones link before removed ones unlink: then no value is without data in between.
        saving.save([change for change in rules if change.after is not None])
        saving.remove_rules([str(change.key) for change in rules if change.after is None])
        tx.execute(sa.insert(audit).values(at=now, actor=self.actor, what=line))
        versions.bump(tx, versions.CHANGES)


def _refuse_reverts(plan: Plan, *, overwrite: bool) -> None:
    if plan.reverts and not overwrite:
        raise RevertsPageEdits(plan.reverts)


def _after(kept: State, wanted: State) -> State:
    """Return the state after applying."""
    return {section: {**kept[section], **wanted[section]} for section in ORDER}


def _kept(kept: State, wanted: State, origins: Origins) -> Iterator[str]:
    """Yield which items pruning leaves, and why."""
    for section in ORDER:
        for key in kept[section]:
            if key not in wanted[section]:
                origin = origins[section, key]
                made = f"was made on a page by {origin.changed_by or 'somebody'}"
                why = made if origin.made_by == "page" else "is needed by what was made on a page"
                yield f"{format_item(section, key)} {why}; it is kept"
