"""What GitHub answers by GraphQL: an error may come with the status 200.

https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NoReturn

from connectors.fields import Json, rows, table, text
from connectors.replies import Reply, reset_at
from sync_service.domain.connectors import Gone, Refused, Rejected, Unavailable

_LIMITED = frozenset({"RATE_LIMIT", "RATE_LIMITED"})
"""What GitHub calls it since 2026, and what it called it before."""

_FORBIDDEN = frozenset({"FORBIDDEN", "INSUFFICIENT_SCOPES"})
_SECONDARY = "secondary rate limit"
_LEAST_WAIT = timedelta(minutes=1)


def judge_graph(reply: Reply, *, now: datetime, holder: str = "") -> Mapping[str, Any]:
    """Give `data` of a reply with a good status. Raise what its first error means; `holder` is the credential used."""
    answer = reply.object()
    for error in rows(answer.get("errors")):
        _raise_for(reply, error, now=now, holder=holder)
    if not isinstance(answer.get("data"), dict):
        raise Rejected(f"{reply.place} answers without data")
    return table(answer["data"])


def _raise_for(reply: Reply, error: Json, *, now: datetime, holder: str) -> NoReturn:
    kind, words = error.get("type"), text(error.get("message"), 200) or "an error without words"
    said = f"{reply.place}: {words}"
    if kind in _LIMITED:
        told = reset_at(reply, now)
        part = f"{holder}/graphql" if holder else ""
        raise Unavailable(said, told or now + _LEAST_WAIT, part=part, guessed=told is None)
    if _SECONDARY in words.lower():
        raise Unavailable(said, now + _LEAST_WAIT, part=holder, guessed=True)
    if kind in _FORBIDDEN:
        raise Refused(said)
    if kind == "NOT_FOUND":
        raise Gone(said, proven=False)
    raise Rejected(said)
