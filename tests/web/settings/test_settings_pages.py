"""Cycles, people, teams and the organisation on pages: as a file would write them, by admins alone."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.config_file.plan.export import export_state
from sync_service.config_file.read.state import read_state
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading
from tests.support.example_okrs import NASTY, Example
from tests.support.services import Clock
from tests.web.sent_forms import form_of
from tests.web.session_client import SessionClient

pytestmark = pytest.mark.slow

SETTINGS = b"""
organisation:
  name: Acme
  timezone: Europe/Madrid
  week_starts: sun
  thresholds: {at_risk: 8, behind: 20.5}
  calendar: {country: ES, subdivision: MD, days: [mon, tue, wed, thu]}
  cadence: every 2 weeks
  grace_days: 5
  daily_cap: 9
  quiet: {starts: '19:00', ends: '08:00'}
  allowed_domains: [example.com, acme.example]
teams:
  - {slug: checkout, name: Checkout, timezone: Asia/Tokyo, cadence: weekly, thresholds: {at_risk: 5, behind: 6}}
  - {slug: cards, name: Cards, parent: checkout, calendar: {country: JP}}
people:
  - {email: kai@example.com, name: Kai, team: cards, timezone: Asia/Tokyo, role: viewer,
     accounts: {github: kai, jira: abc}}
