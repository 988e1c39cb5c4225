"""Pagination: cut a page out of a list, and write the `Link` header.

https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from werkzeug.wrappers import Request

MOST_PER_PAGE = 100
_DEFAULT_PER_PAGE = 30

_Thing = TypeVar("_Thing")


def per_page(request: Request) -> int:
    """Return the page size: 1 to 100, or 30 without a valid one."""
    return _whole(request, "per_page", _DEFAULT_PER_PAGE, MOST_PER_PAGE)


def page_number(request: Request) -> int:
    """Return the requested page number, from 1."""
    return _whole(request, "page", 1, 1 << 40)


def link(address: str, request: Request, **relations: Mapping[str, object]) -> dict[str, str]:
    """Return the `Link` header: for each relation, the query parameters that change."""
    texts = []
    for relation, changes in relations.items():
        query = {**request.args.to_dict(), **{name: str(value) for name, value in changes.items()}}
        texts.append(f'<{address}?{urlencode(query)}>; rel="{relation}"')
    return {"Link": ", ".join(texts)} if texts else {}


def paginate(things: Sequence[_Thing], address: str, request: Request) -> tuple[Sequence[_Thing], dict[str, str]]:
    """Return the requested page of a list, and its `Link` header."""
    size, page = per_page(request), page_number(request)
    start = (page - 1) * size
    last = max(1, -(-len(things) // size))
    relations: dict[str, Mapping[str, object]] = {}
    if page > 1:
        relations |= {"prev": {"page": min(page - 1, last)}, "first": {"page": 1}}
    if page < last:
        relations |= {"next": {"page": page + 1}, "last": {"page": last}}
    return things[start : start + size], link(address, request, **relations)


def _whole(request: Request, name: str, default: int, most: int) -> int:
    value = request.args.get(name, default, type=int)
    return min(value, most) if value > 0 else default
