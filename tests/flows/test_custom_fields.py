"""Rules about custom fields, of a simulated Jira and of projects of a simulated GitHub: deliveries and polls."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa

from simulator import GitHub, Jira
from sync_service.domain.rules.conditions import RuleError
from sync_service.domain.trackers.fields.custom_fields import CustomValue, FieldType
from sync_service.domain.trackers.observations import Snapshot, State
from sync_service.progress.previews.rule_preview import Edit, Preview, preview
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from tests.domain.factories import snapshot
from tests.faults.tracker_pair import receiving
from tests.flows.harness import GitHubHarness, clock_of
from tests.flows.jira_harness import JiraHarness
from tests.support.config_file import github, jira, okrs
from tests.support.fake_tracker import CoreHarness

PAYMENTS: dict[str, Any] = {"field": "fields.team", "is": "Payments"}
OPTIONS = {"fields": {"team": {"field": "Team", "type": "option"}, "size": {"field": "Size", "type": "number"}}}
COUNTED = [{"slug": "KR-1", "target": 10, "measure": {"kind": "open-count"}, "start": 0}]


def rule(when: dict[str, Any], connection: str) -> dict[str, Any]:
    """Return a rule for a file."""
    return {"slug": "of-payments", "connection": connection, "key_result": "KR-1", "when": when}


@pytest.fixture
def core(empty_core: CoreHarness) -> CoreHarness:
    """Return a harness in which open issues of the team Payments count."""
    with writing(empty_core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(options=OPTIONS))
    empty_core.connections.clear_cache()
    found = empty_core.key_result(kind="open-count")
    empty_core.rule("of-payments", found, PAYMENTS)
    return empty_core


def of(minute: int, team: str | None = "?", **fields: Any) -> Snapshot:
    """Return an open issue as it was at a minute, in a team; `?`: the delivery does not say in which."""
    values = () if team == "?" else (CustomValue("Team", FieldType.OPTION, (team,) if team else ()),)
    return snapshot(minute, state=State.TODO, custom_fields=values, **fields)


def linked(core: CoreHarness) -> bool:
    """Return whether an issue is linked."""
    with reading(core.engine) as tx:
        return tx.scalar(sa.select(sa.func.count()).select_from(tables.link)) == 1


@pytest.mark.both_databases
def test_a_changed_field_links_and_unlinks_the_issue(core: CoreHarness) -> None:
    """The history says why."""
    core.receive_and_drain(of(1, "Search"))
    assert not linked(core)
    core.receive_and_drain(of(2, "Payments"))
    assert linked(core)
    assert core.reasons()[-1] == "team changed to Payments, now linked by rule of-payments"
    core.receive_and_drain(of(3, None))
    assert not linked(core)
    assert core.reasons()[-1] == "team changed to none, no longer linked by rule of-payments"


def test_a_delivery_without_the_field_changes_no_link(core: CoreHarness) -> None:
    """Unknown is not none: the last known value stays."""
    core.receive_and_drain(of(1, "Payments"))
    core.receive_and_drain(of(2, title="Renamed"))
    assert linked(core)


def test_deliveries_in_any_order_leave_the_newest_value(core: CoreHarness) -> None:
    """Each value has the tracker's time of its snapshot."""
    for number, order in enumerate(permutations([of(1, "Payments"), of(2, "Search"), of(3, "Payments"), of(4)])):
        core.receive_and_drain(*(_renamed(one, number) for one in order))
    with reading(core.engine) as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(tables.link)) == 24


def _renamed(one: Snapshot, number: int) -> Snapshot:
    fields = {name: getattr(one, name) for name in one.__slots__}
    return Snapshot(**{**fields, "identity": f"501#{100 + number}", "key": f"acme/checkout#{100 + number}"})


def test_what_a_rule_linked_stays_while_its_field_is_unknown(core: CoreHarness) -> None:
    """A rule that is edited to name a field unlinks nothing on ignorance, and links nothing either."""
    core.rule("of-payments", 1, {"field": "title", "contains": "pay"})
    core.drain()
    core.receive_and_drain(of(1, title="Pay by card"))
    core.receive_and_drain(snapshot(1, identity="501#2", key="acme/checkout#2", title="Search", state=State.TODO))
    assert linked(core)
    core.rule("of-payments", 1, {"all": [PAYMENTS, {"field": "state", "in": ["todo", "done"]}]})
    core.drain()
    assert linked(core)
    core.receive_and_drain(of(2, title="Pay by card"))
    assert linked(core)
    core.receive_and_drain(of(3, "Search", title="Pay by card"))
    assert not linked(core)
    core.receive_and_drain(of(4, "Payments", title="Pay by card"))
    assert linked(core)


def test_what_surely_does_not_hold_unlinks_while_a_field_is_unknown(core: CoreHarness) -> None:
    """Another condition of the rule decides alone."""
    core.rule("of-payments", 1, {"field": "title", "contains": "pay"})
    core.drain()
    core.receive_and_drain(of(1, title="Pay by card"))
    core.rule("of-payments", 1, {"all": [PAYMENTS, {"field": "title", "contains": "search"}]})
    core.drain()
    assert not linked(core)


