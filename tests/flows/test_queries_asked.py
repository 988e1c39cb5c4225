"""Queries of a tracker that must be asked about each issue, and whose index may lag; and what befalls listings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from connectors.github import GitHub
from connectors.github.queries.reading import read_query
from sync_service.domain.connectors import Connection, Connector, ConnectorError, Refused, Rejected, Unavailable
from sync_service.domain.issues import ScopeRef
from sync_service.domain.queries import Candidate, Members
from sync_service.judging import SURE_AFTER, Judging
from sync_service.querying import INTERVAL, Querying
from sync_service.refresh import Refresh
from sync_service.store import candidates, connections, counters, members, tables
from sync_service.store.book import Shelf
from sync_service.store.database import EPOCH, database_now, reading, writing
from sync_service.wiring import House, utc_now
from tests.faults.checking import furnish
from tests.house import NOW, add_issue, build_house

pytestmark = pytest.mark.slow

OKRS = """\
people:
  - {{email: ana@example.com, name: Ana Ruiz, role: admin}}
cycles:
  - {{slug: ever, name: Ever, starts: 2020-01-01, ends: 2199-12-31}}
connections:
  - slug: gh
    kind: github
    webhook_secrets: [hush]
    token: {token}
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
  - {{slug: asked, connection: gh, key_result: KR-1, query: '{query}'}}
