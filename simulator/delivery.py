"""What a webhook delivery is made of: the parcel, each attempt to hand it over, and what went wrong on the way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

_OTHER_DIGIT = str.maketrans("0123456789abcdef", "123456789abcdef0")
_SIGNATURE_PREFIX = "x-hub-signature"


class Mishap(StrEnum):
    """What may befall a delivery on the way, on request."""

    NONE = "none"
    LOST = "lost"
    DUPLICATE = "duplicate"
    FORGED = "forged"
    UNSIGNED = "unsigned"


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """One message to one hook, ready to send: `body` is what was signed, byte for byte.

    `id` is GitHub's GUID or Jira's webhook identifier; `name` is for people, as in `issues.closed`.
    """

    id: str
    hook_id: int
    name: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try. `status` is None when no answer came; `reason` then says why.

    `at` is the wall clock of the machine (UTC), `monotonic` is `time.monotonic()`; both were read when the answer came.
    """

    number: int
    at: datetime
    monotonic: float
    status: int | None
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Say whether the receiver took it: both trackers want a status of 200 to 299."""
        return self.status is not None and 200 <= self.status <= 299


@dataclass(eq=False, kw_only=True)
class Delivery:
    """A parcel on its way, as the tracker's delivery log shows it."""

    parcel: Parcel
    mishap: Mishap = Mishap.NONE
    redelivery: bool = False
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def accepted(self) -> Attempt | None:
        """The attempt that the receiver took, or None."""
        return next((attempt for attempt in self.attempts if attempt.accepted), None)

    @property
    def status(self) -> int | None:
        """The status of the last attempt; None before the first one, or when it got no answer."""
        return self.attempts[-1].status if self.attempts else None

    def headers(self, retry_header: str | None) -> dict[str, str]:
        """Give the headers of the next attempt, spoiled as the mishap asks."""
        headers = dict(self.parcel.headers)
        if retry_header is not None and self.attempts:
            headers[retry_header] = str(len(self.attempts))
        for name in [name for name in headers if name.lower().startswith(_SIGNATURE_PREFIX)]:
            if self.mishap is Mishap.UNSIGNED:
                del headers[name]
            elif self.mishap is Mishap.FORGED:
                method, digest = headers[name].split("=", 1)
                headers[name] = f"{method}={digest.translate(_OTHER_DIGIT)}"
        return headers


@dataclass(frozen=True, kw_only=True)
class Retries:
    """When a tracker tries again by itself. `delay` gives seconds, or None to wait for `Courier.retry_now`."""

    statuses: frozenset[int]
    limit: int
    header: str
    delay: Callable[[], float | None]

    def applies(self, delivery: Delivery) -> bool:
        """Say whether the last attempt is to be tried again: no answer, or one of the statuses, and not too often."""
        retryable = delivery.status is None or delivery.status in self.statuses
        return retryable and len(delivery.attempts) <= self.limit