def previewed(core: CoreHarness, when: dict[str, Any], slug: str | None = "of-payments") -> Preview:
    """Return the preview of a rule."""
    edit = Edit(slug=slug, connection_id=core.connection_id, key_result_id=1, condition=when)
    with reading(core.engine) as tx:
        return preview(tx, edit, now=core.now)


def test_the_preview_keeps_what_stays(core: CoreHarness) -> None:
    """It shows what saving will do: links that the rule has stay where the field is unknown."""
    core.rule("of-payments", 1, {"field": "title", "contains": "pay"})
    core.drain()
    core.receive_and_drain(of(1, title="Pay by card"))
    core.receive_and_drain(_renamed(of(1, "Payments", title="Refund"), 3))
    seen = previewed(core, {"any": [PAYMENTS]})
    assert (seen.matching, len(seen.changes.linked), len(seen.changes.unlinked)) == (2, 1, 0)
    assert previewed(core, PAYMENTS, slug=None).matching == 1
    core.rule("of-payments", 1, {"any": [PAYMENTS]})
    core.drain()
    assert core.value() == seen.effects[0].after.value == 2


def test_a_value_that_no_issue_has_gets_the_nearest(core: CoreHarness) -> None:
    """With their counts, and a near miss says what excluded it."""
    core.receive_and_drain(of(1, "Payments"))
    seen = previewed(core, {"all": [{"field": "fields.team", "is": "Paymens"}, {"field": "state", "is": "todo"}]})
    assert [(one.field, one.value, [(near.value, near.issues) for near in one.nearest]) for one in seen.unknown] == [
        ("fields.team", "Paymens", [("Payments", 1)])
    ]
    assert [one.missing for one in seen.near] == ["team is Paymens"]
    assert not previewed(core, PAYMENTS).unknown


def test_a_field_that_the_connection_does_not_name_is_refused_by_the_preview(core: CoreHarness) -> None:
    """With the nearest name."""
    with pytest.raises(RuleError, match=r"did you mean fields\.team"):
        previewed(core, {"field": "fields.tean", "is": "Payments"})


# Jira


@pytest.fixture
def shop(services: Services, *, data_center: bool) -> Iterator[JiraHarness]:
    """Yield services that receive the webhooks of a Jira with custom fields, and poll it."""
    clock = clock_of(timedelta(days=1))
    with Jira(clock=clock, data_center=data_center, background=False) as site:
        site.custom_fields.named("Team", "select")
        site.custom_fields.named("Areas", "multiselect")
        site.custom_fields.named("Region", "cascadingselect")
        site.custom_fields.named("Lead", "userpicker")
        site.custom_fields.named("Launch", "datepicker")
        site.custom_fields.named("Size", "float")
        site.custom_fields.named("Note", "textfield")
        harness = JiraHarness(services, site, clock)
        with receiving(services) as address:
            site.add_hook(url=f"{address}/hooks/jira", secret="hush-hush")
            yield harness


NAMED = {
    "team": "Team",
    "areas": {"field": "Areas", "type": "options"},
    "region": {"field": "Region", "type": "option"},
    "lead": {"field": "Lead", "type": "person"},
    "launch": {"field": "Launch", "type": "date"},
    "size": {"field": "customfield_10206", "type": "number"},
    "note": {"field": "Note", "type": "text"},
}


def of_shop(shop: JiraHarness, when: dict[str, Any], **fields: Any) -> bytes:
    """Return a file with one rule."""
    named = {"earlier": "import", "fields": NAMED, **fields}
    return okrs(jira(shop.jira, **named), key_results=COUNTED, rules=[rule(when, "jira")])


@pytest.mark.slow
@pytest.mark.parametrize("data_center", [False, True])
@pytest.mark.parametrize(
    ("when", "name", "value", "other"),
    [
        (PAYMENTS, "Team", {"value": "Payments"}, {"value": "Search"}),
        (
            {"field": "fields.areas", "has": "EMEA"},
            "Areas",
            [{"value": "APAC"}, {"value": "EMEA"}],
            [{"value": "APAC"}],
        ),
        (
            {"field": "fields.region", "is": "EMEA - Spain"},
            "Region",
            {"value": "EMEA", "child": {"value": "Spain"}},
            {"value": "EMEA"},
        ),
        ({"field": "fields.lead", "is": "bo"}, "Lead", {"name": "bo", "accountId": "bo", "displayName": "Bo"}, None),
        ({"field": "fields.launch", "before": "2026-12-01"}, "Launch", "2026-11-30", "2026-12-01"),
        ({"field": "fields.size", "at_least": 5}, "Size", 5, 4),
        ({"field": "fields.note", "contains": "gdpr"}, "Note", "For GDPR", None),
    ],
)
def test_a_webhook_of_jira_about_a_field_links_and_unlinks(
    shop: JiraHarness, when: dict[str, Any], name: str, value: Any, other: Any
) -> None:
    """Fields of each type, by name and by id, on Cloud and Data Center."""
    shop.apply(of_shop(shop, when))
    issue = shop.shop.create_issue("Pay")
    shop.drain()
    assert shop.linked() == []
    for now, expected in ((value, ["SHOP-1"]), (other, []), (value, ["SHOP-1"]), (None, [])):
        shop.clock.step(60)
        issue.set_field(name, now)
        shop.drain()
        assert shop.linked() == expected, now