"""

QUERY = "repo:acme/checkout is:issue"


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
        """Give or raise what the test wants; at first let happen what is to happen meanwhile."""
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
        """Give what the test wants."""
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
class Stage:
    """A house with a query, and two issues that it may find."""

    house: House
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

    def furnish(self, query: str = QUERY, token: str = "t") -> None:
        """Apply the configuration, with two issues known."""
        furnish(self.house, OKRS.format(token=token, query=query).encode())
        self.furnish_issues()

    def furnish_issues(self) -> None:
        """Let two issues be known."""
        self.house.connections._read_at = float("-inf")
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
        for name in ("rule_revision", "recompute"):
            self.house.drains.drain(name)

    def change(self, *numbers: int) -> None:
        """Let issues have changed, and be asked about."""
        with writing(self.house.engine) as tx:
            (connection,) = tx.scalars(sa.select(tables.connection.c.id))
            candidates.add(tx, [(connection, f"1#{number}") for number in numbers])

    def ask_once_more(self) -> None:
        """Let a minute have passed since the changes, and ask about them."""
        with writing(self.house.engine) as tx:
            late = {"due_at": EPOCH, "changed_at": database_now(tx) - SURE_AFTER}
            tx.execute(sa.update(tables.candidate).where(tables.candidate.c.settled_at.is_(None)).values(late))
        self.judge()

    def judge(self) -> None:
        """Ask about what is due."""
        while self.judging.drain():
            pass

    def rows(self, table: sa.Table) -> list[Row[Any]]:
        """Read a table."""
        with reading(self.house.engine) as tx:
            return list(tx.execute(sa.select(table).order_by(table.c.id)))

    def wait_of(self, table: sa.Table) -> float:
        """Tell how many seconds the only row of a table waits."""
        with reading(self.house.engine) as tx:
            wait: timedelta = self.rows(table)[0].due_at - database_now(tx)
        return wait.total_seconds()

    def linked(self) -> list[int]:
        """Give the row ids of linked issues."""
        return sorted(row.issue_id for row in self.rows(tables.link))


class Counted:
    """Counts the statements about members and candidates meanwhile, however many rows each is about."""

    def __init__(self, engine: Engine) -> None:
        self.statements = 0
        self._engine = engine

    def __enter__(self) -> Self:
        sa.event.listen(self._engine, "before_cursor_execute", self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sa.event.remove(self._engine, "before_cursor_execute", self._count)

    def _count(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self.statements += "member" in statement or "candidate" in statement


@pytest.fixture
def stage(migrated_url: str, tmp_path: Path) -> Iterator[Stage]:
    """Set the stage on either database."""
    house = build_house(migrated_url, tmp_path, clock=utc_now)
    yield Stage(house, Asker())
    house.engine.dispose()
    house.redis.close()


def test_an_issue_that_is_found_counts_at_once(stage: Stage) -> None:
    """One that is not found, and was not before, is nothing to do with us."""
    stage.furnish()
    stage.list_again()
    stage.connector.answers = {"1#1": True, "1#2": False}
    stage.change(1, 2)
    stage.judge()
    assert stage.linked() == [1]
    said = ["1 queries asked, 1 find it", "1 queries asked, 0 find it"]
    assert [row.outcome for row in stage.rows(tables.candidate)] == [f"{one}; they are asked once more" for one in said]
    assert 30 < stage.wait_of(tables.candidate) <= SURE_AFTER.total_seconds()
    stage.ask_once_more()
    assert [row.outcome for row in stage.rows(tables.candidate)] == said
    assert all(row.settled_at for row in stage.rows(tables.candidate))
    assert stage.wait_of(tables.listing) > 120


def test_an_issue_that_is_not_found_is_asked_about_again_and_removed_by_the_listing_alone(stage: Stage) -> None:
    """The index may not know of the change yet."""
    stage.furnish()
    stage.connector.pages = [Members(found={"1#1": "acme/checkout#1"}, cursor=None)]
    stage.list_again()
    assert stage.linked() == [1]
    stage.connector.answers = {"1#1": False}
    stage.change(1)
    stage.judge()
    assert stage.wait_of(tables.listing) > 120
    stage.ask_once_more()
    assert stage.linked() == [1]
    assert stage.wait_of(tables.listing) <= 60
    stage.list_again()
    assert stage.linked() == []


def test_an_index_that_did_not_know_yet_is_believed_a_minute_later(stage: Stage) -> None:
    """An issue that began to match counts then, though no listing has shown it."""
    stage.furnish()
    stage.list_again()
    stage.connector.answers = {"1#1": False}
    stage.change(1)
    stage.judge()
    assert stage.linked() == []
    stage.connector.answers = {"1#1": True}
    stage.ask_once_more()
    assert stage.linked() == [1]


def test_an_issue_that_an_old_index_found_goes_with_the_listing_a_minute_later(stage: Stage) -> None:
    """A listing would not undo what was said just before; that it was wrong is said just after."""
    stage.furnish()
    stage.list_again()
    stage.connector.answers = {"1#1": True}
    stage.change(1)
    stage.judge()
    stage.list_again()
    assert stage.linked() == [1], "the index behind the listing may be the one that is late"
    assert stage.wait_of(tables.listing) == pytest.approx(members.LAG.total_seconds(), abs=10)
    stage.connector.answers = {"1#1": False}
    stage.ask_once_more()
    assert stage.wait_of(tables.listing) <= 60
    stage.list_again()
    assert stage.linked() == []
    assert stage.wait_of(tables.listing) == pytest.approx(INTERVAL.total_seconds(), abs=60)


def test_a_page_from_before_a_change_adds_nothing_that_left(stage: Stage) -> None:
    """The listing began before, and ends after the index was asked once more."""
    stage.furnish()
    stage.list_again()
    stage.connector.answers = {"1#1": False}
    stage.connector.pages = [Members(found={"1#1": "acme/checkout#1"}, cursor="next"), Members(found={}, cursor=None)]
    turned = stage.querying._keep

    def keep(row: Row[Any], run: Any, page: Members) -> Any:
        kept = turned(row, run, page)
        if page.cursor:
            stage.change(1)
            stage.judge()
            stage.ask_once_more()
        return kept

    stage.querying._keep = keep  # type: ignore[method-assign]  # between two pages
    stage.list_again()
    assert stage.linked() == []


@pytest.mark.parametrize(("error", "wait"), [(Unavailable("busy"), 2), (Refused("no"), 3600)])
def test_a_tracker_in_trouble_is_asked_later(stage: Stage, error: ConnectorError, wait: int) -> None:
    """As everything does that asks; nothing is let go."""
    stage.furnish()
    stage.connector.pages = [Members(found={"1#1": "acme/checkout#1"}, cursor=None)]
    stage.list_again()
    stage.connector.error = error
    stage.change(1)
    stage.judge()
    assert stage.wait_of(tables.candidate) == pytest.approx(wait, abs=wait / 2)
    assert stage.linked() == [1]


def test_changes_leave_the_question_whether_a_connection_was_mended_to_the_listing(stage: Stage) -> None:
    """It may be asked once an hour alone, and an answer about an issue may be refused though all else works."""
    stage.furnish()
    stage.list_again()
    with writing(stage.house.engine) as tx:
        (connection,) = tx.scalars(sa.select(tables.connection.c.id))
        connections.refuse(tx, connection, reason="no")
        tx.execute(sa.update(tables.connection).values(asked_again_at=EPOCH))
    stage.house.connections._read_at = float("-inf")
    stage.change(1, 2)
    stage.judge()
    assert stage.connector.asked == []
    assert stage.wait_of(tables.candidate) == pytest.approx(3600, abs=60)
    stage.list_again()
    assert stage.rows(tables.connection)[0].refused_at is None


def test_an_issue_that_changes_while_it_is_asked_about_is_asked_about_again(stage: Stage) -> None:
    """What was said of its neighbours is taken."""
    stage.furnish()
    stage.list_again()
    stage.connector.answers = {"1#1": True, "1#2": True}
    stage.change(1, 2)
    stage.connector.meanwhile = lambda: stage.change(1)
    stage.judging.drain()
    assert stage.linked() == [2]
    stage.judge()
    assert stage.linked() == [1, 2]
    assert stage.connector.asked == [["1#1", "1#2"], ["1#1"]]


def test_an_answer_that_nobody_waits_for_any_more_changes_nothing(stage: Stage) -> None:
    """All issues of a batch changed meanwhile."""
    stage.furnish()
    stage.list_again()
    stage.connector.answers = {"1#1": True}
    stage.change(1)
    stage.connector.meanwhile = lambda: stage.change(1)
    stage.judging.drain()
    assert stage.rows(tables.member) == stage.rows(tables.link) == []
    (row,) = stage.rows(tables.candidate)
    assert (row.lease, row.attempts, row.outcome) == (None, 0, "")


def test_without_queries_or_credentials_nobody_is_asked(stage: Stage) -> None:
    """The rows settle; a listing says why it can't be made."""
    stage.furnish(token="null")
    stage.list_again()
    (row,) = stage.rows(tables.listing)
    assert row.lacking == "it can't be listed, since there are no credentials"
    stage.change(1)
    stage.judge()
    with writing(stage.house.engine) as tx:
        tx.execute(sa.delete(tables.rule_revision))
    stage.change(2)
    stage.judge()
    assert [row.outcome for row in stage.rows(tables.candidate)] == [
        "there are no credentials to ask with",
        "no query to ask",
    ]
    assert stage.connector.asked == []


