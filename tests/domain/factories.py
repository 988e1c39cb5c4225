"""Snapshots and times for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sync_service.domain.trackers.observations import Kind, ScopeRef, Snapshot, State, Term

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CHECKOUT = ScopeRef("501", "acme/checkout")
BILLING = ScopeRef("502", "acme/billing")


def at(seconds: float) -> datetime:
    """Return the time this many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def snapshot(seconds: float = 0, /, **fields: Any) -> Snapshot:
    """Return a snapshot of acme/checkout#1, last changed this many seconds after noon; `labels` may be plain names."""
    plain: dict[str, Any] = {
        "identity": "501#1",
        "scope": CHECKOUT,
        "key": "acme/checkout#1",
        "kind": Kind.ISSUE,
        "title": "Pay by card",
        "url": "https://github.example/acme/checkout/issues/1",
        "state": State.TODO,
        "updated_at": at(seconds),
    }
    labels = tuple(label if isinstance(label, Term) else Term(label, label) for label in fields.pop("labels", ()))
    return Snapshot(**(plain | fields), labels=labels)
