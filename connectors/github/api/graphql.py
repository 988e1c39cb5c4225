"""GraphQL responses of GitHub: errors and rate limits come with the status 200.

https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from connectors.github.api.graphql_queries import lacks
from connectors.json_fields import Json, rows, table, text
from connectors.responses import Reply, reset_at
from sync_service.domain.trackers.connector import Gone, Rejected, Unavailable

_LIMITED = frozenset({"RATE_LIMIT", "RATE_LIMITED"})
"""The error type of a rate limit since 2026, and before."""

FORBIDDEN = frozenset({"FORBIDDEN", "INSUFFICIENT_SCOPES"})
_SECONDARY = "secondary rate limit"
_MIN_WAIT = timedelta(minutes=1)


def judge_graph(reply: Reply, *, now: datetime, holder: str = "") -> Mapping[str, Any]:
    """Return `data` of a reply with status 2xx. Raise the `ConnectorError` of its first error.

    `holder` names the credential that was used.
    """
    answer = reply.object()
    for error in rows(answer.get("errors")):
        _raise_for(reply, error, now=now, holder=holder)
    if not isinstance(answer.get("data"), dict):
        raise Rejected(f"{reply.place} sends a reply without data")
    return table(answer["data"])


@dataclass(frozen=True, slots=True)
class InParts:
    """A partial answer: `faults` are the paths of what is missing."""

    data: Mapping[str, Any]
    faults: tuple[tuple[str, ...], ...]


class Lacking(Exception):
    """The site lacks some fields of the query."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names = names


def judge_parts(reply: Reply, *, now: datetime, holder: str = "") -> InParts:
    """Return the data of a reply even when some of it has errors.

    Raise `Lacking` when the site lacks fields of the query, and the `ConnectorError` of a rate limit or of a reply
    without data.
    """
    answer = reply.object()
    errors = rows(answer.get("errors"))
    for error in errors:
        if error.get("type") in _LIMITED or _SECONDARY in str(error.get("message")).lower():
            _raise_for(reply, error, now=now, holder=holder)
    if not isinstance(answer.get("data"), dict):
        if names := lacks(errors):
            raise Lacking(names)
        return InParts(judge_graph(reply, now=now, holder=holder), ())
    paths = (error.get("path") for error in errors)
    return InParts(table(answer["data"]), tuple(tuple(map(str, path)) for path in paths if isinstance(path, list)))


def _raise_for(reply: Reply, error: Json, *, now: datetime, holder: str) -> NoReturn:
    kind, words = error.get("type"), text(error.get("message"), 200) or "an error without a message"
    message = f"{reply.place}: {words}"
    if kind in _LIMITED:
        resets_at = reset_at(reply, now)
        bucket = f"{holder}/graphql" if holder else ""
        raise Unavailable(message, resets_at or now + _MIN_WAIT, part=bucket, guessed=resets_at is None)
    if _SECONDARY in words.lower():
        raise Unavailable(message, now + _MIN_WAIT, part=holder, guessed=True)
    if kind == "NOT_FOUND" or kind in FORBIDDEN:
        raise Gone(message, proven=False)  # like 403 for other calls: the same credentials may see other repositories
    raise Rejected(message)
