"""A webhook delivery: its request, its attempts, and its injected fault."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

_OTHER_DIGIT = str.maketrans("0123456789abcdef", "123456789abcdef0")


class Fault(StrEnum):
    """A fault that a test injects into a delivery."""

    NONE = "none"
    LOST = "lost"
    DUPLICATE = "duplicate"
    DELAYED = "delayed"
    TRUNCATED = "truncated"
    FORGED = "forged"
    UNSIGNED = "unsigned"


@dataclass(frozen=True, kw_only=True)
class WebhookRequest:
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
        """Return whether the receiver took it: both trackers want a status of 200 to 299."""
        return self.status is not None and 200 <= self.status <= 299


@dataclass(eq=False, kw_only=True)
class Delivery:
    """A request and its attempts, as the tracker's delivery log shows it.

    It is signed at each attempt; a delayed one is signed when it is queued.
    """

    request: WebhookRequest
    fault: Fault = Fault.NONE
    delay: float = 0.0
    redelivery: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    _signed_at_start: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.fault is Fault.DELAYED:
            self._signed_at_start = self.request.sign()

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
        whole = self.request.body
        return whole[: len(whole) // 2] if self.fault is Fault.TRUNCATED else whole

    def headers(self, retry_header: str | None) -> dict[str, str]:
        """Return the headers of the next attempt, changed by the fault."""
        headers = dict(self.request.headers)
        if retry_header is not None and self.attempts:
            headers[retry_header] = str(len(self.attempts))
        return {**headers, **self._signature()}

    def _signature(self) -> Mapping[str, str]:
        signed_at_start = None if self.attempts else self._signed_at_start
        signed = self.request.sign() if signed_at_start is None else signed_at_start
        if self.fault is Fault.UNSIGNED:
            return {}
        if self.fault is not Fault.FORGED:
            return signed
        return {name: _with_wrong_signature(text) for name, text in signed.items()}


def _with_wrong_signature(proof: str) -> str:
    """Make a signature (`method=digest`) or a token invalid."""
    method, sign, digest = proof.partition("=")
    return f"{method}={digest.translate(_OTHER_DIGIT)}" if sign else proof[:-10] + proof[-10:-2].swapcase() + proof[-2:]


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """When a tracker retries by itself. `delay` gives seconds, or None to wait for `WebhookSender.retry_now`."""

    statuses: frozenset[int]
    limit: int
    header: str
    delay: Callable[[], float | None]

    def applies(self, delivery: Delivery) -> bool:
        """Return whether to retry the last attempt: no answer, or one of the statuses, and within the limit."""
        retryable = delivery.status is None or delivery.status in self.statuses
        return retryable and len(delivery.attempts) <= self.limit
