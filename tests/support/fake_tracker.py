"""Test harness with a real database, all drains, and a fake tracker whose deliveries the test writes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine, Row

from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.trackers.connector import (
    Connection,
    ConnectorError,
    Gone,
    OAuthClient,
    Option,
    Rejected,
    WebhookRequest,
)
from sync_service.domain.trackers.observations import Account, Observation, ParsedDelivery, Snapshot
from sync_service.ingest.apply_updates import UpdateApplier
from sync_service.ingest.receive import WebhookReceiver
from sync_service.notify.connection_alerts import ConnectionAlerter
from sync_service.notify.outbox import Outbox
from sync_service.progress.forecasts.forecast_jobs import Forecaster
from sync_service.progress.relink_jobs import Relinker
from sync_service.runtime.drains import Drains
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import open_database, reading, writing
from sync_service.store.engine.encryption import Sealer
from sync_service.store.okrs import key_results, rules
from sync_service.store.okrs.history import is_shown
from sync_service.store.okrs.ruleset import RulesetCache
from sync_service.store.queue import due, relink_requests
from sync_service.store.trackers.connections import Connections
from sync_service.tracker_sync.fetch_issues import IssueFetcher
from sync_service.write_back.write_notes import NoteWriter
from tests.support.config_file import LABELLED
from tests.support.migrated_database import close_for_copy, prepare

NOW = datetime(2026, 11, 20, 13, 0, tzinfo=UTC)
SECRET = "a webhook secret"
ANA = Account("ana", "Ana")


@dataclass(slots=True)
class FakeTracker:
    """A fake connector: a delivery's body is the index of a parsed delivery that the test wrote."""

    kind: str = "paper"
    title: str = "Paper"
    default_site: str | None = "https://paper.example"
    options: tuple[Option, ...] = ()
    stored_headers: tuple[str, ...] = ("x-id",)
    parsed_deliveries: list[ParsedDelivery | Exception] = field(default_factory=list)
    snapshots: dict[str, Snapshot | ConnectorError] = field(default_factory=dict)

    def verify(self, post: WebhookRequest, secrets: Sequence[str], client: OAuthClient | None = None) -> bool:
        """Return whether the header holds one of the secrets."""
        del client
        return post.headers.get("x-secret") in secrets

    def delivery_id(self, post: WebhookRequest) -> str:
        """Return the id in the header."""
        return post.headers["x-id"]

    def parse_delivery(self, post: WebhookRequest, connection: Connection) -> ParsedDelivery:
        """Return, or raise, the entry of `parsed_deliveries` with that index."""
        del connection
        try:
            found: ParsedDelivery | Exception = self.parsed_deliveries[json.loads(post.body)]
        except ValueError:
            raise Rejected("the body is not a number") from None
        if not isinstance(found, ParsedDelivery):
            raise found
        return found

    def key_of(self, text: str) -> str:
        """Accept any key."""
        return text

    def fetch_issue(self, connection: Connection, *, identity: str, key: str) -> Snapshot:
        """Return, or raise, the test's entry of `snapshots`; raise `Gone` without one."""
        del connection, key
        found = self.snapshots.get(identity, Gone("there is no such issue", proven=False))
        if isinstance(found, ConnectorError):
            raise found
        return found


