"""The composition root: settings become one frozen house with everything joined. Nothing is joined anywhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis import Redis
from sqlalchemy.engine import Engine

from config.settings import Settings
from connectors.registry import connectors
from sync_service.domain.connectors import Connector
from sync_service.doorbell import Doorbell
from sync_service.drains import Drains
from sync_service.looking import Looking
from sync_service.receive import Receive
from sync_service.refresh import Refresh
from sync_service.relinking import Relinking
from sync_service.store.book import Shelf
from sync_service.store.connections import Connections
from sync_service.store.database import open_database
from sync_service.store.sealing import Sealer
from sync_service.valkey import private_server

Now = Callable[[], datetime]

REDIS_SECONDS = 2.0
"""How long we wait for Redis to answer: it only makes things happen sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything joined. One for each process."""

    settings: Settings
    now: Now
    engine: Engine
    redis: Redis
    sealer: Sealer
    connectors: Mapping[str, Connector]
    connections: Connections
    doorbell: Doorbell
    receive: Receive
    drains: Drains


def utc_now() -> datetime:
    """Give the time of this machine."""
    return datetime.now(UTC)


def build(settings: Settings, *, now: Now = utc_now) -> House:
    """Join everything. Opens no connection yet."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_database(settings.database_url)
    sealer = Sealer(settings.secret_keys())
    kinds = connectors()
    known = Connections(engine, sealer)
    redis = open_redis(settings)
    return House(
        settings=settings,
        now=now,
        engine=engine,
        redis=redis,
        sealer=sealer,
        connectors=kinds,
        connections=known,
        doorbell=Doorbell(redis),
        receive=Receive(engine=engine, connectors=kinds, connections=known, now=now),
        drains=_drains(settings, engine, kinds, known, now=now),
    )


def open_redis(settings: Settings) -> Redis:
    """Give a client for Redis, or for the private server that `okr-sync up` runs; connects when first used."""
    url = settings.redis_url or private_server(Path(settings.data_dir)).url
    return Redis.from_url(url, socket_connect_timeout=REDIS_SECONDS, health_check_interval=30)


def _drains(
    settings: Settings, engine: Engine, kinds: Mapping[str, Connector], known: Connections, *, now: Now
) -> Drains:
    settle = timedelta(seconds=settings.settle_seconds)
    shelf = Shelf()
    refresh = Refresh(engine=engine, connectors=kinds, connections=known, shelf=shelf, settle=settle, now=now)
    looking = Looking(engine=engine, connectors=kinds, connections=known, refresh=refresh, now=now)
    relinking = Relinking(engine=engine, settle=settle, timezone=settings.zone, now=now, shelf=shelf)
    return Drains(
        engine,
        {
            "delivery": refresh.drain,
            "look": looking.drain,
            "rule_revision": relinking.drain_revisions,
            "relink": relinking.drain_relinks,
            "recompute": relinking.drain_recomputes,
        },
    )
