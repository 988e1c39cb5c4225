"""A plan says what applying files gives: it is compared with applying them."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.config_file.plan.export import as_json, export_state
from sync_service.config_file.preview.plan_preview import PlanPreview, PlanPreviewer
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.config_file.read.state import read_state
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.views.key_results import key_result_views
from tests.support.example_okrs import fill_with_examples
from tests.support.run_scope import ALL
from tests.support.services import NOW, Clock, open_services, recompute

WORK = ("rule_revision", "relink_request", "recompute")
LABELLED = {"field": "labels", "has": "checkout"}
Document = dict[str, Any]


@pytest.fixture
def services(migrated_url: str, tmp_path: Any) -> Iterator[Services]:
    """Yield services with the example's OKRs and issues, some of them labelled, all computed."""
    with open_services(migrated_url, tmp_path, clock=Clock()) as opened:
        example = fill_with_examples(opened)
        with writing(opened.engine) as tx:
            values = {
                "connection_id": example.github,
                "kind": "label",
                "external_id": "9",
                "name": "checkout",
                "at": NOW,
            }
            tx.execute(sa.insert(tables.term).values(values))
            tx.execute(sa.update(tables.issue).where(tables.issue.c.id % 2 == 0).values(labels=["9"]))
        recompute(opened, *example.key_results.values())
        drain(opened)
        yield opened


def drain(services: Services) -> None:
    """Do the work that settings make due."""
    while sum(services.drains.by_table[name]() for name in WORK):
        pass


def exported(services: Services) -> Document:
    """Return the configuration as a file has it."""
    with reading(services.engine) as tx:
        return export_state(read_state(tx, services.sealer))


def preview(services: Services, document: Document, *, prune: bool = False) -> PlanPreview:
    """Return what applying a document would change."""
    return PlanPreviewer.of(services).preview([("okrs.yaml", as_json(document).encode())], prune=prune)


def apply(services: Services, document: Document, *, prune: bool = False) -> None:
    """Apply a document and do all the work that follows."""
    applier = ConfigApplier.of(services, actor="the tests")
    applier.apply([("okrs.yaml", as_json(document).encode())], prune=prune)
    drain(services)


def numbers(services: Services) -> dict[str, tuple[float | None, float | None, str]]:
    """Return value, progress and status of each key result."""
    with reading(services.engine) as tx:
        return {one.slug: (one.current, one.progress, one.status) for one in key_result_views(tx, NOW)}


def rows(services: Services) -> dict[str, list[Any]]:
    """Return all rows of all tables."""
    with reading(services.engine) as tx:
        return {one.name: list(tx.execute(sa.select(one)).all()) for one in tables.metadata.sorted_tables}


def key_result(document: Document, slug: str) -> dict[str, Any]:
    """Return a key result of a document."""
    return next(one for o in document["objectives"] for one in o.get("key_results", ()) if one["slug"] == slug)


def new_key_result(document: Document) -> None:
    """Add a key result with a rule."""
    fresh = {"slug": "KR-new", "title": "A new one", "target": 10, "measure": {"kind": "open-count"}, "start": 50}
    document["objectives"][0]["key_results"].append(fresh)
    document.setdefault("rules", []).append(
        {"slug": "fresh", "connection": "acme-github", "key_result": "KR-new", "when": LABELLED}
    )


EDITS: dict[str, Callable[[Document], object]] = {
    "target": lambda document: key_result(document, "KR-1").update(target=55),
    "measure": lambda document: key_result(document, "KR-1").update(measure={"kind": "open-count"}, start=40),
    "weight": lambda document: key_result(document, "KR-1").update(weight=9),
    "rule": lambda document: document.setdefault("rules", []).append(
        {"slug": "more", "connection": "acme-github", "key_result": "KR-2", "when": LABELLED}
    ),
    "new": new_key_result,
    "thresholds": lambda document: document.update(organisation={"thresholds": {"at_risk": 1, "behind": 2}}),
    "cycle": lambda document: document["cycles"][0].update(starts="2026-08-01"),
    "link": lambda document: document.setdefault("links", []).append(
        {"key_result": "KR-2", "issue": "acme-github:acme/checkout#2", "weight": 3}
    ),
    "remove": lambda document: document["objectives"][0]["key_results"].remove(key_result(document, "KR-3")),
    "none": lambda document: document["objectives"][0].update(roll_up="weakest"),
}


