"""One page of a list: `{"items": […]}`, and where the next one begins in a `Link` header.

A cursor is the place of the last item given, so what is added or removed meanwhile neither repeats nor hides others.
https://www.rfc-editor.org/rfc/rfc8288
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Response, abort, request
from pydantic import BaseModel, Field

from sync_service.web.api.problems import problem

DEFAULT = 100
MOST = 500
LARGEST_ID = 2**63 - 1

T = TypeVar("T")
Place = tuple[int | str, ...]


class PageQuery(BaseModel):
    """Which part of a list is asked for."""

    limit: int = Field(
        DEFAULT, ge=1, le=MOST, description=f"how many items at most, 1 to {MOST}", json_schema_extra={"example": 100}
    )
    cursor: str | None = Field(
        None, description="where to go on; taken from the `next` address in the Link header of the page before"
    )


def place_after(query: PageQuery, *kinds: type[int | str]) -> Place | None:
    """Give the place that the cursor names, its parts being of these kinds; None for the first page; else 422."""
    if query.cursor is None:
        return None
    place = _opened(query.cursor)
    fits = len(place) == len(kinds) and all(type(part) is kind for part, kind in zip(place, kinds, strict=True))
    if not fits or any(isinstance(part, int) and not 0 <= part <= LARGEST_ID for part in place):
        errors = [{"parameter": "cursor", "detail": "not one that this list gave"}]
        abort(problem(422, "cursor: not one that this list gave; leave it out to begin anew.", errors=errors))
    return place


def id_after(query: PageQuery) -> int | None:
    """Give the row id that the cursor names; None for the first page."""
    place = place_after(query, int)
    return None if place is None else int(place[0])


def page(
    found: Sequence[T], *, limit: int, place: Callable[[T], Place], form: Callable[[T], Mapping[str, Any]]
) -> Response:
    """Answer with the first `limit` of what was found in order; more than that means there is a next page.

    Items in the same place stay together, as the cursor can't tell them apart.
    """
    end = min(limit, len(found))
    while 0 < end < len(found) and place(found[end]) == place(found[end - 1]):
        end += 1
    response = answer({"items": [form(one) for one in found[:end]]})
    if end < len(found):
        following = request.args.to_dict() | {"cursor": _closed(place(found[end - 1]))}
        response.headers["Link"] = f'<{request.base_url}?{urlencode(following)}>; rel="next"'
    return response


def beyond(items: Iterable[T], after: Place | None, *, place: Callable[[T], Place]) -> list[T]:
    """Put items in the order of their places and leave out those up to `after`."""
    return sorted((one for one in items if after is None or place(one) > after), key=place)


def answer(said: Mapping[str, Any]) -> Response:
    """Answer with JSON, its members in the order given."""
    return Response(json.dumps(said, ensure_ascii=False), mimetype="application/json")


def _closed(place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _opened(cursor: str) -> Place:
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return ()
    return tuple(place) if isinstance(place, list) else ()
