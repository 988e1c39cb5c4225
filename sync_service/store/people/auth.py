"""Authentication: sign-in links, sessions, API tokens. Only hashes are stored, so a leaked database has no tokens."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.engine.database import insert_or_skip
from sync_service.store.engine.encryption import hash_token
from sync_service.store.tables import api_token, person, session, sign_in_link, team

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
    """A valid token has that name."""


def person_id_of(tx: Transaction, email: str) -> int | None:
    """Return a person's id by e-mail address, in any letter case."""
    found: int | None = tx.scalar(sa.select(person.c.id).where(person.c.email == email.strip().lower()))
    return found


def first_person_id(tx: Transaction) -> int | None:
    """Return the smallest id of a person; None when there are no people."""
    found: int | None = tx.scalar(sa.select(sa.func.min(person.c.id)))
    return found


def address_of(tx: Transaction, person_id: int) -> str:
    """Return a person's e-mail address."""
    return str(tx.execute(sa.select(person.c.email).where(person.c.id == person_id)).scalar_one())


def name_of(tx: Transaction, person_id: int) -> str:
    """Return a person's name."""
    return str(tx.execute(sa.select(person.c.name).where(person.c.id == person_id)).scalar_one())


def team_of(tx: Transaction, person_id: int) -> str | None:
    """Return the slug of a person's team; None without one."""
    columns = sa.select(team.c.slug).join(person, person.c.team_id == team.c.id).where(person.c.id == person_id)
    return tx.execute(columns).scalar_one_or_none()


def was_mailed(tx: Transaction, person_id: int, *, since: datetime, now: datetime) -> bool:
    """Return whether a person got a link by mail after `since` that is unused and valid."""
    c = sign_in_link.c
    good = sa.and_(c.person_id == person_id, c.mailed_at > since, c.used_at.is_(None), c.expires_at > now)
    return tx.scalar(sa.select(c.id).where(good).limit(1)) is not None


def create_sign_in_link(tx: Transaction, person_id: int, now: datetime, *, mailed_at: datetime | None = None) -> str:
    """Create a sign-in link for a person; return its token (256 bits), valid once, for 15 minutes."""
    tx.execute(sa.delete(sign_in_link).where(sign_in_link.c.expires_at < now))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    columns = {"token_hash": hash_token(token), "person_id": person_id, "expires_at": now + LINK_LASTS}
    tx.execute(sa.insert(sign_in_link).values(columns | {"mailed_at": mailed_at}))
    return token


def delete_sign_in_link(tx: Transaction, token: str) -> None:
    """Delete a link."""
    tx.execute(sa.delete(sign_in_link).where(sign_in_link.c.token_hash == hash_token(token)))


def use_sign_in_link(tx: Transaction, token: str, now: datetime) -> int | None:
    """Use up a link and return the person's id; None when it is unknown, used or expired. Of several uses one wins.

    The person's other links end too: one may have been requested by somebody else.
    """
    good = sa.and_(
        sign_in_link.c.token_hash == hash_token(token),
        sign_in_link.c.used_at.is_(None),
        sign_in_link.c.expires_at > now,
    )
    used = sa.update(sign_in_link).where(good).values(used_at=now).returning(sign_in_link.c.person_id)
    found: int | None = tx.execute(used).scalar_one_or_none()
    if found is not None:
        tx.execute(sa.delete(sign_in_link).where(sign_in_link.c.person_id == found, sign_in_link.c.used_at.is_(None)))
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


@dataclass(frozen=True, slots=True)
class Session:
    """A session of a person, by its times."""

    started_at: datetime
    expires_at: datetime


def sessions_of(tx: Transaction, person_id: int, now: datetime) -> list[Session]:
    """Return a person's sessions that have not expired, the newest first."""
    mine = sa.select(session.c.expires_at).where(session.c.person_id == person_id, session.c.expires_at > now)
    return [Session(at - SESSION_LASTS, at) for at in tx.scalars(mine.order_by(session.c.expires_at.desc()))]


def end_sessions(tx: Transaction, person_id: int) -> int:
    """End all sessions of a person and all sign-in links; return how many sessions there were."""
    tx.execute(sa.delete(sign_in_link).where(sign_in_link.c.person_id == person_id))
    return tx.execute(sa.delete(session).where(session.c.person_id == person_id)).rowcount


@dataclass(frozen=True, slots=True)
class ApiToken:
    """An API token without its secret. `expires_at` None: it is valid until it is revoked."""

    name: str
    role: str
    created_at: datetime
    expires_at: datetime | None = None


def create_api_token(
    tx: Transaction, *, name: str, role: str, now: datetime, expires_at: datetime | None = None
) -> str:
    """Create an API token and return it, to be shown once. Raise `NameTaken` when a valid token has that name."""
    t = api_token.c
    tx.execute(sa.delete(api_token).where(t.name == name, sa.or_(t.revoked_at.isnot(None), t.expires_at <= now)))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = {"name": name, "token_hash": hash_token(token), "role": role, "created_at": now, "expires_at": expires_at}
    if not insert_or_skip(tx, api_token, [row], unique=("name",)):
        raise NameTaken(name)
    return token


def revoke_api_token(tx: Transaction, name: str, now: datetime) -> bool:
    """Revoke an API token by its name; return whether there was one."""
    good = sa.and_(api_token.c.name == name, api_token.c.revoked_at.is_(None))
    return tx.execute(sa.update(api_token).where(good).values(revoked_at=now)).rowcount > 0


def api_tokens(tx: Transaction) -> list[ApiToken]:
    """Return the API tokens that are not revoked, also expired ones, by name."""
    found = sa.select(*_TOKEN).where(api_token.c.revoked_at.is_(None)).order_by(api_token.c.name)
    return [ApiToken(*row) for row in tx.execute(found)]


def find_api_token(tx: Transaction, token: str, now: datetime) -> ApiToken | None:
    """Return an API token by its secret; None when it is unknown, revoked or expired."""
    t = api_token.c
    good = (
        t.token_hash == hash_token(token),
        t.revoked_at.is_(None),
        sa.or_(t.expires_at.is_(None), t.expires_at > now),
    )
    row = tx.execute(sa.select(*_TOKEN).where(*good)).one_or_none()
    return None if row is None else ApiToken(*row)


_TOKEN = (api_token.c.name, api_token.c.role, api_token.c.created_at, api_token.c.expires_at)
