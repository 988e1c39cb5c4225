"""Fake query tracker: the test sets what its queries match; services match single issues and list all members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from connectors.github import GitHub
from connectors.github.query.parse import read_query
from sync_service.domain.trackers.capabilities import FetchResult
from sync_service.domain.trackers.connector import Connection, Connector, ConnectorError, Gone
from sync_service.domain.trackers.observations import ScopeRef, Snapshot
from sync_service.domain.trackers.queries import Candidate, MemberPage
from sync_service.ingest.apply_updates import UpdateApplier
from sync_service.runtime.wiring import utc_now
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.okrs.ruleset import RulesetCache
from sync_service.store.queue import query_candidates
from sync_service.store.tables.instant import EPOCH
from sync_service.tracker_sync.list_query_members import QueryLister
from sync_service.tracker_sync.match_queries import QueryMatcher
from tests.domain.factories import snapshot
from tests.flows.harness import ServicesHarness
from tests.support.config_file import GITHUB, okrs
from tests.support.services import add_issue

QUERY = "repo:acme/checkout is:issue"
FIRST, SECOND = "acme/checkout#1", "acme/checkout#2"
FINDS_FIRST = MemberPage(found={"1#1": FIRST}, cursor=None)


@dataclass
class FakeQueryTracker(GitHub):
    """A connector that matches each issue by a call; the test sets the answers."""

    evaluates_locally = False
    pages: list[MemberPage | Exception] = field(default_factory=list)
    answers: dict[str, bool | None] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    error: ConnectorError | None = None
    meanwhile: Any = None
    matched_batches: list[Sequence[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def list_members(
        self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef], cursor: str | None
    ) -> MemberPage:
        """Return or raise the test's next page; first call `meanwhile`."""
        del connection, query, scopes, cursor
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        answer = self.pages.pop(0) if self.pages else MemberPage(found={}, cursor=None)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def fetch_issues(self, connection: Connection, *, wanted: Mapping[str, str]) -> Mapping[str, FetchResult]:
        """Leave all of them to single fetches."""
        del connection, wanted
        return {}

    def fetch_issue(self, connection: Connection, *, identity: str, key: str) -> Snapshot:
        """Show every issue but the `hidden` ones."""
        del connection
        if identity in self.hidden:
            raise Gone(f"{key} is hidden", proven=False)
        return snapshot(identity=identity, key=key)

    def match(
        self, connection: Connection, *, queries: Sequence[str], candidates: Sequence[Candidate]
    ) -> Mapping[str, Mapping[str, bool | None]]:
        """Return the test's answers, or raise its error; first call `meanwhile`."""
        del connection
        for query in queries:
            read_query(query)
        self.matched_batches.append([one.issue.identity for one in candidates])
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        if self.error:
            raise self.error
        return dict.fromkeys(queries, self.answers)


@dataclass
class QueryHarness(ServicesHarness):
    """Services with query rules, and two issues that may match."""

    connector: FakeQueryTracker
    matcher: QueryMatcher = field(init=False)
    lister: QueryLister = field(init=False)

    def __post_init__(self) -> None:
        self.matcher, self.lister = self.worker()

    def worker(self) -> tuple[QueryMatcher, QueryLister]:
        """Return the objects of another worker."""
        engine, known, cache = self.services.engine, self.services.connections, RulesetCache()
        kinds: Mapping[str, Connector] = {"github": self.connector}
        settle = timedelta(0)
        applier = UpdateApplier(
            engine=engine, connectors=kinds, connections=known, ruleset_cache=cache, settle=settle, now=utc_now
        )
        matcher = QueryMatcher(
            engine=engine, connectors=kinds, connections=known, ruleset_cache=cache, settle=settle, now=utc_now
        )
        return matcher, QueryLister(matcher=matcher, applier=applier)

    def furnish(self, *queries: str, token: str | None = "t") -> None:
        """Apply a configuration with a rule for each query, and insert two issues."""
        rules = [
            {"slug": f"asked-{number}", "connection": "gh", "key_result": "KR-1", "query": query}
            for number, query in enumerate(queries or [QUERY])
        ]
        self.apply(okrs({**GITHUB, "token": token}, rules=rules))
        with writing(self.services.engine) as tx:
            (scope,) = tx.execute(sa.select(tables.scope)).all()
            if not tx.execute(sa.select(tables.issue)).all():
                tx.execute(sa.update(tables.scope).values(external_id="1"))
                for number in (1, 2):
                    key = f"acme/checkout#{number}"
                    scope_columns = {"scope_external_id": "1", "scope_name": "acme/checkout", "identity": f"1#{number}"}
                    add_issue(tx, scope.connection_id, scope.id, key, "Pay", **scope_columns)

    def list_again(self) -> None:
        """Make the listing due now, and list."""
        with writing(self.services.engine) as tx:
            tx.execute(sa.update(tables.query_listing).values(due_at=EPOCH))
        while self.lister.drain():
            pass
        self.drain("rule_revision", "recompute")

    def change(self, *numbers: int) -> None:
        """Mark issues as changed, so that the queries are matched again."""
        with writing(self.services.engine) as tx:
            (connection,) = tx.scalars(sa.select(tables.connection.c.id))
            query_candidates.add(tx, [(connection, f"1#{number}") for number in numbers])

    def match_after_a_minute(self) -> None:
        """Move the changes a minute into the past, and match again."""
        self.pass_a_minute()
        self.match()

    def match(self) -> None:
        """Match all due candidates."""
        while self.matcher.drain():
            pass

    def seconds(self, table: sa.Table) -> float:
        """Return for how many seconds the first row of a table waits."""
        return self.wait_of(self.rows(table)[0]).total_seconds()
