"""Test harness of the API: one team's cycle in a database, and calls whose responses are validated."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import Connection
from werkzeug.test import TestResponse

from sync_service.domain.text import folded
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.people import auth
from tests.web.api.document import check_against_document

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
STARTS, ENDS = datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
SECRET = "a secret between friends"
CAUSE = {
    "what": "closed as done",
    "issue": "acme/checkout#1",
    "title": "Pay by card",
    "url": "https://github.example/acme/checkout/issues/1",
    "delivery": "delivery-1",
    "actor": "Ana",
}


@dataclass(slots=True)
class Clock:
    """A clock that a test may set."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


@dataclass(slots=True)
class ApiHarness:
    """Ana's team with two key results on the connection acme-github; methods add more rows."""

    services: Services
    app: Flask
    clock: Clock
    ids: dict[str, int] = field(default_factory=dict)
    sealed: str = ""
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def add(self, table: sa.Table, /, **columns: Any) -> int:
        """Insert a row and return its id."""
        with writing(self.services.engine) as tx:
            return insert(tx, table, columns)

    def change(self, table: sa.Table, row_id: int, /, **columns: Any) -> None:
        """Change a row and increase the change counter, as a worker does."""
        with writing(self.services.engine) as tx:
            tx.execute(sa.update(table).where(table.c.id == row_id).values(columns))
            self.bump(tx)

    def bump(self, tx: Connection) -> None:
        """Increase the change counter."""
        counter = tables.counter
        tx.execute(sa.update(counter).where(counter.c.name == "changes").values(value=counter.c.value + 1))

    def key_result(self, slug: str, /, **columns: Any) -> int:
        """Add a key result, by default with a value."""
        defaults: dict[str, Any] = {
            "objective_id": self.ids["objective"],
            "slug": slug,
            "title": f"The title of {slug}",
            "weight": 1,
            "start": 0,
            "target": 100,
            "unit": "%",
            "measure": {"kind": "done-share"},
            "current": 50,
            "progress": 0.5,
            "status": "on_track",
            "explanation": "1 of 2 issues done",
            "updated_at": NOW - timedelta(hours=1),
        }
        return self.add(tables.key_result, **defaults | columns)

    def issue(self, key: str, key_result_id: int, /, **columns: Any) -> int:
        """Add an issue, by default open, with a manual link."""
        defaults: dict[str, Any] = {
            "connection_id": self.ids["connection"],
            "identity": f"501#{next(self.numbers)}",
            "key": key,
            "folded_key": key.lower(),
            "folded_title": folded(columns.get("title", "Pay by card")),
            "kind": "issue",
            "title": "Pay by card",
            "url": f"https://github.example/{key.replace('#', '/issues/')}",
            "state": "todo",
            "labels": [],
            "assignees": [["7", "anaruiz"]],
        }
        issue_id = self.add(tables.issue, **defaults | columns)
        link = {"key_result_id": key_result_id, "issue_id": issue_id, "origin": "manual", "source": 1, "weight": 3}
        self.add(tables.link, **link)
        return issue_id

    def entry(self, key_result_id: int, before: float | None, after: float | None, hours: float = 1) -> int:
        """Add a history entry of some hours ago."""
        values: dict[str, Any] = {"from": before, "to": after, "causes": [CAUSE], "at": NOW - timedelta(hours=hours)}
        if before is not None and after is not None:
            values |= {"parts": [{"kind": "done", "change": after - before}], "progress_from": 0.1, "progress_to": 0.5}
        return self.add(tables.history, key_result_id=key_result_id, **values)

    def delivery(self, delivery_id: str, /, **columns: Any) -> int:
        """Add a delivery, by default settled."""
        defaults: dict[str, Any] = {
            "connection_id": self.ids["connection"],
            "delivery_id": delivery_id,
            "received_at": NOW,
            "headers": {"x-hub-signature-256": SECRET},
            "body": SECRET.encode(),
            "name": "issues.closed",
            "settled_at": NOW,
            "outcome": "applied",
        }
        return self.add(tables.delivery, **defaults | columns)

    def token(self, role: str) -> str:
        """Create a token and return it."""
        with writing(self.services.engine) as tx:
            return auth.create_api_token(tx, name=f"token {next(self.numbers)}", role=role, now=NOW)

    def call(
        self,
        path: str,
        *,
        token: str | None,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> TestResponse:
        """Call an address, with or without a token, and validate the response against the OpenAPI document."""
        sent = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        client = self.app.test_client()
        response = client.open(path, method=method, headers=sent, json=body)
        document = client.get("/api/v1/openapi.json").get_json()
        check_against_document(document, response)
        return response


def insert(tx: Connection, table: sa.Table, columns: Mapping[str, Any]) -> int:
    """Insert a row and return its id."""
    row_id: int = tx.execute(sa.insert(table).values(columns).returning(table.c.id)).scalar_one()
    return row_id


def add_example(api: ApiHarness) -> None:
    """Add what every test may rely on."""
    ids, add = api.ids, api.add
    api.sealed = api.services.sealer.encrypt(SECRET)
    ids["team"] = add(tables.team, slug="checkout", name="Checkout")
    ids["ana"] = add(
        tables.person, email="ana@example.com", name="Ana Ruiz", team_id=ids["team"], role="admin", accounts={}
    )
    ids["cycle"] = add(
        tables.cycle,
        slug="2026-q4",
        name="Q4 2026",
        starts=date(2026, 10, 1),
        ends=date(2026, 12, 31),
        starts_at=STARTS,
        ends_at=ENDS,
    )
    ids["connection"] = add(
        tables.connection,
        slug="acme-github",
        kind="github",
        site="https://api.github.example",
        owner_id=ids["ana"],
        options={"email": SECRET},
        sealed_token=api.sealed,
        sealed_secrets=[api.sealed],
        earlier="import",
    )
    add(tables.scope, connection_id=ids["connection"], name="acme/checkout", external_id="501", covered_at=NOW)
    ids["objective"] = add(
        tables.objective,
        slug="fast-checkout",
        title="Paying is effortless",
        cycle_id=ids["cycle"],
        team_id=ids["team"],
        owner_id=ids["ana"],
    )
    ids["KR-1"] = api.key_result("KR-1", weight=2)
    ids["KR-2"] = api.key_result(
        "KR-2", current=None, progress=None, status="no_data", updated_at=None, explanation="nothing is linked"
    )
