"""The composition root: build one frozen `Services` from the settings. Nothing is wired anywhere else."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis import Redis
from sqlalchemy.engine import Engine

from config.settings import Settings
from connectors.registry import RegistryError, connectors
from sync_service.domain.trackers.connector import Connector
from sync_service.domain.trackers.queries import Queries
from sync_service.ingest.apply_updates import Refresh
from sync_service.ingest.receive import Receive
from sync_service.notify import smtp
from sync_service.notify.connection_alerts import TellOwners
from sync_service.notify.outbox import Composing, Outbox, Sending
from sync_service.progress.relink_jobs import Relinking
from sync_service.runtime.drains import Drains
from sync_service.runtime.redis_server import private_server
from sync_service.runtime.wakeup import Doorbell
from sync_service.store.engine.database import open_database
from sync_service.store.engine.encryption import Sealer
from sync_service.store.okrs.ruleset import Shelf
from sync_service.store.trackers.connections import Connections
from sync_service.tracker_sync.fetch_issues import Looking
from sync_service.tracker_sync.list_query_members import Querying
from sync_service.tracker_sync.match_queries import Judging
from sync_service.tracker_sync.poll_scopes import Reconciling
from sync_service.tracker_sync.refresh_tokens import Consenting
from sync_service.tracker_sync.scheduled_tasks import Errands
from sync_service.write_back.write_notes import WritingBack

__all__ = ["House", "RegistryError", "build", "connectors", "open_redis", "utc_now"]

Now = Callable[[], datetime]
Drain = Callable[[], int]

REDIS_SECONDS = 2.0
"""How long we wait for Redis: it only starts work sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """All services of one process, wired together."""

    settings: Settings
    now: Now
    engine: Engine
    redis: Redis
    sealer: Sealer
    connectors: Mapping[str, Connector]
    connections: Connections
    doorbell: Doorbell
    receive: Receive
    outbox: Outbox
    drains: Drains


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


def build(settings: Settings, *, now: Now = utc_now) -> House:
    """Wire all services. Opens no connection yet."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_database(settings.database_url)
    sealer = Sealer(settings.secret_keys())
    kinds = connectors()
    known = Connections(engine, sealer, base_url=settings.base_url)
    redis = open_redis(settings)
    outbox = Outbox(sealer=sealer, mail_from=settings.mail_from, base_url=settings.base_url)
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
        outbox=outbox,
        drains=Drains(
            engine,
            {
                **_tracker_drains(settings, engine, kinds, known, sealer=sealer, now=now),
                **_mail_drains(settings, engine, outbox, now=now),
                **_write_drains(settings, engine, kinds, known, now=now),
            },
        ),
    )


def open_redis(settings: Settings) -> Redis:
    """Return a client for Redis, or for the private server of `okr-sync up`; it connects when first used."""
    url = settings.redis_url or private_server(Path(settings.data_dir)).url
    return Redis.from_url(url, socket_connect_timeout=REDIS_SECONDS, health_check_interval=30)


def _tracker_drains(
    settings: Settings,
    engine: Engine,
    kinds: Mapping[str, Connector],
    known: Connections,
    *,
    sealer: Sealer,
    now: Now,
) -> Mapping[str, Drain]:
    settle = timedelta(seconds=settings.settle_seconds)
    rulesets = Shelf()
    applier = Refresh(engine=engine, connectors=kinds, connections=known, shelf=rulesets, settle=settle, now=now)
    fetcher = Looking(engine=engine, connectors=kinds, connections=known, refresh=applier, now=now)
    poller = Reconciling(engine=engine, connectors=kinds, connections=known, refresh=applier, now=now)
    task_runner = Errands(engine=engine, connectors=kinds, connections=known, now=now)
    matcher = Judging(engine=engine, connectors=kinds, connections=known, shelf=rulesets, settle=settle, now=now)
    lister = Querying(matcher, applier)
    token_refresher = Consenting(engine=engine, sealer=sealer, connectors=kinds, connections=known, now=now)
    evaluated_by_tracker = frozenset(kind for kind, one in kinds.items() if isinstance(one, Queries) and not one.judges)
    relinker = Relinking(
        engine=engine, settle=settle, timezone=settings.zone, now=now, shelf=rulesets, asked=evaluated_by_tracker
    )
    return {
        "delivery": applier.drain,
        "consent": token_refresher.drain,
        "look": fetcher.drain,
        "poll": poller.drain,
        "errand": task_runner.drain,
        "candidate": matcher.drain,
        "listing": lister.drain,
        "rule_revision": relinker.drain_revisions,
        "relink": relinker.drain_relinks,
        "recompute": relinker.drain_recomputes,
    }


def _mail_drains(settings: Settings, engine: Engine, outbox: Outbox, *, now: Now) -> Mapping[str, Drain]:
    server = smtp.Server(**asdict(settings.smtp)) if settings.smtp else None
    settle = timedelta(seconds=settings.settle_seconds)
    composer = Composing(engine=engine, outbox=outbox, now=now)
    alerter = TellOwners(engine=engine, outbox=outbox, settle=settle, now=now)
    sender = Sending(engine=engine, sealer=outbox.sealer, mail_from=settings.mail_from, now=now, server=server)
    return {"notice": composer.drain, "breaking": alerter.drain, "mail": sender.drain}


def _write_drains(
    settings: Settings, engine: Engine, kinds: Mapping[str, Connector], known: Connections, *, now: Now
) -> Mapping[str, Drain]:
    note_writer = WritingBack(engine=engine, connectors=kinds, connections=known, base_url=settings.base_url, now=now)
    return {"write_back": note_writer.drain, "write_round": note_writer.drain_rounds}
