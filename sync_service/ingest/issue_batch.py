"""The issues of one batch: locked, changed by one observation after the other, saved once."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from sqlalchemy.engine import Connection

from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.trackers.causes import UNSPECIFIED_CHANGE, describe_change
from sync_service.domain.trackers.fields.custom_fields import CustomField
from sync_service.domain.trackers.issue import Issue, with_fields
from sync_service.domain.trackers.merge import is_outdated, merge_parent, merge_snapshot, merge_tombstone
from sync_service.domain.trackers.observations import CommentSeen, FetchNeeded, ParentSeen, Snapshot, Tombstone
from sync_service.ingest.issue_versions import IssueVersion, NewKey, Source, issue_change, with_kept_fields_of
from sync_service.ingest.seen_states import SeenStatesOfBatch
from sync_service.progress.comment_links import comment_outcome
from sync_service.progress.link_issues import LinkInput
from sync_service.progress.term_names import TermNames
from sync_service.store.okrs import link_decisions, links
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.trackers import issues, link_comments
from sync_service.store.trackers.issues import Identity, IssueRow
from sync_service.store.trackers.outcomes import NewsOutcome, ignored


@dataclass(slots=True)
class IssueBatch:
    """The locked issues of a batch, and what happened to each, in order.

    `fetch_requests` are the fetches to request. `followed` are connections whose manual links moved beyond the batch,
    each with the reason.
    """

    ruleset: Ruleset
    rows: Mapping[Identity, IssueRow]
    followed: list[tuple[int, list[RelinkReason]]] = field(default_factory=list)
    fetch_requests: dict[Identity, tuple[FetchNeeded, str | None]] = field(default_factory=dict)
    _issues: dict[Identity, Issue] = field(default_factory=dict)
    _changes: dict[Identity, list[IssueVersion]] = field(default_factory=dict)
    _closes_differ: set[Identity] = field(default_factory=set)
    _earlier_keys: list[NewKey] = field(default_factory=list)
    _states: SeenStatesOfBatch = field(default_factory=SeenStatesOfBatch)
    _sources: dict[Identity, Source] = field(default_factory=dict)

    @classmethod
    def lock(cls, tx: Connection, ruleset: Ruleset, wanted: Mapping[Identity, str | None]) -> "IssueBatch":
        """Lock the issues; see `issues.lock` for `wanted`."""
        held = issues.lock(tx, wanted)
        return cls(ruleset, held, _issues={identity: one.issue for identity, one in held.items() if one.issue})

    def merge_snapshot(
        self, connection_id: int, snapshot: Snapshot, source: Source, *, names: TermNames, fetched: bool = False
    ) -> str:
        """Merge a snapshot, whose term names are already in `names`; return the outcome."""
        identity = (connection_id, snapshot.identity)
        if identity not in self.rows:
            return ignored(self.ruleset.why_unwatched(connection_id, snapshot.scope))
        before = self._issues.get(identity)
        after = merge_snapshot(before, snapshot, fetched=fetched, received_at=source.received_at)
        if before is not None and before.closes_fetched and not after.closes_fetched and before.closes != after.closes:
            self._closes_differ.add(identity)
        if snapshot.key != after.key and after.scope is not None and snapshot.scope.id != after.scope.id:
            self._earlier_keys.append(NewKey(connection_id, snapshot.identity, snapshot.key, after.key))
        self._states.note(identity, before, after, snapshot, fetched=fetched)
        self._sources[identity] = source
        outcome_text = self._record_change(identity, before, after, source, names)
        older = before is not None and before.updated_at is not None and snapshot.updated_at < before.updated_at
        return outcome_text or f"{snapshot.key}: nothing new" + (", something newer is known" if older else "")

    def merge_parent(
        self, connection_id: int, seen: ParentSeen, source: Source, *, names: TermNames
    ) -> tuple[str, FetchNeeded | None]:
        """Merge an issue's parent; return the outcome, and a fetch where another parent had the same time."""
        identity = (connection_id, seen.identity)
        if identity not in self.rows:
            return ignored(self.ruleset.why_unwatched(connection_id, seen.scope)), None
        before = self._issues.get(identity)
        after = merge_parent(before, seen, received_at=source.received_at)
        outcome_text = (
            self._record_change(identity, before, after, source, names) or f"{seen.key}: nothing new about its parent"
        )
        if before is None or before.parent_at != seen.at or before.parent_key == seen.parent.key:
            return outcome_text, None
        doubt = "in doubt: it had another parent at the same time"
        return outcome_text, FetchNeeded(identity=seen.identity, key=seen.key, reason=doubt)

    def _record_change(
        self, identity: Identity, before: Issue | None, after: Issue, source: Source, names: TermNames
    ) -> str | None:
        """Record the change of an issue; return its outcome, or None where only our own fields of it changed."""
        if after is before:
            return None
        self._record(identity, before, after, source)
        if before is not None and with_kept_fields_of(before, after) == before:
            return None
        if before is not None and with_fields(before, in_doubt=after.in_doubt) == after:
            return f"{after.key}: another change has the same time"
        what = describe_change(
            before, after, name_of=partial(names.name, identity[0]), fields=self._fields(identity[0])
        )
        outcome_text = f"{after.key}: applied, {what}"
        return outcome_text if what == UNSPECIFIED_CHANGE else NewsOutcome(outcome_text)

    def doubt_about(
        self, connection_id: int, snapshot: Snapshot, *, is_ahead: bool, listed_at: datetime | None
    ) -> FetchNeeded | None:
        """Return a fetch where another change of the issue has the same time and other content.

        Also where its time `is_ahead` of our clock; where a fetch showed that a pull request closes other issues than
        its text says; where a poll, at `listed_at`, shows an issue that is gone, or an older change than we have known
        for long, after the tracker was restored from a backup.
        """
        held = self._issues.get((connection_id, snapshot.identity))
        if held is None:
            return None
        if is_ahead:
            doubt = "the time of the change is ahead of our clock"
        elif listed_at is not None and is_outdated(held, snapshot, listed_at):
            doubt = "listed with an older change than is known"
        elif listed_at is not None and held.gone_reason is not None:
            doubt = f"listed, and {held.gone_reason}"
        elif (connection_id, snapshot.identity) in self._closes_differ:
            doubt = "it was seen to close other issues"
        elif held.in_doubt:
            doubt = "two changes have the same time"
        else:
            return None
        return FetchNeeded(identity=held.identity, key=held.key, reason=f"in doubt: {doubt}")

    def merge_tombstone(self, tx: Connection, connection_id: int, tombstone: Tombstone, source: Source) -> str:
        """Apply a deletion or transfer; manual links follow the issue to its new key."""
        identity = (connection_id, tombstone.identity)
        if identity not in self.rows:
            return f"ignored, because {tombstone.key} is not known"
        before = self._issues.get(identity)
        after = merge_tombstone(before, tombstone)
        if after is not before:
            self._record(identity, before, after, source)
            if tombstone.moved_to and tombstone.successor:
                self._follow(tx, connection_id, tombstone)
                self._link_successor(connection_id, tombstone, source)
        return f"{tombstone.key}: {after.gone_reason}"

    def save_comment(
        self, tx: Connection, connection_id: int, seen: CommentSeen, source: Source
    ) -> tuple[str, FetchNeeded | None]:
        """Store what a comment asks for; return the outcome, and a fetch where its issue is not known yet."""
        identity = (connection_id, seen.identity)
        if identity not in self.rows:
            why = self.ruleset.why_unwatched(connection_id, seen.scope) if seen.scope else f"{seen.key} is not known"
            return ignored(why), None
        last_identity, _ = self._last_key(tx, connection_id, identity=seen.identity, key=seen.key)
        before = self._issues.get((connection_id, last_identity))
        key = before.key if before and last_identity == seen.identity else seen.key
        if not link_comments.save(tx, connection_id, seen, identity=last_identity):
            return f"{key}: nothing new in the comment", None
        outcome_text = f"{key}: {comment_outcome(self.ruleset, connection_id, seen)}"
        if last_identity != seen.identity:
            self._relink(connection_id, last_identity, f"a comment on {seen.key} moved with it")
        elif before is not None:
            self._record(identity, before, before, source, what="comment deleted" if seen.gone else "commented")
        unseen = FetchNeeded(identity=last_identity, key=seen.key, reason="the issue is not known yet")
        return outcome_text, unseen if before is None and last_identity == seen.identity else None

    def _follow(self, tx: Connection, connection_id: int, tombstone: Tombstone) -> None:
        """Move manual links and comments to the new identity, and on if a later move is already known."""
        assert tombstone.successor is not None
        assert tombstone.moved_to is not None
        last_identity, last_key = self._last_key(
            tx, connection_id, identity=tombstone.successor, key=tombstone.moved_to
        )
        from_issue_id = self.rows[connection_id, tombstone.identity].id
        link_comments.follow(tx, connection_id, from_identity=tombstone.identity, to_identity=last_identity)
        link_decisions.follow(tx, connection_id, from_identity=tombstone.identity, to_identity=last_identity)
        links.follow(
            tx, connection_id=connection_id, from_issue_id=from_issue_id, from_key=tombstone.key, to_key=last_key
        )
        if last_key != tombstone.moved_to:
            self._relink(connection_id, last_identity, f"{tombstone.key} moved to {last_key}")

    def _relink(self, connection_id: int, identity: str, what: str) -> None:
        self.followed.append((connection_id, [RelinkReason(what=what, issue=identity)]))

    def _last_key(self, tx: Connection, connection_id: int, *, identity: str, key: str) -> tuple[str, str]:
        """Follow the known transfers of an issue, in this batch too; return its last identity and key."""
        seen: set[str] = set()
        while identity not in seen:
            seen.add(identity)
            one = self._issues.get((connection_id, identity))
            moved_to = one.moved_to if one else issues.transferred_to(tx, connection_id, identity)
            if moved_to is None:
                break
            identity, key = moved_to
        return identity, key

    def _link_successor(self, connection_id: int, tombstone: Tombstone, source: Source) -> None:
        """Link the successor again where it was seen before the transfer: the moved links find it now."""
        successor = self._issues.get((connection_id, tombstone.successor or ""))
        if successor:
            what = f"moved here from {tombstone.key}"
            self._record((connection_id, successor.identity), successor, successor, source, what=what)

    def _record(
        self, identity: Identity, before: Issue | None, after: Issue, source: Source, *, what: str | None = None
    ) -> None:
        self._issues[identity] = after
        self._changes.setdefault(identity, []).append(IssueVersion(before, after, source, what))

    def touched(self) -> Iterable[tuple[int, Issue]]:
        """Yield every version of every changed issue, with the id of its connection."""
        for (connection_id, _), changes in self._changes.items():
            for change in changes:
                if change.before:
                    yield connection_id, change.before
                yield connection_id, change.after

    @property
    def changed(self) -> Iterable[Identity]:
        """Return the identities of the changed issues."""
        return self._changes.keys()

    def differences(self) -> Iterable[tuple[Identity, Issue | None, Issue]]:
        """Yield each changed issue as it was before the batch, if it was known, and as it is now."""
        for identity, changes in self._changes.items():
            yield identity, changes[0].before, changes[-1].after

    def new_keys(self) -> Iterable[NewKey]:
        """Yield the issues that have another key than before, as they say themselves or as their children say.

        A late snapshot may say an earlier key.
        """
        yield from self._earlier_keys
        for (connection_id, identity), changes in self._changes.items():
            versions = [one for one in (changes[0].before, *(change.after for change in changes)) if one is not None]
            last = versions[-1]
            for before in versions[:-1]:
                yield NewKey(connection_id, identity, before.key, last.key)
                parent = last.parent_identity
                if parent and parent == before.parent_identity and before.parent_key and last.parent_key:
                    yield NewKey(connection_id, parent, before.parent_key, last.parent_key)
            if last.moved_to is not None:
                yield NewKey(connection_id, last.moved_to[0], last.key, last.moved_to[1])

    def first_seen(self) -> Iterable[tuple[Identity, str]]:
        """Yield the issues that were not known before, each with its key."""
        for identity, changes in self._changes.items():
            if changes[0].before is None or changes[0].before.state is None:
                yield identity, changes[-1].after.key

    def save(self, tx: Connection, *, reported: Collection[Identity]) -> None:
        """Save the changed issues, and their changes of state; the tracker has just `reported` some of them."""
        for identity, one in self._states.save(tx, self.rows, self._issues).items():
            self._note_past(identity, one)
        changed = sorted(self._changes)
        issues.save(
            tx,
            [(self.rows[one].id, self._scope_id(one), self._issues[one]) for one in changed],
            reported={self.rows[one].id for one in changed if one in reported},
        )

    def _note_past(self, identity: Identity, after: Issue) -> None:
        """Note that an issue has new changes of state, together with its last change or without one."""
        changes = self._changes.get(identity)
        if changes:
            self._issues[identity], changes[-1] = after, replace(changes[-1], after=after)
        else:
            what = "an earlier state of it came late"
            self._record(identity, self._issues[identity], after, self._sources[identity], what=what)

    def _scope_id(self, identity: Identity) -> int | None:
        one = self._issues[identity]
        scope = self.ruleset.scope_of(identity[0], one.scope) if one.scope else None
        return scope.id if scope else None

    def entries(self, names: TermNames) -> list[LinkInput]:
        """Return the changed issues for linking, each with its changes in words."""
        return [self._entry(identity, names) for identity in sorted(self._changes)]

    def _entry(self, identity: Identity, names: TermNames) -> LinkInput:
        connection_id, one = identity[0], self._issues[identity]
        return LinkInput(
            row_id=self.rows[identity].id,
            connection_id=connection_id,
            issue=one,
            scope=self.ruleset.scope_of(connection_id, one.scope) if one.scope else None,
            changes=tuple(
                issue_change(change, connection_id, names, self._fields(connection_id))
                for change in self._changes[identity]
            ),
        )

    def _fields(self, connection_id: int) -> Mapping[str, CustomField]:
        return self.ruleset.trackers[connection_id].fields
