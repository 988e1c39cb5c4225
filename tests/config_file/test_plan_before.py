"""A plan is made before the transaction that carries it out, which only checks that the configuration is the same."""

import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.config_file.plan import apply as applying
from sync_service.config_file.plan.apply import ConfigApplier, RevertsPageEdits
from sync_service.store import tables as t
from sync_service.store.engine import versions
from sync_service.store.engine.database import writing
from tests.config_file.conftest import ConfigHarness
from tests.config_file.test_many_items import file_of

pytestmark = pytest.mark.both_databases


class Planned:
    """Counts plans, and whether each was made inside a transaction that may write."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inside: list[bool] = []
        self._open = 0
        original, plan_of = writing, ConfigApplier._plan

        @contextmanager
        def counted(engine: Engine) -> Any:
            with original(engine) as tx:
                self._open += 1
                try:
                    yield tx
                finally:
                    self._open -= 1

        def plan(applier: ConfigApplier, *arguments: Any, **others: Any) -> Any:
            self.inside.append(self._open > 0)
            return plan_of(applier, *arguments, **others)

        monkeypatch.setattr(applying, "writing", counted)
        monkeypatch.setattr(ConfigApplier, "_plan", plan)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Planned:
    """Return the plans from now on."""
    return Planned(monkeypatch)


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], *, times: int) -> None:
    """Let something happen between each of the first plans and its transaction."""
    original, acting = ConfigApplier._audit_line, False
    done: list[object] = []

    def audit_line(applier: ConfigApplier, plan: Any) -> str:
        nonlocal acting
        line = original(applier, plan)
        if len(done) < times and not acting:
            acting = True
            done.append(act())
            acting = False
        return line

    monkeypatch.setattr(ConfigApplier, "_audit_line", audit_line)


def test_a_file_is_planned_outside_of_the_transaction(harness: ConfigHarness, planned: Planned) -> None:
    """Others may write while thousands of items are compared."""
    harness.apply(file_of("RULES", 3))
    assert planned.inside == [False]


def test_workers_that_link_issues_do_not_make_a_plan_worthless(
    harness: ConfigHarness, planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They make new versions of the rules without changing the configuration."""

    def link() -> None:
        with writing(harness.engine) as tx:
            versions.bump(tx, versions.RULES)

    meanwhile(monkeypatch, link, times=1)
    harness.apply(file_of("RULES", 3))
    assert planned.inside == [False]


def test_what_changed_since_the_plan_is_planned_again(
    harness: ConfigHarness, planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second plan begins with what the other one wrote."""
    harness.apply(file_of("RULES", 1))
    planned.inside.clear()
    meanwhile(monkeypatch, lambda: harness.apply(file_of("RULES", 1, word="other")), times=1)
    plan = harness.apply(file_of("RULES", 2))
    assert [str(one) for one in plan.changes] == [
        "~ rule r-1: when labels include other → labels include one",
        "+ rule r-2",
    ]
    assert planned.inside == [False, False, False]
    versions_of = sa.select(t.rule_version.c.number, t.rule_version.c.what).where(t.rule_version.c.rule_slug == "r-1")
    assert harness.rows(versions_of) == [(1, "created"), (2, "changed"), (3, "changed")]


def test_a_file_that_others_outrun_each_time_is_planned_while_they_wait(
    harness: ConfigHarness, planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes to its end, whoever else writes."""
    words = iter(["a", "b", "c", "d"])
    meanwhile(monkeypatch, lambda: harness.apply(file_of("RULES", 1, word=next(words))), times=3)
    plan = harness.apply(file_of("RULES", 1, word="mine"))
    assert planned.inside.count(True) == 1
    assert planned.inside[-1]
    assert [str(one) for one in plan.changes] == ["~ rule r-1: when labels include c → labels include mine"]


def test_a_link_that_follows_its_issue_to_a_new_key_meanwhile_is_planned_again(
    harness: ConfigHarness, planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the one change of the configuration that makes no new version of the rules."""
    harness.apply(file_of("LINKS", 1))
    planned.inside.clear()

    def follow() -> None:
        with writing(harness.engine) as tx:
            tx.execute(sa.update(t.manual_link).values(key="acme/checkout#7"))

    meanwhile(monkeypatch, follow, times=1)
    plan = harness.apply(file_of("LINKS", 1, word="another"))
    assert planned.inside == [False, False]
    assert [str(one) for one in plan.changes] == ["+ link KR-1 ← gh:acme/checkout#1"]


def test_a_file_is_refused_that_would_undo_what_a_page_wrote_meanwhile(
    harness: ConfigHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of it is applied."""
    harness.apply(file_of("RULES", 1))

    def write() -> None:
        edited = [("page", file_of("RULES", 1, word="page").encode())]
        harness.applier.edit(lambda _stored: edited)

    meanwhile(monkeypatch, write, times=1)
    with pytest.raises(RevertsPageEdits):
        harness.apply(file_of("RULES", 3))
    assert harness.rows(sa.select(t.rule.c.slug, t.rule.c.condition)) == [("r-1", {"field": "labels", "has": "page"})]


def test_two_files_at_once_are_applied_one_after_the_other(harness: ConfigHarness) -> None:
    """Each rule has a version of each file that changed it, and the numbers have no gap."""
    harness.apply(file_of("RULES", 1))
    failed: list[BaseException] = []

    def apply(word: str) -> None:
        try:
            harness.apply(file_of("RULES", 20, word=word))
        except BaseException as error:  # noqa: BLE001 - the assertion shows it
            failed.append(error)

    threads = [threading.Thread(target=apply, args=[word]) for word in ("red", "blue", "green")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failed == []
    (present,) = {condition["has"] for (condition,) in harness.rows(sa.select(t.rule.c.condition))}
    v = t.rule_version.c
    found = harness.rows(sa.select(v.rule_slug, v.number, v.definition).order_by(v.rule_slug, v.number))
    last = {slug: definition["when"]["has"] for slug, _, definition in found}
    assert set(last.values()) == {present}
    numbers = [number for slug, number, _ in found if slug == "r-9"]
    assert numbers == [1, 2, 3]
