"""Show a new webhook secret once: until then it is kept encrypted in the visitor's session.

No page shows a stored secret. When the webhook is created by API, nobody needs to see the secret.
"""

from flask import session

from sync_service.store.engine.encryption import DecryptionError
from sync_service.web.request.context import services

_NAME = "made_secret"


def store_secret(slug: str, secret: str, *, show: bool) -> None:
    """Store a connection's new secret in the session, replacing any other; `show` it when its page is next opened."""
    session[_NAME] = [slug, services().sealer.encrypt(secret), show]


def show_later(slug: str) -> None:
    """Show the secret after all, if it is still in the session: a webhook must be created by hand."""
    stored = session.get(_NAME)
    if stored and stored[0] == slug:
        session[_NAME] = [slug, stored[1], True]


def pop_secret(slug: str) -> str | None:
    """Return the secret to show for a connection and delete it; None when there is none to show."""
    stored = session.get(_NAME)
    if not stored or stored[0] != slug or not stored[2]:
        return None
    session.pop(_NAME)
    try:
        return services().sealer.decrypt(stored[1])
    except DecryptionError:  # the encryption key has changed
        return None
