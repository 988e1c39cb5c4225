"""Every page, for every role, full and empty, and every form with its errors, breaks no rule of accessibility."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, template_rendered
from jinja2 import Template
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from simulator import GitHub, Jira
from sync_service.domain.trackers.observations import State
from sync_service.progress.applying.proposals import Decider
from sync_service.runtime.wiring import Services, utc_now
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.jobs.mails import add_mail
from sync_service.store.people import first_admin
from sync_service.web.app import create_app
from tests.browser.conftest import Site
from tests.browser.test_connections import DeferredApp
from tests.support.axe import violations
from tests.support.browser import APPEARANCES, Appearance
from tests.support.example_okrs import Example, add_many, close_issue, fill_with_examples, sign_in_path
from tests.support.migrated_database import prepare
from tests.support.servers import SqliteDatabases
from tests.support.services import NOW, add, add_cycle, add_key_result, add_person, build_services, recompute
from tests.support.tracker_replies import answered, found, reply_with
from tests.support.wsgi_server import serving
from tests.web.rules_seed import add_labelled_issues, add_rule

pytestmark = pytest.mark.slow

TEMPLATES = Path(create_app.__code__.co_filename).parent / "templates"
FRAMES = {"base.html", "sign_in_frame.html"}


@dataclass
class Audit:
    """Checks the open page, and remembers what is wrong and which templates were shown."""

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)
    templates: set[str] = field(default_factory=set)

    def shown(self, _: Flask, template: Template, **__: Any) -> None:
        """Remember that a template was shown."""
        self.templates.add(str(template.name))

    def check(self, name: str) -> None:
        """Check the open page."""
        self.page.wait_for_load_state("load")
        self.page.evaluate("window.scrollTo(0, 0)")  # a field in focus may have scrolled others below the header
        self.wrong += [f"{name}: {one}" for one in violations(self.page)]
        if self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") > 0:
            self.wrong.append(f"{name}: wider than its window")

    def open(self, path: str) -> None:
        """Open a page and check it, also with the table of a line open."""
        self.page.goto(self.url + path)
        self.check(path)
        line = self.page.locator("#line")
        if line.count():
            line.evaluate("one => { one.open = true }")
            self.check(f"{path} with the value of each day")

    def submit(self, selector: str, **values: str) -> None:
        """Send a form with these values, unchecked by the browser."""
        form = self.page.locator(selector).first
        for name, value in values.items():
            form.locator(f"[name='{name}']").first.evaluate("(one, value) => { one.value = value }", value)
        with self.page.expect_navigation():
            form.evaluate("form => HTMLFormElement.prototype.submit.call(form)")

    def leave(self) -> None:
        """End the session; first leave the page, which would reload."""
        self.page.goto("about:blank")
        self.page.context.clear_cookies()

    def sign_in(self, services: Services, person_id: int) -> None:
        """Sign in as another person."""
        self.leave()
        self.page.goto(self.url + sign_in_path(services, person_id))
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(self.url + "/")


@pytest.fixture
def hub() -> Iterator[GitHub]:
    """Yield a GitHub with two repositories."""
    with GitHub() as running:
        running.repository("checkout")
        running.repository("payments")
        yield running


@pytest.fixture
def jira() -> Iterator[Jira]:
    """Yield a Jira Cloud."""
    with Jira() as running:
        yield running


@dataclass(frozen=True)
class Served:
    """A served application."""

    site: Site
    app: Flask


@pytest.fixture
def empty(sqlite: SqliteDatabases, tmp_path: Path, page: Page) -> Iterator[Served]:
    """Serve a migrated database without anybody, under its own base URL."""
    deferred = DeferredApp()
    with serving(deferred) as url:
        services = build_services(sqlite.prepared(prepare), tmp_path, OKR_SYNC_BASE_URL=url, clock=utc_now)
        app = create_app(services)
        deferred.app = app.wsgi_app
        yield Served(Site(url, services, Example(0, 0, 0, 0, {})), app)
        page.goto("about:blank")
    services.engine.dispose()


@pytest.fixture
def audit(empty: Served, page: Page, page_errors: list[str]) -> Iterator[Audit]:
    """Yield the audit of the served application; refused forms leave console errors."""
    page.emulate_media(reduced_motion="reduce")
    auditing = Audit(page, empty.site.url)
    with template_rendered.connected_to(auditing.shown, empty.app):
        yield auditing
    assert [one for one in page_errors if "status of 4" not in one] == []
    page_errors.clear()


def fill(services: Services) -> Example:
    """Add the example OKRs, rules, a long history, deliveries of each outcome and mails of each state."""
    example = fill_with_examples(services)
    add_labelled_issues(services, example)
    add_rule(services, example, "network-label")
    add_rule(services, example, "nested", condition={"any": [{"all": [{"field": "state", "is": "done"}]}]})
    add_decisions(services, example)
    add_ended_cycle(services, example)
    add_many(services, example.key_results["KR-4"], example.github, issues=120, entries=60)
    outcomes: tuple[dict[str, Any], ...] = (
        {"buried_at": NOW, "outcome": "can't be read"},
        {"settled_at": NOW, "outcome": "ignored, because"},
        {},
    )
    with writing(services.engine) as tx:
        for number, columns in enumerate(outcomes):
            delivery = {"connection_id": example.github, "received_at": NOW, "body": b"{}", "name": "issues"}
            delivery |= {"delivery_id": f"d{number}", "headers": {"x-github-event": "issues"}, "attempts": number}
            add(tx, tables.delivery, **delivery, **columns)
        content = {"subject": "KR-1 is completed", "text": "KR-1 is done", "html": "<!doctype html><p>KR-1 is done"}
        for recipient in ("ana@example.com", "ben@example.com"):
            add_mail(tx, services.sealer, kind="x", recipient=recipient, host="x", content=content, now=utc_now())
    return example


def add_ended_cycle(services: Services, example: Example) -> None:
    """Add a cycle that is over, with a missed key result that was carried over by nobody and one without data."""
    with writing(services.engine) as tx:
        cycle = add_cycle(tx, "2026-q2", "Q2 2026", starts=date(2026, 4, 1), ends=date(2026, 6, 30))
        objective = add(tx, tables.objective, slug="old", title="Old", cycle_id=cycle, owner_id=example.ben)
        ids = [
            add_key_result(tx, objective, slug, "Ten of them", measure={"kind": "manual"})
            for slug in ("KR-OLD", "KR-NONE")
        ]
        add(tx, tables.check_in, key_result_id=ids[0], at=datetime(2026, 6, 1, tzinfo=UTC), value=40.0)
    recompute(services, *ids)
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.key_result).where(tables.key_result.c.id == ids[0]).values(outcome="missed"))


def add_decisions(services: Services, example: Example) -> None:
    """Let a value of KR-2 wait for its owner, and override the value of KR-6."""
    linked = sa.select(tables.issue.c.key).join_from(tables.issue, tables.link)
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.key_result).where(tables.key_result.c.slug == "KR-2").values(apply="propose"))
        open_ones = linked.where(tables.issue.c.state == "todo")
        key = tx.scalars(open_ones.where(tables.link.c.key_result_id == example.key_results["KR-2"])).first()
    assert key is not None
    close_issue(services, key, example.key_results["KR-2"])
    with writing(services.engine) as tx:
        decider = Decider.begin(tx, by="Ana", actor="ana@example.com", now=services.now(), settle=timedelta(0))
        decider.override(example.key_results["KR-6"], 80.0, until="change")


SHARED = (
    *("/", "/objectives", "/objectives?view=tree", "/objectives?q=nothing"),
    *("/key-results/KR-1", "/key-results/KR-3", "/rules", "/rules/network-label"),
    *("/connections", "/connections/acme-jira", "/nothing"),
)
EVERYBODY = (
    *("/cycles", "/people", "/teams", "/cycles/2026-q4", "/cycles/2026-q2"),
    *("/objectives?cycle=2027-q1", "/objectives/fast-checkout", "/teams/checkout"),
    *("/key-results/KR-2", "/key-results/KR-4", "/key-results/KR-4?state=done&q=Piece"),
    *("/key-results/KR-4?q=nothing", "/key-results/KR-6", "/rules?q=nothing", "/rules/nested"),
    *("/connections/acme-github", "/api/v1/docs", "/rules/network-label/versions", "/rules/try"),
    *("/rules/try?issue=acme/checkout%2342", "/rules/try?issue=nothing"),
    *("/search", "/search?q=checkout", "/search?q=checkout&in=issues", "/search?q=acme/checkout%239999"),
)
ADMINS = (
    *("/cycles/2026-q2/carry-over", "/cycles/2026-q2/carry-over?into=2026-q4&key_result=KR-OLD&rules=yes"),
    *("/settings", "/edit/cycle", "/edit/person", "/edit/team", "/edit/person/ben@example.com", "/edit/team/platform"),
    *("/edit/objective", "/edit/objective/fast-checkout", "/edit/key-result/KR-2"),
    *("/rules/new", "/connections/new", "/connections/acme-github/remove", "/connections/acme-github/scopes"),
    "/rules/query/preview",
    *("/deliveries", "/deliveries?outcome=buried", "/deliveries?q=nothing", "/deliveries/1", "/deliveries/2"),
    *("/deliveries/3", "/audit", "/mailbox", "/mailbox?to=ana@example.com", "/mailbox?to=nobody@example.com"),
    *("/mailbox/1", "/connections/new/github/app", "/connections/new/jira/consent"),
    *(f"/connections/new/{kind}/{way}" for kind in ("github", "jira") for way in ("token", "hand")),
)


def check_before_anybody_exists(audit: Audit, services: Services) -> None:
    """Check the page that waits, the link of the first admin with wrong fields, used and used up."""
    audit.open("/")
    with writing(services.engine) as tx:
        link = f"/first-admin/{first_admin.renew_link(tx, services.now())}"
    audit.open(link)
    audit.submit("main form", name="", email="ana")
    audit.check("first admin, errors")
    audit.submit("main form", name="First", email="first@example.com")
    audit.check("first admin, signed in")
    audit.open(link)


def check_empty_pages(audit: Audit, services: Services) -> None:
    """Check pages without any rows, for each role."""
    with writing(services.engine) as tx:
        roles = {role: add_person(tx, f"{role}@example.com", "Some Body", role=role) for role in ("member", "viewer")}
    for path in ("/", "/objectives", "/rules", "/rules/new", "/connections", "/deliveries", "/mailbox"):
        audit.open(path)
    for person in roles.values():
        audit.sign_in(services, person)
        for path in ("/", "/rules", "/connections", "/cycles", "/teams"):
            audit.open(path)


def check_sign_in(audit: Audit, services: Services, example: Example) -> None:
    """Check sign-in with a wrong address, a sent link, a link that is over."""
    audit.leave()
    audit.open("/sign-in")
    audit.submit("main form", email="ana")
    audit.check("sign-in, error")
    audit.submit("main form", email="nobody@example.com")
    audit.check("sign-in, sent")
    link = sign_in_path(services, example.vera)
    audit.open(link)
    audit.submit("main form")
    audit.leave()
    audit.page.goto(audit.url + link)
    audit.submit("main form")
    audit.check("sign-in, over")


def check_full_pages(audit: Audit, services: Services, example: Example) -> None:
    """Check every page with rows, for each role."""
    for person in (example.vera, example.ben):
        audit.sign_in(services, person)
        for path in (*SHARED, "/deliveries"):
            audit.open(path)
    audit.sign_in(services, example.ana)
    for path in SHARED + EVERYBODY + ADMINS:
        audit.open(path)
    audit.open("/rules/network-label")
    audit.page.get_by_role("button", name="Show the line as it would have been").click()
    audit.page.locator("#preview .chart canvas").wait_for()
    audit.page.get_by_text("The value of each day").click()
    audit.check("rule with the line as it would have been")
    audit.open("/")
    audit.page.get_by_role("button", name="account").click()
    audit.check("account menu")
    check_palette(audit)


def check_palette(audit: Audit) -> None:
    """Check the palette with and without results, and the list of keys."""
    page = audit.page
    page.goto(f"{audit.url}/objectives")
    page.keyboard.press("/")
    for words, first in (("", "Home"), ("checkout", "Checkout"), ("nothing like it", "Nothing matches.")):
        page.get_by_role("combobox", name="Find anything").fill(words)
        expect(page.locator("#palette-found")).to_have_attribute("data-asked", words)
        expect(page.locator("#palette-found")).to_contain_text(first)
        audit.check(f"palette, {words or 'empty'}")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    audit.check("keys")


def check_mailbox_with_a_server(audit: Audit, services: Services) -> None:
    """Check what the mailbox says when a mail server is configured. The session holds on the other port too."""
    settings = services.settings.model_copy(update={"smtp_url": SecretStr("smtp://127.0.0.1:1")})
    app = create_app(replace(services, settings=settings))
    with template_rendered.connected_to(audit.shown, app), serving(app) as url:
        audit.page.goto(f"{url}/mailbox")
        audit.check("mailbox with a server")
        audit.page.goto("about:blank")


def check_refused_forms(audit: Audit, services: Services, example: Example) -> None:
    """Check what each form shows when its values are wrong, and what was saved."""
    audit.page.goto(f"{audit.url}/key-results/KR-3")
    audit.submit("form[action$='check-ins']", value="much")
    audit.check("check-in, error")
    for path, fields in (("KR-2", {"value": "much"}), ("KR-6", {"value": "6", "until": "day"})):
        audit.page.goto(f"{audit.url}/key-results/{path}")
        audit.submit("#override .decision-form", **fields)
        audit.check(f"override of {path}, error")
    audit.page.goto(f"{audit.url}/edit/team/platform")
    audit.submit("#okr-form", name="", country="Atlantis", at_risk="much")
    audit.check("team, errors")
    audit.page.goto(f"{audit.url}/rules/new")
    audit.submit("#rule-form")
    audit.check("rule, errors")
    audit.submit("#rule-form", mode="text", text="any: [{field: colour, is: red}]")
    audit.check("rule as text, error")
    audit.page.goto(f"{audit.url}/rules/query/preview")
    audit.submit("main form", connection="acme-github", key_result="KR-6", query="label:network")
    audit.check("query, rejected")
    listed = [found("acme/checkout#42", "acme/checkout#42"), found("501#9", "acme/checkout#9", state=State.DONE)]
    for whole in (listed[:1], listed):
        with pytest.MonkeyPatch.context() as patch:
            reply_with(patch, answered(*whole, warnings=("the label is deprecated",)))
            audit.submit("main form", connection="acme-github", key_result="KR-6", query="label:network")
        audit.check(f"query, {len(whole)} answered")
    audit.page.goto(f"{audit.url}/rules/network-label")
    add_rule(services, example, "network-label", condition={"field": "labels", "has": "payments"})
    audit.submit("#rule-form")
    audit.check("rule, changed by somebody else")
    for kind, way in (("github", "app"), ("github", "token"), ("jira", "consent"), ("jira", "hand")):
        audit.page.goto(f"{audit.url}/connections/new/{kind}/{way}")
        audit.submit("main form", slug="not a name", site="ftp://nowhere")
        audit.check(f"connecting by {way}, errors")
    audit.page.goto(f"{audit.url}/connections/acme-jira")
    audit.submit("#settings-form", api_site="nowhere")
    audit.check("settings of a connection, errors")
    audit.page.goto(f"{audit.url}/connections/acme-github/remove")
    audit.submit("main form", name="another")
    audit.check("removing a connection, error")
    audit.page.goto(f"{audit.url}/rules/new")  # it does not refresh by itself
    audit.page.context.clear_cookies()
    audit.submit("#rule-form")
    audit.check("form without a session")


def check_connecting(audit: Audit, services: Services, example: Example, hub: GitHub, jira: Jira) -> None:
    """Check the pages on the way to a connection: scopes, webhooks, app, consent, a secret shown once."""
    page = audit.page
    audit.sign_in(services, example.ana)
    page.goto(f"{audit.url}/connections/new/github/token")
    audit.submit("main form", slug="walk", site=hub.url, token=hub.token)
    expect(page.get_by_text("Connected to GitHub as")).to_be_visible()
    audit.check("scopes to choose")
    page.get_by_label("acme/checkout").check()
    page.get_by_role("button", name="Watch these").click()
    expect(page.locator("#live").get_by_text("created", exact=True)).to_have_count(1)
    audit.check("webhooks created")
    services.drains.drain_everything()
    audit.open("/connections/walk")
    audit.open("/connections")
    page.goto(f"{audit.url}/connections/new/github/hand")
    audit.submit("main form", slug="silent", site=hub.url, scopes="acme/checkout")
    audit.check("a secret shown once")
    page.goto(f"{audit.url}/connections/new/github/app")
    audit.submit("main form", slug="app", site=hub.url)
    audit.check("app")
    page.goto(f"{audit.url}/connections/new/jira/consent")
    audit.submit("main form", slug="cloud", site=jira.url, client_id="id", client_secret="s" * 32)
    audit.check("consent to give")
    audit.submit("#consent form")
    audit.check("consent")
    audit.open("/connections/jira/consented?state=none&code=none")


MAIN = ("/", "/objectives", "/key-results/KR-1", "/rules/network-label", "/connections/acme-jira", "/deliveries/1")


@pytest.mark.only_in_test_all(page=Appearance(theme="dark", size="wide"))
@pytest.mark.parametrize("page", APPEARANCES, indirect=True, ids=str)
def test_no_main_page_breaks_a_rule_of_accessibility(audit: Audit, empty: Served) -> None:
    """And none is wider than its window."""
    example = fill(empty.site.services)
    audit.sign_in(empty.site.services, example.ana)
    for path in MAIN:
        audit.open(path)
    check_palette(audit)
    assert audit.wrong == []


@pytest.mark.only_in_test_all
@pytest.mark.parametrize("page", APPEARANCES, indirect=True, ids=str)
def test_no_page_breaks_a_rule_of_accessibility(audit: Audit, empty: Served, hub: GitHub, jira: Jira) -> None:
    """Also no page is forgotten: each template of a page was shown, and none is wider than its window."""
    services = empty.site.services
    check_before_anybody_exists(audit, services)
    check_empty_pages(audit, services)
    example = fill(services)
    check_sign_in(audit, services, example)
    check_full_pages(audit, services, example)
    check_refused_forms(audit, services, example)
    check_connecting(audit, services, example, hub, jira)
    check_mailbox_with_a_server(audit, services)  # last: the end of its block disconnects `audit.shown` everywhere
    assert audit.wrong == []
    pages = {file.name for file in TEMPLATES.glob("*.html") if file.read_text().count("{% extends ")}
    assert pages - audit.templates - FRAMES == set()
