"""Views of a key result: its value, the reasons, the linked issues and the history."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from sync_service.cli.output import explain_json
from sync_service.domain.measures.status import Status
from sync_service.domain.trackers.causes import Cause
from sync_service.domain.trackers.observations import State
from sync_service.store import tables as t
from sync_service.store.engine.database import open_database, writing
from sync_service.store.engine.migrate import migrate
from sync_service.store.okrs.staleness import Stale
from sync_service.store.views.issues import IssueView, issues_view
from sync_service.store.views.key_results import history_view, key_result_view, key_result_views
from sync_service.store.views.service_status import backlogs, connection_views
from tests.support.servers import Databases

pytestmark = pytest.mark.both_databases

NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
STARTS, ENDS = datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def insert_okrs(url: str) -> None:
    """Migrate the database; insert two people, a cycle, two connections and two key results."""
    engine = open_database(url)
    migrate(engine)
    with writing(engine) as tx:
        people = [
            {"id": 1, "email": "ana@example.com", "name": "Ana"},
            {"id": 2, "email": "ben@example.com", "name": "Ben"},
        ]
        tx.execute(sa.insert(t.person), [one | {"role": "admin", "accounts": {}} for one in people])
        days = {"starts": STARTS.date(), "ends": ENDS.date() - timedelta(days=1), "starts_at": STARTS, "ends_at": ENDS}
        tx.execute(sa.insert(t.cycle).values(id=1, slug="q4", name="Q4", **days))
        common = {"kind": "github", "site": "https://x", "options": {}, "sealed_secrets": []}
        tx.execute(sa.insert(t.connection), [{"id": n, "slug": f"c{n}", **common} for n in (1, 2)])
        tx.execute(sa.insert(t.objective).values(id=1, slug="o", title="O", cycle_id=1, owner_id=1))
        settings = {"objective_id": 1, "start": 0.0, "target": 100.0, "unit": "%"}
        for n, owner_id, kind in ((1, None, "done-share"), (2, 2, "done-count")):
            own = {"id": n, "slug": f"KR-{n}", "title": "T", "owner_id": owner_id, "measure": {"kind": kind}}
            tx.execute(sa.insert(t.key_result).values(own | settings))
    engine.dispose()


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    """Yield a prepared database of each kind."""
    opened = open_database(databases.prepared(insert_okrs))
    yield opened
    opened.dispose()


@pytest.fixture
def tx(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction."""
    with writing(engine) as begun:
        yield begun


def add_issue(tx: Connection, number: int, state: State, **columns: Any) -> int:
    """Insert an issue of the first connection and return its row id."""
    row = {
        "connection_id": 1,
        "identity": f"7:{number}",
        "key": f"acme/app#{number}",
        "state": state,
        "title": f"T{number}",
    }
    row |= {"labels": [], "assignees": [["ana", "Ana"]], "kind": "issue", "updated_at": NOW, **columns}
    return int(tx.execute(sa.insert(t.issue).values(row).returning(t.issue.c.id)).scalar_one())


def add_rule(
    tx: Connection, slug: str, *, state: str = "active", key_result_id: int = 1, connection_id: int = 1
) -> int:
    """Insert a rule with one revision and return the revision's row id."""
    row = {"connection_id": connection_id, "key_result_id": 1, "condition": {}}
    rule_id = tx.execute(sa.insert(t.rule).values(slug=slug, state="active", **row).returning(t.rule.c.id)).scalar_one()
    revision = row | {"rule_id": rule_id, "rule_slug": slug, "state": state, "changed_by": "ana", "created_at": NOW}
    return int(tx.execute(sa.insert(t.rule_revision).values(revision).returning(t.rule_revision.c.id)).scalar_one())


def add_link(
    tx: Connection, issue_id: int, origin: str, source: int, *, weight: float = 1.0, key_result_id: int = 1
) -> None:
    """Link an issue."""
    row = {"key_result_id": key_result_id, "issue_id": issue_id, "origin": origin, "source": source, "weight": weight}
    tx.execute(sa.insert(t.link).values(row))


