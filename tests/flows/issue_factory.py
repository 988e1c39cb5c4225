"""Snapshots of issues with the label `checkout`, which the rule of the fixture `core` links."""

from typing import Any

from sync_service.domain.trackers.observations import Snapshot, State, Term
from tests.domain.factories import at, snapshot

CHECKOUT_LABEL = Term("77", "checkout")


def issue(number: int, seconds: float, /, **fields: Any) -> Snapshot:
    """Return a snapshot of acme/checkout#number with the label `checkout`."""
    plain: dict[str, Any] = {"identity": f"501#{number}", "key": f"acme/checkout#{number}", "labels": [CHECKOUT_LABEL]}
    return snapshot(seconds, **(plain | fields))


def done(number: int, seconds: float, /, **fields: Any) -> Snapshot:
    """Return a snapshot of a closed issue."""
    return issue(number, seconds, **({"state": State.DONE, "closed_at": at(seconds)} | fields))
