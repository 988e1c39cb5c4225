"""Benchmark of locks: the longest write transaction of each task in a database with a hundred thousand issues.

On SQLite nobody else writes meanwhile; so no transaction may grow with the data.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from bench.harness import Harness
from bench.report import Finding
from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.domain.people.accounts import Pin, Site
from sync_service.progress.cycles.closing import Closer
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import DatabaseNow, reading, writing
from sync_service.store.jobs import removals
from sync_service.store.queue import due
from sync_service.store.trackers import accounts, inbox
from sync_service.store.trackers.siblings import site_key
from sync_service.store.views.cycles.closing import ClosingView, closing_view

ISSUES = 100_000
KEY_RESULTS = 300
RULES = 3000
DELIVERIES = 100_000
NOTICES = 2000
ACCOUNTS = 500
"""Accounts that rules name, and that all are seen at once."""

TOGETHER = 5000
CHUNKS = 12
"""Transactions of a task that has many alike."""

BOUND = 1.0
"""Seconds of a write transaction."""

PING = {"x-github-event": "ping"}

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SITE = "https://api.github.com"

FILE = """
people: [{email: ana@example.com, name: Ana Ruiz, role: admin, accounts: {github: ana}}]
cycles: [{slug: q4, name: Q4, starts: 2026-10-01, ends: 2026-12-31}]
connections:
  - {slug: OLD, kind: github, webhook_secrets: [a-secret-of-the-bench], earlier: ignore, scopes: [SCOPES]}MORE
objectives:
  - {slug: o, title: Fast, cycle: q4, owner: ana@example.com, key_results: [KEY_RESULTS]}
rules:
  - {slug: all, connection: gh, key_result: KR-0, when: {field: labels, has: WORD}}