def test_a_key_result_is_found_in_any_case_with_its_owner(tx: Connection) -> None:
    """Without an owner of its own it has the objective's."""
    one, two = key_result_view(tx, "kr-1", NOW), key_result_view(tx, "KR-2", NOW)
    assert one is not None
    assert two is not None
    assert (one.slug, one.owner, one.owner_name, one.objective, one.cycle) == (
        "KR-1",
        "ana@example.com",
        "Ana",
        "o",
        "q4",
    )
    assert (two.owner, two.status, two.current) == ("ben@example.com", Status.NO_DATA, None)
    assert key_result_view(tx, "KR-3", NOW) is None


def test_the_key_results_of_a_cycle_are_in_order(tx: Connection) -> None:
    """By position, then by creation."""
    tx.execute(sa.update(t.key_result).where(t.key_result.c.id == 1).values(position=1))
    assert [view.slug for view in key_result_views(tx, NOW, cycle="q4")] == ["KR-2", "KR-1"]
    assert [view.slug for view in key_result_views(tx, NOW)] == ["KR-2", "KR-1"]
    assert key_result_views(tx, NOW, cycle="q3") == []


def test_a_frozen_cycle_closes_its_key_results(tx: Connection) -> None:
    """Even before they are computed again."""
    view = key_result_view(tx, "KR-1", ENDS + timedelta(days=3))
    assert view is not None
    assert view.status is Status.CLOSED


@pytest.mark.parametrize("reached_by", ["rule", "link"])
def test_a_key_result_is_stale_while_a_connection_it_reaches_is_refused(tx: Connection, reached_by: str) -> None:
    """It may reach the connection by a rule or by a linked issue. The other key result is not stale."""
    if reached_by == "rule":
        add_rule(tx, "r")
    else:
        add_link(tx, add_issue(tx, 1, State.TODO), "label", 0)
    tx.execute(sa.update(t.connection).values(refused_at=NOW, refused_reason="Bad credentials"))
    one, two = key_result_views(tx, NOW)
    assert (one.stale, two.stale) == (Stale(NOW, "c1: Bad credentials"), None)


def test_the_longest_refusal_is_reported(tx: Connection) -> None:
    """The value may be out of date since then."""
    add_rule(tx, "a", connection_id=1)
    add_rule(tx, "b", connection_id=2)
    for number in (1, 2):
        refused = {"refused_at": NOW - timedelta(hours=number), "refused_reason": f"reason {number}"}
        tx.execute(sa.update(t.connection).where(t.connection.c.id == number).values(refused))
    assert key_result_views(tx, NOW)[0].stale == Stale(NOW - timedelta(hours=2), "c2: reason 2")


def test_an_issue_is_listed_once_with_the_effective_weight(tx: Connection) -> None:
    """A manual weight overrides the others. Pending links do not count yet."""
    issue_id = add_issue(tx, 1, State.DOING, points=3.0, url="https://x/1")
    add_link(tx, issue_id, "rule", add_rule(tx, "b"), weight=5)
    add_link(tx, issue_id, "rule", add_rule(tx, "a"))
    add_link(tx, issue_id, "rule", add_rule(tx, "c", state="pending"))
    add_link(tx, issue_id, "manual", 1, weight=2)
    add_link(tx, issue_id, "label", 0)
    assert issues_view(tx, 1) == [
        IssueView(
            connection="c1",
            key="acme/app#1",
            title="T1",
            url="https://x/1",
            state=State.DOING,
            assignees=("Ana",),
            points=3.0,
            weight=2.0,
            origin="manual",
            rules=("a", "b"),
            counts=True,
            why_not=None,
        )
    ]


