"""What a webhook delivery is made of: the parcel, each attempt to hand it over, and what went wrong on the way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

_OTHER_DIGIT = str.maketrans("0123456789abcdef", "123456789abcdef0")


class Mishap(StrEnum):
    """What may befall a delivery on the way, on request."""

    NONE = "none"
    LOST = "lost"
    DUPLICATE = "duplicate"
    DELAYED = "delayed"
    TRUNCATED = "truncated"
    FORGED = "forged"
    UNSIGNED = "unsigned"


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """One message to one hook: `sign` gives the headers with the signature of `body` by the hook's present secret.

    `id` is GitHub's GUID or Jira's webhook identifier; `name` is for people, as in `issues.closed`. `sent` is the
    tracker's own time of it, where the tracker keeps a log by it.
    """

    id: str
    hook_id: int
    name: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    sign: Callable[[], Mapping[str, str]]
    sent: datetime | None = None


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
    """A parcel on its way, as the tracker's delivery log shows it.

    It is signed when it leaves: at each attempt, or, where it is `delay`ed on the way for seconds, when it was taken.
    """

    parcel: Parcel
    mishap: Mishap = Mishap.NONE
    delay: float = 0.0
    redelivery: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    _left_with: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.mishap is Mishap.DELAYED:
            self._left_with = self.parcel.sign()

    @property
    def accepted(self) -> Attempt | None:
        """The attempt that the receiver took, or None."""
        return next((attempt for attempt in self.attempts if attempt.accepted), None)

    @property
    def status(self) -> int | None:
        """The status of the last attempt; None before the first one, or when it got no answer."""
        return self.attempts[-1].status if self.attempts else None

    @property
    def body(self) -> bytes:
        """The body of the next attempt; of a truncated one only half arrives, signed as the whole."""
        whole = self.parcel.body
        return whole[: len(whole) // 2] if self.mishap is Mishap.TRUNCATED else whole

    def headers(self, retry_header: str | None) -> dict[str, str]:
        """Give the headers of the next attempt, spoiled as the mishap asks."""
        headers = dict(self.parcel.headers)
        if retry_header is not None and self.attempts:
            headers[retry_header] = str(len(self.attempts))
        return {**headers, **self._signature()}

    def _signature(self) -> Mapping[str, str]:
        left_with = None if self.attempts else self._left_with
        signed = self.parcel.sign() if left_with is None else left_with
        if self.mishap is Mishap.UNSIGNED:
            return {}
        if self.mishap is not Mishap.FORGED:
            return signed
        return {name: _forged(text) for name, text in signed.items()}


def _forged(proof: str) -> str:
    """Spoil a signature, whose method comes before an equals sign, or a token."""
    method, sign, digest = proof.partition("=")
    return f"{method}={digest.translate(_OTHER_DIGIT)}" if sign else proof[:-10] + proof[-10:-2].swapcase() + proof[-2:]


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