@settings(max_examples=30 if ALL else 4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.lists(st.sampled_from(sorted(EDITS)), unique=True, max_size=5))
def test_a_plan_says_what_applying_gives(services: Services, chosen: list[str]) -> None:
    """Value, progress and status of every key result, and the progress of objectives; planning saves nothing."""
    before = exported(services)
    document = deepcopy(before)
    for name in chosen:
        EDITS[name](document)
    saved, old = rows(services), numbers(services)
    found = preview(services, document, prune=True)
    assert rows(services) == saved
    assert {one.slug: astuple(one.before) for one in found.key_results if one.before} == old
    apply(services, document, prune=True)
    assert {one.slug: astuple(one.after) for one in found.key_results if one.after} == numbers(services)
    again = preview(services, document, prune=True)
    assert again.changes == []
    assert [one for one in again.key_results if one.changes] == []
    assert {one.slug: one.before for one in again.objectives} == {
        one.slug: one.after for one in found.objectives if one.exists[1]
    }
    apply(services, before, prune=True)  # for the next example


def astuple(found: Any) -> tuple[Any, ...]:
    """Return the numbers as a tuple."""
    return (found.value, found.progress, found.status)


def test_every_edit_changes_something(services: Services) -> None:
    """So the property above compares more than the same with the same."""
    changing = set()
    for name, edit in EDITS.items():
        document = exported(services)
        edit(document)
        found = preview(services, document, prune=True)
        assert found.changes, name
        if any(one.changes for one in found.key_results) or any(one.changes for one in found.objectives):
            changing.add(name)
    assert changing >= {"target", "measure", "weight", "rule", "new", "cycle", "link", "remove"}


@pytest.mark.both_databases
def test_the_members_of_a_new_query_are_unknown_before_listing(services: Services) -> None:
    """The plan says so, and the key result stays as it is."""
    document = exported(services)
    rule = {
        "slug": "found",
        "connection": "acme-github",
        "key_result": "KR-2",
        "query": "is:issue repo:acme/checkout label:checkout",
    }
    document.setdefault("rules", []).append(rule)
    effect = next(one for one in preview(services, document).key_results if one.slug == "KR-2")
    assert effect.unknown == ("the members of rule found are unknown before its query is listed",)
    assert effect.changes


def test_a_plan_reads_no_secret_that_a_file_refers_to(services: Services) -> None:
    """`env:` and `file:` stand for the stored secret, so nothing of the server's can be asked for."""
    document = exported(services)
    for connection in document["connections"]:
        connection["webhook_secrets"] = ["env:NOT_SET_ANYWHERE", "file:/nowhere/at/all"]
    document["connections"].append(
        {
            "slug": "fresh",
            "kind": "github",
            "token": "file:/etc/hostname",
            "webhook_secrets": ["env:HOME"],
            "scopes": ["acme/fresh"],
            "earlier": "ignore",
        }
    )
    found = preview(services, document)
    assert "+ connection fresh" in found.changes


def test_mistakes_are_named_and_nothing_is_planned(services: Services) -> None:
    """As applying does."""
    document = exported(services)
    key_result(document, "KR-1")["measure"] = {"kind": "done-shares"}
    with pytest.raises(InvalidFiles) as caught:
        preview(services, document)
    assert "did you mean done-share?" in str(caught.value)


def test_work_that_waits_is_done_before_the_plan(services: Services) -> None:
    """Otherwise its effect would look like one of the files."""
    document = exported(services)
    key_result(document, "KR-1")["target"] = 60
    ConfigApplier.of(services, actor="the tests").apply([("a.yaml", as_json(document).encode())], prune=False)
    with writing(services.engine) as tx:  # a worker has begun with it
        leased = {"lease": "x" * 32, "due_at": sa.literal(2**60), "attempts": 1}
        tx.execute(sa.update(tables.recompute).where(tables.recompute.c.due_at.isnot(None)).values(leased))
    found = preview(services, document)
    assert (found.changes, [one for one in found.key_results if one.changes]) == ([], [])
