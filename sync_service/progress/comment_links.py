"""Decide which `/okr` comment links an issue, who may link by a comment, and what the outcome of a comment says.

Whether an author may link is decided whenever links are derived, by the people configured then. A comment of another
author is stored too: it counts once its author may link.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.engine import Row

from sync_service.domain.text import folded
from sync_service.domain.trackers.observations import Account, CommentSeen
from sync_service.store.okrs.ruleset import Ruleset


def why_may_not_link(ruleset: Ruleset, connection_id: int, author: Account | None) -> str | None:
    """Return why an account may make no links; None where it may."""
    if author is None:
        return "nobody is named as its author"
    site = ruleset.trackers[connection_id].site
    person = ruleset.people.find(site, author)
    if person is None:
        named = ruleset.people.named_by(site, author)
        if named is None:
            return f"no person has the {site.kind} account {author.id}"
        return f"another {site.kind} account than that of {named.name} has the name {author.id} now"
    return None if person.may_link else f"{person.name} is a viewer, and viewers make no links"


def _author_of(row: Row[Any]) -> Account | None:
    return Account(row.author, row.author, row.author_id) if row.author else None


def comment_that_counts(ruleset: Ruleset, connection_id: int, rows: Sequence[Row[Any]]) -> Row[Any] | None:
    """Return the comment that counts: the newest one whose author may link.

    `rows` are the comments on one issue, newest first.
    """
    for row in rows:
        if not row.gone and row.wants is not None and why_may_not_link(ruleset, connection_id, _author_of(row)) is None:
            return row
    return None


Named = Callable[[str], Sequence[int]]
"""Return the ids of the key results that a slug, folded, names."""


def requested_key_results(row: Row[Any], named: Named) -> list[int]:
    """Return the ids of the key results that a comment asks for, without those that do not exist."""
    return [one for slug in row.wants for one in named(folded(slug))]


def describe_comment(ruleset: Ruleset, connection_id: int, row: Row[Any]) -> str:
    """Describe the comment that made a link: `by a comment of Ana (/okr KR-1)`."""
    author = _author_of(row)
    person = ruleset.people.find(ruleset.trackers[connection_id].site, author) if author else None
    command = f" (/okr {' '.join(row.wants) or 'none'})" if row.wants is not None and not row.gone else ""
    return f"by a comment of {person.name if person else row.author}{command}"


def comment_outcome(ruleset: Ruleset, connection_id: int, seen: CommentSeen) -> str:
    """Return the outcome of a comment: what it asks for, and why some of it has no effect."""
    if seen.gone:
        return "the comment that asked for links is deleted"
    if seen.wants is None:
        return "the comment no longer asks for links"
    command = f"/okr {' '.join(seen.wants) or 'none'}"
    refused = why_may_not_link(ruleset, connection_id, seen.author)
    if refused:
        return f"{command} makes no link, because {refused}"
    if not seen.wants:
        return f"{command}: no comment links it any more"
    unknown = [slug for slug in seen.wants if folded(slug) not in ruleset.key_results]
    return command + (f", but there is no key result {', '.join(unknown)}" if unknown else "")
