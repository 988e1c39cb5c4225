"""Who the caller of a request is, to the audit log and to check-ins."""

from sqlalchemy.engine import Connection

from sync_service.domain.people.check_in import Author
from sync_service.store.people import audit
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, current_caller


def record(tx: Connection, what: str) -> None:
    """Record what the caller does, in the transaction that does it."""
    audit.note(tx, actor=actor(), what=what, at=services().now())


def actor() -> str:
    """Return who the caller is: an e-mail address, or the name of an API token; empty without a caller."""
    caller = current_caller()
    return (caller.email or caller.name) if caller else ""


def author() -> Author:
    """Return the caller as the author of a check-in; one without any right where there is no caller."""
    caller = current_caller()
    if caller is None:
        return Author(name="", role=Guard.OPEN)
    return Author(name=caller.name, role=caller.role, person_id=caller.person_id, email=caller.email)
