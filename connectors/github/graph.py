"""What GitHub answers by GraphQL: an error may come with the status 200.

https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from connectors.fields import Json, rows, table, text
from connectors.github.questions import lacks
from connectors.replies import Reply, reset_at
from sync_service.domain.connectors import Gone, Rejected, Unavailable

_LIMITED = frozenset({"RATE_LIMIT", "RATE_LIMITED"})
"""What GitHub calls it since 2026, and what it called it before."""

FORBIDDEN = frozenset({"FORBIDDEN", "INSUFFICIENT_SCOPES"})
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


@dataclass(frozen=True, slots=True)
class InParts:
    """An answer of which some may be missing: `faults` are the paths of what is."""

    data: Mapping[str, Any]
    faults: tuple[tuple[str, ...], ...]


class Lacking(Exception):
    """The site does not know some of the words that it was asked by."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names = names


def judge_parts(reply: Reply, *, now: datetime, holder: str = "") -> InParts:
    """Give what a reply has, though parts have errors. Raise `Lacking`, and what a limit or having nothing means."""
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
    kind, words = error.get("type"), text(error.get("message"), 200) or "an error without words"
    said = f"{reply.place}: {words}"
    if kind in _LIMITED:
        told = reset_at(reply, now)
        part = f"{holder}/graphql" if holder else ""
        raise Unavailable(said, told or now + _LEAST_WAIT, part=part, guessed=told is None)
    if _SECONDARY in words.lower():
        raise Unavailable(said, now + _LEAST_WAIT, part=holder, guessed=True)
    if kind == "NOT_FOUND" or kind in FORBIDDEN:
        raise Gone(said, proven=False)  # as 403 is to other calls: the same credentials may see something else
    raise Rejected(said)