def test_a_listing_that_the_tracker_rejects_says_so_and_comes_again(stage: Stage) -> None:
    """Nothing is let go, and the next one that works says no more of it."""
    stage.furnish()
    stage.connector.pages = [Members(found={"1#1": "acme/checkout#1"}, cursor=None)]
    stage.list_again()
    stage.connector.pages = [Rejected("no such field")]
    stage.list_again()
    (row,) = stage.rows(tables.listing)
    assert (row.lacking, row.cursor) == ("no such field", None)
    assert stage.wait_of(tables.listing) == pytest.approx(INTERVAL.total_seconds(), abs=60)
    assert stage.linked() == [1]
    stage.connector.pages = [Unavailable("busy"), Members(found={"1#1": "acme/checkout#1"}, cursor=None)]
    stage.list_again()
    with writing(stage.house.engine) as tx:
        tx.execute(sa.delete(tables.pause))
    stage.list_again()
    assert stage.rows(tables.listing)[0].lacking is None


def test_a_query_that_is_never_listed_whole_is_not_listed_every_minute(stage: Stage) -> None:
    """Once it lacks what it lacked before, the usual time is soon enough, and the rules' version stays."""
    stage.furnish()

    def version() -> int:
        with reading(stage.house.engine) as tx:
            return counters.value(tx, counters.RULES)

    waits = []
    versions = []
    for lacking in ("too many", "too many", "cut short", "cut short"):
        stage.connector.pages = [Members(found={"1#1": "acme/checkout#1"}, cursor=None, lacking=lacking)]
        stage.list_again()
        waits.append(round(stage.wait_of(tables.listing) / 60))
        versions.append(version())
    assert waits == [1, 15, 1, 15]
    assert versions[0] == versions[1] < versions[2] == versions[3]


