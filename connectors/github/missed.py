"""Which of GitHub's deliveries never reached us: judged by its own list of attempts, and when to ask for one again.

GitHub never sends a delivery again by itself. Attempts of one delivery have the same guid, which a redelivery keeps;
one of them with the status `OK` is enough. The list's filter `status=failure` is of no use: it leaves out attempts that
got no answer.
https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from connectors.fields import Json, exact, identifier, moment
from connectors.github.events import treatment_of

PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
"""How long after its last attempt a delivery is asked for again: the first time, the second, and so on."""

MOST_KEPT = 5000
"""Missed deliveries that are remembered at most. The rest is left to lists of what changed."""

ROOM = 1000
"""While more are remembered, what an earlier run left of a list waits."""

_OK = "OK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One row of the list."""

    id: str
    guid: str
    at: datetime
    well: bool
    again: bool
    name: str
    event: str
    repository: str | None


@dataclass(slots=True)
class Missed:
    """A delivery without an attempt that went well: by which hook it came, and its newest attempt. Times are seconds.

    `tries` counts how often it was asked for again, by us or by anybody; `awaited` says that the attempt we asked for
    last was not seen yet.
    """

    hook: str
    id: str
    first: int
    last: int
    tries: int = 0
    awaited: bool = False

    @property
    def given_up(self) -> bool:
        """Tell whether it was asked for often enough."""
        return self.tries >= len(PAUSES)

    def asked(self, now: datetime) -> None:
        """Note that it is asked for again."""
        self.tries += 1
        self.last, self.awaited = max(self.last, int(now.timestamp())), True

    def is_due(self, now: datetime) -> bool:
        """Tell whether it is to be asked for now."""
        return not self.given_up and self.last + PAUSES[self.tries].total_seconds() <= now.timestamp()


@dataclass(slots=True)
class Hook:
    """A webhook that leads to us. What is newer than `since` in its list was not read yet.

    Nor was, where there is a `cursor`, what stands from there back to `until`. `repository` says with which credential
    it is read, `place` where it was found. Times are seconds.
    """

    repository: str
    place: str
    since: int
    cursor: str | None = None
    until: int = 0


@dataclass(slots=True)
class Memory:
    """What one run wants the next to know: when each place was last looked at for hooks, those found, what they missed.

    `came` counts the missed deliveries that came after all, `dropped` those that were too many to remember.
    """

    places: dict[str, int] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    hooks: dict[str, Hook] = field(default_factory=dict)
    missed: dict[str, Missed] = field(default_factory=dict)
    came: int = 0
    dropped: int = 0

    @classmethod
    def of(cls, written: str | None) -> "Memory":
        """Read what was written; nothing is remembered yet where it is None."""
        if written is None:
            return cls()
        try:
            told = json.loads(written)
            hooks = {path: Hook(**one) for path, one in told.pop("hooks").items()}
            missed = {guid: Missed(*one) for guid, one in told.pop("missed").items()}
            return cls(**told, hooks=hooks, missed=missed)
        except (ValueError, KeyError, TypeError):
            return cls()  # another version wrote it: all there is to know stands in GitHub's lists

    def written(self) -> str:
        """Write it down."""
        missed = {guid: list(asdict(one).values()) for guid, one in self.missed.items()}
        return json.dumps({**asdict(self), "missed": missed}, separators=(",", ":"))

    def take(self, hook: str, found: Iterable[Attempt], came: set[str]) -> None:
        """Take attempts by one hook; `came` are the guids that this run has seen go well, by any."""
        told = sorted(found, key=lambda one: one.at)
        well = {one.guid for one in told if one.well}
        came |= well
        self.came += sum(self.missed.pop(guid, None) is not None for guid in well)
        for one in told:
            if one.guid not in came:
                self._miss(hook, one)

    def _miss(self, hook: str, one: Attempt) -> None:
        at = int(one.at.timestamp())
        if one.guid not in self.missed and len(self.missed) >= MOST_KEPT:
            self.dropped += 1
            return
        held = self.missed.setdefault(one.guid, Missed(hook, one.id, first=at, last=at - 1))
        held.first = min(held.first, at)
        if at <= held.last:
            return
        if one.again and not held.awaited:
            held.tries += 1  # asked for by somebody, or by a run that ended before it could note it
        held.hook, held.id, held.last, held.awaited = hook, one.id, at, False

    def forget(self, *, before: datetime) -> None:
        """Forget what GitHub keeps no longer, and what came by hooks that are no more."""
        oldest = before.timestamp()
        self.missed = {guid: one for guid, one in self.missed.items() if one.first > oldest and one.hook in self.hooks}

    def due(self, now: datetime) -> Iterator[Missed]:
        """Give what is to be asked for now, oldest first: it is the first to be no longer there."""
        return iter(sorted((one for one in self.missed.values() if one.is_due(now)), key=lambda one: one.first))


def attempts(found: Iterable[Json]) -> list[Attempt]:
    """Read rows of the list; what can't be read is left out."""
    return [one for row in found if (one := _attempt(row))]


def matters(one: Attempt, *, watched: frozenset[str] | None) -> bool:
    """Tell whether a delivery is about something that we read, and in a repository that is `watched`; None: any is."""
    if treatment_of(one.name, one.event).read is None:
        return False
    return watched is None or one.repository is None or one.repository in watched


def _attempt(row: Json) -> Attempt | None:
    id_, guid, at = identifier(row.get("id")), exact(row.get("guid"), 100), moment(row.get("delivered_at"))
    event, action = exact(row.get("event"), 48), exact(row.get("action"), 48)
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
