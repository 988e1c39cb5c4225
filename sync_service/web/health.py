"""Health checks: `/healthz` (liveness) and `/readyz` (readiness), for load balancers and containers."""

from datetime import timedelta
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from sync_service.runtime.redis_server import is_read_only
from sync_service.store.engine.availability import refuses_password
from sync_service.store.engine.database import reading
from sync_service.store.engine.migrate import is_current
from sync_service.store.queue.due import oldest_lag
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@guarded(Guard.OPEN)
def healthz() -> ResponseReturnValue:
    """Answer 200: the process is alive."""
    return {"status": "ok"}


@blueprint.get("/readyz")
@guarded(Guard.OPEN)
def readyz() -> ResponseReturnValue:
    """Report whether deliveries can be stored, and the lag of due rows; 503 when not ready.

    Without Redis the process is still ready: deliveries are stored, and applied some seconds later.
    """
    database, lag = _database()
    ready = database == "ok"
    body = {"ready": ready, "database": database, "redis": _redis(), "lag_seconds": lag.total_seconds() if lag else 0.0}
    return body, 200 if ready else 503


def _database() -> tuple[str, timedelta | None]:
    try:
        if not is_current(services().engine):
            return "not migrated", None
        with reading(services().engine) as tx:
            return "ok", oldest_lag(tx)
    except SQLAlchemyError as error:
        what = "refuses our password" if refuses_password(error) else "does not answer"
        return f"{what} ({type(error).__name__})", None


def _redis() -> str:
    try:
        replication: dict[str, Any] = services().redis.info("replication")
    except RedisError as error:
        return f"does not answer ({type(error).__name__}); the clock process drains due rows instead"
    return "is a read-only replica; the clock process drains due rows instead" if is_read_only(replication) else "ok"
