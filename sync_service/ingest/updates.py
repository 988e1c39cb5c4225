"""Updates: what a delivery, a fetch or a poll page says, and which issues, terms and scopes it names."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from sync_service.domain.people.accounts import Sight
from sync_service.domain.trackers.observations import (
    Account,
    AccountSeen,
    CommentSeen,
    FetchNeeded,
    Ignored,
    Observation,
    ParentSeen,
    ParsedDelivery,
    ScopeRef,
    ScopeSeen,
    Snapshot,
    TermSeen,
    Tombstone,
)
from sync_service.ingest.issue_batch import IssueBatch
from sync_service.ingest.issue_versions import Source
from sync_service.progress.term_names import keys_of, terms_of
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.trackers.issues import Identity
from sync_service.store.trackers.outcomes import IgnoredOutcome, ignored
from sync_service.store.trackers.terms import TermKey


class UpdateSource(Enum):
    """How we got an update: the tracker sent a webhook, we fetched one issue, or we polled a scope."""

    WEBHOOK = "webhook"
    FETCH = "fetch"
    POLL = "poll"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What a delivery, a fetch or a poll page says, received at `received_at`.

    With `defer_compute` no key result is computed: the poll does that at its end. `relayed`: another connection to the
    same site received it.
    """

    connection_id: int
    parsed: ParsedDelivery
    received_at: datetime
    delivery_id: str | None = None
    via: UpdateSource = UpdateSource.WEBHOOK
    defer_compute: bool = False
    relayed: bool = False

    def relay(self, connection_id: int) -> "Update":
        """Return what applies to another connection to the same site: no requests, and no losses of access."""
        observations = tuple(one for one in self.parsed.observations if _concerns_everybody(one))
        parsed = replace(self.parsed, observations=observations)
        return replace(self, connection_id=connection_id, parsed=parsed, defer_compute=False, relayed=True)

    @property
    def source(self) -> Source:
        """Return the delivery and the actor, for the history."""
        actor = self.parsed.actor.name if self.parsed.actor else None
        return Source(self.delivery_id, actor, self.received_at)


LATE = timedelta(minutes=5)
"""A delivery about an older change shows how the issue was, but not that it still exists."""


def reported(updates: Iterable[Update]) -> set[Identity]:
    """Return the issues that updates show as they are now: in a fetch, a poll, or a delivery that was not sent late."""
    return {
        (update.connection_id, one.identity)
        for update in updates
        for one in update.parsed.observations
        if isinstance(one, Snapshot | ParentSeen | CommentSeen)
        and (update.via is not UpdateSource.WEBHOOK or _time_of(one) > update.received_at - LATE)
    }


def _time_of(one: Snapshot | ParentSeen | CommentSeen) -> datetime:
    return one.updated_at if isinstance(one, Snapshot) else one.at


def _concerns_everybody(one: Observation) -> bool:
    if isinstance(one, ScopeSeen | AccountSeen):
        return one.gone is None and not one.returned
    return not isinstance(one, FetchNeeded | Ignored)


Outcomes = list[list[str]]
"""The outcomes of each update's observations."""


def outcome_text(outcomes: Sequence[str]) -> str:
    """Join the outcomes of an update to one text."""
    return "; ".join(outcomes) or ignored("it says nothing")


def is_ignored(outcomes: Sequence[str]) -> bool:
    """Return whether nothing of an update was used."""
    return all(isinstance(one, IgnoredOutcome) for one in outcomes)


def relayed(ruleset: Ruleset, updates: Sequence[Update]) -> list[Update]:
    """Return what applies to the siblings of the updates' connections."""
    found = (update.relay(one) for update in updates for one in ruleset.siblings_of(update.connection_id))
    return [update for update in found if update.parsed.observations]


def gone(updates: Sequence[Update]) -> set[tuple[int, str]]:
    """Return the issues that updates call deleted or transferred.

    A fetch that says so does not count: it answers its own request.
    """
    return {
        (update.connection_id, one.identity)
        for update in updates
        for one in update.parsed.observations
        if isinstance(one, Tombstone) and update.via is not UpdateSource.FETCH
    }


