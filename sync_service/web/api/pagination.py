"""Cursor pagination of lists: `{"items": […]}`, and a `Link` header with the URL of the next page (RFC 8288).

A cursor is the sort key of the last item on the page, so rows that are added or removed between two requests neither
repeat nor hide other items.
https://www.rfc-editor.org/rfc/rfc8288
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from flask import Response, abort, request
from pydantic import BaseModel, Field

from sync_service.web.api.models import FromView
from sync_service.web.api.problems import as_json, problem
from sync_service.web.request.context import public_url

DEFAULT = 100
MOST = 500
LARGEST_ID = 2**63 - 1

T = TypeVar("T")
SortKey = tuple[int | str, ...]


class HasId(Protocol):
    """A view with a row id."""

    @property
    def id(self) -> int:
        """The row id."""


class PageQuery(BaseModel):
    """The pagination parameters of a list."""

    limit: int = Field(
        DEFAULT, ge=1, le=MOST, description=f"maximum number of items, 1 to {MOST}", json_schema_extra={"example": 100}
    )
    cursor: str | None = Field(
        None, description="start of the next page; taken from the `next` URL in the Link header of the previous page"
    )


def key_after(query: PageQuery, *kinds: type[int | str]) -> SortKey | None:
    """Return the sort key in the cursor, its values of these types; None for page one; abort with 422 if invalid."""
    if query.cursor is None:
        return None
    key = _decode(query.cursor)
    valid = len(key) == len(kinds) and all(type(value) is kind for value, kind in zip(key, kinds, strict=True))
    if not valid or any(isinstance(value, int) and not 0 <= value <= LARGEST_ID for value in key):
        errors = [{"parameter": "cursor", "detail": "not a cursor of this list"}]
        abort(
            problem(422, "cursor: not a cursor of this list; leave it out to start at the first page.", errors=errors)
        )
    return key


def id_after(query: PageQuery) -> int | None:
    """Return the row id in the cursor; None for the first page."""
    key = key_after(query, int)
    return None if key is None else int(key[0])


def id_of(view: HasId) -> SortKey:
    """Return the sort key of a list in the order of its rows."""
    return (view.id,)


def page(found: Sequence[T], *, limit: int, sort_key: Callable[[T], SortKey], model: type[FromView]) -> Response:
    """Respond with the first `limit` items of `found`, which is sorted; more items mean that there is a next page.

    `model` is the model of the list. Items with the same sort key stay on one page, because a cursor can't tell them
    apart.
    """
    end = min(limit, len(found))
    while 0 < end < len(found) and sort_key(found[end]) == sort_key(found[end - 1]):
        end += 1
    response = json_response(model.json_of({"items": found[:end]}))
    if end < len(found):
        following = request.args.to_dict() | {"cursor": _encode(sort_key(found[end - 1]))}
        address = public_url(str(request.endpoint), **(request.view_args or {}))
        response.headers["Link"] = f'<{address}?{urlencode(following)}>; rel="next"'
    return response


def sorted_after(items: Iterable[T], after: SortKey | None, *, sort_key: Callable[[T], SortKey]) -> list[T]:
    """Sort the items by their sort key `sort_key`, and leave out those up to `after`."""
    return sorted((one for one in items if after is None or sort_key(one) > after), key=sort_key)


def json_response(body: Mapping[str, Any]) -> Response:
    """Respond with JSON; its members keep their order."""
    return Response(as_json(body), mimetype="application/json")


def _encode(key: SortKey) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def _decode(cursor: str) -> SortKey:
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return ()
    return tuple(key) if isinstance(key, list) else ()
