"""Configured connections: read them with their secrets decrypted (cached), note refusals."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from sync_service.domain.trackers.connector import AppKey, Connection, OAuthClient
from sync_service.store.engine import versions
from sync_service.store.engine.database import database_now, reading
from sync_service.store.engine.encryption import Sealer
from sync_service.store.tables import connection, live_connection, oauth_token
from sync_service.store.trackers import connection_alerts

FRESH_SECONDS = 1.0
"""How long a process uses its cached connections. After this time it reads a rotated secret."""

UNKNOWN_SECONDS = 0.2
"""How long an unknown slug is cached as unknown: anybody may call the webhook address with any slug."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A connection with its secrets decrypted: never log it.

    `secrets` are its webhook secrets. `token_until` is when the OAuth access token expires; `refresh_stopped`: the
    token is not refreshed any more.
    """

    id: int
    slug: str
    kind: str
    view: Connection = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    refused: str | None
    token_until: datetime | None = None
    refresh_stopped: bool = False

    @property
    def receives_webhooks(self) -> bool:
        """Return whether there is a secret to verify deliveries with."""
        return bool(self.secrets or self.view.client)


@dataclass(slots=True, kw_only=True)
class Connections:
    """Cached reader of the connections: reads at most once a second per process; an unknown one is read sooner."""

    engine: Engine
    sealer: Sealer
    base_url: str = ""
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _read_at: float = field(init=False, default=float("-inf"))
    _by_id: Mapping[int, Configured] = field(init=False, default_factory=dict)
    _by_slug: Mapping[str, Configured] = field(init=False, default_factory=dict)

    def of(self, connection_id: int) -> Configured:
        """Return a connection by its row id. Raise `KeyError` when it was removed."""
        self._refresh(fresh=FRESH_SECONDS if connection_id in self._by_id else 0)
        return self._by_id[connection_id]

    def latest(self, connection_id: int) -> Configured:
        """Return a connection past the cache: use it before you report that the connection lacks something."""
        self.clear_cache()
        return self.of(connection_id)

    def named(self, slug: str) -> Configured | None:
        """Return a connection by its slug; None when there is none."""
        self._refresh(fresh=FRESH_SECONDS if slug in self._by_slug else UNKNOWN_SECONDS)
        return self._by_slug.get(slug)

    def hook_url(self, slug: str) -> str:
        """Return the address for a connection's webhooks; the connection need not exist yet."""
        return f"{self.base_url.rstrip('/')}/hooks/{slug}"

    def clear_cache(self) -> None:
        """Read the connections again at the next request: this process has just changed one."""
        with self._lock:
            self._read_at = float("-inf")

    def _refresh(self, *, fresh: float) -> None:
        with self._lock:
            if time.monotonic() - self._read_at < fresh:
                return
            with reading(self.engine) as tx:
                consents = {row.connection_id: row for row in tx.execute(sa.select(oauth_token))}
                found = [self._configured(row, consents.get(row.id)) for row in tx.execute(sa.select(live_connection))]
            self._by_id = {one.id: one for one in found}
            self._by_slug = {one.slug: one for one in found}
            self._read_at = time.monotonic()

    def _configured(self, row: Row[Any], tokens: Row[Any] | None) -> Configured:
        sealed_token = tokens.sealed_access if tokens and row.client_id else row.sealed_token
        return Configured(
            id=row.id,
            slug=row.slug,
            kind=row.kind,
            view=Connection(
                slug=row.slug,
                site=row.site,
                options=row.options,
                hook_url=self.hook_url(row.slug),
                token=self.sealer.decrypt(sealed_token) if sealed_token else None,
                app=AppKey(row.app_id, self.sealer.decrypt(row.sealed_app_key)) if row.sealed_app_key else None,
                client=OAuthClient(row.client_id, self.sealer.decrypt(row.sealed_client_secret))
                if row.client_id
                else None,
                site_id=tokens.site_id if tokens else None,
                owner_marker=row.owner_marker,
                writes_back=row.write_back,
            ),
            secrets=tuple(self.sealer.decrypt(one) for one in row.sealed_secrets),
            refused=row.refused_reason,
            token_until=tokens.expires_at if tokens else None,
            refresh_stopped=tokens is not None and tokens.due_at is None,
        )


def refuse(tx: Transaction, connection_id: int, *, reason: str) -> None:
    """Mark a connection as refused by the tracker and alert its owner: no more calls until somebody fixes it."""
    now = database_now(tx)
    first = sa.and_(connection.c.id == connection_id, connection.c.refused_at.is_(None))
    refused = {"refused_at": now, "refused_reason": reason, "retried_at": now}
    if tx.execute(sa.update(connection).where(first).values(refused)).rowcount:
        connection_alerts.note_refused(tx, connection_id)
    versions.bump(tx, versions.CHANGES)


def may_retry(tx: Transaction, connection_id: int, *, after: timedelta) -> bool:
    """Return whether one call may test a refused connection, once per `after`: no tracker says when it is fixed."""
    now = database_now(tx)
    retried_at = connection.c.retried_at
    before_a_step_back = retried_at > now + timedelta(minutes=1)
    due_for_a_test = sa.and_(connection.c.id == connection_id, sa.or_(retried_at <= now - after, before_a_step_back))
    return tx.execute(sa.update(connection).where(due_for_a_test).values(retried_at=now)).rowcount == 1


def clear_refusal(tx: Transaction, connection_id: int) -> None:
    """Clear the refusal of a connection: the tracker accepts us again."""
    mended = {"refused_at": None, "refused_reason": None, "retried_at": None}
    tx.execute(sa.update(connection).where(connection.c.id == connection_id).values(mended))
    versions.bump(tx, versions.CHANGES)


def has_credentials() -> sa.ColumnElement[bool]:
    """Return the SQL condition that a connection has credentials; an OAuth app has them once it has tokens."""
    consented = sa.exists().where(oauth_token.c.connection_id == live_connection.c.id)
    return sa.or_(
        live_connection.c.sealed_token.isnot(None),
        live_connection.c.sealed_app_key.isnot(None),
        sa.and_(live_connection.c.client_id.isnot(None), consented),
    )


def can_call(tx: Transaction, connection_id: int) -> bool:
    """Return whether a connection has credentials for calls."""
    return tx.scalar(sa.select(has_credentials()).where(live_connection.c.id == connection_id)) or False
