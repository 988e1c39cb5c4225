"""Failed webhook deliveries, found in GitHub's list of attempts, and when to redeliver each one (retry, backoff).

GitHub never retries a delivery by itself. All attempts of one delivery have the same guid, redeliveries too; one
attempt with the status `OK` is enough. The filter `status=failure` of the list does not help: it leaves out attempts
that got no answer.
https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from connectors.github.webhook.events import event_rule_for
from connectors.json_fields import Json, exact_text, identifier, timestamp

RETRY_DELAYS = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
"""Backoff: how long after its last attempt a delivery is requested again, the first time, the second, and so on."""

MOST_KEPT = 5000
"""Most failed deliveries to store. Polling finds the changes of the others."""

ROOM = 1000
"""While more are stored, the part of a list that an earlier run left unread waits."""

_OK = "OK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One row of the list: `well` means the status `OK`, `again` that it is a redelivery."""

    id: str
    guid: str
    at: datetime
    well: bool
    again: bool
    name: str
    event: str
    repository: str | None


@dataclass(slots=True)
class FailedDelivery:
    """A delivery without a successful attempt: the path of its webhook, and its newest attempt. Times are in seconds.

    `tries` counts its redeliveries, requested by us or by anybody else. `awaited` is set while the redelivery that we
    requested last is not in the list yet.
    """

    hook: str
    id: str
    first: int
    last: int
    tries: int = 0
    awaited: bool = False

    @property
    def given_up(self) -> bool:
        """Return whether it was requested often enough."""
        return self.tries >= len(RETRY_DELAYS)

    def asked(self, now: datetime) -> None:
        """Record that we request it again."""
        self.tries += 1
        self.last, self.awaited = max(self.last, int(now.timestamp())), True

    def is_due(self, now: datetime) -> bool:
        """Return whether to request it now."""
        return not self.given_up and self.last + RETRY_DELAYS[self.tries].total_seconds() <= now.timestamp()


@dataclass(slots=True)
class Hook:
    """A webhook that leads to us, and how far its list of deliveries was read. Times are in seconds.

    Unread are the attempts after `since` and, when there is a `cursor`, those from there back to `until`. `repository`
    selects the credential to read with, `place` is the path below which the webhook was found. `pages` counts the pages
    read behind the cursor.
    """

    repository: str
    place: str
    since: int
    cursor: str | None = None
    until: int = 0
    pages: int = 0


@dataclass(slots=True)
class RedeliveryState:
    """The state that one run stores for the next: when webhooks were last listed, those found, their failed deliveries.

    `came` counts the failed deliveries that arrived later, `dropped` those that were too many to store.
    """

    places: dict[str, int] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    hooks: dict[str, Hook] = field(default_factory=dict)
    missed: dict[str, FailedDelivery] = field(default_factory=dict)
    came: int = 0
    dropped: int = 0

    @classmethod
    def of(cls, written: str | None) -> "RedeliveryState":
        """Decode the stored JSON; an empty state for None."""
        if written is None:
            return cls()
        try:
            stored = json.loads(written)
            hooks = {path: Hook(**one) for path, one in stored.pop("hooks").items()}
            missed = {guid: FailedDelivery(*one) for guid, one in stored.pop("missed").items()}
            return cls(**stored, hooks=hooks, missed=missed)
        except (ValueError, KeyError, TypeError):
            return cls()  # another version wrote it: read GitHub's lists again

    def written(self) -> str:
        """Encode the state as JSON."""
        missed = {guid: list(asdict(one).values()) for guid, one in self.missed.items()}
        return json.dumps({**asdict(self), "missed": missed}, separators=(",", ":"))

    def record(self, hook: str, found: Iterable[Attempt], came: set[str]) -> None:
        """Record attempts of one webhook. `came` collects the guids that this run saw succeed, at any webhook."""
        ordered = sorted(found, key=lambda one: one.at)
        well = {one.guid for one in ordered if one.well}
        came |= well
        self.came += sum(self.missed.pop(guid, None) is not None for guid in well)
        for one in ordered:
            if one.guid not in came:
                self._add_failed(hook, one)

    def _add_failed(self, hook: str, one: Attempt) -> None:
        at = int(one.at.timestamp())
        if one.guid not in self.missed and len(self.missed) >= MOST_KEPT:
            self.dropped += 1
            return
        known = self.missed.setdefault(one.guid, FailedDelivery(hook, one.id, first=at, last=at - 1))
        known.first = min(known.first, at)
        if at <= known.last:
            return
        if one.again and not known.awaited:
            known.tries += 1  # somebody requested it, or a run that was killed before it could store that
        known.hook, known.id, known.last, known.awaited = hook, one.id, at, False

    def drop(self, *, before: datetime) -> None:
        """Delete deliveries that GitHub no longer has, and those of deleted webhooks."""
        oldest = before.timestamp()
        self.missed = {guid: one for guid, one in self.missed.items() if one.first > oldest and one.hook in self.hooks}

    def due(self, now: datetime) -> Iterator[FailedDelivery]:
        """Return the deliveries to request now, oldest first, because GitHub deletes the oldest first."""
        return iter(sorted((one for one in self.missed.values() if one.is_due(now)), key=lambda one: one.first))


def attempts(found: Iterable[Json]) -> list[Attempt]:
    """Parse rows of the list; skip invalid ones."""
    return [one for row in found if (one := _attempt(row))]


def is_relevant(one: Attempt, *, watched: frozenset[str] | None) -> bool:
    """Return whether we parse such a delivery, and its repository is `watched` (None: all are)."""
    if event_rule_for(one.name, one.event).parse is None:
        return False
    return watched is None or one.repository is None or one.repository in watched


def _attempt(row: Json) -> Attempt | None:
    id_, guid, at = identifier(row.get("id")), exact_text(row.get("guid"), 100), timestamp(row.get("delivered_at"))
    event, action = exact_text(row.get("event"), 48), exact_text(row.get("action"), 48)
    if id_ is None or guid is None or at is None or event is None:
        return None
    return Attempt(
        id=id_,
        guid=guid,
        at=at,
        well=row.get("status") == _OK,
        again=row.get("redelivery") is True,
        name=f"{event}.{action}" if action else event,
        event=event,
        repository=identifier(row.get("repository_id")),
    )
