"""What applying made due, done: values move as the files say, each with its reason in the history."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import State
from sync_service.progress.relink_jobs import Relinker
from sync_service.store import tables as t
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs.ruleset import RulesetCache
from sync_service.store.queue import due
from sync_service.store.views.key_results import KeyResultView, history_view, key_result_view
from tests.config_file.conftest import NOW, Desk
from tests.config_file.files import replace

FILE = """\
people:
  - {email: ana@example.com, name: Ana}
cycles:
  - {slug: q4, name: Q4, starts: 2026-10-01, ends: 2026-12-31}
connections:
  - {slug: gh, kind: github, webhook_secrets: [hush], scopes: [acme/app, acme/web], earlier: ignore}
objectives:
  - slug: o
    title: O
    cycle: q4
    key_results:
      - {slug: KR, title: Share of the work, measure: {kind: done-share}}
rules:
  - {slug: all, connection: gh, key_result: KR, when: {field: kind, is: issue}}
links:
  - {key_result: KR, issue: "gh:acme/app#1", weight: 3}
"""


def work(desk: Desk) -> None:
    """Do what is due, as a worker would."""
    relinking = Relinker(
        engine=desk.engine, settle=timedelta(0), timezone=ZoneInfo("UTC"), now=lambda: NOW, ruleset_cache=RulesetCache()
    )
    drains = {
        "rule_revision": relinking.drain_revisions,
        "relink_request": relinking.drain_relinks,
        "recompute": relinking.drain_recomputes,
    }
    while names := [name for name in _due(desk) if name in drains]:
        for name in names:
            drains[name]()


def _due(desk: Desk) -> list[str]:
    with reading(desk.engine) as tx:
        return due.tables_with_due_rows(tx)


@pytest.fixture
def worked(desk: Desk) -> Desk:
    """Apply the file to a database that knows four issues: two of each repository, one of each done."""
    desk.apply(FILE)
    with writing(desk.engine) as tx:
        connection_id = tx.scalars(sa.select(t.connection.c.id)).one()
        scopes = {row.name: row.id for row in tx.execute(sa.select(t.scope))}
        for number, (name, state) in enumerate(
            [("acme/app", "todo"), ("acme/app", "done"), ("acme/web", "todo"), ("acme/web", "done")], start=1
        ):
            row = {
                "connection_id": connection_id,
                "scope_id": scopes[name],
                "scope_external_id": name,
                "scope_name": name,
            }
            row |= {
                "identity": str(number),
                "key": f"{name}#{number}",
                "kind": "issue",
                "title": f"Issue {number}",
                "url": "",
            }
            closed = datetime(2026, 10, 20, tzinfo=UTC) if state == "done" else None
            row |= {"state": State(state), "labels": [], "assignees": [], "updated_at": NOW, "closed_at": closed}
            tx.execute(sa.insert(t.issue).values(row))
    work(desk)
    return desk


def look(desk: Desk) -> tuple[KeyResultView, list[str]]:
    """Give the key result, and why it moved last."""
    with reading(desk.engine) as tx:
        view = key_result_view(tx, "KR", NOW)
        assert view is not None
        entries = history_view(tx, view.id, limit=1)
    return view, [cause.what for entry in entries for cause in entry.causes]


def test_known_issues_count_by_rule_and_by_hand(worked: Desk) -> None:
    """Issue 1 weighs three by hand: two of six."""
    view, _ = look(worked)
    assert view.current == pytest.approx(100 * 2 / 6)


@pytest.mark.parametrize(
    ("old", "new", "current", "cause"),
    [
        ("weight: 3", "weight: 1", 50, "manual links changed, weight 3 → 1"),
        ("app#1", "app#2", 100 * 4 / 6, "manual links changed, now linked by hand"),
        ("when: {field: kind, is: issue}", "when: {field: scope, is: acme/web}", 100 / 5, "rule all changed"),
        ("when: {field: kind, is: issue}", "enabled: false, when: {field: kind, is: issue}", 0, "rule all disabled"),
    ],
)
def test_a_changed_file_moves_the_value_with_its_reason(
    worked: Desk, old: str, new: str, current: float, cause: str
) -> None:
    """As soon as what it made due is done."""
    worked.apply(replace(FILE, (old, new)), prune=True)
    work(worked)
    view, causes = look(worked)
    assert view.current == pytest.approx(current)
    assert cause in causes


def test_a_scope_that_is_no_longer_watched_no_longer_counts(worked: Desk) -> None:
    """Watched again, its known issues count again."""
    worked.apply(replace(FILE, ("[acme/app, acme/web]", "[acme/app]")))
    work(worked)
    view, causes = look(worked)
    assert view.current == pytest.approx(100 / 4)
    assert causes
    assert all("acme/web no longer watched" in cause for cause in causes)
    worked.apply(FILE)
    work(worked)
    assert look(worked)[0].current == pytest.approx(100 * 2 / 6)


def test_another_target_moves_the_progress_and_not_the_value(worked: Desk) -> None:
    """So there is no entry in the history."""
    before = look(worked)
    worked.apply(replace(FILE, ("measure: {kind: done-share}", "target: 50, measure: {kind: done-share}")))
    work(worked)
    view, causes = look(worked)
    assert (view.current, causes) == (before[0].current, before[1])
    assert view.progress == pytest.approx(2 * 2 / 6)


def test_another_measure_computes_another_value(worked: Desk) -> None:
    """With the reason in words."""
    worked.apply(replace(FILE, ("measure: {kind: done-share}", "start: 9, target: 0, measure: {kind: open-count}")))
    work(worked)
    view, causes = look(worked)
    assert view.current == 2
    assert any("measure.kind changed from 'done-share' to 'open-count'" in cause for cause in causes)


def test_without_its_connection_a_key_result_has_no_data(worked: Desk) -> None:
    """The last entry says what happened to it."""
    text = FILE[: FILE.index("connections:")] + FILE[FILE.index("objectives:") : FILE.index("rules:")]
    worked.apply(text, prune=True)
    work(worked)
    view, causes = look(worked)
    assert (view.current, causes) == (None, ["connection gh removed"])


def test_without_its_rules_and_links_a_key_result_has_no_data(worked: Desk) -> None:
    """The rule's links end as if it had been disabled."""
    worked.apply(FILE[: FILE.index("rules:")], prune=True)
    work(worked)
    assert look(worked)[0].current is None


def test_a_scope_to_be_imported_makes_its_key_results_partial(worked: Desk) -> None:
    """Until nothing earlier counts."""
    text = replace(
        FILE,
        ("[hush]", "[hush], token: t"),
        ("earlier: ignore", "earlier: import"),
        ("acme/web]", "acme/web, acme/new]"),
    )
    worked.apply(text)
    work(worked)
    view, _ = look(worked)
    assert (view.status, view.explanation.endswith("(not imported yet: acme/new)")) == ("partial", True)
    worked.apply(replace(text, ("earlier: import", "earlier: ignore")))
    work(worked)
    assert look(worked)[0].status != "partial"