def test_an_issue_shows_the_names_of_its_labels_and_terms(tx: Connection) -> None:
    """Current names. Deleted terms are left out, and a term without a name shows its id."""
    for kind, external_id, name in (("version", "9", "2.0"), ("version", "8", None), ("sprint", "9", "Sprint 7")):
        values = {"connection_id": 1, "kind": kind, "external_id": external_id, "name": name, "at": NOW}
        tx.execute(sa.insert(t.term).values(values))
    numbers = [["Effort", 3.0, NOW.isoformat()], ["Customers", None, NOW.isoformat()]]
    columns = {"components": ["App"], "versions": ["8", "9"], "sprints": ["9"], "numbers": numbers}
    issue_id = add_issue(tx, 1, State.DOING, priority="High", author=["ana", "Ana"], **columns)
    add_link(tx, issue_id, "label", 0)
    (one,) = issues_view(tx, 1)
    assert (one.components, one.versions, one.sprints) == (("App",), ("2.0",), ("Sprint 7",))
    assert (one.priority, one.author, one.numbers) == ("High", "Ana", {"Effort": 3.0, "Customers": None})


@pytest.mark.parametrize(
    ("outcome", "settled", "seen", "shown"),
    [
        ("unreachable, so nothing changes", NOW, NOW - timedelta(days=1), NOW - timedelta(days=1)),
        ("unreachable, so nothing changes", None, NOW - timedelta(days=1), NOW - timedelta(days=1)),
        ("unreachable, so nothing changes", NOW - timedelta(days=1), NOW, None),
        ("#1: nothing new", NOW, NOW - timedelta(days=1), None),
    ],
)
def test_an_unreachable_issue_still_counts_and_shows_since_when(
    tx: Connection, outcome: str, settled: datetime | None, seen: datetime, shown: datetime | None
) -> None:
    """Until the tracker shows it again. A second due fetch does not change that."""
    issue_id = add_issue(tx, 1, State.DONE, seen_at=seen, identity="7#1")
    add_link(tx, issue_id, "label", 0)
    values = {"connection_id": 1, "identity": "7#1", "key": "acme/app#1", "reason": "not seen for long"}
    tx.execute(sa.insert(t.fetch_request).values(**values, outcome=outcome, settled_at=settled))
    (one,) = issues_view(tx, 1)
    assert (one.counts, one.unreachable_since) == (True, shown)


@pytest.mark.parametrize(
    ("seen", "reason"), [(NOW - timedelta(days=1), "tracker: blocked (451)"), (NOW + timedelta(days=1), None)]
)
def test_an_issue_whose_fetch_was_buried_is_marked_with_the_tracker_s_words(
    tx: Connection, seen: datetime, reason: str | None
) -> None:
    """Until the tracker shows it again."""
    add_link(tx, add_issue(tx, 1, State.DONE, seen_at=seen, identity="7#1"), "label", 0)
    values = {"connection_id": 1, "identity": "7#1", "key": "acme/app#1", "reason": "not seen for long"}
    buried = {"outcome": "unreachable: tracker: blocked (451)", "buried_at": NOW}
    tx.execute(sa.insert(t.fetch_request).values(**values, **buried))
    (one,) = issues_view(tx, 1)
    assert (one.counts, one.unreachable_reason) == (True, reason)


def test_issues_that_do_not_count_say_why_and_open_ones_come_first(tx: Connection) -> None:
    """Dropped, closed outside the cycle, or not seen yet."""
    early = STARTS - timedelta(days=1)
    for number, state, columns in (
        (1, State.DROPPED, {"resolution": "not_planned"}),
        (2, State.DROPPED, {}),
        (3, State.DONE, {"closed_at": early}),
        (4, State.DONE, {"closed_at": NOW}),
        (10, State.TODO, {}),
        (9, State.TODO, {}),
    ):
        issue_id = add_issue(tx, number, state, **columns)
        for key_result_id in (1, 2):
            add_link(tx, issue_id, "label", 0, key_result_id=key_result_id)
    waiting = {"key_result_id": 2, "connection_id": 2, "key": "acme/web#5", "weight": 4.0}
    tx.execute(sa.insert(t.manual_link).values(waiting))
    listed = [(one.key.partition("#")[2], one.counts, one.why_not) for one in issues_view(tx, 2)]
    assert listed == [
        ("9", True, None),
        ("10", True, None),
        ("3", False, "closed outside the cycle"),
        ("4", True, None),
        ("1", False, "dropped: not planned"),
        ("2", False, "dropped"),
        ("5", False, "not seen yet"),
    ]
    assert [one.counts for one in issues_view(tx, 1)] == [True, True, True, True, False, False]


