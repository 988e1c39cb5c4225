"""The refresh of an open page: only `#live` is rendered, and blocks in it that the page already has are left out.

A block is an element inside `{% filter live_block %}`: a row of a table, a key result. Its attribute `data-block` is a
digest of its content. A refresh sends the digests of the page's blocks in the header `X-Live`; a block with one of them
is rendered as an empty element with `data-same`, and `live.js` puts the page's own element back.
"""

import base64
import hashlib
import re

from flask import g, request
from markupsafe import Markup

HEADER = "X-Live"

MOST_BLOCKS = 1_000
"""Blocks that a refresh names, so that its header is short enough for the server."""

DIGEST_LENGTH = 6
"""Characters of a digest: 36 bits."""

_TAG = re.compile(r"<([a-z]+)[^>]*")  # Jinja escapes ">" in attributes
_CSRF_TOKEN = re.compile(r'(?<=name="csrf_token" value=")[^"]*')


def is_refresh() -> bool:
    """Return whether the request is a refresh of an open page."""
    return HEADER in request.headers


def live_block(content: str) -> Markup:
    """Return a block with its digest, or an empty element in its place where the page has it already."""
    text = str(content).strip()
    tag = _TAG.match(text)
    if tag is None:
        raise ValueError("a block is one element")
    digest = digest_of(text)
    name = tag.group(1)
    if digest in _held():
        return Markup(f'<{name} data-same="{digest}"></{name}>')  # noqa: S704  # a tag's name and a digest
    return Markup(f'{tag.group()} data-block="{digest}"{text[tag.end() :]}')  # noqa: S704  # Jinja escaped it


def digest_of(text: str) -> str:
    """Return the digest of a block. A CSRF token is new each time but stays valid, so it does not count."""
    digest = hashlib.blake2b(_CSRF_TOKEN.sub("", text).encode(), digest_size=9).digest()
    return base64.urlsafe_b64encode(digest).decode()[:DIGEST_LENGTH]


def _held() -> frozenset[str]:
    """Return the digests of the blocks that the page has."""
    if "live_blocks" not in g:
        given = request.headers.get(HEADER, "")[: MOST_BLOCKS * DIGEST_LENGTH]
        starts = range(0, len(given) - DIGEST_LENGTH + 1, DIGEST_LENGTH)
        g.live_blocks = frozenset(given[start : start + DIGEST_LENGTH] for start in starts)
    held: frozenset[str] = g.live_blocks
    return held
