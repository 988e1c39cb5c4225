"""The column type of moments: an aware UTC datetime, stored as whole microseconds since 1970."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect

from sync_service.domain.durations import MICROSECOND

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime, stored as whole microseconds since 1970: exact and comparable on both databases."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | int | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Convert an aware datetime to microseconds; leave whole numbers unchanged."""
        if value is None or isinstance(value, int):
            return value
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Convert microseconds to an aware UTC datetime."""
        return None if value is None else EPOCH + timedelta(microseconds=value)
