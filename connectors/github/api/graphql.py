"""GraphQL responses of GitHub: errors and rate limits come with the status 200.

https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from connectors.github.api.graphql_queries import missing_features
from connectors.json_fields import Json, exact_text, json_object, json_objects, text
from connectors.responses import Response, reset_at
from sync_service.domain.trackers.connector import Gone, Rejected, Unavailable

_LIMITED = frozenset({"RATE_LIMIT", "RATE_LIMITED"})
"""The error type of a rate limit since 2026, and before."""

FORBIDDEN = frozenset({"FORBIDDEN", "INSUFFICIENT_SCOPES"})
_SECONDARY = "secondary rate limit"
_MIN_WAIT = timedelta(minutes=1)


def raise_for_graphql_errors(reply: Response, *, now: datetime, bucket_owner: str = "") -> Mapping[str, Any]:
    """Return `data` of a reply with status 2xx. Raise the `ConnectorError` of its first error.

    `bucket_owner` names the credential that was used.
    """
    answer = reply.object()
    for error in json_objects(answer.get("errors")):
        _raise_for(reply, error, now=now, bucket_owner=bucket_owner)
    if not isinstance(answer.get("data"), dict):
        raise Rejected(f"{reply.shown_host} sends a reply without data")
    return json_object(answer["data"])


@dataclass(frozen=True, slots=True)
class PartialData:
    """A partial answer: `faults` are the paths of what is missing."""

    data: Mapping[str, Any]
    faults: tuple[tuple[str, ...], ...]


class MissingFields(Exception):
    """The site lacks some fields of the query."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names = names


def partial_data_or_raise(reply: Response, *, now: datetime, bucket_owner: str = "") -> PartialData:
    """Return the data of a reply even when some of it has errors.

    Raise `MissingFields` when the site lacks fields of the query, and the `ConnectorError` of a rate limit or of a
    reply without data.
    """
    answer = reply.object()
    errors = json_objects(answer.get("errors"))
    for error in errors:
        if _kind(error) in _LIMITED or _SECONDARY in str(error.get("message")).lower():
            _raise_for(reply, error, now=now, bucket_owner=bucket_owner)
    if not isinstance(answer.get("data"), dict):
        if names := missing_features(errors):
            raise MissingFields(names)
        return PartialData(raise_for_graphql_errors(reply, now=now, bucket_owner=bucket_owner), ())
    paths = (error.get("path") for error in errors)
    return PartialData(
        json_object(answer["data"]), tuple(tuple(map(str, path)) for path in paths if isinstance(path, list))
    )


def _raise_for(reply: Response, error: Json, *, now: datetime, bucket_owner: str) -> NoReturn:
    kind, words = _kind(error), text(error.get("message"), 200) or "an error without a message"
    message = f"{reply.shown_host}: {words}"
    if kind in _LIMITED:
        resets_at = reset_at(reply, now)
        bucket = f"{bucket_owner}/graphql" if bucket_owner else ""
        raise Unavailable(message, resets_at or now + _MIN_WAIT, bucket=bucket, guessed=resets_at is None)
    if _SECONDARY in words.lower():
        raise Unavailable(message, now + _MIN_WAIT, bucket=bucket_owner, guessed=True)
    if kind == "NOT_FOUND" or kind in FORBIDDEN:
        raise Gone(message, proven=False)  # like 403 for other calls: the same credentials may see other repositories
    raise Rejected(message)


def _kind(error: Json) -> str | None:
    return exact_text(error.get("type"), 100)