@dataclass(slots=True)
class CoreHarness:
    """A database with one cycle, one person, one connection and one watched scope; and all drains."""

    engine: Engine
    tracker: FakeTracker = field(default_factory=FakeTracker)
    sealer: Sealer = field(default_factory=lambda: Sealer(("k" * 32,)))
    now: datetime = NOW
    settle: timedelta = timedelta(seconds=600)
    person_id: int = 0
    connection_id: int = 0
    scope_id: int = 0
    objective_id: int = 0
    _sent: int = 0
    drains: Drains = field(init=False)
    receive: WebhookReceiver = field(init=False)
    connections: Connections = field(init=False)
    applier: UpdateApplier = field(init=False)

    def __post_init__(self) -> None:
        with writing(self.engine) as tx:
            if not self._find(tx):
                self._seed(tx)
        kinds = {"paper": self.tracker}
        self.connections = Connections(engine=self.engine, sealer=self.sealer)
        cache = RulesetCache()
        clock = self.clock
        common: dict[str, Any] = {
            "engine": self.engine,
            "connectors": kinds,
            "connections": self.connections,
            "now": clock,
        }
        self.receive = WebhookReceiver(**common)
        self.applier = UpdateApplier(**common, ruleset_cache=cache, settle=self.settle)
        issue_fetcher = IssueFetcher(**common, applier=self.applier)
        outbox = Outbox(sealer=self.sealer, mail_from="okr@example.com", base_url="https://okr.example.com")
        relinker = Relinker(engine=self.engine, settle=self.settle, now=clock, ruleset_cache=cache)
        note_writer = NoteWriter(**common, base_url="https://okr.example")
        self.drains = Drains(
            engine=self.engine,
            by_table={
                "delivery": self.applier.drain,
                "fetch_request": issue_fetcher.drain,
                "rule_revision": relinker.drain_revisions,
                "relink_request": relinker.drain_relinks,
                "recompute": relinker.drain_recomputes,
                "forecast": Forecaster(engine=self.engine, now=clock).drain,
                "connection_alert": ConnectionAlerter(
                    engine=self.engine, outbox=outbox, settle=self.settle, now=clock
                ).drain,
                "write_back": note_writer.drain,
                "write_back_round": note_writer.drain_rounds,
            },
        )

    def clock(self) -> datetime:
        """Return the harness's time."""
        return self.now

    def _find(self, tx: sa.Connection) -> bool:
        """Find the first rows of a copied database; return whether it has any."""
        first = (tables.person, tables.objective, tables.connection, tables.scope)
        ids = [tx.scalar(sa.select(sa.func.min(table.c.id))) for table in first]
        self.person_id, self.objective_id, self.connection_id, self.scope_id = (one or 0 for one in ids)
        return None not in ids

    def _seed(self, tx: sa.Connection) -> None:
        self.person_id = _insert(tx, tables.person, email="ana@example.com", name="Ana Ruiz", role="admin", accounts={})
        cycle_id = _insert(
            tx,
            tables.cycle,
            slug="2026-q4",
            name="Q4 2026",
            starts=date(2026, 10, 1),
            ends=date(2026, 12, 31),
            starts_at=datetime(2026, 10, 1, tzinfo=UTC),
            ends_at=datetime(2027, 1, 1, tzinfo=UTC),
        )
        self.objective_id = _insert(
            tx, tables.objective, slug="o", title="Paying is effortless", cycle_id=cycle_id, owner_id=self.person_id
        )
        self.connection_id = _insert(
            tx,
            tables.connection,
            slug="paper",
            kind="paper",
            site="https://paper.example",
            options={},
            sealed_secrets=[self.sealer.encrypt(SECRET)],
            earlier="ignore",
        )
        self.scope_id = self.add_scope(tx, "acme/checkout")

    def add_scope(self, tx: sa.Connection, name: str, *, covered: bool = True) -> int:
        """Add a watched scope."""
        return _insert(
            tx, tables.scope, connection_id=self.connection_id, name=name, covered_at=self.now if covered else None
        )

    def key_result(self, slug: str = "KR-1", *, start: float = 0, target: float = 100, **measure: Any) -> int:
        """Add a key result, by default with the measure done-share; drain."""
        with writing(self.engine) as tx:
            columns = {"slug": slug, "title": slug, "start": start, "target": target}
            settings = measure or {"kind": "done-share"}
            found = _insert(tx, tables.key_result, objective_id=self.objective_id, measure=settings, **columns)
            key_results.recompute(tx, [found])
            relink_requests.add(
                tx, [(self.connection_id, [RelinkReason(what=f"key result {slug} was added", key_result=found)])]
            )
            bump_rules(tx)
        self.drain()
        return found

    def rule(
        self, slug: str, key_result_id: int, condition: dict[str, Any], *, state: RuleState = RuleState.ACTIVE
    ) -> None:
        """Save a rule, and drain so that it takes effect."""
        definition = rules.Definition(
            slug=slug,
            owner_id=self.person_id,
            connection_id=self.connection_id,
            key_result_id=key_result_id,
            condition=condition,
            state=state,
        )
        with writing(self.engine) as tx:
            rules.save(tx, definition, changed_by="Ana Ruiz", now=self.now)
        self.drain()

    def post(self, *observations: Observation | Exception, delivery_id: str | None = None) -> str:
        """Receive a delivery with these observations, or with an exception that its parsing raises; return its id."""
        self._sent += 1
        name = delivery_id or f"d{self._sent}"
        error = observations[0] if isinstance(observations[0], Exception) else None
        parsed = ParsedDelivery(name="paper.slip", observations=observations, actor=ANA)  # type: ignore[arg-type]  # without an exception, or not used
        self.tracker.parsed_deliveries.append(error or parsed)
        body = str(len(self.tracker.parsed_deliveries) - 1).encode()
        self.receive.receive("paper", WebhookRequest({"x-id": name, "x-secret": SECRET}, body))
        return name

    def receive_and_drain(self, *observations: Observation | Exception) -> str:
        """Receive a delivery and drain everything."""
        name = self.post(*observations)
        self.drain()
        return name

    def drain(self) -> None:
        """Drain all tables until nothing is due."""
        self.drains.drain_everything()

    def rows(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> Sequence[Row[Any]]:
        """Return the rows of a table, ordered by id."""
        with reading(self.engine) as tx:
            return tx.execute(sa.select(table).where(*where).order_by(table.c.id)).all()

    def value(self, slug: str = "KR-1") -> float | None:
        """Return a key result's current value."""
        found: float | None = self.key_result_row(slug).current
        return found

    def key_result_row(self, slug: str = "KR-1") -> Row[Any]:
        """Return a key result's row."""
        return self.rows(tables.key_result, tables.key_result.c.slug == slug)[0]

    def reasons(self, slug: str = "KR-1") -> list[str]:
        """Return the causes in a key result's history, oldest first, as one text for each entry."""
        entries = self.rows(tables.history, is_shown, tables.history.c.key_result_id == self.key_result_row(slug).id)
        return ["; ".join(cause["what"] for cause in entry.causes) for entry in entries]

    def outcome(self, delivery_id: str) -> str:
        """Return the outcome of a delivery."""
        found: str = self.rows(tables.delivery, tables.delivery.c.delivery_id == delivery_id)[0].outcome
        return found

    def make_due(self, table: sa.Table) -> None:
        """Make all waiting rows of a table due now."""
        with writing(self.engine) as tx:
            due.replay(tx, table, table.c.due_at.isnot(None))


def _insert(tx: sa.Connection, table: sa.Table, **columns: Any) -> int:
    found: int = tx.execute(sa.insert(table).values(columns).returning(table.c.id)).scalar_one()
    return found


def bump_rules(tx: sa.Connection) -> None:
    """Increase the rules version."""
    versions.bump(tx, versions.RULES)


def open_core_harness(database_url: str, **fields: Any) -> CoreHarness:
    """Return a harness on a migrated database."""
    return CoreHarness(open_database(database_url), **fields)


def prepare_labelled(database_url: str) -> None:
    """Migrate an empty database, and add KR-1, the done-share of issues with the label `checkout`."""
    prepare(database_url)
    core = open_core_harness(database_url)
    core.rule("checkout-label", core.key_result(), LABELLED)
    close_for_copy(core.engine)