@pytest.mark.slow
@pytest.mark.parametrize("data_center", [False])
def test_a_field_named_later_is_read_of_known_issues(shop: JiraHarness) -> None:
    """The scopes are listed again; until then the rule's links stay."""
    shop.apply(of_shop(shop, {"field": "title", "contains": "pay"}, fields={}))
    one, other = shop.shop.create_issue("Pay"), shop.shop.create_issue("Pay later")
    one.set_field("Team", {"value": "Payments"})
    other.set_field("Team", {"value": "Search"})
    shop.drain()
    assert shop.linked() == ["SHOP-1", "SHOP-2"]
    shop.apply(of_shop(shop, PAYMENTS))
    shop.drain("relink_request", "rule_revision", "recompute")
    assert set(shop.linked()) == {"SHOP-1", "SHOP-2"}
    shop.drain()
    assert shop.linked() == ["SHOP-1"]
    assert shop.key_result().current == 1


@pytest.mark.slow
@pytest.mark.parametrize("data_center", [False])
def test_answers_for_strangers_make_no_field_none(shop: JiraHarness) -> None:
    """With an expired token Jira answers as it answers a stranger, without custom fields."""
    shop.apply(of_shop(shop, {"any": [PAYMENTS, {"field": "fields.size", "is": None}]}))
    issue = shop.shop.create_issue("Pay")
    issue.set_field("Team", {"value": "Payments"})
    issue.set_field("Size", 3)
    shop.drain()
    assert shop.linked() == ["SHOP-1"]
    shop.jira.token_expired = True
    shop.clock.step(60)
    issue.edit(summary="Pay by card")
    shop.poll_now()
    assert shop.linked() == ["SHOP-1"]
    assert ["Payments"] in [value for _, _, value, _ in shop.rows(tables.issue)[0].custom_fields]


# GitHub


@pytest.fixture
def hub(services: Services) -> Iterator[GitHubHarness]:
    """Yield services that receive the webhooks of an organization."""
    clock = clock_of(timedelta(hours=1))
    with receiving(services) as address, GitHub("acme", clock=clock, background=False) as made:
        made.add_hook(url=f"{address}/hooks/gh", secret="hush-hush")
        yield GitHubHarness(services, made, clock)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "when", "kind", "value", "other"),
    [
        ({"field": "Team", "type": "option"}, {"is": "Payments"}, "single_select", "Payments", "Search"),
        ("Team", {"is": "Payments"}, "single_select", "Payments", "Search"),
        ({"field": "Team", "type": "text"}, {"contains": "pay"}, "text", "We pay", "Search"),
        ({"field": "Team", "type": "number"}, {"above": 2}, "number", 3, 2),
        ({"field": "Team", "type": "date"}, {"on": "2026-11-30"}, "date", "2026-11-30", "2026-12-01"),
        ({"field": "Team", "type": "option"}, {"is": "Sprint 7"}, "iteration", "Sprint 7", "Sprint 8"),
    ],
)
def test_a_changed_field_of_a_project_links_and_unlinks(
    hub: GitHubHarness, one: Any, when: dict[str, Any], kind: Any, value: Any, other: Any
) -> None:
    """The delivery names the issue; it is fetched with the project's fields."""
    condition = {"field": "fields.team", **when}
    connection = github(hub.hub, fields={"team": one})
    hub.apply(okrs(connection, key_results=COUNTED, rules=[rule(condition, "gh")]))
    hub.drain()
    item = hub.hub.project("Roadmap").add(hub.repository.create_issue("Pay"))
    hub.drain()
    assert hub.linked() == []
    for now, expected in ((value, ["acme/checkout#1"]), (other, []), (value, ["acme/checkout#1"]), (None, [])):
        hub.clock.step(60)
        item.set("Team", now, type=kind)
        hub.drain()
        assert hub.linked() == expected, now


@pytest.mark.slow
def test_an_issue_field_links_without_a_project(hub: GitHubHarness) -> None:
    """Its own field wins over that of a project."""
    hub.hub.issue_field("Team", "single_select", options=["Payments", "Search"])
    connection = github(hub.hub, fields={"team": {"field": "Team", "type": "option"}})
    hub.apply(okrs(connection, key_results=COUNTED, rules=[rule(PAYMENTS, "gh")]))
    hub.drain()
    issue = hub.repository.create_issue("Pay")
    for now, expected in (("Payments", ["acme/checkout#1"]), ("Search", [])):
        hub.clock.step(60)
        issue.set_field("Team", now)
        hub.drain()
        assert hub.linked() == expected
