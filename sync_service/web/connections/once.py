"""A webhook secret that was made just now, to be shown once: it waits sealed in the visitor's own session.

Nothing shows a stored secret again. Where a webhook can be made by calls, nobody need see one at all.
"""

from flask import session

from sync_service.store.sealing import Unopenable
from sync_service.web.house import house

_NAME = "made_secret"


def keep(slug: str, secret: str, *, show: bool) -> None:
    """Keep a connection's new secret in place of any other; `show` it when its page is next opened."""
    session[_NAME] = [slug, house().sealer.seal(secret), show]


def want(slug: str) -> None:
    """Show it after all, if it is still kept: a webhook has to be made by hand."""
    kept = session.get(_NAME)
    if kept and kept[0] == slug:
        session[_NAME] = [slug, kept[1], True]


def take(slug: str) -> str | None:
    """Give the secret that is to be shown for a connection, this once."""
    kept = session.get(_NAME)
    if not kept or kept[0] != slug or not kept[2]:
        return None
    session.pop(_NAME)
    try:
        return house().sealer.open(kept[1])
    except Unopenable:  # the key was changed meanwhile
        return None