def scopes(update: Update) -> Iterable[ScopeRef]:
    """Yield the scopes an update names, by their old names too: we may know a scope by its old name only."""
    for one in update.parsed.observations:
        if isinstance(one, Snapshot | ParentSeen | CommentSeen | FetchNeeded | TermSeen | ScopeSeen) and one.scope:
            yield one.scope
        if isinstance(one, ScopeSeen) and one.was:
            yield ScopeRef(one.scope.id, one.was)


def present_scopes(update: Update) -> Iterable[ScopeRef]:
    """Yield the scopes whose present name an update reports."""
    return (one.scope for one in update.parsed.observations if isinstance(one, ScopeSeen) and one.scope.name)


def identities(ruleset: Ruleset, updates: Sequence[Update]) -> dict[Identity, str | None]:
    """Return the issues that the updates name. Issues in scopes that are not watched are included only where known.

    An issue that has just left a watched scope is included even if it is new to us: earlier updates may still arrive.
    """
    wanted: dict[Identity, str | None] = {}
    for update in updates:
        connection_id = update.connection_id
        for one in update.parsed.observations:
            match one:
                case Snapshot():
                    scopes_named = [one.scope, *([one.came_from] if one.came_from else [])]
                    watched = any(ruleset.scope_of(connection_id, scope) for scope in scopes_named)
                    if watched or (connection_id, one.identity) not in wanted:
                        wanted[connection_id, one.identity] = one.key if watched else None
                case ParentSeen() | CommentSeen():
                    if one.scope and ruleset.scope_of(connection_id, one.scope):
                        wanted[connection_id, one.identity] = one.key
                    else:
                        wanted.setdefault((connection_id, one.identity), None)
                case Tombstone() if update.relayed:
                    wanted.setdefault((connection_id, one.identity), None)
                case Tombstone():
                    wanted[connection_id, one.identity] = one.key
                    if one.successor:
                        wanted.setdefault((connection_id, one.successor), None)
    return wanted


def terms(batch: IssueBatch, updates: Sequence[Update]) -> set[TermKey]:
    """Return the labels, milestones and other terms whose names the batch needs."""
    keys = {
        key
        for (connection_id, _), held in batch.rows.items()
        if held.issue
        for key in keys_of(connection_id, held.issue)
    }
    for update in updates:
        connection_id = update.connection_id
        for one in update.parsed.observations:
            if isinstance(one, Snapshot):
                keys |= {(connection_id, kind, term.id) for kind, term in terms_of(one)}
            elif isinstance(one, TermSeen):
                keys |= {(connection_id, one.kind, one_id) for one_id in (one.id, one.merged_into) if one_id}
    return keys


def accounts(ruleset: Ruleset, updates: Iterable[Update]) -> list[Sight]:
    """Return the accounts that the updates name: authors, assignees, and who acted; each once, when it was first."""
    found: dict[tuple[int, str, str], Sight] = {}
    for update in updates:
        site = ruleset.trackers[update.connection_id].site
        for account, at, since in _accounts_of(update):
            if account is not None and account.stable_id is not None:
                key = update.connection_id, account.id, account.stable_id
                one = Sight(site, at, account, since)
                found[key] = min(found.get(key, one), one)
    return list(found.values())


def _accounts_of(update: Update) -> Iterator[tuple[Account | None, datetime, datetime]]:
    """Yield accounts, each with the time at which the tracker showed its login, and that of the change it showed.

    A webhook shows the login at the time of the change; the tracker's API shows it at the time of the call.
    """
    shown = update.received_at
    for one in update.parsed.observations:
        if isinstance(one, Snapshot):
            shown = _not_after(update, one.updated_at)
            since = min(one.updated_at, shown)
            yield from ((account, shown, since) for account in (one.author, *one.assignees))
        elif isinstance(one, CommentSeen):
            shown = update.received_at if one.gone else _not_after(update, one.at)
            yield one.author, shown, shown
    yield update.parsed.actor, shown, shown


def _not_after(update: Update, at: datetime) -> datetime:
    return min(at, update.received_at) if update.via is UpdateSource.WEBHOOK else update.received_at
