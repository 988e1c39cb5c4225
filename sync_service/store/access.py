"""Who may come in: sign-in links, sessions and API tokens. Only hashes are kept, so the database opens no door."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.store.sealing import fingerprint
from sync_service.store.tables import api_token, person, session, sign_in_link

LINK_LASTS = timedelta(minutes=15)
SESSION_LASTS = timedelta(days=30)
TOKEN_BYTES = 32

ROLES = ("admin", "member", "viewer")
"""What a person or a token may be, the mightiest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who signed in. `timezone` is an IANA name; empty where it is the organisation's."""

    id: int
    email: str
    name: str
    role: str
    timezone: str


class NameTaken(Exception):
    """A token of that name is in use."""


def person_id_of(tx: Connection, email: str) -> int | None:
    """Find a person by e-mail address, in any case of letters."""
    found: int | None = tx.scalar(sa.select(person.c.id).where(person.c.email == email.strip().lower()))
    return found


def create_sign_in_link(tx: Connection, person_id: int, now: datetime) -> str:
    """Make a link for a person; give its token (256 bits), which is good once, within 15 minutes."""
    tx.execute(sa.delete(sign_in_link).where(sign_in_link.c.expires_at < now))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    columns = {"token_hash": fingerprint(token), "person_id": person_id, "expires_at": now + LINK_LASTS}
    tx.execute(sa.insert(sign_in_link).values(columns))
    return token


def use_sign_in_link(tx: Connection, token: str, now: datetime) -> int | None:
    """Use a link up; give the person's id, or None where it is unknown, used or expired. One of many at once wins."""
    good = sa.and_(
        sign_in_link.c.token_hash == fingerprint(token),
        sign_in_link.c.used_at.is_(None),
        sign_in_link.c.expires_at > now,
    )
    used = sa.update(sign_in_link).where(good).values(used_at=now).returning(sign_in_link.c.person_id)
    found: int | None = tx.execute(used).scalar_one_or_none()
    return found


def start_session(tx: Connection, person_id: int, now: datetime) -> str:
    """Begin a session of 30 days; give its token."""
    tx.execute(sa.delete(session).where(session.c.expires_at <= now))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    columns = {"token_hash": fingerprint(token), "person_id": person_id, "expires_at": now + SESSION_LASTS}
    tx.execute(sa.insert(session).values(columns))
    return token


def session_person(tx: Connection, token: str, now: datetime) -> Person | None:
    """Give the person whose session it is; None where there is none, or not any more."""
    statement = (
        sa.select(person)
        .join(session, session.c.person_id == person.c.id)
        .where(session.c.token_hash == fingerprint(token), session.c.expires_at > now)
    )
    row = tx.execute(statement).one_or_none()
    if row is None:
        return None
    return Person(id=row.id, email=row.email, name=row.name, role=row.role, timezone=row.timezone)


def end_session(tx: Connection, token: str) -> None:
    """End a session."""
    tx.execute(sa.delete(session).where(session.c.token_hash == fingerprint(token)))


def create_api_token(tx: Connection, *, name: str, role: str, now: datetime) -> str:
    """Make a token for the API; give it, to be shown once. Raises `NameTaken`; a revoked token's name is free."""
    tx.execute(sa.delete(api_token).where(api_token.c.name == name, api_token.c.revoked_at.isnot(None)))
    if tx.scalar(sa.select(api_token.c.id).where(api_token.c.name == name)):
        raise NameTaken(name)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    columns = {"name": name, "token_hash": fingerprint(token), "role": role, "created_at": now}
    tx.execute(sa.insert(api_token).values(columns))
    return token


def revoke_api_token(tx: Connection, name: str, now: datetime) -> bool:
    """End a token by its name; tell whether there was one."""
    good = sa.and_(api_token.c.name == name, api_token.c.revoked_at.is_(None))
    return tx.execute(sa.update(api_token).where(good).values(revoked_at=now)).rowcount > 0


def api_token_names(tx: Connection) -> list[str]:
    """Name the tokens that are good."""
    return list(
        tx.scalars(sa.select(api_token.c.name).where(api_token.c.revoked_at.is_(None)).order_by(api_token.c.name))
    )


def token_role(tx: Connection, token: str) -> str | None:
    """Give the role of a token; None where it is unknown or revoked."""
    good = sa.and_(api_token.c.token_hash == fingerprint(token), api_token.c.revoked_at.is_(None))
    found: str | None = tx.scalar(sa.select(api_token.c.role).where(good))
    return found
