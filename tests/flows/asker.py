"""A tracker of which a test says what its queries find, and a house that asks it: about each issue, and for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from connectors.github import GitHub
from connectors.github.queries.reading import read_query
from sync_service.domain.connectors import Connection, Connector, ConnectorError
from sync_service.domain.issues import ScopeRef
from sync_service.domain.queries import Candidate, Members
from sync_service.judging import Judging
from sync_service.querying import Querying
from sync_service.refresh import Refresh
from sync_service.store import candidates, tables
from sync_service.store.book import Shelf
from sync_service.store.database import EPOCH, writing
from sync_service.wiring import utc_now
from tests.flows.stage import HouseStage
from tests.house import add_issue
from tests.okrs import GITHUB, okrs

QUERY = "repo:acme/checkout is:issue"
FIRST, SECOND = "acme/checkout#1", "acme/checkout#2"
FINDS_FIRST = Members(found={"1#1": FIRST}, cursor=None)


@dataclass
class Asker(GitHub):
    """A connector that asks its tracker about each issue; a test says what it answers."""

    judges = False
    pages: list[Members | Exception] = field(default_factory=list)
    answers: dict[str, bool | None] = field(default_factory=dict)
    error: ConnectorError | None = None
    meanwhile: Any = None
    asked: list[Sequence[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def members(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef], cursor: str | None) -> Members:
        """Return or raise what the test wants; at first let happen what is to happen meanwhile."""
        del connection, query, scopes, cursor
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        answer = self.pages.pop(0) if self.pages else Members(found={}, cursor=None)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def match(
        self, connection: Connection, *, queries: Sequence[str], candidates: Sequence[Candidate]
    ) -> Mapping[str, Mapping[str, bool | None]]:
        """Return what the test wants."""
        del connection
        for query in queries:
            read_query(query)
        self.asked.append([one.issue.identity for one in candidates])
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        if self.error:
            raise self.error
        return dict.fromkeys(queries, self.answers)


@dataclass
class Stage(HouseStage):
    """A house with queries, and two issues that they may find."""

    connector: Asker
    judging: Judging = field(init=False)
    querying: Querying = field(init=False)

    def __post_init__(self) -> None:
        self.judging, self.querying = self.worker()

    def worker(self) -> tuple[Judging, Querying]:
        """Make another worker."""
        engine, known, shelf = self.house.engine, self.house.connections, Shelf()
        kinds: Mapping[str, Connector] = {"github": self.connector}
        settle = timedelta(0)
        refresh = Refresh(engine=engine, connectors=kinds, connections=known, shelf=shelf, settle=settle, now=utc_now)
        judging = Judging(engine=engine, connectors=kinds, connections=known, shelf=shelf, settle=settle, now=utc_now)
        return judging, Querying(judging, refresh)

    def furnish(self, *queries: str, token: str | None = "t") -> None:
        """Apply the configuration, with a rule for each query, and let two issues be known."""
        rules = [
            {"slug": f"asked-{number}", "connection": "gh", "key_result": "KR-1", "query": query}
            for number, query in enumerate(queries or [QUERY])
        ]
        self.apply(okrs({**GITHUB, "token": token}, rules=rules))
        with writing(self.house.engine) as tx:
            (scope,) = tx.execute(sa.select(tables.scope)).all()
            if not tx.execute(sa.select(tables.issue)).all():
                tx.execute(sa.update(tables.scope).values(external_id="1"))
                for number in (1, 2):
                    key = f"acme/checkout#{number}"
                    place = {"scope_external_id": "1", "scope_name": "acme/checkout", "identity": f"1#{number}"}
                    add_issue(tx, scope.connection_id, scope.id, key, "Pay", **place)

    def list_again(self) -> None:
        """Let the time of the listing come, and list."""
        with writing(self.house.engine) as tx:
            tx.execute(sa.update(tables.listing).values(due_at=EPOCH))
        while self.querying.drain():
            pass
        self.drain("rule_revision", "recompute")

    def change(self, *numbers: int) -> None:
        """Let issues have changed, and be asked about."""
        with writing(self.house.engine) as tx:
            (connection,) = tx.scalars(sa.select(tables.connection.c.id))
            candidates.add(tx, [(connection, f"1#{number}") for number in numbers])

    def ask_once_more(self) -> None:
        """Let a minute have passed since the changes, and ask about them."""
        self.pass_a_minute()
        self.judge()

    def judge(self) -> None:
        """Ask about what is due."""
        while self.judging.drain():
            pass

    def seconds(self, table: sa.Table) -> float:
        """Tell how many seconds the first row of a table waits."""
        return self.wait_of(self.rows(table)[0]).total_seconds()
