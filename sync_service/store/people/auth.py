"""Authentication: sign-in links, sessions, API tokens. Only hashes are stored, so a leaked database admits nobody."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.engine.encryption import hash_token
from sync_service.store.tables import api_token, person, session, sign_in_link

LINK_LASTS = timedelta(minutes=15)
SESSION_LASTS = timedelta(days=30)
TOKEN_BYTES = 32

ROLES = ("admin", "member", "viewer")
"""The roles of people and API tokens, the most powerful first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A signed-in person. `timezone` is an IANA name; empty means the organisation's."""

    id: int
    email: str
    name: str
    role: str
    timezone: str


class NameTaken(Exception):
    """An active token has that name."""


def person_id_of(tx: Transaction, email: str) -> int | None:
    """Return a person's id by e-mail address, in any letter case."""
    found: int | None = tx.scalar(sa.select(person.c.id).where(person.c.email == email.strip().lower()))
    return found


def create_sign_in_link(tx: Transaction, person_id: int, now: datetime) -> str:
    """Create a sign-in link for a person; return its token (256 bits), valid once, for 15 minutes."""
    tx.execute(sa.delete(sign_in_link).where(sign_in_link.c.expires_at < now))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    columns = {"token_hash": hash_token(token), "person_id": person_id, "expires_at": now + LINK_LASTS}
    tx.execute(sa.insert(sign_in_link).values(columns))
    return token


def use_sign_in_link(tx: Transaction, token: str, now: datetime) -> int | None:
    """Use up a link and return the person's id; None when it is unknown, used or expired. Of several uses one wins."""
    good = sa.and_(
        sign_in_link.c.token_hash == hash_token(token),
        sign_in_link.c.used_at.is_(None),
        sign_in_link.c.expires_at > now,
    )
    used = sa.update(sign_in_link).where(good).values(used_at=now).returning(sign_in_link.c.person_id)
    found: int | None = tx.execute(used).scalar_one_or_none()
    return found


def start_session(tx: Transaction, person_id: int, now: datetime) -> str:
    """Start a session of 30 days; return its token."""
    tx.execute(sa.delete(session).where(session.c.expires_at <= now))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    columns = {"token_hash": hash_token(token), "person_id": person_id, "expires_at": now + SESSION_LASTS}
    tx.execute(sa.insert(session).values(columns))
    return token


def session_person(tx: Transaction, token: str, now: datetime) -> Person | None:
    """Return the person of a session; None when it is unknown or expired."""
    statement = (
        sa.select(person)
        .join(session, session.c.person_id == person.c.id)
        .where(session.c.token_hash == hash_token(token), session.c.expires_at > now)
    )
    row = tx.execute(statement).one_or_none()
    if row is None:
        return None
    return Person(id=row.id, email=row.email, name=row.name, role=row.role, timezone=row.timezone)


def end_session(tx: Transaction, token: str) -> None:
    """End a session."""
    tx.execute(sa.delete(session).where(session.c.token_hash == hash_token(token)))


def create_api_token(tx: Transaction, *, name: str, role: str, now: datetime) -> str:
    """Create an API token and return it, to be shown once. Raise `NameTaken` unless that name's token is revoked."""
    tx.execute(sa.delete(api_token).where(api_token.c.name == name, api_token.c.revoked_at.isnot(None)))
    if tx.scalar(sa.select(api_token.c.id).where(api_token.c.name == name)):
        raise NameTaken(name)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    columns = {"name": name, "token_hash": hash_token(token), "role": role, "created_at": now}
    tx.execute(sa.insert(api_token).values(columns))
    return token


def revoke_api_token(tx: Transaction, name: str, now: datetime) -> bool:
    """Revoke an API token by its name; return whether there was one."""
    good = sa.and_(api_token.c.name == name, api_token.c.revoked_at.is_(None))
    return tx.execute(sa.update(api_token).where(good).values(revoked_at=now)).rowcount > 0


def api_token_names(tx: Transaction) -> list[str]:
    """Return the names of the API tokens that are not revoked."""
    return list(
        tx.scalars(sa.select(api_token.c.name).where(api_token.c.revoked_at.is_(None)).order_by(api_token.c.name))
    )


def token_role(tx: Transaction, token: str) -> str | None:
    """Return the role of an API token; None when it is unknown or revoked."""
    good = sa.and_(api_token.c.token_hash == hash_token(token), api_token.c.revoked_at.is_(None))
    found: str | None = tx.scalar(sa.select(api_token.c.role).where(good))
    return found
