"""Values after an apply: they change as the files say, each with its reason in the history."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import State
from sync_service.progress.relink_jobs import Relinker
from sync_service.store import tables as t
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs.ruleset import RulesetCache
from sync_service.store.queue import due
from sync_service.store.views.key_results import KeyResultView, history_view, key_result_view
from tests.config_file.conftest import NOW, ConfigHarness
from tests.config_file.files import replace

FILE = """\
people:
  - {email: ana@example.com, name: Ana}
cycles:
  - {slug: q4, name: Q4, starts: 2026-10-01, ends: 2026-12-31}
connections:
  - {slug: gh, kind: github, webhook_secrets: [hush-hush], scopes: [acme/app, acme/web], earlier: ignore}
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


def drain(harness: ConfigHarness) -> None:
    """Run all due work, as a worker would."""
    relinking = Relinker(
        engine=harness.engine,
        settle=timedelta(0),
        now=lambda: NOW,
        ruleset_cache=RulesetCache(),
    )
    drains = {
        "rule_revision": relinking.drain_revisions,
        "relink_request": relinking.drain_relinks,
        "recompute": relinking.drain_recomputes,
    }
    while names := [name for name in _due(harness) if name in drains]:
        for name in names:
            drains[name]()


def _due(harness: ConfigHarness) -> list[str]:
    with reading(harness.engine) as tx:
        return due.tables_with_due_rows(tx)


@pytest.fixture
def applied(harness: ConfigHarness) -> ConfigHarness:
    """Apply the file to a database with four issues: two in each repository, one of each two done."""
    harness.apply(FILE)
    with writing(harness.engine) as tx:
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
    drain(harness)
    return harness


def read_key_result(harness: ConfigHarness) -> tuple[KeyResultView, list[str]]:
    """Return the key result and the causes of its last change."""
    with reading(harness.engine) as tx:
        view = key_result_view(tx, "KR", NOW)
        assert view is not None
        entries = history_view(tx, view.id, limit=1)
    return view, [cause.what for entry in entries for cause in entry.causes]


def test_known_issues_count_by_rule_and_by_manual_link(applied: ConfigHarness) -> None:
    """Issue 1 has the manual weight three, so two of six are done."""
    view, _ = read_key_result(applied)
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
    applied: ConfigHarness, old: str, new: str, current: float, cause: str
) -> None:
    """The value changes as soon as the due work is done."""
    applied.apply(replace(FILE, (old, new)), prune=True)
    drain(applied)
    view, causes = read_key_result(applied)
    assert view.current == pytest.approx(current)
    assert cause in causes


@pytest.mark.slow
def test_issues_of_an_unwatched_scope_do_not_count(applied: ConfigHarness) -> None:
    """They count again when the scope is watched again."""
    applied.apply(replace(FILE, ("[acme/app, acme/web]", "[acme/app]")))
    drain(applied)
    view, causes = read_key_result(applied)
    assert view.current == pytest.approx(100 / 4)
    assert causes
    assert all("acme/web no longer watched" in cause for cause in causes)
    applied.apply(FILE)
    drain(applied)
    assert read_key_result(applied)[0].current == pytest.approx(100 * 2 / 6)


MORE = (
    "      - {slug: KR, ",
    """\
      - {slug: KR-A, title: A, measure: {kind: done-share}}
      - {slug: KR-B, title: B, measure: {kind: done-share}}
      - {slug: KR-C, title: C, measure: {kind: done-share}}
      - {slug: KR, """,
)


def causes_of(harness: ConfigHarness, slug: str) -> list[tuple[str | None, str]]:
    """Return issue and words of all causes in a key result's history, oldest first."""
    with reading(harness.engine) as tx:
        view = key_result_view(tx, slug, NOW)
        assert view is not None
        entries = reversed(history_view(tx, view.id))
    return [(cause.issue, cause.what) for entry in entries for cause in entry.causes]