"""
LISTS = {"cycle": "/cycles", "person": "/people", "team": "/teams"}
NEW: dict[str, dict[str, str]] = {
    "cycle": {"slug": "2027-q2", "name": "Q2 2027", "starts": "2027-04-01", "ends": "2027-06-30"},
    "person": {"email": "Noor@example.com", "name": "Noor", "role": "viewer", "team": "platform"},
    "team": {"slug": "search", "name": "Search", "parent": "platform", "at_risk": "7,5", "day_mon": "yes"},
}
EDITS = ("/edit/cycle/2026-q4", "/edit/person/ben@example.com", "/edit/team/platform", "/settings")


def exported(services: Services) -> dict[str, Any]:
    """Return the configuration as an export shows it."""
    with reading(services.engine) as tx:
        return export_state(read_state(tx, services.sealer))


def audit_entries(services: Services) -> int:
    """Return how many entries the audit log has."""
    with reading(services.engine) as tx:
        return tx.execute(sa.select(sa.func.count()).select_from(tables.audit)).scalar_one()


def changed(section: list[dict[str, Any]], name: str, key: str) -> dict[str, Any]:
    """Return an item of a section."""
    return next(one for one in section if one[name] == key)


@pytest.fixture
def full(services: Services, example: Example) -> Example:
    """Apply a file in which every setting is written."""
    ConfigApplier.of(services, actor="the tests").apply([("full.yaml", SETTINGS)], prune=False)
    return example


@pytest.mark.parametrize("kind", LISTS)
def test_items_are_added_and_listed(ana: SessionClient, services: Services, kind: str) -> None:
    """The export has them, and the audit log says who added them."""
    path = f"/edit/{kind}"
    answer = ana.submit(path, on=path, **{**form_of(ana, path), **NEW[kind]})
    assert answer.location == LISTS[kind], unescape(answer.text)
    assert NEW[kind]["name"] in ana.words(answer.location)
    written = exported(services)
    if kind == "cycle":
        assert changed(written["cycles"], "slug", "2027-q2") == NEW["cycle"]
    elif kind == "person":
        assert changed(written["people"], "email", "noor@example.com")["role"] == "viewer"
    else:
        team = changed(written["teams"], "slug", "search")
        assert (team["parent"], team["calendar"]) == ("platform", {"days": ["mon"]})
        assert team["thresholds"] == {"at_risk": 7.5, "behind": 25}
    assert f"+ {kind}" in ana.words("/audit")


def test_the_next_quarter_is_proposed(ana: SessionClient) -> None:
    """After the last cycle, which is the first quarter of 2027."""
    form = form_of(ana, "/edit/cycle")
    assert {name: form[name] for name in NEW["cycle"]} == NEW["cycle"]


@pytest.mark.parametrize(
    "path",
    [*EDITS, "/edit/team/checkout", "/edit/team/cards", "/edit/person/kai@example.com", "/edit/person/ana@example.com"],
)
def test_saving_a_form_unchanged_changes_nothing(
    full: Example, ana: SessionClient, services: Services, path: str
) -> None:
    """Each field comes back as it is, also those that the form does not have."""
    before, entries = exported(services), audit_entries(services)
    assert ana.submit(path, on=path, **form_of(ana, path)).status_code == 302
    assert (exported(services), audit_entries(services)) == (before, entries)


def test_saving_an_organisation_without_settings_unchanged_changes_nothing(
    ana: SessionClient, services: Services
) -> None:
    """It is not stored then either."""
    assert ana.submit("/settings", on="/settings", **form_of(ana, "/settings")).status_code == 302
    assert "organisation" not in exported(services)


def test_the_organisation_is_changed(ana: SessionClient, services: Services) -> None:
    """Every field of the form."""
    fields = {"name": "Acme", "timezone": "Europe/Madrid", "week_starts": "sun", "grace_days": "0", "day_sat": "yes"}
    fields |= {"at_risk": "5", "behind": "", "cadence": "weekly", "allowed_domains": "Example.com, b.example"}
    answer = ana.submit("/settings", on="/settings", **{**form_of(ana, "/settings"), **fields})
    assert answer.location == "/settings", unescape(answer.text)
    assert exported(services)["organisation"] == {
        "name": "Acme",
        "timezone": "Europe/Madrid",
        "week_starts": "sun",
        "thresholds": {"at_risk": 5, "behind": 25},
        "calendar": {"days": ["sat"]},
        "cadence": "weekly",
        "grace_days": 0,
        "allowed_domains": ["example.com", "b.example"],
    }


def test_a_field_that_is_emptied_is_removed(full: Example, ana: SessionClient, services: Services) -> None:
    """What was not emptied stays."""
    path = "/edit/person/kai@example.com"
    fields = {**form_of(ana, path), "team": "", "timezone": "", "account_github": ""}
    assert ana.submit(path, on=path, **fields).status_code == 302
    kai = changed(exported(services)["people"], "email", "kai@example.com")
    assert kai == {"email": "kai@example.com", "name": "Kai", "role": "viewer", "accounts": {"jira": "abc"}}


@pytest.mark.parametrize(
    ("path", "typed", "field", "words"),
    [
        ("/edit/cycle", {"slug": "2026-Q4"}, "slug", "one that is not taken"),
        ("/edit/cycle", {"slug": "a b"}, "slug", "a short name"),
        ("/edit/cycle", {"starts": "tomorrow"}, "starts", "the first day"),
        ("/edit/cycle/2026-q4", {"ends": "2026-09-01"}, "ends", "or a later one"),
        ("/edit/cycle/2026-q4", {"name": ""}, "name", "It is empty"),
        ("/edit/person", {"email": "no address"}, "email", "an e-mail address"),
        ("/edit/person", {"email": "BEN@example.com"}, "email", "one that is not taken"),
        ("/edit/person/ben@example.com", {"role": "owner"}, "role", "admin, member or viewer"),
        ("/edit/person/ben@example.com", {"team": "nowhere"}, "team", "nowhere"),
        ("/edit/person/ben@example.com", {"timezone": "Mars/Base"}, "timezone", "a time zone"),
        ("/edit/team/platform", {"parent": "platform"}, "parent", ""),
        ("/edit/team/platform", {"at_risk": "many"}, "at_risk", "“many” is not a number"),
        ("/edit/team/platform", {"at_risk": "30"}, "at_risk", "fewer points than behind"),
        ("/edit/team/platform", {"country": "Atlantis"}, "country", "Atlantis"),
        ("/edit/team/platform", {"subdivision": "MD"}, "subdivision", "a subdivision beside its country"),
        ("/edit/team/platform", {"cadence": "daily"}, "cadence", "Found 'daily'"),
        ("/settings", {"grace_days": "2.5"}, "grace_days", "0 to 90"),
        ("/settings", {"grace_days": "many"}, "grace_days", "is not a number"),
        ("/settings", {"allowed_domains": "not_a_domain"}, "allowed_domains", "a list of domains"),
    ],
)
def test_what_cannot_be_saved_is_said_at_its_field(
    ana: SessionClient, services: Services, path: str, typed: dict[str, str], field: str, words: str
) -> None:
    """What was typed stays in the form, and nothing is stored."""
    before = exported(services)
    fields = {**form_of(ana, path), "name": "Somebody", "slug": "new", "email": "new@example.com", **typed}
    answer = ana.submit(path, on=path, **fields)
    assert answer.status_code == 422
    assert exported(services) == before
    text = unescape(answer.text)
    wrong = re.search(rf'id="{field}-error">(.*?)</div>', text, re.DOTALL)
    assert wrong is not None, text
    assert words in wrong[1]
    assert all(one in text for one in typed.values())


def test_the_last_admin_stays_one(ana: SessionClient, services: Services) -> None:
    """With another admin the role can be given up; then nothing can be changed any more."""
    mine, bens = "/edit/person/ana@example.com", "/edit/person/ben@example.com"
    for role in ("member", "viewer"):
        answer = ana.submit(mine, on=mine, **{**form_of(ana, mine), "role": role})
        assert answer.status_code == 422
        assert "there is no other one" in unescape(answer.text)
    assert ana.submit(bens, on=bens, **{**form_of(ana, bens), "role": "admin"}).status_code == 302
    assert ana.submit(mine, on=mine, **{**form_of(ana, mine), "role": "member"}).status_code == 302
    assert ana.open(mine).status_code == 403
    assert changed(exported(services)["people"], "email", "ana@example.com").get("role") == "member"


def test_two_admins_edit_one_team(ana: SessionClient, app: Flask, services: Services, example: Example) -> None:
    """Different fields are merged; of the same field both texts are shown and nothing is saved."""
    path = "/edit/team/platform"
    other = SessionClient.signed_in(app, services, example.ana)
    first, second = form_of(ana, path), form_of(other, path)
    assert ana.submit(path, on=path, **{**first, "name": "Ground", "day_mon": "yes"}).status_code == 302
    answer = other.submit(path, on=path, **{**second, "name": "Cellar", "cadence": "weekly"})
    assert answer.status_code == 409
    assert "Somebody else made it “Ground” meanwhile." in unescape(answer.text)
    assert changed(exported(services)["teams"], "slug", "platform")["name"] == "Ground"
    assert other.submit(path, on=path, **{**second, "cadence": "weekly"}).status_code == 302
    team = changed(exported(services)["teams"], "slug", "platform")
    assert (team["name"], team["cadence"], team["calendar"]) == ("Ground", "weekly", {"days": ["mon"]})


def everybody(app: Flask, services: Services, example: Example) -> Iterator[tuple[str, SessionClient]]:
    """Yield a client for each role."""
    for role, person_id in (("viewer", example.vera), ("member", example.ben), ("admin", example.ana)):
        yield role, SessionClient.signed_in(app, services, person_id)


def test_each_role_reads_and_writes_what_it_may(app: Flask, services: Services, example: Example) -> None:
    """Members see people's addresses; only admins write, and see buttons to do so."""
    reads = {"/cycles": "viewer member admin", "/teams": "viewer member admin", "/people": "member admin"}
    reads |= dict.fromkeys((*EDITS, *(f"/edit/{kind}" for kind in LISTS)), "admin")
    for role, person in everybody(app, services, example):
        for path, roles in reads.items():
            assert (person.open(path).status_code == 200) == (role in roles.split()), (role, path)
        assert ("/edit/team" in person.read("/teams")) == (role == "admin")
        assert ('href="/settings"' in person.read("/")) == (role == "admin")
        before = audit_entries(services)
        for path in (*EDITS, *(f"/edit/{kind}" for kind in LISTS)) if role != "admin" else ():
            assert person.submit(path, on="/", name="Changed").status_code == 403, path
        assert audit_entries(services) == before


