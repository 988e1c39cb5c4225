"""OKR Sync in this process, at any time in the past: its database then is as if it had run since.

The only module of the simulator that imports the product. Both the product's clock and the database's are the demo's.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from werkzeug.serving import WSGIRequestHandler, make_server

from config.logging import set_up_logging
from config.settings import Settings
from simulator.clock import Clock
from simulator.http_server import ServerThread
from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.runtime.wiring import Services, build
from sync_service.store.engine.database import writing
from sync_service.store.people import auth
from sync_service.web.app import create_app

EPOCH_IN_JULIAN_DAYS = 2440587.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PastService:
    """The services on the demo's database, at the time of a clock, with the secrets of `environment`.

    Configuration files are in `directory`.
    """

    services: Services
    directory: Path
    environment: Mapping[str, str]

    def apply(self, name: str, text: str) -> None:
        """Write a configuration file and apply it, as `okr-sync apply` does."""
        (self.directory / name).write_text(text, encoding="utf-8")
        services = self.services
        applier = ConfigApplier.of(services, actor="okr-sync apply", environment=self.environment)
        applier.apply([(name, text.encode())], prune=False)
        services.connections.clear_cache()

    def sign_in_link(self, email: str) -> str:
        """Return a link by which a person signs in. Raise `LookupError` when there is no such person."""
        with writing(self.services.engine) as tx:
            person_id = auth.person_id_of(tx, email)
            if person_id is None:
                raise LookupError(f"nobody has the address {email}")
            token = auth.create_sign_in_link(tx, person_id, self.services.now())
        return f"{self.services.settings.base_url}/sign-in/{token}"

    def work(self) -> None:
        """Do all that is due, as the workers do."""
        self.services.drains.drain_everything()


class _Quiet(WSGIRequestHandler):
    def log(self, *_line: object) -> None:
        pass  # the library logs each request to stderr, where the demo writes


@contextmanager
def past_service(environment: Mapping[str, str], *, port: int, log: Path, now: Clock) -> Iterator[PastService]:
    """Serve OKR Sync at this port, with its log in a file, and with the settings of an environment."""
    with log.open("a", encoding="utf-8") as stream:
        set_up_logging("console", stream=stream)
        services = build(_settings(environment), now=now)
        sa.event.listen(services.engine, "connect", _database_clock(now))
        server = make_server("127.0.0.1", port, create_app(services), threaded=True, request_handler=_Quiet)
        serving = ServerThread(server, name="OKR Sync in the past")
        try:
            yield PastService(services=services, directory=log.parent, environment=environment)
        finally:
            serving.stop()
            server.server_close()
            services.engine.dispose()
            services.redis.close()


def _settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings of another environment than that of this process."""
    ours = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        return Settings.model_validate({"_env_file": None})
    finally:
        os.environ.clear()
        os.environ.update(ours)


def _database_clock(now: Clock) -> Any:
    """Return a listener that gives SQLite the time: its `julianday('now')` is the time of the clock."""

    def julian_day(_now: str) -> float:
        return (now() - datetime.fromtimestamp(0, UTC)).total_seconds() / 86400 + EPOCH_IN_JULIAN_DAYS

    def set_clock(connection: Any, _record: object) -> None:
        connection.create_function("julianday", 1, julian_day)

    return set_clock
