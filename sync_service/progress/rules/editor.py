"""Edits of rules by people: save, change the state, go back to a version, remove, review; each with its rights.

A rule toward a key result whose numbers are final is refused: nothing that it matches could count.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.condition_text import describe
from sync_service.domain.rules.conditions import RuleError, compile_condition
from sync_service.domain.rules.rights import UNCOUNTED, Writer, why_not
from sync_service.domain.rules.rule_state import RuleState
from sync_service.store.engine import versions
from sync_service.store.okrs import rule_versions, rules
from sync_service.store.okrs.compiled_rules import RuleContexts
from sync_service.store.okrs.rules import Definition
from sync_service.store.people import audit
from sync_service.store.tables import live_connection, live_key_result, person, rule
from sync_service.store.views.rule_details import rights as rule_rights


class Refused(ValueError):
    """The rule can't be changed so. The message is for the person who wants it."""


class NotAllowed(Refused):
    """The person may not change the rule so."""


class Unknown(Refused):
    """There is no such rule, or no such version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEditor:
    """Makes the edits of one person in a transaction: `by` is the name for the history, `actor` for the audit log."""

    tx: Transaction
    writer: Writer
    by: str
    actor: str
    now: datetime

    def save(self, wanted: Definition, *, what: str = "") -> bool:
        """Save a rule, return whether anything changed. Raise `NotAllowed`, or `Refused` for a closed cycle."""
        versions.lock_rules(self.tx)
        before = self._stored(wanted.slug)
        self._check(wanted, before)
        changed = rules.save(self.tx, wanted, changed_by=self.by, now=self.now, what=what)
        if changed:
            self._note(wanted.slug, self._words(wanted, before, what))
        return changed

    def require(self, wanted: Definition) -> None:
        """Raise as `save` would; nothing is saved or locked."""
        self._check(wanted, self._stored(wanted.slug, lock=False))

    def set_state(self, slug: str, state: RuleState) -> bool:
        """Change the state of a rule; return whether it had another one."""
        return self.save(replace(self._find(slug), state=state))

    def undo(self, slug: str, number: int) -> bool:
        """Make an earlier version of a rule, which may have been removed, its newest; return whether it differs.

        Raise `Unknown` when there is no such version, `Refused` when what it names no longer exists.
        """
        versions.lock_rules(self.tx)
        found = next((one for one in rule_versions.read(self.tx, slug) if one.number == number), None)
        if found is None:
            raise Unknown(f"rule {slug} has no version {number}")
        if found.definition is None:
            raise Refused(f"in version {number} rule {slug} was removed; remove it instead")
        wanted = self._definition(slug, found.definition)
        return self.save(wanted, what=f"back to version {number}")

    def remove(self, slug: str) -> None:
        """Remove a rule. Its versions stay, so that it can come back."""
        versions.bump(self.tx, versions.RULES)
        before = self._find(slug)
        self._check(replace(before, state=RuleState.DISABLED), before)
        rules.remove(self.tx, [slug], changed_by=self.by, now=self.now)
        versions.bump(self.tx, versions.CHANGES)
        self._note(slug, "removed")

    def review(self, slug: str) -> None:
        """Store that somebody who may write the rule says that it is still right."""
        versions.lock_rules(self.tx)
        one = self._find(slug)
        self._require(why_not(self.writer, [self._target(one).toward(one.state)]), owner_id=one.owner_id)
        reviewed = {"reviewed_at": self.now, "reviewed_by": self.by}
        self.tx.execute(sa.update(rule).where(rule.c.slug == slug).values(reviewed))
        versions.bump(self.tx, versions.CHANGES)
        self._note(slug, "reviewed")

    def _check(self, wanted: Definition, before: Definition | None) -> None:
        forms = [self._target(one).toward(one.state) for one in (before, wanted) if one is not None]
        ends = before is not None and before.state in UNCOUNTED and wanted.state is RuleState.DISABLED
        self._require(why_not(self.writer, forms[:1] if ends else forms))
        self._check_condition(wanted)
        closed = self._target(wanted).closed
        if closed is not None and wanted.state is not RuleState.DISABLED:
            slug = self._target(wanted).slug
            raise Refused(f"the numbers of {slug} are final: its cycle {closed} is closed; choose one of another cycle")

    def _check_condition(self, wanted: Definition) -> None:
        """Raise `Refused` for a condition that its connection does not allow."""
        if not wanted.condition or wanted.state is RuleState.DISABLED:
            return
        context = RuleContexts.read(self.tx).of(wanted.connection_id, wanted.key_result_id)
        try:
            compile_condition(wanted.condition, (), context)
        except RuleError as error:
            raise Refused(str(error)) from error

    def _require(self, reason: str | None, *, owner_id: int | None = None) -> None:
        if reason is None:
            return
        email = sa.select(person.c.email).where(person.c.id == owner_id)
        owns = owner_id is not None and self.writer.email is not None
        if not (owns and self.writer.role != "viewer" and self.tx.scalar(email) == self.writer.email):
            raise NotAllowed(reason)

    def _target(self, one: Definition) -> rule_rights.Target:
        return rule_rights.target(self.tx, one.key_result_id, self.now)

    def _find(self, slug: str) -> Definition:
        found = self._stored(slug)
        if found is None:
            raise Unknown(f"there is no rule {slug}")
        return found

    def _stored(self, slug: str, *, lock: bool = True) -> Definition | None:
        found = sa.select(rule).where(rule.c.slug == slug)
        row = self.tx.execute(found.with_for_update() if lock else found).one_or_none()
        return None if row is None else rules.definition_of(row)

    def _definition(self, slug: str, written: Any) -> Definition:
        """Return a version's definition with the ids of what it names."""
        return Definition(
            slug=slug,
            owner_id=self.tx.scalar(sa.select(person.c.id).where(person.c.email == written["owner"])),
            connection_id=self._id(live_connection, "connection", written["connection"]),
            key_result_id=self._id(live_key_result, "key result", written["key_result"]),
            condition=written["when"] or {},
            query=written["query"],
            state=RuleState(written["state"]),
        )

    def _id(self, table: Any, kind: str, slug: str) -> int:
        found: int | None = self.tx.scalar(sa.select(table.c.id).where(table.c.slug == slug))
        if found is None:
            raise Refused(f"that version names the {kind} {slug}, which no longer exists")
        return found

    def _words(self, wanted: Definition, before: Definition | None, what: str) -> str:
        """Return what an edit did, for the audit log."""
        done = what or ("created" if before is None else "changed")
        if before is not None and not what and before.state is not wanted.state:
            done = _STATE_EDITS[wanted.state]
        return f"{done}: {wanted.query or describe(wanted.condition)}" if wanted.state.matches else done

    def _note(self, slug: str, what: str) -> None:
        audit.note(self.tx, actor=self.actor, what=f"rule {slug} {what}", at=self.now)


_STATE_EDITS = {
    RuleState.ACTIVE: "enabled",
    RuleState.PROPOSING: "made to propose",
    RuleState.DRAFT: "made a draft",
    RuleState.DISABLED: "disabled",
}
