"""Read the accounts of people, on Cloud and on Data Center."""

from connectors.json_fields import Json, exact_text, text
from sync_service.domain.trackers.observations import Account


def account(user: Json) -> Account | None:
    """Read a user: Cloud has an `accountId`, Data Center a `name`, which may change, and a `key`, which stays."""
    account_id, key = exact_text(user.get("accountId")), exact_text(user.get("key"))
    found = account_id or exact_text(user.get("name")) or key
    return Account(found, text(user.get("displayName")) or found, None if account_id else key) if found else None