@pytest.mark.slow
def test_causes_name_what_concerns_their_key_result(applied: ConfigHarness) -> None:
    """Of three key results that come with one file, each with an issue, one of them by hand; and of two scopes."""
    with writing(applied.engine) as tx:
        for identity, label in (("1", "okr:kr-a"), ("2", "okr:kr-b")):
            tx.execute(sa.update(t.issue).where(t.issue.c.identity == identity).values(labels=[label]))
    link = ("weight: 3}\n", 'weight: 3}\n  - {key_result: KR-C, issue: "gh:acme/web#4"}\n')
    applied.apply(replace(FILE, MORE, link))
    drain(applied)
    assert causes_of(applied, "KR-A") == [("acme/app#1", "key result KR-A added, now linked by its label")]
    assert causes_of(applied, "KR-B") == [("acme/app#2", "key result KR-B added, now linked by its label")]
    added = "key result KR-C added; manual links changed, now linked by hand"
    assert causes_of(applied, "KR-C") == [("acme/web#4", added)]
    applied.apply(replace(FILE, MORE, link, ("[acme/app, acme/web]", "[acme/other]")))
    drain(applied)
    gone = [what for _, what in causes_of(applied, "KR-C")[1:]]
    assert gone
    assert all("acme/web no longer watched" in what and "acme/app" not in what for what in gone)


def test_a_rule_that_is_processed_first_is_no_cause_for_another_key_results_link(applied: ConfigHarness) -> None:
    """Its chunk finds a link that another change of the file asks for."""
    link = ("weight: 3}\n", 'weight: 3}\n  - {key_result: KR-C, issue: "gh:acme/web#4"}\n')
    rule = ("rules:\n", "rules:\n  - {slug: a, connection: gh, key_result: KR-A, when: {field: scope, is: acme/app}}\n")
    applied.apply(replace(FILE, MORE, link, rule))
    with writing(applied.engine) as tx:  # the revision is drained while the other rows wait
        for table in (t.relink_request, t.recompute):
            tx.execute(sa.update(table).values(due_at=NOW + timedelta(days=400)))
    drain(applied)
    assert causes_of(applied, "KR-C") == [("acme/web#4", "now linked by hand")]


def test_another_target_changes_the_progress_and_not_the_value(applied: ConfigHarness) -> None:
    """The history has an entry of the progress alone."""
    before = read_key_result(applied)
    applied.apply(replace(FILE, ("measure: {kind: done-share}", "target: 50, measure: {kind: done-share}")))
    drain(applied)
    view, causes = read_key_result(applied)
    assert view.current == before[0].current
    assert causes == ["target changed from 100 to 50"]
    assert view.progress == pytest.approx(2 * 2 / 6)


def test_another_measure_gives_another_value(applied: ConfigHarness) -> None:
    """The history has the reason in words."""
    applied.apply(replace(FILE, ("measure: {kind: done-share}", "start: 9, target: 0, measure: {kind: open-count}")))
    drain(applied)
    view, causes = read_key_result(applied)
    assert view.current == 2
    assert any("measure.kind changed from 'done-share' to 'open-count'" in cause for cause in causes)


def test_without_its_connection_a_key_result_has_no_data(applied: ConfigHarness) -> None:
    """The last history entry says what happened."""
    text = FILE[: FILE.index("connections:")] + FILE[FILE.index("objectives:") : FILE.index("rules:")]
    applied.apply(text, prune=True)
    drain(applied)
    view, causes = read_key_result(applied)
    assert (view.current, causes) == (None, ["connection gh removed"])


def test_without_its_rules_and_links_a_key_result_has_no_data(applied: ConfigHarness) -> None:
    """Its links end as if the rule had been disabled."""
    applied.apply(FILE[: FILE.index("rules:")], prune=True)
    drain(applied)
    assert read_key_result(applied)[0].current is None


def test_a_pending_import_makes_its_key_results_partial(applied: ConfigHarness) -> None:
    """It stops when earlier issues are ignored."""
    text = replace(
        FILE,
        ("[hush-hush]", "[hush-hush], token: t"),
        ("earlier: ignore", "earlier: import"),
        ("acme/web]", "acme/web, acme/new]"),
    )
    applied.apply(text)
    drain(applied)
    view, _ = read_key_result(applied)
    assert (view.status, view.explanation.endswith("(not imported yet: acme/new)")) == ("partial", True)
    applied.apply(replace(text, ("earlier: import", "earlier: ignore")))
    drain(applied)
    assert read_key_result(applied)[0].status != "partial"
