"""Who may ask for links by a comment, which links the newest such comment gives, and what is said to one that may not.

Whoever may is decided when links are derived, by the people as they are configured then. A comment of anybody else is
kept all the same: it counts once its author may.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row

from sync_service.domain.issues import CommentSeen
from sync_service.store.book import Book


def why_not(book: Book, connection_id: int, author: str) -> str | None:
    """Say why an account may make no links; None where it may."""
    kind = book.trackers[connection_id].kind
    person = book.people.get((kind, author.casefold()))
    if person is None:
        return f"no person has the {kind} account {author}" if author else "nobody is named as its author"
    return None if person.may_link else f"{person.name} is a viewer, and viewers make no links"


def counting(book: Book, connection_id: int, asked: Sequence[Row[Any]]) -> Row[Any] | None:
    """Give the comment that counts, of those on one issue, given newest first: the newest of somebody who may."""
    for row in asked:
        if not row.gone and row.wants is not None and why_not(book, connection_id, row.author) is None:
            return row
    return None


def wanted(book: Book, row: Row[Any]) -> list[int]:
    """Give the ids of the key results that a comment asks for; those that there are not are left out."""
    slugs = (slug.casefold() for slug in row.wants)
    return [book.key_results[slug] for slug in slugs if slug in book.key_results]


def in_words(book: Book, connection_id: int, row: Row[Any]) -> str:
    """Say by which comment a link is: `by a comment of Ana (/okr KR-1)`."""
    person = book.people.get((book.trackers[connection_id].kind, row.author))
    command = f" (/okr {' '.join(row.wants) or 'none'})" if row.wants is not None and not row.gone else ""
    return f"by a comment of {person.name if person else row.author}{command}"


def outcome(book: Book, connection_id: int, seen: CommentSeen) -> str:
    """Say what a comment asks for, and what of it comes to nothing, and why."""
    if seen.gone:
        return "the comment that asked for links is deleted"
    if seen.wants is None:
        return "the comment asks for links no more"
    command = f"/okr {' '.join(seen.wants) or 'none'}"
    refused = why_not(book, connection_id, seen.author.id if seen.author else "")
    if refused:
        return f"{command} makes no link, because {refused}"
    if not seen.wants:
        return f"{command}: no comment links it any more"
    unknown = [slug for slug in seen.wants if slug.casefold() not in book.key_results]
    return command + (f", but there is no key result {', '.join(unknown)}" if unknown else "")
