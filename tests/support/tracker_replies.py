"""Replies of trackers about queries, for tests of pages, API and commands that ask."""

from datetime import datetime

import pytest

from sync_service.domain.trackers.observations import State
from sync_service.domain.trackers.queries import Asked, FoundIssue, QueryAnswer, QueryReply
from sync_service.store.trackers.connections import Configured
from sync_service.tracker_sync.ask_queries import QueryAsker


def found(identity: str, key: str, title: str = "Pay by card", state: State | None = State.TODO) -> FoundIssue:
    """Return an issue that a tracker finds."""
    return FoundIssue(identity=identity, key=key, title=title, url="https://tracker.example/1", state=state)


def answered(
    *first: FoundIssue, count: int | None = None, whole: bool = True, warnings: tuple[str, ...] = ()
) -> QueryReply:
    """Return an answer that shows these issues."""
    counted = len(first) if whole else count
    answer = QueryAnswer(count=counted, exact=whole, first=first, whole=whole, outside=2, warnings=warnings)
    return QueryReply(outcome=Asked.ANSWERED, answer=answer)


def unanswered(outcome: Asked, words: str, retry_at: datetime | None = None) -> QueryReply:
    """Return a reply without an answer."""
    return QueryReply(outcome=outcome, words=words, retry_at=retry_at)


def reply_with(monkeypatch: pytest.MonkeyPatch, reply: QueryReply) -> list[tuple[str, str]]:
    """Let trackers reply so; return the list of questions, connection and query, that are asked from now on."""
    asked: list[tuple[str, str]] = []

    def ask(_asker: QueryAsker, connection: Configured, query: str) -> QueryReply:
        asked.append((connection.slug, query))
        return reply

    monkeypatch.setattr(QueryAsker, "ask", ask)
    return asked
