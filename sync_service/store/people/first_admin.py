"""The link by which the first person becomes an admin: one at a time, used once, and only while there is no admin."""

import secrets
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.engine.encryption import hash_token
from sync_service.store.people.auth import TOKEN_BYTES
from sync_service.store.tables import first_admin_link, person


def anybody_exists(tx: Transaction) -> bool:
    """Return whether there is any person."""
    return tx.scalar(sa.select(person.c.id).limit(1)) is not None


def admin_exists(tx: Transaction) -> bool:
    """Return whether there is an admin."""
    return tx.scalar(sa.select(person.c.id).where(person.c.role == "admin").limit(1)) is not None


def renew_link(tx: Transaction, now: datetime) -> str | None:
    """End earlier links; return the token of a new one (256 bits), or None when there is an admin."""
    tx.execute(sa.delete(first_admin_link))
    if admin_exists(tx):
        return None
    token = secrets.token_urlsafe(TOKEN_BYTES)
    tx.execute(sa.insert(first_admin_link).values(token_hash=hash_token(token), created_at=now))
    return token


def end_needless_link(tx: Transaction) -> None:
    """End the link when there is an admin, so that it does not work again if the admin is removed."""
    if admin_exists(tx):
        tx.execute(sa.delete(first_admin_link))


def link_works(tx: Transaction, token: str) -> bool:
    """Return whether a link can be used."""
    known = sa.select(first_admin_link.c.id).where(first_admin_link.c.token_hash == hash_token(token))
    return tx.scalar(known) is not None and not admin_exists(tx)


def use_link(tx: Transaction, token: str) -> bool:
    """Use up a link; return whether it worked. Of several uses one wins. Call it before the admin is stored."""
    if admin_exists(tx):
        return False
    good = first_admin_link.c.token_hash == hash_token(token)
    return tx.execute(sa.delete(first_admin_link).where(good)).rowcount > 0
