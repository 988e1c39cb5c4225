"""The changes of state that the snapshots of one batch show: noted one by one, saved together."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import Snapshot
from sync_service.domain.trackers.state_changes import IssueStates, SeenStates, seen_states, with_states
from sync_service.store.trackers import issue_states
from sync_service.store.trackers.issues import Identity, IssueRow


@dataclass(slots=True)
class SeenStatesOfBatch:
    """What the snapshots of a batch show of their issues' states; most show no change."""

    _seen: dict[Identity, list[SeenStates]] = field(default_factory=dict)

    def note(
        self, identity: Identity, before: Issue | None, after: Issue, snapshot: Snapshot, *, fetched: bool
    ) -> None:
        """Note what a snapshot shows that made an issue `after` from `before`."""
        if states := seen_states(before, after, snapshot, fetched=fetched):
            self._seen.setdefault(identity, []).append(states)

    def save(
        self, tx: Transaction, rows: Mapping[Identity, IssueRow], issues: Mapping[Identity, Issue]
    ) -> dict[Identity, Issue]:
        """Save the changes of state; return the issues of which they say something new."""
        if not self._seen:
            return {}
        ids = {identity: rows[identity].id for identity in self._seen}
        held = issue_states.read(tx, ids.values())
        known = {row_id: self._states_of(identity, held[row_id], issues[identity]) for identity, row_id in ids.items()}
        issue_states.save(tx, held, known)
        found = {identity: with_states(issues[identity], known[row_id].changes) for identity, row_id in ids.items()}
        return {identity: one for identity, one in found.items() if one != issues[identity]}

    def _states_of(self, identity: Identity, known: IssueStates, issue: Issue) -> IssueStates:
        for seen in self._seen[identity]:
            if seen.drop_after is not None:
                known = known.until(seen.drop_after)
            known = known.with_seen(seen.changes)
        return known.with_last(issue.state, issue.updated_at)
