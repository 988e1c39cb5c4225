"""Decisions about links that rules propose: an accepted one counts at once, a declined one is not proposed again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.text import counted
from sync_service.progress.compute import compute_key_results
from sync_service.progress.link_issues import LinkInput, known_entries, relink
from sync_service.progress.rules.editor import Refused, Unknown
from sync_service.progress.term_names import TermNames, keys_of
from sync_service.store.engine import versions
from sync_service.store.okrs import key_results, link_decisions
from sync_service.store.okrs.link_decisions import ProposedLink
from sync_service.store.okrs.ruleset import Ruleset, RulesetCache
from sync_service.store.okrs.team_settings import team_settings
from sync_service.store.people import audit
from sync_service.store.trackers import issues

AT_ONCE = 500
"""Links that one decision is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDecider:
    """Decides as one person in a transaction: `by` is the name for the history, `actor` for the audit log."""

    tx: Transaction
    ruleset: Ruleset
    by: str
    actor: str
    now: datetime
    settle: timedelta

    @classmethod
    def begin(cls, tx: Transaction, *, by: str, actor: str, now: datetime, settle: timedelta) -> "LinkDecider":
        """Lock the rules, which comes before all other locks, and return the decider."""
        return cls(tx=tx, ruleset=RulesetCache().current(tx), by=by, actor=actor, now=now, settle=settle)

    def decide(self, key_result_id: int, wanted: Collection[str] | None, *, accepted: bool) -> list[ProposedLink]:
        """Accept or decline proposed links and return them: those of issues named like `acme-github:SHOP-1`, or all.

        Raise `Unknown` when one of them does not wait, `Refused` when the numbers are final.
        """
        waiting = link_decisions.waiting(self.tx, key_result_id)
        chosen = [one for one in waiting if wanted is None or one.issue in wanted][:AT_ONCE]
        missing = sorted(set(wanted or ()) - {one.issue for one in chosen})
        if missing or not chosen:
            raise Unknown(f"no proposed link of {', '.join(missing)} waits" if missing else "no proposed link waits")
        held = issues.lock(self.tx, {(one.connection_id, one.identity): None for one in chosen})
        (one,) = key_results.lock(self.tx, [key_result_id])
        if one.span.frozen(self.now, team_settings(self.tx).grace_days):
            raise Refused(f"the numbers of {one.slug} are final")
        link_decisions.save(self.tx, key_result_id, chosen, accepted=accepted, by=self.by, now=self.now)
        done = "accepted" if accepted else "declined"
        self._relink(held, f"proposed link {done} by {self.by}" if self.by else f"proposed link {done}")
        listed = ", ".join(one.issue for one in chosen[:5]) + (" …" if len(chosen) > 5 else "")
        what = f"{one.slug}: {counted(len(chosen), 'proposed link')} {done}: {listed}"
        audit.note(self.tx, actor=self.actor, what=what, at=self.now)
        return chosen

    def _relink(self, held: dict[issues.Identity, issues.IssueRow], why: str) -> None:
        entries: list[LinkInput] = []
        for connection_id in sorted({one for one, _ in held}):
            known = [(row.id, row.issue) for (one, _), row in held.items() if one == connection_id and row.issue]
            entries += known_entries(self.ruleset, connection_id, known, reasons=[RelinkReason(what=why)])
        causes = relink(self.tx, self.ruleset, entries, self._names(entries), now=self.now)
        compute_key_results(self.tx, self.ruleset, causes, now=self.now, settle=self.settle)
        versions.bump(self.tx, versions.CHANGES)

    def _names(self, entries: Sequence[LinkInput]) -> TermNames:
        return TermNames.read(self.tx, {key for one in entries for key in keys_of(one.connection_id, one.issue)})
