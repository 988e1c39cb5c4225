"""A call to GitHub as its credentials make it."""

from collections.abc import Callable
from dataclasses import dataclass

from connectors.responses import Reply

Ask = Callable[[str], Reply]
"""Make one call with a value of the header `Authorization`. It may be called again with another value."""


@dataclass(frozen=True, slots=True)
class Held:
    """A reply of any status, with the owner of the rate limit it counts against: `token`, `app`, `installation 7`."""

    reply: Reply
    holder: str