def test_no_issue_counts_toward_a_manual_value(tx: Connection) -> None:
    """Linked issues are only shown."""
    tx.execute(sa.update(t.key_result).values(measure={"kind": "manual"}))
    add_link(tx, add_issue(tx, 1, State.DONE), "label", 0)
    assert [one.why_not for one in issues_view(tx, 1)] == ["the value is set by check-ins"]


def test_history_comes_newest_first_and_page_by_page(tx: Connection) -> None:
    """An entry's id starts the next page."""
    entries = [
        {
            "key_result_id": 1,
            "at": NOW,
            "from": None if n == 0 else float(n),
            "to": n + 1.0,
            "causes": [{"what": f"w{n}"}],
        }
        for n in range(3)
    ]
    tx.execute(sa.insert(t.history), entries)
    first = history_view(tx, 1, limit=2)
    assert [(one.before, one.after, one.causes) for one in first] == [
        (2.0, 3.0, (Cause(what="w2"),)),
        (1.0, 2.0, (Cause(what="w1"),)),
    ]
    assert [one.before for one in history_view(tx, 1, before=first[-1].id)] == [None]
    assert history_view(tx, 2) == []


def test_the_json_has_the_names_of_the_contract(tx: Connection) -> None:
    """The API and `--json` return it."""
    view = key_result_view(tx, "KR-1", NOW)
    assert view is not None
    add_link(tx, add_issue(tx, 1, State.DONE, closed_at=NOW), "label", 0)
    tx.execute(sa.insert(t.history).values({"key_result_id": 1, "at": NOW, "to": 1.0, "causes": [{"what": "w"}]}))
    form = explain_json(view, issues_view(tx, 1), history_view(tx, 1))
    assert {"slug", "title", "owner", "start", "target", "unit", "current", "progress", "status", "stale"} <= set(form)
    assert (form["status"], form["updated_at"], form["stale"]) == ("no_data", None, None)
    assert form["issues"][0]["closed_at"] == "2026-11-02T09:30:00.000Z"
    assert {name: form["history"][0][name] for name in ("at", "from", "to")} == {
        "at": "2026-11-02T09:30:00.000Z",
        "from": None,
        "to": 1.0,
    }
    assert {"what", "issue", "delivery", "actor"} <= set(form["history"][0]["causes"][0])


def test_backlogs_separate_due_later_late_and_buried(tx: Connection) -> None:
    """By table. Settled rows are in none of them."""
    long_ago, far_off = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    rows = [(long_ago, None), (long_ago, None), (far_off, None), (None, NOW), (None, None)]
    for number, (due_at, buried_at) in enumerate(rows):
        row = {"connection_id": 1, "identity": str(number), "key": "k", "reason": "r", "due_at": due_at}
        tx.execute(sa.insert(t.fetch_request).values(row | {"buried_at": buried_at}))
    found = {one.table: one for one in backlogs(tx)}
    assert (found["fetch_request"].due, found["fetch_request"].later, found["fetch_request"].buried) == (2, 1, 1)
    assert found["fetch_request"].lag_seconds > 86400
    assert (found["mail"].due, found["mail"].lag_seconds) == (0, 0.0)


def test_connections_are_listed_without_their_secrets(tx: Connection) -> None:
    """The view says whether there are any, and the state of the scopes."""
    tx.execute(sa.insert(t.scope).values(connection_id=1, name="acme/app", covered_at=NOW))
    tx.execute(sa.update(t.connection).where(t.connection.c.id == 1).values(sealed_token="sealed", owner_id=1))
    one, two = connection_views(tx)
    assert (one.owner, one.has_credentials, one.has_secret) == ("ana@example.com", True, False)
    assert [(scope.name, scope.covered, scope.gone) for scope in one.scopes] == [("acme/app", True, None)]
    assert (two.owner, two.has_credentials, two.scopes) == (None, False, ())
    assert "sealed" not in repr(one)
