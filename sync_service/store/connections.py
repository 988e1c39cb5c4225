"""Connections as configured: their secrets opened for use, their scopes bound to the tracker's ids."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from sync_service.domain.connectors import App, Client, Connection
from sync_service.domain.issues import ScopeRef
from sync_service.store import breakings, counters
from sync_service.store.database import database_now, reading
from sync_service.store.sealing import Sealer
from sync_service.store.tables import connection, consent, scope

FRESH_SECONDS = 1.0
"""How long a process goes by what it last read of the connections: a rotated secret is known after this."""

UNKNOWN_SECONDS = 0.2
"""How long a name that is not among them is believed to be none: anybody may call the door of webhooks by any name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A connection with its secrets in the clear: never log it.

    `token_until` is when a consent's token expires; one that has `ended` is not renewed any more.
    """

    id: int
    slug: str
    kind: str
    view: Connection = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    refused: str | None
    token_until: datetime | None = None
    ended: bool = False


class Connections:
    """Reads the connections, at most once a second in each process; one that is unknown is looked up at once."""

    def __init__(self, engine: Engine, sealer: Sealer, *, base_url: str = "") -> None:
        self._engine = engine
        self._base_url = base_url.rstrip("/")
        self._sealer = sealer
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._by_id: Mapping[int, Configured] = {}
        self._by_slug: Mapping[str, Configured] = {}

    def of(self, connection_id: int) -> Configured:
        """Give a connection by its row id. Raises `KeyError` where it was removed."""
        self._refresh(fresh=FRESH_SECONDS if connection_id in self._by_id else 0)
        return self._by_id[connection_id]

    def latest(self, connection_id: int) -> Configured:
        """Give a connection as it is now: to say that it lacks something, what was read a second ago won't do."""
        self.forget()
        return self.of(connection_id)

    def named(self, slug: str) -> Configured | None:
        """Give a connection by its slug; None where there is none."""
        self._refresh(fresh=FRESH_SECONDS if slug in self._by_slug else UNKNOWN_SECONDS)
        return self._by_slug.get(slug)

    def hook_url(self, slug: str) -> str:
        """Give the address that a connection's webhooks go to, whether it is there already or not."""
        return f"{self._base_url}/hooks/{slug}"

    def forget(self) -> None:
        """Read them anew when next asked: this process has just changed one."""
        with self._lock:
            self._read_at = float("-inf")

    def _refresh(self, *, fresh: float) -> None:
        with self._lock:
            if time.monotonic() - self._read_at < fresh:
                return
            with reading(self._engine) as tx:
                consents = {row.connection_id: row for row in tx.execute(sa.select(consent))}
                found = [self._configured(row, consents.get(row.id)) for row in tx.execute(sa.select(connection))]
            self._by_id = {one.id: one for one in found}
            self._by_slug = {one.slug: one for one in found}
            self._read_at = time.monotonic()

    def _configured(self, row: Row[Any], given: Row[Any] | None) -> Configured:
        sealed_token = given.sealed_access if given and row.client_id else row.sealed_token
        return Configured(
            id=row.id,
            slug=row.slug,
            kind=row.kind,
            view=Connection(
                slug=row.slug,
                site=row.site,
                options=row.options,
                hook_url=self.hook_url(row.slug),
                token=self._sealer.open(sealed_token) if sealed_token else None,
                app=App(row.app_id, self._sealer.open(row.sealed_app_key)) if row.sealed_app_key else None,
                client=Client(row.client_id, self._sealer.open(row.sealed_client_secret)) if row.client_id else None,
                site_id=given.site_id if given else None,
                mark=row.write_mark,
                writes_back=row.write_back,
            ),
            secrets=self._secrets(row),
            refused=row.refused_reason,
            token_until=given.expires_at if given else None,
            ended=given is not None and given.due_at is None,
        )

    def _secrets(self, row: Row[Any]) -> tuple[str, ...]:
        """Give what deliveries may be signed with: an OAuth app's are by its client secret."""
        sealed = [*row.sealed_secrets, *([row.sealed_client_secret] if row.client_id else [])]
        return tuple(self._sealer.open(one) for one in sealed)


def bind_scopes(tx: Transaction, seen: Iterable[tuple[int, ScopeRef]]) -> None:
    """Remember the tracker's id of each watched scope that is known only by name so far: by how it is called now."""
    wanted = {(connection_id, ref.name.lower()): ref.id for connection_id, ref in sorted(seen, key=_by_id)}
    name = sa.func.coalesce(scope.c.called, scope.c.name).label("name")
    unknown = sa.select(scope.c.id, scope.c.connection_id, name).where(scope.c.external_id.is_(None))
    found = [(row.id, wanted.get((row.connection_id, row.name.lower()))) for row in tx.execute(unknown)]
    bound = [(scope_id, external_id) for scope_id, external_id in found if external_id is not None]
    if not bound:
        return
    counters.bump(tx, counters.RULES)  # before any scope is locked: who changes rules takes their locks in this order
    for scope_id, external_id in sorted(bound):
        still = sa.and_(scope.c.id == scope_id, scope.c.external_id.is_(None))
        tx.execute(sa.update(scope).where(still).values(external_id=external_id))


def _by_id(one: tuple[int, ScopeRef]) -> tuple[int, str]:
    return (one[0], one[1].id)


def refuse(tx: Transaction, connection_id: int, *, reason: str) -> None:
    """Note that the tracker refuses us, and let the owner hear: no more calls until somebody mends it."""
    now = database_now(tx)
    first = sa.and_(connection.c.id == connection_id, connection.c.refused_at.is_(None))
    refused = {"refused_at": now, "refused_reason": reason, "asked_again_at": now}
    if tx.execute(sa.update(connection).where(first).values(refused)).rowcount:
        breakings.note_refused(tx, connection_id)
    counters.bump(tx, counters.CHANGES)


def may_ask_again(tx: Transaction, connection_id: int, *, after: timedelta) -> bool:
    """Let one call in a while through to a tracker that refused us: nobody tells us when it is mended there."""
    now = database_now(tx)
    asked = connection.c.asked_again_at
    before_a_step_back = asked > now + timedelta(minutes=1)
    again = sa.and_(connection.c.id == connection_id, sa.or_(asked <= now - after, before_a_step_back))
    return tx.execute(sa.update(connection).where(again).values(asked_again_at=now)).rowcount == 1


def mend(tx: Transaction, connection_id: int) -> None:
    """Note that the tracker answers us again."""
    mended = {"refused_at": None, "refused_reason": None, "asked_again_at": None}
    tx.execute(sa.update(connection).where(connection.c.id == connection_id).values(mended))
    counters.bump(tx, counters.CHANGES)


def callable_ones() -> sa.ColumnElement[bool]:
    """Tell, in a statement on connections, which have something to call with: a client has once a person consents."""
    consented = sa.exists().where(consent.c.connection_id == connection.c.id)
    return sa.or_(
        connection.c.sealed_token.isnot(None),
        connection.c.sealed_app_key.isnot(None),
        sa.and_(connection.c.client_id.isnot(None), consented),
    )


def can_call(tx: Transaction, connection_id: int) -> bool:
    """Tell whether a connection has something to call with."""
    return tx.scalar(sa.select(callable_ones()).where(connection.c.id == connection_id)) or False
