"""The composition root: build one frozen `Services` from the settings. Nothing is wired anywhere else."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis import Redis
from sqlalchemy.engine import Engine

from config.settings import Settings
from connectors.registry import RegistryError, load_connectors
from sync_service.domain.trackers.connector import Connector
from sync_service.domain.trackers.queries import EvaluatesQueries
from sync_service.ingest.apply_updates import UpdateApplier
from sync_service.ingest.receive import WebhookReceiver
from sync_service.notify import smtp
from sync_service.notify.compose_notices import NoticeComposer
from sync_service.notify.connection_alerts import ConnectionAlerter
from sync_service.notify.outbox import Outbox
from sync_service.notify.send_mail import MailSender
from sync_service.progress.relink_jobs import Relinker
from sync_service.runtime.drains import Drains
from sync_service.runtime.redis_server import private_server
from sync_service.runtime.wakeup import Wakeup
from sync_service.store.engine.database import open_database
from sync_service.store.engine.encryption import Sealer
from sync_service.store.okrs.ruleset import RulesetCache
from sync_service.store.trackers.connections import Connections
from sync_service.tracker_sync.fetch_issues import IssueFetcher
from sync_service.tracker_sync.list_query_members import QueryLister
from sync_service.tracker_sync.match_queries import QueryMatcher
from sync_service.tracker_sync.poll_scopes import ScopePoller
from sync_service.tracker_sync.refresh_tokens import TokenRefresher
from sync_service.tracker_sync.scheduled_tasks import TaskRunner
from sync_service.write_back.write_notes import NoteWriter

__all__ = ["RegistryError", "Services", "build", "load_connectors", "open_redis", "utc_now"]

Now = Callable[[], datetime]
Drain = Callable[[], int]

REDIS_SECONDS = 2.0
"""How long we wait for Redis: it only starts work sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All services of one process, wired together."""

    settings: Settings
    now: Now
    engine: Engine
    redis: Redis
    sealer: Sealer
    connectors: Mapping[str, Connector]
    connections: Connections
    wakeup: Wakeup
    receive: WebhookReceiver
    outbox: Outbox
    drains: Drains


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


def build(settings: Settings, *, now: Now = utc_now) -> Services:
    """Wire all services. Opens no connection yet."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_database(settings.database_url)
    sealer = Sealer(settings.secret_keys())
    kinds = load_connectors()
    known = Connections(engine, sealer, base_url=settings.base_url)
    redis = open_redis(settings)
    outbox = Outbox(sealer=sealer, mail_from=settings.mail_from, base_url=settings.base_url)
    return Services(
        settings=settings,
        now=now,
        engine=engine,
        redis=redis,
        sealer=sealer,
        connectors=kinds,
        connections=known,
        wakeup=Wakeup(redis),
        receive=WebhookReceiver(engine=engine, connectors=kinds, connections=known, now=now),
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
    rulesets = RulesetCache()
    applier = UpdateApplier(
        engine=engine, connectors=kinds, connections=known, ruleset_cache=rulesets, settle=settle, now=now
    )
    fetcher = IssueFetcher(engine=engine, connectors=kinds, connections=known, refresh=applier, now=now)
    poller = ScopePoller(engine=engine, connectors=kinds, connections=known, refresh=applier, now=now)
    task_runner = TaskRunner(engine=engine, connectors=kinds, connections=known, now=now)
    matcher = QueryMatcher(
        engine=engine, connectors=kinds, connections=known, ruleset_cache=rulesets, settle=settle, now=now
    )
    lister = QueryLister(matcher, applier)
    token_refresher = TokenRefresher(engine=engine, sealer=sealer, connectors=kinds, connections=known, now=now)
    evaluated_by_tracker = frozenset(
        kind for kind, one in kinds.items() if isinstance(one, EvaluatesQueries) and not one.evaluates_locally
    )
    relinker = Relinker(
        engine=engine,
        settle=settle,
        timezone=settings.zone,
        now=now,
        ruleset_cache=rulesets,
        listed_kinds=evaluated_by_tracker,
    )
    return {
        "delivery": applier.drain,
        "oauth_token": token_refresher.drain,
        "fetch_request": fetcher.drain,
        "poll": poller.drain,
        "scheduled_task": task_runner.drain,
        "query_candidate": matcher.drain,
        "query_listing": lister.drain,
        "rule_revision": relinker.drain_revisions,
        "relink_request": relinker.drain_relinks,
        "recompute": relinker.drain_recomputes,
    }


def _mail_drains(settings: Settings, engine: Engine, outbox: Outbox, *, now: Now) -> Mapping[str, Drain]:
    server = smtp.Server(**asdict(settings.smtp)) if settings.smtp else None
    settle = timedelta(seconds=settings.settle_seconds)
    composer = NoticeComposer(engine=engine, outbox=outbox, now=now)
    alerter = ConnectionAlerter(engine=engine, outbox=outbox, settle=settle, now=now)
    sender = MailSender(engine=engine, sealer=outbox.sealer, mail_from=settings.mail_from, now=now, server=server)
    return {"notice": composer.drain, "connection_alert": alerter.drain, "mail": sender.drain}


def _write_drains(
    settings: Settings, engine: Engine, kinds: Mapping[str, Connector], known: Connections, *, now: Now
) -> Mapping[str, Drain]:
    note_writer = NoteWriter(engine=engine, connectors=kinds, connections=known, base_url=settings.base_url, now=now)
    return {"write_back": note_writer.drain, "write_back_round": note_writer.drain_rounds}
