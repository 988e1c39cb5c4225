"""Letters: what deliveries, looks and lists say, and which issues, names and scopes they are about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sync_service.domain.issues import (
    CommentSeen,
    Look,
    ParentSeen,
    Reading,
    ScopeRef,
    ScopeSeen,
    Snapshot,
    TermSeen,
    Tombstone,
)
from sync_service.ledger import Ledger, Source
from sync_service.naming import keys_of, terms_of
from sync_service.store.book import Book
from sync_service.store.issues import Identity, TermKey


class Way(Enum):
    """How we came to know: the tracker told us, we looked at one issue, or we listed many."""

    TOLD = "told"
    LOOKED = "looked"
    LISTED = "listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a delivery, a look or a page of a list says, received at `told_at`.

    `quiet`: nothing is computed for it; whoever asked for the list does so at its end.
    """

    connection_id: int
    reading: Reading
    told_at: datetime
    delivery_id: str | None = None
    way: Way = Way.TOLD
    quiet: bool = False

    @property
    def source(self) -> Source:
        """Name the delivery and the actor, for the history."""
        actor = self.reading.actor.name if self.reading.actor else None
        return Source(self.delivery_id, actor, self.told_at)


Said = list[list[str]]
"""What became of each letter's observations, in words."""


def in_words(told: Sequence[str]) -> str:
    """Say what became of a letter."""
    return "; ".join(told) or "ignored, because it says nothing"


def gone(letters: Sequence[Letter]) -> set[tuple[int, str]]:
    """Name the issues that letters call deleted or transferred; what a look says of one settles that look."""
    return {
        (letter.connection_id, one.identity)
        for letter in letters
        for one in letter.reading.observations
        if isinstance(one, Tombstone) and letter.way is not Way.LOOKED
    }


def scopes(letter: Letter) -> Iterable[ScopeRef]:
    """Name the scopes a letter is about, by their old names too: one may be known by that alone."""
    for one in letter.reading.observations:
        if isinstance(one, Snapshot | ParentSeen | CommentSeen | Look | TermSeen | ScopeSeen) and one.scope:
            yield one.scope
        if isinstance(one, ScopeSeen) and one.was:
            yield ScopeRef(one.scope.id, one.was)


def identities(book: Book, letters: Sequence[Letter]) -> dict[Identity, str | None]:
    """List the issues the letters are about. Those in scopes that are not watched are only taken where known.

    One that has just left a watched scope is taken even if it is new to us: letters from before that may still come.
    """
    wanted: dict[Identity, str | None] = {}
    for letter in letters:
        connection_id = letter.connection_id
        for one in letter.reading.observations:
            match one:
                case Snapshot():
                    places = [one.scope, *([one.came_from] if one.came_from else [])]
                    watched = any(book.scope_of(connection_id, place) for place in places)
                    if watched or (connection_id, one.identity) not in wanted:
                        wanted[connection_id, one.identity] = one.key if watched else None
                case ParentSeen() | CommentSeen():
                    if one.scope and book.scope_of(connection_id, one.scope):
                        wanted[connection_id, one.identity] = one.key
                    else:
                        wanted.setdefault((connection_id, one.identity), None)
                case Tombstone():
                    wanted[connection_id, one.identity] = one.key
                    if one.successor:
                        wanted.setdefault((connection_id, one.successor), None)
    return wanted


def terms(ledger: Ledger, letters: Sequence[Letter]) -> set[TermKey]:
    """List the labels, milestones and so on whose names the batch needs."""
    keys = {
        key
        for (connection_id, _), held in ledger.held.items()
        if held.issue
        for key in keys_of(connection_id, held.issue)
    }
    for letter in letters:
        connection_id = letter.connection_id
        for one in letter.reading.observations:
            if isinstance(one, Snapshot):
                keys |= {(connection_id, kind, term.id) for kind, term in terms_of(one)}
            elif isinstance(one, TermSeen):
                keys |= {(connection_id, one.kind, one_id) for one_id in (one.id, one.merged_into) if one_id}
    return keys
