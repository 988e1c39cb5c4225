"""The composition root: build one frozen `Services` from the settings. Nothing is wired anywhere else."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypedDict

from redis import Redis
from sqlalchemy.engine import Engine

from config.settings import Settings
from connectors.registry import RegistryError, load_connectors
from sync_service.domain.trackers.connector import Connector
from sync_service.domain.trackers.queries import evaluated_by_tracker
from sync_service.ingest.apply_updates import UpdateApplier
from sync_service.ingest.receive import WebhookReceiver
from sync_service.notify import smtp
from sync_service.notify.compose_notices import NoticeComposer
from sync_service.notify.connection_alerts import ConnectionAlerter
from sync_service.notify.outbox import Outbox
from sync_service.notify.send_mail import MailSender
from sync_service.progress.forecasts.forecast_jobs import Forecaster
from sync_service.progress.relink_jobs import Relinker
from sync_service.runtime.drains import Drains
from sync_service.runtime.redis_server import private_server
from sync_service.runtime.wakeup import Wakeup
from sync_service.store.engine.database import open_database
from sync_service.store.engine.encryption import Sealer
from sync_service.store.engine.sqlite import BUSY_SECONDS
from sync_service.store.okrs.ruleset import RulesetCache
from sync_service.store.trackers.connections import Connections
from sync_service.tracker_sync.ask_queries import QueryAsker
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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
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
    queries: QueryAsker
    outbox: Outbox
    drains: Drains


LARGE_DELIVERY = "large-delivery"
"""The lock file in the data directory that a process holds while it reads a large delivery."""


class _Common(TypedDict):
    """The arguments that all services with calls to trackers have in common."""

    engine: Engine
    connectors: Mapping[str, Connector]
    connections: Connections
    now: Now


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


def build(settings: Settings, *, now: Now = utc_now, write_wait: float = BUSY_SECONDS) -> Services:
    """Wire all services. Opens no connection yet. On SQLite a writer waits up to `write_wait` seconds for others."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_database(settings.database_url, write_wait=write_wait, zone=settings.zone)
    sealer = Sealer(settings.secret_keys())
    connections = Connections(engine=engine, sealer=sealer, base_url=settings.base_url)
    common = _Common(engine=engine, connectors=load_connectors(), connections=connections, now=now)
    outbox = Outbox(sealer=sealer, mail_from=settings.mail_from, base_url=settings.base_url)
    redis = open_redis(settings)
    by_table = {
        **_tracker_drains(settings, common, sealer=sealer),
        **_mail_drains(settings, outbox, engine=engine, now=now),
        **_write_drains(settings, common),
    }
    return Services(
        settings=settings,
        now=now,
        engine=engine,
        redis=redis,
        sealer=sealer,
        connectors=common["connectors"],
        connections=connections,
        wakeup=Wakeup(redis),
        receive=WebhookReceiver(**common),
        queries=QueryAsker(**common),
        outbox=outbox,
        drains=Drains(engine=engine, by_table=by_table),
    )


def open_redis(settings: Settings) -> Redis:
    """Return a client for Redis, or for the private server of `okr-sync up`; it connects when first used."""
    url = settings.redis_url or private_server(Path(settings.data_dir)).url
    return Redis.from_url(url, socket_connect_timeout=REDIS_SECONDS, health_check_interval=30)


def _tracker_drains(settings: Settings, common: _Common, *, sealer: Sealer) -> Mapping[str, Drain]:
    engine, connectors, now = common["engine"], common["connectors"], common["now"]
    settle = timedelta(seconds=settings.settle_seconds)
    # Calls to trackers run in a thread of their own (call_thread.py): it shares no cache with the main one.
    ruleset_cache, ruleset_cache_of_calls = RulesetCache(), RulesetCache()
    applier = UpdateApplier(**common, ruleset_cache=ruleset_cache_of_calls, settle=settle)
    matcher = QueryMatcher(**common, ruleset_cache=ruleset_cache_of_calls, settle=settle)
    relinker = Relinker(
        engine=engine,
        settle=settle,
        now=now,
        ruleset_cache=ruleset_cache,
        listed_kinds=evaluated_by_tracker(connectors),
    )
    return {
        "delivery": UpdateApplier(
            **common, ruleset_cache=ruleset_cache, settle=settle, large_lock=settings.data_dir / LARGE_DELIVERY
        ).drain,
        "oauth_token": TokenRefresher(**common, sealer=sealer).drain,
        "fetch_request": IssueFetcher(**common, applier=applier).drain,
        "poll": ScopePoller(**common, applier=applier).drain,
        "scheduled_task": TaskRunner(**common).drain,
        "query_candidate": matcher.drain,
        "query_listing": QueryLister(matcher=matcher, applier=applier).drain,
        "rule_revision": relinker.drain_revisions,
        "relink_request": relinker.drain_relinks,
        "recompute": relinker.drain_recomputes,
        "forecast": Forecaster(engine=engine, now=now).drain,
    }


def _mail_drains(settings: Settings, outbox: Outbox, *, engine: Engine, now: Now) -> Mapping[str, Drain]:
    server = smtp.Server(**asdict(settings.smtp)) if settings.smtp else None
    settle = timedelta(seconds=settings.settle_seconds)
    sender = MailSender(engine=engine, sealer=outbox.sealer, mail_from=settings.mail_from, now=now, server=server)
    return {
        "notice": NoticeComposer(engine=engine, outbox=outbox, now=now).drain,
        "connection_alert": ConnectionAlerter(engine=engine, outbox=outbox, settle=settle, now=now).drain,
        "mail": sender.drain,
    }


def _write_drains(settings: Settings, common: _Common) -> Mapping[str, Drain]:
    writer = NoteWriter(**common, base_url=settings.base_url)
    return {"write_back": writer.drain, "write_back_round": writer.drain_rounds}
