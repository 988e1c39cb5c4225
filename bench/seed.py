"""Seed a database for benchmarks: each scope has a thousand issues, a hundred rules and twenty key results.

Rules, their revisions and key results are inserted; issues and links are made by the same code as for a delivery.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bench.payloads import SECRET
from sync_service.domain.trackers.observations import Kind, ScopeRef, Snapshot, State, Term
from sync_service.ingest.issue_batch import IssueBatch
from sync_service.ingest.issue_versions import Source
from sync_service.progress.compute import compute_key_results
from sync_service.progress.link_issues import relink
from sync_service.progress.term_names import TermNames
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import writing
from sync_service.store.okrs.ruleset import RulesetCache

ISSUES, RULES, KEY_RESULTS = 1000, 100, 20
"""Per scope. A rule matches ten issues; a key result has five rules and so fifty links."""

CHUNK = 500
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Size:
    """Size of a database, by its number of scopes."""

    scopes: int

    @property
    def issues(self) -> int:
        """Return the number of issues."""
        return self.scopes * ISSUES


def seed(services: Services, size: Size) -> None:
    """Fill an empty database and check the counts."""
    with writing(services.engine) as tx:
        _okrs(tx, services, size)
    cache = RulesetCache()
    for scope in range(size.scopes):
        for first in range(0, ISSUES, CHUNK):
            with writing(services.engine) as tx:
                _issues(tx, cache, list(_snapshots(scope, range(first, first + CHUNK))))
    _check(services, size)


def label_of(number: int) -> str:
    """Return the label of an issue, which one rule of its scope matches."""
    return f"r{number % RULES}"


def add_row(tx: Connection, table: sa.Table, **columns: Any) -> int:
    """Insert a row and return its id."""
    found: int = tx.execute(sa.insert(table).values(columns).returning(table.c.id)).scalar_one()
    return found


def _okrs(tx: Connection, services: Services, size: Size) -> None:
    person = add_row(tx, tables.person, email="ana@example.com", name="Ana Ruiz", role="admin", accounts={})
    cycle = add_row(
        tx,
        tables.cycle,
        slug="ever",
        name="Ever",
        starts=date(2020, 1, 1),
        ends=date(2099, 12, 31),
        starts_at=datetime(2020, 1, 1, tzinfo=UTC),
        ends_at=datetime(2100, 1, 1, tzinfo=UTC),
    )
    connection = add_row(
        tx,
        tables.connection,
        slug="gh",
        kind="github",
        site="https://api.github.com",
        options={},
        sealed_secrets=[services.sealer.encrypt(SECRET)],
        earlier="ignore",
    )
    for number in range(size.scopes):
        _scope(tx, number, person=person, cycle=cycle, connection=connection)
    versions.bump(tx, versions.RULES)


def _scope(tx: Connection, number: int, *, person: int, cycle: int, connection: int) -> None:
    name = f"acme/r{number}"
    columns = {"connection_id": connection, "name": name, "external_id": str(1_000_000 + number), "covered_at": BEGAN}
    tx.execute(sa.insert(tables.scope).values(columns))
    objective = add_row(
        tx, tables.objective, slug=f"o{number}", title="Fast", cycle_id=cycle, owner_id=person, position=number
    )
    key_results = [
        add_row(
            tx,
            tables.key_result,
            objective_id=objective,
            slug=f"KR-{number}-{position}",
            title="Ship it",
            owner_id=person,
            start=0.0,
            target=100.0,
            unit="%",
            weight=1.0,
            position=position,
            measure={"kind": "done-share"},
        )
        for position in range(KEY_RESULTS)
    ]
    for position in range(RULES):
        slug = f"rule-{number}-{position}"
        condition = {"all": [{"field": "labels", "has": f"r{position}"}, {"field": "scope", "is": name}]}
        common = {"connection_id": connection, "key_result_id": key_results[position % KEY_RESULTS]}
        rule = add_row(tx, tables.rule, slug=slug, owner_id=person, condition=condition, **common)
        revision = {"rule_id": rule, "rule_slug": slug, "condition": condition, "state": "active"}
        audit = {"changed_by": "the benchmarks", "created_at": BEGAN, "settled_at": BEGAN}
        tx.execute(sa.insert(tables.rule_revision).values({**common, **revision, **audit}))


def _snapshots(scope: int, numbers: range) -> Iterator[Snapshot]:
    repository = ScopeRef(str(1_000_000 + scope), f"acme/r{scope}")
    for number in numbers:
        label = label_of(number)
        yield Snapshot(
            identity=f"{repository.id}#{number + 1}",
            scope=repository,
            key=f"{repository.name}#{number + 1}",
            kind=Kind.ISSUE,
            title=f"Pay by card {number + 1}",
            url=f"https://github.com/{repository.name}/issues/{number + 1}",
            state=State.TODO,
            updated_at=BEGAN + timedelta(seconds=number),
            labels=(Term(str(500_000 + int(label[1:])), label),),
            created_at=BEGAN,
        )


def _issues(tx: Connection, cache: RulesetCache, snapshots: list[Snapshot]) -> None:
    ruleset = cache.current(tx)
    (connection,) = ruleset.trackers
    batch = IssueBatch.lock(tx, ruleset, {(connection, one.identity): one.key for one in snapshots})
    term_names = TermNames.read(tx, {(connection, "label", one.labels[0].id) for one in snapshots})
    for one in snapshots:
        term_names.add_snapshot(connection, one)
        batch.merge_snapshot(connection, one, Source(None, None, BEGAN), names=term_names)
    batch.save(tx, reported=())
    touched = relink(tx, ruleset, batch.entries(term_names), term_names, now=datetime.now(UTC))
    term_names.save(tx)
    compute_key_results(tx, ruleset, touched, now=datetime.now(UTC), settle=timedelta(days=1))


def _check(services: Services, size: Size) -> None:
    """Check that the database has the expected size."""
    expected = {
        tables.issue: size.issues,
        tables.link: size.issues,
        tables.rule: size.scopes * RULES,
        tables.key_result: size.scopes * KEY_RESULTS,
    }
    with writing(services.engine) as tx:
        found = {table: tx.scalar(sa.select(sa.func.count()).select_from(table)) for table in expected}
        if tx.dialect.name == "postgresql":
            tx.execute(sa.text("ANALYZE"))  # as autovacuum does within a minute
    if found != expected:
        raise RuntimeError(f"the database holds {found} instead of {expected}")
