"""Build the services on a database of the test, and add people, cycles, key results, issues and links to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.settings import Settings
from sync_service.domain.text import folded
from sync_service.domain.trackers.causes import Cause
from sync_service.runtime import wiring
from sync_service.runtime.wiring import Services, utc_now
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import writing
from sync_service.store.engine.migrate import is_current, migrate
from sync_service.store.okrs import key_results
from sync_service.store.okrs.applying.causes import to_columns

NOW = datetime(2026, 11, 10, 9, 30, tzinfo=UTC)
"""A time in the example cycle: day 41 of 92."""


class Clock:
    """A clock that changes only when the test moves it."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        """Return the time."""
        return self.at

    def advance(self, time: timedelta) -> None:
        """Move the clock forward."""
        self.at += time


def build_services(database_url: str, directory: Path, *, clock: Any = None, **settings: Any) -> Services:
    """Build the services on a database, migrated if needed; without `REDIS_URL`, no Redis answers."""
    defaults = {
        "_env_file": None,
        "DATABASE_URL": database_url,
        "REDIS_URL": f"unix://{directory}/no-redis",
        "OKR_SYNC_DATA_DIR": directory,
        "OKR_SYNC_SECRET_KEY": "-".join(["a key for tests"] * 3),
        "OKR_SYNC_BASE_URL": "http://127.0.0.1:8080",
        "OKR_SYNC_SETTLE_SECONDS": 0,
    }
    parsed = Settings.model_validate(defaults | settings)
    services = wiring.build(parsed, now=clock or Clock())
    if not is_current(services.engine):
        migrate(services.engine)
    return services


@contextmanager
def open_services(database_url: str, directory: Path, *, clock: Any = utc_now, **settings: Any) -> Iterator[Services]:
    """Build the services, by default with the real clock; close their connections at the end."""
    services = build_services(database_url, directory, clock=clock, **settings)
    try:
        yield services
    finally:
        services.engine.dispose()
        services.redis.close()


def add(tx: Connection, table: sa.Table, **columns: Any) -> int:
    """Insert a row and return its id."""
    found: int = tx.execute(sa.insert(table).values(columns).returning(table.c.id)).scalar_one()
    return found


def add_person(tx: Connection, email: str, name: str, *, role: str = "member", **columns: Any) -> int:
    """Add a person."""
    return add(tx, tables.person, email=email, name=name, role=role, accounts={}, **columns)


def add_cycle(tx: Connection, slug: str, name: str, *, starts: date, ends: date) -> int:
    """Add a cycle in UTC; `ends` is its last day."""
    midnight = datetime.min.time()
    return add(
        tx,
        tables.cycle,
        slug=slug,
        name=name,
        starts=starts,
        ends=ends,
        starts_at=datetime.combine(starts, midnight, UTC),
        ends_at=datetime.combine(ends + timedelta(days=1), midnight, UTC),
    )


def add_key_result(
    tx: Connection, objective_id: int, slug: str, title: str, *, measure: dict[str, Any], **columns: Any
) -> int:
    """Add a key result, by default from 0 to 100 %."""
    defaults = {"start": 0.0, "target": 100.0, "unit": "%", "weight": 1.0}
    return add(
        tx, tables.key_result, objective_id=objective_id, slug=slug, title=title, measure=measure, **defaults | columns
    )


def add_issue(tx: Connection, connection_id: int, scope_id: int, key: str, title: str, **columns: Any) -> int:
    """Add a known issue, by default an open one."""
    defaults = {
        "identity": key,
        "folded_key": key.lower(),
        "folded_title": folded(title),
        "kind": "issue",
        "url": f"https://tracker.example.com/{key.replace('#', '/')}",
        "state": "todo",
        "labels": [],
        "assignees": [],
        "updated_at": NOW - timedelta(days=3),
        "created_at": NOW - timedelta(days=30),
    }
    return add(
        tx, tables.issue, connection_id=connection_id, scope_id=scope_id, key=key, title=title, **defaults | columns
    )


def link(tx: Connection, key_result_id: int, issue_id: int, *, weight: float = 1.0, source: int = 0) -> None:
    """Link an issue to a key result, with the origin `label`."""
    add(
        tx,
        tables.link,
        key_result_id=key_result_id,
        issue_id=issue_id,
        origin="label",
        source=source,
        weight=weight,
    )


def add_history(
    tx: Connection, key_result_id: int, at: datetime, *, before: float | None, after: float | None, causes: list[Cause]
) -> int:
    """Add a history entry with its causes."""
    columns = {"from": before, "to": after, "causes": [to_columns(cause) for cause in causes]}
    return add(tx, tables.history, key_result_id=key_result_id, at=at, **columns)


def recompute(services: Services, *key_result_ids: int, cause: str = "the example was added") -> None:
    """Compute key results once, as a worker does. The next day's run is due by the database's clock, not by `now`."""
    with writing(services.engine) as tx:
        key_results.recompute(tx, key_result_ids, causes=[Cause(what=cause)])
    services.drains.by_table["recompute"]()


def bump_changes(services: Services) -> None:
    """Increase the change counter, so that open pages refresh."""
    with writing(services.engine) as tx:
        versions.bump(tx, versions.CHANGES)