def test_a_long_page_is_kept_a_part_at_a_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who dies between two parts has the page fetched again, and each of its members is counted once."""
    monkeypatch.setattr("sync_service.querying.CHUNK", 2)
    stage.furnish()
    page = Members(found={f"1#{number}": f"acme/checkout#{number}" for number in range(1, 6)}, cursor=None)
    shown: list[list[str]] = []

    def show(tx: Transaction, revision_id: int, identities: Sequence[str], *, run: int) -> None:
        if len(shown) == 1:
            shown.append([])
            message = "dies"
            raise ZeroDivisionError(message)
        shown.append(list(identities))
        noted(tx, revision_id, identities, run=run)

    noted = members.show
    monkeypatch.setattr(members, "show", show)
    stage.connector.pages = [page]
    stage.querying.drain()
    assert [row.identity for row in stage.rows(tables.member)] == ["1#1", "1#2"]
    stage.connector.pages = [page]
    stage.list_again()
    assert [len(part) for part in shown] == [2, 0, 2, 2, 1]
    assert [row.identity for row in stage.rows(tables.member) if row.holds] == sorted(page.found)
    assert stage.rows(tables.listing)[0].outcome == "5 members"


@pytest.mark.parametrize("judges", [True, False])
def test_many_queries_take_no_more_statements_than_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, judges: bool
) -> None:
    """What they say of a batch is read once and written once."""
    monkeypatch.setattr(Asker, "judges", judges)
    counts = []
    for more in (0, 4):
        rule = "  - {{slug: more-{0}, connection: gh, key_result: KR-1, query: '{1} label:l{0}'}}\n"
        rules = "".join(rule.format(number, QUERY) for number in range(more))
        furnish(stage.house, (OKRS.format(token="t", query=QUERY) + rules).encode())
        stage.furnish_issues()
        stage.list_again()
        stage.connector.answers = {"1#1": True, "1#2": False}
        for _ in range(2):
            stage.change(1, 2)
            with Counted(stage.house.engine) as counted:
                stage.judging.drain()
        counts.append(counted.statements)
    assert len({row.revision_id for row in stage.rows(tables.member)}) == 5
    assert counts[0] == counts[1]


def test_a_member_that_is_not_known_yet_is_looked_at_and_then_counts(stage: Stage) -> None:
    """Where the page shows no more than its name."""
    stage.furnish()
    stage.connector.pages = [Members(found={"1#9": "acme/checkout#9"}, cursor=None)]
    stage.list_again()
    (look,) = stage.rows(tables.look)
    assert (look.identity, look.reason) == ("1#9", "listed")
    with writing(stage.house.engine) as tx:
        (scope,) = tx.execute(sa.select(tables.scope)).all()
        place = {"scope_external_id": "1", "scope_name": "acme/checkout", "identity": "1#9"}
        add_issue(tx, scope.connection_id, scope.id, "acme/checkout#9", "Late", updated_at=NOW, **place)
        tx.execute(sa.insert(tables.relink).values(connection_id=scope.connection_id, cause="seen", due_at=EPOCH))
    stage.house.drains.drain("relink")
    assert stage.linked() == [3]


def test_a_worker_that_lost_its_lease_changes_nothing(stage: Stage) -> None:
    """Another took the listing over meanwhile, and ended it."""
    stage.furnish()
    (_, other) = stage.worker()

    def take_over() -> None:
        with writing(stage.house.engine) as tx:
            tx.execute(sa.update(tables.listing).values(due_at=EPOCH))
        while other.drain():
            pass

    stage.connector.meanwhile = take_over
    stage.connector.pages = [
        Members(found={"1#1": "acme/checkout#1"}, cursor=None),
        Members(found={"1#2": "acme/checkout#2"}, cursor=None),
    ]
    stage.querying.drain()
    stage.house.drains.drain("rule_revision")
    assert stage.linked() == [1]


def test_a_member_in_a_scope_that_is_hidden_stays(stage: Stage) -> None:
    """It may be one unseen."""
    stage.furnish()
    stage.connector.pages = [Members(found={"1#1": "acme/checkout#1"}, cursor=None)]
    stage.list_again()
    with writing(stage.house.engine) as tx:
        tx.execute(sa.update(tables.scope).values(gone="hidden", gone_at=database_now(tx)))
    stage.list_again()
    assert stage.linked() == [1]
    with writing(stage.house.engine) as tx:
        tx.execute(sa.update(tables.scope).values(gone=None, gone_at=None))
    stage.list_again()
    assert stage.linked() == []


class Silent:
    """Stands in for a connector that evaluates no queries."""

    title = "Silent"


def test_a_tracker_whose_queries_are_not_evaluated_says_so(stage: Stage) -> None:
    """Until a new version does; its issues are not asked about."""
    stage.furnish()
    stage.judging.connectors = {"github": Silent()}  # type: ignore[dict-item]  # as much of one as is asked for
    stage.list_again()
    stage.change(1)
    stage.judge()
    assert stage.rows(tables.candidate)[0].outcome == "no query to ask"
    assert stage.rows(tables.key_result)[0].status == "partial"
    assert "queries of Silent are not evaluated yet" in stage.rows(tables.key_result)[0].explanation


def test_a_row_of_a_retired_rule_settles(stage: Stage) -> None:
    """Where its turn comes before it is swept."""
    stage.furnish()
    with writing(stage.house.engine) as tx:
        tx.execute(sa.update(tables.rule_revision).values(state="retired"))
    stage.querying.drain()
    assert stage.rows(tables.listing)[0].outcome == "the rule was changed"


def test_a_rule_that_is_edited_while_a_page_is_fetched_notes_nothing(stage: Stage) -> None:
    """The page was of the old query."""
    stage.furnish()

    def edit() -> None:
        with writing(stage.house.engine) as tx:
            tx.execute(sa.update(tables.rule_revision).values(state="retired"))

    stage.connector.meanwhile = edit
    stage.connector.pages = [Members(found={"1#1": "acme/checkout#1"}, cursor=None)]
    stage.querying.drain()
    assert stage.rows(tables.listing)[0].outcome == "the rule was changed"
    assert stage.rows(tables.member) == []


def test_a_query_that_a_version_no_longer_takes_says_why(stage: Stage) -> None:
    """Without credentials too."""
    stage.furnish(token="null")
    with writing(stage.house.engine) as tx:
        tx.execute(sa.update(tables.rule_revision).values(query="is:issue"))
    stage.list_again()
    assert "names no place" in stage.rows(tables.listing)[0].lacking


def test_an_issue_that_breaks_a_query_stops_none_of_its_neighbours(stage: Stage) -> None:
    """It is tried alone, and again later."""
    stage.furnish()
    stage.list_again()

    def break_down() -> None:
        message = "a bug"
        raise ZeroDivisionError(message)

    def break_down_twice() -> None:
        stage.connector.meanwhile = break_down
        break_down()

    stage.connector.answers = {"1#1": True, "1#2": True}
    stage.connector.meanwhile = break_down_twice
    stage.change(1, 2)
    stage.judge()
    first, second = stage.rows(tables.candidate)
    assert first.due_at is not None
    assert "a bug" in first.outcome
    assert second.outcome == "1 queries asked, 1 find it; they are asked once more"
    assert stage.linked() == [2]
