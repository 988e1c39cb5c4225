"""Receiving: a delivery is verified, stored durably, and only then acknowledged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from sync_service.domain.connectors import Connector, Post
from sync_service.store.connections import Connections
from sync_service.store.database import database_now, insert_or_skip, writing
from sync_service.store.sealing import Unopenable
from sync_service.store.tables import delivery

log = structlog.get_logger(__name__)

LARGEST = 25 * 1024 * 1024
"""Bytes in the largest body we take. https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap"""


class Receipt(Enum):
    """What became of a request, each with the HTTP status that says so."""

    STORED = 202
    FORGED = 401
    UNKNOWN = 404
    TOO_LARGE = 413
    UNABLE = 503


@dataclass(slots=True, kw_only=True)
class Receive:
    """Takes webhook requests of all connections."""

    engine: Engine
    connectors: Mapping[str, Connector]
    connections: Connections
    now: Callable[[], datetime]

    def take(self, slug: str, post: Post) -> Receipt:
        """Verify and store one request. Nothing that was not signed is stored, and no body is logged."""
        try:
            return self._take(slug, post)
        except SQLAlchemyError as error:
            log.exception("a delivery can't be stored", connection=slug, error=type(error).__name__)
            return Receipt.UNABLE
        except Unopenable as error:
            log.error("a delivery can't be verified", connection=slug, error=str(error))  # noqa: TRY400 - the message says it all
            return Receipt.UNABLE

    def _take(self, slug: str, post: Post) -> Receipt:
        connection = self.connections.named(slug)
        if connection is None:
            return Receipt.UNKNOWN
        if len(post.body) > LARGEST:
            log.warning("a delivery is too large", connection=slug, size=len(post.body))
            return Receipt.TOO_LARGE
        connector = self.connectors[connection.kind]
        if not connection.secrets:
            log.error("a delivery can't be verified: the connection has no webhook secret", connection=slug)
            return Receipt.UNABLE
        if not connector.verify(post, connection.secrets):
            log.warning("a delivery is forged or unsigned", connection=slug, size=len(post.body))
            return Receipt.FORGED
        self._store(connection.id, connector, post)
        return Receipt.STORED

    def _store(self, connection_id: int, connector: Connector, post: Post) -> None:
        """Store the delivery as received. A repeat changes nothing; where the first was buried, it is due again."""
        row = {
            "connection_id": connection_id,
            "delivery_id": connector.delivery_id(post),
            "received_at": self.now(),
            "headers": {name: post.headers[name] for name in connector.kept_headers if name in post.headers},
            "body": post.body,
        }
        with writing(self.engine) as tx:
            due_at = database_now(tx)
            insert_or_skip(tx, delivery, [row | {"due_at": due_at}], unique=("connection_id", "delivery_id"))
            buried = sa.and_(
                delivery.c.connection_id == connection_id,
                delivery.c.delivery_id == row["delivery_id"],
                delivery.c.buried_at.isnot(None),
            )
            again = {"due_at": due_at, "buried_at": None, "attempts": 0, "outcome": "", "body": post.body}
            tx.execute(sa.update(delivery).where(buried).values(again))
