"""A house that was not there when a simulated GitHub told it things asks for them again, over real HTTP."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from simulator import GitHub, SteppedClock
from simulator.github import Repository
from sync_service.store import errands, tables
from sync_service.store.database import reading, writing
from sync_service.wiring import House, utc_now
from tests.faults.checking import furnish
from tests.faults.town import close, receiving
from tests.house import build_house

pytestmark = pytest.mark.slow

OKRS = """\
people:
  - {{email: ana@example.com, name: Ana Ruiz, role: admin}}
cycles:
  - {{slug: ever, name: Ever, starts: 2020-01-01, ends: 2199-12-31}}
connections:
  - slug: gh
    kind: github
    site: {site}
    webhook_secrets: [hush]
    {credentials}
    scopes: [acme/checkout]
    earlier: ignore
objectives:
  - slug: fast
    title: Fast
    cycle: ever
    owner: ana@example.com
    key_results:
      - {{slug: KR-1, title: Ship it, owner: ana@example.com, measure: {{kind: done-share}}}}
rules:
  - {{slug: labelled, connection: gh, key_result: KR-1, when: {{field: labels, has: checkout}}}}
"""


@dataclass
class Stage:
    """A web server's house, a worker's on the same database, which knows the address, and a GitHub that tells it."""

    house: House
    hub: GitHub
    clock: SteppedClock
    address: str
    place: Repository = field(init=False)

    def __post_init__(self) -> None:
        self.place = self.hub.repository("checkout")

    def furnish(self, kind: str) -> None:
        """Let a webhook of some kind lead here, and apply the configuration."""
        url = f"{self.address}/hooks/gh"
        credentials = f"token: {self.hub.token}"
        if kind == "app":
            rights = {"issues": "read", "pull_requests": "read"}
            events = ["issues", "label", "sub_issues", "milestone"]
            app = self.hub.create_app(permissions=rights, events=events, hook_url=url, hook_secret="hush")
            key = Path(self.house.settings.data_dir) / "app.pem"
            key.write_text(app.pem)
            credentials = f'app: {{id: {app.id}, private_key: "file:{key}"}}'
        else:
            self.hub.add_hook(self.place if kind == "repository" else None, url=url, secret="hush")
        furnish(self.house, OKRS.format(site=self.hub.api_url, credentials=credentials).encode())
        if kind == "app":
            app.install([self.place])
        self.drain("rule_revision", "recompute", "relink", "delivery")

    def drain(self, *names: str) -> None:
        """Drain some tables."""
        for name in names:
            self.house.drains.drain(name)

    def run_errands(self) -> None:
        """Let the time of every errand come, and take what that brings."""
        with writing(self.house.engine) as tx:
            errands.hurry(tx)
        self.drain("errand", "errand", "delivery", "relink", "recompute")

    def rows(self, table: sa.Table) -> list[Row[Any]]:
        """Read a table."""
        with reading(self.house.engine) as tx:
            return list(tx.execute(sa.select(table).order_by(table.c.id)))

    def current(self) -> float | None:
        """Give the value of the key result."""
        found: float | None = self.rows(tables.key_result)[0].current
        return found

    def outcome(self) -> str:
        """Say what the errand found."""
        return next(str(row.outcome) for row in self.rows(tables.errand) if row.name == "redeliver")


@pytest.fixture
def stage(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Set the stage on either database."""
    monkeypatch.setattr("connectors.github.redelivering.APART_SECONDS", 0)
    clock = SteppedClock(datetime.now(UTC).replace(microsecond=0) - timedelta(hours=7))
    with ExitStack() as ending:
        door = build_house(migrated_url, tmp_path / "door", clock=utc_now)
        ending.callback(close, [door])
        address = ending.enter_context(receiving(door))
        house = build_house(migrated_url, tmp_path, clock=utc_now, OKR_SYNC_BASE_URL=f"{address}/")
        ending.callback(close, [house])
        hub = ending.enter_context(GitHub("acme", clock=clock, background=False))
        yield Stage(house, hub, clock, address)


@pytest.mark.parametrize("kind", ["app", "organization", "repository"])
def test_what_github_told_in_vain_is_asked_for_and_counts(stage: Stage, kind: str) -> None:
    """Also what no list of issues shows: a deletion, and a label that was renamed."""
    stage.furnish(kind)
    label = stage.place.label("payments")
    issues = [stage.place.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(4)]
    other = stage.place.create_issue("Told by its label alone", labels=["payments"])
    stage.drain("delivery", "recompute")
    assert stage.current() == 0
    stage.clock.step(600)
    stage.hub.webhooks.lose_next(4)
    issues[0].close()
    issues[1].delete()
    other.close()
    stage.place.label("checkout").rename("till")
    stage.clock.step(60)
    label.rename("checkout")
    stage.drain("delivery", "recompute", "relink")
    assert stage.current() != 100
    stage.clock.step(timedelta(hours=6).total_seconds())
    stage.run_errands()
    assert stage.outcome().startswith("4 missed deliveries asked for again, 4 still missed, 0 given up")
    stage.drain("delivery", "relink", "recompute")
    assert stage.current() == 100, "the only label of that name is on a closed issue"
    assert {row.key for row in stage.rows(tables.issue) if row.gone} == {"acme/checkout#2"}
    stage.run_errands()
    said = "0 missed deliveries asked for again, 0 still missed, 0 given up; 4 have come after all"
    assert stage.outcome() == said


def test_a_redelivery_makes_due_again_what_was_buried(stage: Stage) -> None:
    """GitHub saw it fail, we had it all the same, and could not use it."""
    stage.furnish("repository")
    issue = stage.place.create_issue("Pay", labels=["checkout"])
    issue.close()
    stage.drain("delivery", "recompute")
    with writing(stage.house.engine) as tx:
        tx.execute(sa.update(tables.delivery).values(buried_at=utc_now(), settled_at=None, outcome="our mistake"))
        tx.execute(sa.delete(tables.issue))
    for delivery in stage.hub.deliveries:
        delivery.attempts[:] = [type(one)(**{**one.__dict__, "status": 504}) for one in delivery.attempts]
    stage.run_errands()
    assert stage.current() == 100
    assert {row.buried_at for row in stage.rows(tables.delivery) if row.name.startswith("issues")} == {None}
