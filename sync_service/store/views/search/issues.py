"""Search over issues, in the database: by key, by words of key and title, or by address."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.search import Rank, SearchWords
from sync_service.domain.trackers.connector import Connector
from sync_service.store.okrs.linked_issues import counts
from sync_service.store.tables import issue, link, live_connection, live_key_result, live_scope
from sync_service.store.trackers import known_keys
from sync_service.store.trackers.siblings import site_key
from sync_service.store.views.search.found import Found, Kind, Ranked, about

LONGEST_ADDRESS = 2000
"""Most characters of an issue's key or address."""

NamedIssue = tuple[int, str, str]
"""The id and slug of a connection, and the key of an issue there."""


def named_issues(tx: Transaction, written: str, connectors: Mapping[str, Connector]) -> list[NamedIssue]:
    """Return which issues a text may name, as a key, as `CONNECTION:KEY` or as an address; they may not exist."""
    text, c = written.strip(), live_connection.c
    named, colon, rest = text.partition(":")
    rows = tx.execute(sa.select(c.id, c.slug, c.kind, c.site).order_by(c.slug)).all()
    only = [row for row in rows if colon and row.slug == named]
    if len(text) > LONGEST_ADDRESS:
        return []
    keys = ((row, _key(connectors.get(row.kind), rest if only else text, site_key(row.site))) for row in only or rows)
    return [(row.id, row.slug, key) for row, key in keys if key]


def _key(connector: Connector | None, text: str, site: str) -> str | None:
    try:
        return connector.normalize_key(text, site=site) if connector else None
    except ValueError:
        return None


def issues(tx: Transaction, words: SearchWords, named: Sequence[NamedIssue], limit: int) -> list[Ranked]:
    """Return the issues that match, at most `limit`: open ones and lately changed ones first.

    Issues that are gone, of scopes or connections that are being removed, or that only others name, are left out.
    """
    exact = known_keys.issues_with_keys(tx, [(connection_id, key) for connection_id, _, key in named])
    if not words and not exact:
        return []
    best = tx.execute(_best(words, exact).limit(limit)).all()
    ids = [row.id for row in best]
    shown, served = _shown(tx, ids), _served(tx, ids)
    return [(Rank(row.position // STEP), _found(shown[row.id], served.get(row.id, []))) for row in best]


STEP = 1000
"""Positions of one rank; more than the characters of a key."""


def _best(words: SearchWords, exact: Collection[int]) -> sa.Select[tuple[int, int]]:
    """Select the ids and positions of issues that match, without the wide columns, which the sorting would copy."""
    i = issue.c
    position = _position(words, exact).label("position")
    watched = sa.or_(i.scope_id.is_(None), i.scope_id.in_(sa.select(live_scope.c.id)))
    live = i.connection_id.in_(sa.select(live_connection.c.id))
    closed = i.state.in_(("done", "dropped"))
    present = (i.state.isnot(None), i.gone_reason.is_(None), watched, live)
    order = (sa.text("position"), closed, i.updated_at.is_(None), i.updated_at.desc(), i.id.desc())
    return sa.select(i.id, position).where(_matches(words, exact), *present).order_by(*order)


def _matches(words: SearchWords, exact: Collection[int]) -> sa.ColumnElement[bool]:
    i = issue.c
    each = [
        sa.or_(i.folded_title.contains(word, autoescape=True), i.folded_key.contains(word, autoescape=True))
        for word in words.words
    ]
    has_words = sa.and_(*each) if each else sa.false()
    return sa.or_(i.id.in_(exact), has_words) if exact else has_words


def _position(words: SearchWords, exact: Collection[int]) -> sa.ColumnElement[int]:
    """Return the rank times `STEP`; among keys with the same beginning the shortest comes first."""
    i, text = issue.c, words.text
    number = text.removeprefix("#")
    begins = [i.folded_key.startswith(text, autoescape=True), i.folded_title.startswith(text, autoescape=True)]
    if number.isdecimal():
        begins += [i.folded_key.endswith(mark + number, autoescape=True) for mark in "#-"]
    word_starts = [
        sa.or_(
            (" " + i.folded_title).contains(f" {word}", autoescape=True),
            i.folded_key.startswith(word, autoescape=True),
        )
        for word in words.words
    ]
    same = sa.or_(i.folded_key == text, i.folded_title == text)
    return sa.case(
        (sa.or_(same, i.id.in_(exact)) if exact else same, STEP * Rank.EXACT),
        (sa.or_(*begins), STEP * Rank.PREFIX + sa.func.length(i.folded_key)),
        (sa.and_(sa.true(), *word_starts), STEP * Rank.WORD_STARTS),
        else_=STEP * Rank.WORDS,
    )


def _shown(tx: Transaction, issue_ids: Sequence[int]) -> dict[int, Row[Any]]:
    i, c = issue.c, live_connection.c
    columns: sa.Select[Any] = sa.select(i.id, i.key, i.title, i.url, i.state, c.slug)
    found = columns.join(live_connection, c.id == i.connection_id).where(i.id.in_(issue_ids))
    return {row.id: row for row in tx.execute(found)}


def _served(tx: Transaction, issue_ids: Sequence[int]) -> dict[int, list[str]]:
    """Return the slugs of the key results that issues are linked to."""
    k = live_key_result.c
    found: dict[int, list[str]] = {}
    statement = sa.select(link.c.issue_id, k.slug).join(live_key_result, k.id == link.c.key_result_id)
    for row in tx.execute(statement.where(link.c.issue_id.in_(issue_ids), counts).distinct().order_by(k.slug)):
        found.setdefault(row.issue_id, []).append(row.slug)
    return found


def _found(row: Row[Any], serves: Sequence[str]) -> Found:
    return Found(
        kind=Kind.ISSUES,
        key=row.key,
        title=row.title or "",
        about=about(row.slug),
        state=row.state,
        connection=row.slug,
        url=row.url or "",
        serves=serves,
    )
