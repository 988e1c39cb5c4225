"""Receive webhooks: verify the HMAC signature, store the delivery in the inbox, and only then acknowledge it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import partial

import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from sync_service.domain.trackers.connector import Connector, WebhookRequest
from sync_service.ingest.group_commit import GroupCommit, NotStored
from sync_service.ingest.rejected_counter import RejectedCounter
from sync_service.store.engine.encryption import DecryptionError
from sync_service.store.trackers import inbox
from sync_service.store.trackers.connections import Connections
from sync_service.store.trackers.inbox import ReceivedDelivery

log = structlog.get_logger(__name__)

LARGEST = 25 * 1024 * 1024
"""Size limit of a body, in bytes. https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap"""

MOST_AT_ONCE = 100
"""Most deliveries stored in one transaction."""

WRITERS = 3
"""Transactions in which a process stores deliveries at the same time, where the database takes several writers."""


class Receipt(Enum):
    """The result of a request; the value is its HTTP status."""

    STORED = 202
    FORGED = 401
    UNKNOWN = 404
    TOO_LARGE = 413
    UNABLE = 503


@dataclass(slots=True, kw_only=True)
class WebhookReceiver:
    """Receives webhook requests of all connections."""

    engine: Engine
    connectors: Mapping[str, Connector]
    connections: Connections
    now: Callable[[], datetime]
    _group_commit: GroupCommit[ReceivedDelivery] = field(init=False)
    _rejected: RejectedCounter = field(init=False)

    def __post_init__(self) -> None:
        writers = 1 if self.engine.dialect.name == "sqlite" else WRITERS
        self._group_commit = GroupCommit(self._store, most=MOST_AT_ONCE, parallel=writers)
        self._rejected = RejectedCounter(partial(inbox.count_rejected, self.engine))

    def receive(self, slug: str, post: WebhookRequest) -> Receipt:
        """Verify and store one request. Nothing without a valid signature is stored, and no body is logged."""
        try:
            return self._verify_and_store(slug, post)
        except (SQLAlchemyError, NotStored) as error:
            log.exception("a delivery can't be stored", connection=slug, error=type(error.__cause__ or error).__name__)
            return Receipt.UNABLE
        except DecryptionError as error:
            log.error("a delivery can't be verified", connection=slug, error=str(error))  # noqa: TRY400 - the message says everything
            return Receipt.UNABLE

    def _verify_and_store(self, slug: str, post: WebhookRequest) -> Receipt:
        connection = self.connections.named(slug)
        if connection is None:
            return Receipt.UNKNOWN
        if len(post.body) > LARGEST:
            log.warning("a delivery is too large", connection=slug, size=len(post.body))
            return Receipt.TOO_LARGE
        connector = self.connectors[connection.kind]
        if not connection.receives_webhooks:
            log.error("a delivery can't be verified: the connection has no webhook secret", connection=slug)
            return Receipt.UNABLE
        if not connector.verify(post, connection.secrets, connection.view.client):
            log.warning("a delivery has a wrong or no signature", connection=slug, size=len(post.body))
            self._rejected.add(connection.id, at=self.now())
            return Receipt.FORGED
        received = ReceivedDelivery(
            connection_id=connection.id,
            delivery_id=connector.delivery_id(post),
            received_at=self.now(),
            headers={name: post.headers[name] for name in connector.stored_headers if name in post.headers},
            body=post.body,
        )
        self._group_commit.put(received)
        return Receipt.STORED

    def _store(self, received: Sequence[ReceivedDelivery]) -> None:
        inbox.store(self.engine, received)
