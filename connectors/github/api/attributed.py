"""A call to GitHub as its credentials make it."""

from collections.abc import Callable
from dataclasses import dataclass

from connectors.responses import Response

AuthorizedCall = Callable[[str], Response]
"""Make one call with a value of the header `Authorization`. It may be called again with another value."""


@dataclass(frozen=True, slots=True)
class AttributedReply:
    """A reply of any status, with the owner of the rate limit it counts against: `token`, `app`, `installation 7`."""

    reply: Response
    bucket_owner: str
