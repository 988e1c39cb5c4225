"""Write the audit log for the caller of a request."""

from sqlalchemy.engine import Connection

from sync_service.store.people import audit
from sync_service.web.request.context import services
from sync_service.web.request.guards import current_caller


def record(tx: Connection, what: str) -> None:
    """Record what the caller does, in the transaction that does it."""
    audit.note(tx, actor=actor(), what=what, at=services().now())


def actor() -> str:
    """Return who the caller is: an e-mail address, or the name of an API token; empty without a caller."""
    caller = current_caller()
    return (caller.email or caller.name) if caller else ""
