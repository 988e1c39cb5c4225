"""Consents kept alive: each is renewed before its token expires, by one worker alone, and stored before it is used.

The row's lease is the lock: a renewal uses up what it was made with, so two at once would end the consent. A worker
that dies between the tracker's answer and our commit leaves what was used: Atlassian takes it once more for ten
minutes, and the lease ends sooner.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.engine import Engine, Row

from sync_service.asking import Asking
from sync_service.domain.abilities import Consent, TakesConsent
from sync_service.domain.connectors import Connector, ConnectorError, Refused
from sync_service.store import connections, consents, due
from sync_service.store.connections import Connections
from sync_service.store.database import writing
from sync_service.store.sealing import Sealer, Unopenable
from sync_service.store.tables import consent

log = structlog.get_logger(__name__)

ENDED = "the consent has ended, so somebody must give it again on the connection's page"


@dataclass(slots=True, kw_only=True)
class Consenting:
    """Drains consents that must be renewed. No network call is made inside a transaction."""

    engine: Engine
    sealer: Sealer
    connectors: Mapping[str, Connector]
    connections: Connections
    now: Callable[[], datetime]
    _asking: Asking = field(init=False)

    def __post_init__(self) -> None:
        self._asking = Asking(engine=self.engine, table=consent, now=self.now)

    def drain(self) -> int:
        """Renew a due consent; give how many were claimed. One at a time: its lease is all its own."""
        return self._asking.drain(self._renew)

    def _renew(self, row: Row[Any]) -> None:
        connection = self.connections.of(row.connection_id)
        connector = self.connectors[connection.kind]
        if connection.view.client is None or not isinstance(connector, TakesConsent):
            self._asking.settle(row, "the connection calls by other credentials now")
            return
        view = replace(connection.view, site_id=row.site_id)  # the row is newer than what is remembered of connections
        try:
            renewed = connector.renew(view, refresh=consents.refresh_of(self.sealer, row))
        except (Refused, Unopenable) as error:
            self._end(row, str(error))
        except ConnectorError as error:
            self._asking.postpone(row, due.wait_after(row.attempts), str(error))
        else:
            self._keep(row, renewed)

    def _keep(self, row: Row[Any], renewed: Consent) -> None:
        with writing(self.engine) as tx:
            consents.renew(tx, self.sealer, row, renewed, now=self.now())
        log.info("consent renewed", connection=row.connection_id, until=renewed.expires_at.isoformat())

    def _end(self, row: Row[Any], reason: str) -> None:
        """Make no more calls by a consent that the tracker no longer knows."""
        said = f"{ENDED}: {reason}"
        with writing(self.engine) as tx:
            due.settle(tx, consent, [row], [{"outcome": said}])
            connections.refuse(tx, row.connection_id, reason=said)