def test_the_last_sign_in_is_shown(ben: SessionClient, clock: Clock) -> None:
    """Only where one is known."""
    clock.advance(timedelta(days=2))
    words = ben.words("/people")
    assert "Ben Okafor ben@example.com member Platform 2 days ago" in words
    assert "vera@example.com viewer no team not known" in words


def test_teams_are_a_tree(full: Example, vera: SessionClient) -> None:
    """Each follows the team that it belongs to."""
    page = vera.read("/teams")
    assert page.index('id="team-checkout"') < page.index('id="team-cards"') < page.index('id="team-platform"')
    assert re.search(r'class="branch depth-1" id="team-cards"', page)


@pytest.mark.parametrize("kind", LISTS)
def test_hostile_names_do_no_harm(ana: SessionClient, services: Services, kind: str) -> None:
    """They are stored as typed and escaped on every page."""
    name, path = f"{NASTY} =cmd|' /C calc'!A0 {{{{7*7}}}}", f"/edit/{kind}"
    assert ana.submit(path, on=path, **{**form_of(ana, path), **NEW[kind], "name": name}).status_code == 302
    key = {"cycle": "2027-q2", "person": "noor@example.com", "team": "search"}[kind]
    for page in (LISTS[kind], f"{path}/{key}", "/edit/person", "/edit/objective", "/audit"):
        assert "<script>alert" not in ana.read(page)
    assert form_of(ana, f"{path}/{key}")["name"] == name


@pytest.mark.parametrize("path", ["/edit/cycle/x", "/edit/person/x@example.com", "/edit/team/x", "/edit/planet"])
def test_what_does_not_exist_is_not_found(ana: SessionClient, path: str) -> None:
    """Also when a form is sent."""
    assert ana.open(path).status_code == 404
    assert ana.submit(path, on="/edit/cycle", name="x").status_code == 404


def test_a_page_edit_is_marked_as_one(ana: SessionClient, services: Services) -> None:
    """So that a file does not undo it unasked."""
    path = "/edit/team/platform"
    ana.submit(path, on=path, **{**form_of(ana, path), "name": "Ground"})
    with reading(services.engine) as tx:
        t = tables.team.c
        edits = tx.execute(sa.select(t.page_edits).where(t.slug == "platform")).scalar_one()
    assert edits == {"name": "ana@example.com"}


def test_the_lists_take_a_fixed_number_of_queries(ben: SessionClient, services: Services) -> None:
    """However many people, teams and cycles there are."""
    counted: list[str] = []
    sa.event.listen(services.engine, "before_cursor_execute", lambda *given: counted.append(given[2]))

    def queries() -> list[int]:
        counted.clear()
        return [len(counted) for path in LISTS.values() if ben.read(path)]

    before = queries()
    many = {
        "teams": [{"slug": f"t{one}", "name": f"Team {one}"} for one in range(20)],
        "people": [{"email": f"p{one}@example.com", "name": "P", "team": f"t{one}"} for one in range(20)],
        "cycles": [{**NEW["cycle"], "slug": f"c{one}"} for one in range(20)],
    }
    ConfigApplier.of(services, actor="the tests").apply([("many.yaml", json.dumps(many).encode())], prune=False)
    assert queries() == before