RULES
"""
KEY_RESULT = "{slug: KR-N, title: Pay, target: 10, measure: {kind: done-count, within: ever}}"
RULE = "  - {slug: r-N, connection: gh, key_result: KR-1, when: {field: labels, has: WORD}}\n"
PERSON = "  - {slug: p-N, connection: gh, key_result: KR-1, when: {field: author, is: a-N}}\n"


def measure(harness: Harness) -> Iterator[Finding]:
    """Run each task in one database, one after the other."""
    services = harness.services()
    tasks = _Tasks(services)
    tasks.fill()
    for what, work in tasks.all().items():
        with held(services) as times:
            work()
        yield Finding(
            what=f"longest write transaction: {what}",
            database=harness.database,
            figure=max((wall for wall, _ in times), default=0.0),
            unit="s",
            bound=BOUND,
            at_least=False,
            parts={
                "CPU s of one": max((cpu for _, cpu in times), default=0.0),
                "transactions": len(times),
                "load": os.getloadavg()[0],
            },
        )
    services.engine.dispose()


@contextmanager
def held(services: Services) -> Iterator[list[tuple[float, float]]]:
    """Collect how long each write transaction is held, until its commit is on the disk, and its seconds of CPU."""
    times: list[tuple[float, float]] = []
    name = "the benchmark measures since"

    def began(tx: Transaction) -> None:
        if tx.get_execution_options().get("writes", False):
            tx.info[name] = (time.perf_counter(), time.thread_time())

    def ended(_connection: Any, record: Any) -> None:
        since = record.info.pop(name, None)
        if since is not None:
            times.append((time.perf_counter() - since[0], time.thread_time() - since[1]))

    sa.event.listen(services.engine, "begin", began)
    sa.event.listen(services.engine.pool, "checkin", ended)
    try:
        yield times
    finally:
        sa.event.remove(services.engine, "begin", began)
        sa.event.remove(services.engine.pool, "checkin", ended)


@dataclass(slots=True)
class _Tasks:
    """The tasks, in an order in which each finds what it needs."""

    services: Services
    work: dict[str, Callable[[], object]] = field(default_factory=dict)

    def fill(self) -> None:
        """Store the issues, each with one of the labels that link it to a key result."""
        self._apply()
        with writing(self.services.engine) as tx:
            scope = tx.execute(sa.select(tables.scope)).one()
            tx.execute(sa.update(tables.scope).values(external_id="501", covered_at=NOW))
            names = [*(f"okr:KR-{number}" for number in range(KEY_RESULTS)), "mine"]
            common = {"connection_id": scope.connection_id, "kind": "label", "at": NOW}
            rows = [{**common, "external_id": str(one), "name": name} for one, name in enumerate(names)]
            tx.execute(sa.insert(tables.term), rows)
        _insert(self.services, tables.issue, _issues(scope))

    def all(self) -> dict[str, Callable[[], object]]:
        """Return the tasks by name."""
        return {
            f"linking issues to {KEY_RESULTS} key results by labels": self._link_by_labels,
            f"an edited rule that matches {ISSUES:,} issues": self._edit_rule,
            f"computing {KEY_RESULTS} key results again": lambda: self._drain_due("recompute"),
            f"forecasts of {KEY_RESULTS} key results": lambda: self._drain_due("forecast", most=CHUNKS),
            f"applying {RULES:,} new rules": lambda: self._apply(rules=RULE, count=RULES),
            f"applying {RULES:,} changed rules": lambda: self._apply(rules=RULE, count=RULES, word="other"),
            f"pruning {RULES:,} rules": self._apply,
            f"pins of {ACCOUNTS} accounts": self._pin,
            f"one person's {NOTICES:,} notices": self._notices,
            f"replay of {DELIVERIES:,} deliveries": self._replay,
            f"closing a cycle of {KEY_RESULTS} key results": self._close,
            f"refreeze of {KEY_RESULTS} key results": self._refreeze,
            f"settling {KEY_RESULTS} outcomes": lambda: self._change(lambda closer, view: closer.settle_proposed(view)),
            "a scope that moves from a connection that is removed": self._move,
            "deleting what was removed": lambda: removals.delete_batches(self.services.engine),
            "pruning all key results but one": lambda: self._apply(key_results=1, moved=True),
            "deleting these": lambda: removals.delete_batches(self.services.engine),
        }

    def _apply(
        self,
        *,
        rules: str = "",
        count: int = 0,
        word: str = "mine",
        key_results: int = KEY_RESULTS,
        moved: bool = False,
    ) -> None:
        text = FILE.replace("RULES", "".join(rules.replace("N", str(one)) for one in range(count)).rstrip())
        text = text.replace("KEY_RESULTS", ", ".join(KEY_RESULT.replace("N", str(one)) for one in range(key_results)))
        slug = "app" if moved else "gh"
        text = text.replace("OLD", slug).replace("connection: gh", f"connection: {slug}").replace("SCOPES", "acme/r0")
        applying = ConfigApplier.of(self.services, actor="the benchmarks")
        applying.apply([("okrs.yaml", text.replace("MORE", "").replace("WORD", word).encode())], prune=True)

    def _drain(self, *names: str, most: int = 10**9) -> None:
        """Drain tables until nothing of them is due, or so many times."""
        for _ in range(most):
            if not sum(self.services.drains.by_table[name]() for name in names):
                break

    def _drain_due(self, name: str, *, most: int = 10**9) -> None:
        """Let all rows of a table be due, as at midnight, and drain it."""
        with writing(self.services.engine) as tx:
            tx.execute(sa.update(due.TABLES[name]).values(due_at=DatabaseNow()))
        self._drain(name, most=most)

    def _link_by_labels(self) -> None:
        """Link the first issues; each chunk touches all key results."""
        self._drain("relink_request", most=CHUNKS)
        with writing(self.services.engine) as tx:
            tx.execute(sa.delete(tables.relink_request))

    def _edit_rule(self) -> None:
        """Let the rule match all issues, and its revision become active."""
        self._apply(word="all")
        self._drain("rule_revision", most=CHUNKS)
        r, i = tables.rule_revision, tables.issue
        with writing(self.services.engine) as tx:  # the rest at once: its chunks are like those before
            row = tx.execute(sa.select(r).where(r.c.state == "pending")).one_or_none()
            if row is not None:
                values = (row.key_result_id, i.c.id, "rule", row.id, 1.0)
                rest = sa.select(*(one if one is i.c.id else sa.literal(one) for one in values))
                columns = ["key_result_id", "issue_id", "origin", "source", "weight"]
                tx.execute(sa.insert(tables.link).from_select(columns, rest.where(i.c.id > row.cursor)))
                last = sa.select(sa.func.max(i.c.id)).scalar_subquery()
                tx.execute(sa.update(r).where(r.c.id == row.id).values(cursor=last))
        self._drain("rule_revision")

    def _pin(self) -> None:
        self._apply(rules=PERSON, count=ACCOUNTS)
        site = Site("github", site_key(SITE))
        logins = {(site, f"a-{one}"): Pin(str(one), NOW) for one in range(ACCOUNTS)}
        with writing(self.services.engine) as tx:
            accounts.pin(tx, logins, now=NOW)
        self._drain("relink_request", most=CHUNKS)
        self._apply()

    def _notices(self) -> None:
        with reading(self.services.engine) as tx:
            person = tx.scalars(sa.select(tables.person.c.id)).one()
            ids = tx.scalars(sa.select(tables.key_result.c.id)).all()
        columns = {
            "person_id": person,
            "created_at": NOW,
            "due_at": NOW,
            "from_status": "behind",
            "to_status": "on_track",
        }
        causes = {"causes": [{"what": "an issue was closed", "issue": "acme/r0#1"}]}
        rows = ({**columns, **causes, "key_result_id": ids[number % len(ids)]} for number in range(NOTICES))
        _insert(self.services, tables.notice, rows)
        self._drain("notice")

    def _replay(self) -> None:
        with reading(self.services.engine) as tx:
            connection = tx.scalars(sa.select(tables.connection.c.id)).first()
        columns: dict[str, Any] = {
            "connection_id": connection,
            "received_at": NOW,
            "headers": {},
            "body": b"{}",
            "buried_at": NOW,
        }
        rows = ({**columns, "delivery_id": str(number)} for number in range(DELIVERIES))
        _insert(self.services, tables.delivery, rows)
        inbox.replay_buried(self.services.engine)
        self._drain("delivery", most=1)

    def _close(self) -> None:
        with writing(self.services.engine) as tx:
            tx.execute(sa.update(tables.cycle).values(ends=date(2026, 11, 9)))
        self._change(lambda closer, view: closer.close(view))

    def _refreeze(self) -> None:
        with writing(self.services.engine) as tx:
            k = tables.key_result
            frozen = tx.execute(sa.select(k.c.id, k.c.frozen)).all()
            marked = [{"found": row.id, "marked": {**(row.frozen or {}), "partial": "x"}} for row in frozen]
            statement = sa.update(k).where(k.c.id == sa.bindparam("found"))
            tx.execute(statement.values(frozen=sa.bindparam("marked", type_=sa.JSON)), marked)
        self._change(lambda closer, view: closer.refreeze(view.key_results))

    def _change(self, change: Callable[[Closer, ClosingView], object]) -> None:
        with reading(self.services.engine) as tx:
            view = closing_view(tx, "q4", NOW)
        assert view is not None
        change(Closer(engine=self.services.engine, by="bench", actor="bench", now=NOW), view)
        self._drain("recompute")

    def _move(self) -> None:
        self._apply(moved=True)
        self._drain("relink_request", "rule_revision", most=CHUNKS)


def _insert(services: Services, table: sa.Table, rows: Iterator[dict[str, Any]]) -> None:
    while some := list(islice(rows, TOGETHER)):
        with writing(services.engine) as tx:
            tx.execute(sa.insert(table), some)


def _issues(scope: Any) -> Iterator[dict[str, Any]]:
    for number in range(ISSUES):
        key = f"acme/r0#{number + 1}"
        yield {
            "connection_id": scope.connection_id,
            "scope_id": scope.id,
            "scope_external_id": "501",
            "scope_name": scope.name,
            "identity": f"501#{number + 1}",
            "key": key,
            "folded_key": key,
            "kind": "issue",
            "title": f"Pay by card {number}",
            "url": f"https://github.com/acme/r0/issues/{number + 1}",
            "state": "done" if number % 3 else "todo",
            "labels": [str(number % KEY_RESULTS), str(KEY_RESULTS)],
            "author": [f"a-{number % ACCOUNTS}", "Ana", str(number % ACCOUNTS)],
            "assignees": [],
            "created_at": NOW - timedelta(days=number % 90 + 9),
            "closed_at": NOW - timedelta(days=number % 9) if number % 3 else None,
            "updated_at": NOW,
        }
