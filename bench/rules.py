"""Benchmark of rules: previews among a hundred thousand issues, and matching an issue against many rules."""

import gc
import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

import sqlalchemy as sa

from bench.harness import Harness
from bench.report import Finding
from bench.seed import Size, seed
from sync_service.domain.rules.condition_reach import possible_scopes
from sync_service.domain.rules.conditions import Subject, compile_condition
from sync_service.domain.rules.rule_index import CompiledRule, RuleIndex, necessary_terms
from sync_service.progress.previews.rule_preview import Edit, preview
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing

ISSUES = 100_000
TOGETHER = 5000
LABELS = 400
ROUNDS = 7
FEW_RULES, MANY_RULES = 100, 10_000
MATCHES = 2000
"""How often an issue is matched for one figure."""

BOUND = 1.0
"""Seconds of a preview, at the median."""

GROWTH = 2.0
"""A hundred times the rules may take that many times as long."""

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STATES = ("todo", "todo", "doing", "done")
WORDS = ("Pay", "Search", "Refund", "Basket", "Invoice", "Login", "Parcel", "Voucher")

CONDITIONS: Mapping[str, dict[str, Any]] = {
    "one label": {"field": "labels", "has": "l7"},
    "a label and a state": {"all": [{"field": "labels", "has": "l7"}, {"field": "state", "is": "done"}]},
    "a label that no issue has": {"all": [{"field": "labels", "has": "l7x"}, {"field": "state", "is": "done"}]},
    "words of the title and a type": {
        "all": [{"field": "title", "contains": "refund 77"}, {"field": "type", "is": "Bug"}]
    },
    "five fields in groups": {
        "all": [
            {"any": [{"field": "labels", "in": ["l1", "l2", "l3"]}, {"field": "milestone", "is": "M3"}]},
            {"field": "scope", "is": "acme/r0"},
            {"field": "state", "in": ["todo", "doing"]},
        ],
        "none": [{"field": "type", "is": "Story"}, {"field": "title", "contains": "parcel"}],
    },
}


def measure(harness: Harness) -> Iterator[Finding]:
    """Measure previews in a database, and matching in memory."""
    services = harness.services()
    seed(services, Size(scopes=1))
    _add_issues(services)
    gc.collect()
    gc.freeze()  # what the benchmark itself holds, a service does not
    for name, condition in CONDITIONS.items():
        yield _previewed(services, harness.database, name, condition)
    gc.unfreeze()
    services.engine.dispose()
    yield _matching(harness.database)


def _previewed(services: Services, database: str, name: str, condition: Mapping[str, Any]) -> Finding:
    with reading(services.engine) as tx:
        connection = tx.scalars(sa.select(tables.connection.c.id)).one()
        key_result = tx.scalars(sa.select(tables.key_result.c.id).limit(1)).one()
    edit = Edit(slug=None, connection_id=connection, key_result_id=key_result, condition=condition)

    def run() -> tuple[int, int]:
        with reading(services.engine) as tx:
            found = preview(tx, edit, now=NOW)
        return found.matching, len(found.misses.found)

    matching, misses = run()
    seconds = sorted(_seconds(run) for _ in range(ROUNDS))
    return Finding(
        what=f"preview of a rule on {name}, {ISSUES:,} issues",
        database=database,
        figure=seconds[ROUNDS // 2],
        unit="s",
        bound=BOUND,
        at_least=False,
        parts={"matching": matching, "near misses": misses, "slowest s": seconds[-1]},
    )


def _matching(database: str) -> Finding:
    """Return how much longer an issue takes with many rules than with few; it matches two of them."""
    subject = Subject(
        scope="acme/r0", kind="issue", state="todo", title="pay by card", labels=frozenset(["l7", "l8", "l9"])
    )
    few, many = (RuleIndex(map(_rule, range(count))) for count in (FEW_RULES, MANY_RULES))
    rounds = [[_seconds(partial(_match_often, one, subject)) for one in (few, many)] for _ in range(ROUNDS)]
    small, large = (sorted(each)[ROUNDS // 2] for each in zip(*rounds, strict=True))
    return Finding(
        what=f"matching an issue against {MANY_RULES:,} rules, to {FEW_RULES} of them",
        database=database,
        figure=large / small,
        bound=GROWTH,
        at_least=False,
        parts={f"{MANY_RULES:,} rules us": 1e6 * large / MATCHES, f"{FEW_RULES} rules us": 1e6 * small / MATCHES},
    )


def _match_often(index: RuleIndex, subject: Subject) -> None:
    for _ in range(MATCHES):
        index.matching(1, subject)


def _rule(number: int) -> CompiledRule:
    condition = {"all": [{"field": "labels", "has": f"l{number}"}, {"field": "scope", "is": f"acme/r{number % 2}"}]}
    return CompiledRule(
        revision_id=number,
        slug=f"rule-{number}",
        connection_id=1,
        key_result_id=number % 50,
        predicate=compile_condition(condition),
        scopes=possible_scopes(condition),
        pending=False,
        terms=necessary_terms(condition),
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _add_issues(services: Services) -> None:
    """Add issues with one to three labels, of all states, each with a title of its own."""
    with writing(services.engine) as tx:
        scope = tx.execute(sa.select(tables.scope)).one()
        terms = [
            {"connection_id": scope.connection_id, "kind": "label", "external_id": f"9{one}", "name": f"l{one}"}
            for one in range(LABELS)
        ]
        tx.execute(sa.insert(tables.term).values(at=NOW), terms)
    rows = _rows(scope)
    while some := list(islice(rows, TOGETHER)):
        with writing(services.engine) as tx:
            tx.execute(sa.insert(tables.issue), some)
    with writing(services.engine) as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(sa.text("ANALYZE"))  # as autovacuum does within a minute


def _rows(scope: Any) -> Iterator[dict[str, Any]]:
    chance = random.Random(7)  # noqa: S311 - example data
    for number in range(ISSUES):
        state = chance.choice(STATES)
        key = f"acme/r0#{10_000 + number}"
        yield {
            "connection_id": scope.connection_id,
            "scope_id": scope.id,
            "scope_external_id": scope.external_id,
            "scope_name": scope.name,
            "identity": f"many#{number}",
            "key": key,
            "folded_key": key,
            "kind": "issue",
            "type": chance.choice(["Bug", "Story", "Task"]),
            "title": f"{chance.choice(WORDS)} {number}: {chance.choice(WORDS)} before {chance.choice(WORDS)}",
            "url": f"https://github.com/{key.replace('#', '/issues/')}",
            "state": state,
            "labels": [f"9{one}" for one in chance.sample(range(LABELS), chance.randint(1, 3))],
            "milestone": f"M{chance.randint(1, 9)}",
            "assignees": [[str(chance.randint(1, 99)), "Ana"]],
            "points": chance.choice([None, 1.0, 3.0]),
            "created_at": NOW - timedelta(days=chance.randint(1, 300)),
            "closed_at": NOW if state == "done" else None,
            "updated_at": NOW,
        }
