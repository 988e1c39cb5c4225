"""Token refresh: refresh OAuth tokens before they expire, by one worker at a time; store new tokens before their use.

The lease of the row is the lock: a refresh uses up the refresh token, so two refreshes at once would end the grant. A
worker that dies between the tracker's answer and our commit leaves a used refresh token in the row. Atlassian accepts
it again for ten minutes, and the lease ends sooner.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.engine import Engine, Row

from sync_service.domain.trackers.capabilities import OAuthTokens, SupportsOAuth
from sync_service.domain.trackers.connector import Connector, ConnectorError, Refused
from sync_service.store.engine.database import writing
from sync_service.store.engine.encryption import DecryptionError, Sealer
from sync_service.store.jobs import oauth_tokens
from sync_service.store.queue import due
from sync_service.store.tables import oauth_token
from sync_service.store.trackers import connections
from sync_service.store.trackers.connections import Connections
from sync_service.tracker_sync.call_policy import CallPolicy

log = structlog.get_logger(__name__)

ENDED = "the OAuth consent has ended; give it again on the connection's page"


@dataclass(slots=True, kw_only=True)
class TokenRefresher:
    """Drains OAuth tokens that must be refreshed. Makes no network call inside a transaction."""

    engine: Engine
    sealer: Sealer
    connectors: Mapping[str, Connector]
    connections: Connections
    now: Callable[[], datetime]
    _policy: CallPolicy = field(init=False)

    def __post_init__(self) -> None:
        self._policy = CallPolicy(engine=self.engine, table=oauth_token, now=self.now)

    def drain(self) -> int:
        """Refresh one due OAuth token; return how many rows were claimed.

        One at a time, so that the lease covers this refresh alone.
        """
        return self._policy.drain(self._refresh)

    def _refresh(self, row: Row[Any]) -> None:
        connection = self.connections.of(row.connection_id)
        connector = self.connectors[connection.kind]
        if connection.view.client is None or not isinstance(connector, SupportsOAuth):
            self._policy.settle(row, "the connection uses other credentials now")
            return
        view = replace(connection.view, site_id=row.site_id)  # the row is newer than the cached connection
        try:
            renewed = connector.refresh_tokens(view, refresh=oauth_tokens.refresh_token(self.sealer, row))
        except (Refused, DecryptionError) as error:
            self._end(row, str(error))
        except ConnectorError as error:
            self._policy.postpone(row, due.wait_after(row.attempts), str(error))
        else:
            self._save(row, renewed)

    def _save(self, row: Row[Any], renewed: OAuthTokens) -> None:
        with writing(self.engine) as tx:
            oauth_tokens.store_refreshed(tx, self.sealer, row, renewed, now=self.now())
        log.info("OAuth token refreshed", connection=row.connection_id, until=renewed.expires_at.isoformat())

    def _end(self, row: Row[Any], reason: str) -> None:
        """Stop calling with a token that the tracker no longer accepts."""
        outcome = f"{ENDED}: {reason}"
        with writing(self.engine) as tx:
            due.settle(tx, oauth_token, [row], [{"outcome": outcome}])
            connections.refuse(tx, row.connection_id, reason=outcome)
