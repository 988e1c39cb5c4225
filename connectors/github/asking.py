"""The shape of a call to GitHub as its credentials see it."""

from collections.abc import Callable
from dataclasses import dataclass

from connectors.replies import Reply

Ask = Callable[[str], Reply]
"""Makes one call; it is given the value of the header `Authorization`, and may be made again with another."""


@dataclass(frozen=True, slots=True)
class Held:
    """A reply that is not judged yet, and whose limits it counts against: `token`, `app`, `installation 7`."""

    reply: Reply
    holder: str
