"""An admin connects GitHub or Jira in Chromium, in each possible way, until a key result changes."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from simulator import GitHub, Jira
from sync_service.runtime.wiring import utc_now
from sync_service.web.app import create_app
from tests.browser.conftest import Site
from tests.support.browser import APPEARANCES
from tests.support.example_okrs import fill_with_examples
from tests.support.migrated_database import prepare
from tests.support.run_scope import ALL
from tests.support.servers import SqliteDatabases
from tests.support.services import build_services
from tests.support.wsgi_server import serving

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

pytestmark = pytest.mark.slow


@dataclass
class DeferredApp:
    """A WSGI application that is set once its URL is known."""

    app: "WSGIApplication | None" = None

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Call the application."""
        assert self.app is not None
        return self.app(environ, start_response)


@pytest.fixture
def hub() -> Iterator[GitHub]:
    """Yield a GitHub with two repositories."""
    with GitHub() as running:
        running.repository("checkout")
        running.repository("payments")
        yield running


VERSIONS = ["cloud", "10.3.5", "9.12.4"]


@pytest.fixture(params=VERSIONS if ALL else ["cloud", "9.12.4"])
def jira(request: pytest.FixtureRequest) -> Iterator[Jira]:
    """Yield Jira Cloud, Data Center 9 and with `TESTS=all` 10, with two projects."""
    with Jira(data_center=request.param != "cloud") as running:
        if request.param != "cloud":
            running.version = request.param
        running.project("SHOP", "The shop")
        running.project("PAY", "Payments")
        yield running


@pytest.fixture
def site(sqlite: SqliteDatabases, tmp_path: Path, page: Page) -> Iterator[Site]:
    """Serve the example OKRs with their real URL as base URL, so that webhooks reach them."""
    deferred = DeferredApp()
    with serving(deferred) as url:
        services = build_services(sqlite.prepared(prepare), tmp_path, OKR_SYNC_BASE_URL=url, clock=utc_now)
        deferred.app = create_app(services).wsgi_app
        yield Site(url, services, fill_with_examples(services))
        page.goto("about:blank")
    services.engine.dispose()


def begin_connection(site: Site, page: Page, link_text: str, tracker: GitHub | Jira) -> None:
    """Sign in as Ana, choose a tracker and a way to connect, and fill in short name and site."""
    title = "GitHub" if isinstance(tracker, GitHub) else "Jira"
    site.sign_in(page, site.example.ana)
    page.get_by_role("link", name="Connections", exact=True).click()
    page.get_by_role("link", name="Connect a tracker").click()
    page.locator("section", has=page.get_by_role("heading", name=title)).get_by_role(
        "link", name=re.compile(f"^{link_text}")
    ).click()
    page.get_by_label("Short name").fill("walk")
    page.locator("#site").fill(tracker.url)


def close_issue_and_see_it(site: Site, page: Page, hub: GitHub) -> None:
    """Close an issue at GitHub, and check that the key result's page shows it."""
    page.goto(f"{site.url}/key-results/KR-4")
    issue = hub.repository("checkout").create_issue("Write the runbook", labels=["okr:KR-4"])
    issue.close()
    hub.flush()
    site.services.drains.drain_everything()
    expect(page.locator("#live")).to_contain_text(f"acme/checkout#{issue.number}")
    expect(page.locator(".history-entry").first).to_contain_text("closed as done")


def test_connecting_github_with_a_new_app(site: Site, page: Page, hub: GitHub) -> None:
    """The open page notices the installation of the app without a reload."""
    begin_connection(site, page, "Create GitHub App", hub)
    page.get_by_label("Organisation").fill("acme")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("pull requests: read")).to_be_visible()
    page.get_by_role("button", name="Create GitHub App").click()
    page.wait_for_url(f"{hub.url}/**")
    page.get_by_role("button", name="Create GitHub App").click()
    page.wait_for_url(f"{site.url}/connections/walk/scopes")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Install the app").click()
    popup = opened.value
    popup.get_by_label("checkout").check()
    popup.get_by_role("button", name="Install").click()
    popup.wait_for_url(f"{site.url}/connections/walk/scopes**")
    popup.close()
    page.get_by_label("acme/checkout").check()
    expect(page.get_by_label("acme/payments")).to_have_count(0)
    page.get_by_role("button", name="Watch these").click()
    page.wait_for_url(f"{site.url}/connections/walk")
    hub.flush()
    site.services.drains.drain_everything()
    expect(page.locator("#webhook-state")).to_contain_text("receiving")
    expect(page.get_by_text("imported", exact=True)).to_be_visible()
    close_issue_and_see_it(site, page, hub)


@pytest.mark.only_in_test_all
def test_connecting_github_with_a_token(site: Site, page: Page, hub: GitHub, page_errors: list[str]) -> None:
    """The token is tried, scopes are chosen, and each repository gets one webhook."""
    begin_connection(site, page, "Paste a token", hub)
    page.get_by_label("Token").fill("github_pat_wrong")
    page.get_by_role("button", name="Test the token").click()
    expect(page.locator("#token-error")).to_contain_text("does not accept the credentials")
    assert all("422" in one for one in page_errors)
    page_errors.clear()
    page.get_by_label("Token").fill(hub.token)
    page.get_by_role("button", name="Test the token").click()
    page.wait_for_url(f"{site.url}/connections/walk/scopes")
    expect(page.get_by_text("Connected to GitHub as anaruiz")).to_be_visible()
    page.get_by_label("Search").fill("CHECK")
    expect(page.get_by_label("acme/payments")).to_be_hidden()
    page.get_by_label("acme/checkout").check()
    page.get_by_label("Search").fill("")
    page.get_by_label("acme/payments").check()
    page.get_by_role("button", name="Watch these").click()
    expect(page.locator("#live").get_by_text("created", exact=True)).to_have_count(2)
    hooks = [(hook.repository and hook.repository.name, hook.url, hook.content_type) for hook in hub.hooks]
    assert sorted(hooks, key=str) == [(name, f"{site.url}/hooks/walk", "json") for name in ("checkout", "payments")]
    page.get_by_role("link", name="Go to the connection").click()
    expect(page.locator("#made-secret")).to_have_count(0)
    hub.flush()
    site.services.drains.drain_everything()
    expect(page.locator("#webhook-state")).to_contain_text("receiving")
    page.get_by_role("button", name="Create the webhooks for me").click()
    expect(page.get_by_text("Its webhook existed")).to_have_count(2)
    assert len(hub.hooks) == 2
    close_issue_and_see_it(site, page, hub)


@pytest.mark.only_in_test_all
def test_connecting_github_by_webhook_only(site: Site, page: Page, hub: GitHub) -> None:
    """The open page shows a wrong signature, and then the valid delivery."""
    begin_connection(site, page, "Webhook only", hub)
    page.get_by_label("What to watch").fill("acme/checkout")
    page.get_by_role("button", name="Connect").click()
    page.wait_for_url(f"{site.url}/connections/walk")
    secret, url = page.locator("#made-secret").input_value(), page.locator("#hook-url").input_value()
    expect(page.locator("#webhook-state")).to_contain_text("no delivery yet")
    repository = hub.repository("checkout")
    wrong = hub.add_hook(repository, url=url, secret="mistyped", content_type="json", events=("issues",))
    expect(page.locator("#webhook-state")).to_contain_text("A delivery arrived with a wrong signature")
    hub.remove_hook(wrong)
    hub.add_hook(repository, url=url, secret=secret, content_type="json", events=("issues",))
    hub.flush()
    site.services.drains.drain_everything()
    expect(page.locator("#webhook-state")).to_contain_text("receiving")
    expect(page.locator("#made-secret")).to_be_visible()
    close_issue_and_see_it(site, page, hub)
    page.goto(f"{site.url}/connections/walk")
    expect(page.locator("#made-secret")).to_have_count(0)


@pytest.mark.only_in_test_all
def test_a_token_without_the_permission_for_webhooks_shows_the_values_to_paste(
    site: Site, page: Page, hub: GitHub
) -> None:
    """The page names the permission and shows the secret."""
    begin_connection(site, page, "Paste a token", hub)
    weak = hub.add_token("anaruiz", permissions={"metadata": "read", "issues": "read", "pull_requests": "read"})
    page.get_by_label("Token").fill(weak.text)
    page.get_by_role("button", name="Test the token").click()
    page.get_by_label("acme/checkout").check()
    page.get_by_role("button", name="Watch these").click()
    expect(page.get_by_text("create by hand", exact=True)).to_be_visible()
    expect(page.get_by_text("Webhooks: read and write")).to_be_visible()
    assert hub.hooks == []
    page.get_by_role("link", name="Go to the connection").click()
    expect(page.locator("#made-secret")).to_be_visible()
    expect(page.locator("#hook-url")).to_have_value(f"{site.url}/hooks/walk")


def finish_issue_and_see_it(site: Site, page: Page, jira: Jira) -> None:
    """Finish an issue in Jira, and check that the key result's page shows it."""
    page.goto(f"{site.url}/key-results/KR-4")
    issue = jira.project("SHOP").create_issue("Write the runbook", labels=["okr:KR-4"])
    issue.finish()
    jira.flush()
    site.services.drains.drain_everything()
    expect(page.locator("#live")).to_contain_text(issue.key)
    expect(page.locator(".history-entry").first).to_contain_text("closed as done")


def paste_token(page: Page, jira: Jira) -> None:
    """Fill in the form with a token, and go on to the projects."""
    page.get_by_label("Token").fill(jira.token)
    if not jira.data_center:
        page.get_by_label("E-mail address").fill(jira.email)
    page.get_by_role("button", name="Test the token").click()
    expect(page).to_have_url(re.compile("/connections/walk/scopes$"))
    expect(page.get_by_text("Connected to Jira as Okr-Bot")).to_be_visible()


@pytest.mark.only_in_test_all
def test_connecting_jira_with_a_token(site: Site, page: Page, jira: Jira) -> None:
    """One webhook is created for all chosen projects, and updated with a new secret."""
    begin_connection(site, page, "Paste a token", jira)
    paste_token(page, jira)
    page.get_by_label("SHOP").check()
    page.get_by_label("PAY").check()
    expect(page.get_by_label("Create the webhook for me")).to_be_checked()
    page.get_by_role("button", name="Watch these").click()
    expect(page.locator("#live").get_by_text("created", exact=True)).to_have_count(1)
    assert [hook.url for hook in jira.hooks] == [f"{site.url}/hooks/walk"]
    page.get_by_role("link", name="Go to the connection").click()
    expect(page.locator("#made-secret")).to_have_count(0)
    expect(page.locator("#webhook-state")).to_contain_text("no delivery yet")
    jira.project("PAY").create_issue("Anything")
    jira.flush()
    site.services.drains.drain_everything()
    expect(page.locator("#webhook-state")).to_contain_text("receiving")
    expect(page.get_by_text("imported", exact=True)).to_have_count(2)
    before = jira.hooks[0].secret
    page.get_by_role("button", name="Create a new secret").click()
    page.get_by_role("button", name="Create the webhook for me").click()
    expect(page.get_by_text("Its webhook existed and was updated")).to_be_visible()
    assert [hook.secret == before for hook in jira.hooks] == [False]
    finish_issue_and_see_it(site, page, jira)


@pytest.mark.only_in_test_all
@pytest.mark.parametrize("jira", VERSIONS, indirect=True)
def test_connecting_jira_without_administrator_rights(site: Site, page: Page, jira: Jira) -> None:
    """The usual case: the page says who can create the webhook, shows the secret, and waits for the first delivery."""
    jira.is_admin = False
    begin_connection(site, page, "Paste a token", jira)
    paste_token(page, jira)
    page.get_by_label("SHOP").check()
    page.get_by_role("button", name="Watch these").click()
    expect(page.get_by_text("only a Jira administrator may")).to_be_visible()
    page.get_by_role("link", name="Go to the connection").click()
    expect(page.locator("#webhook-state")).to_contain_text("Jira sends no ping")
    paste_webhook(site, page, jira)


@pytest.mark.only_in_test_all
@pytest.mark.parametrize("jira", VERSIONS, indirect=True)
def test_connecting_jira_by_webhook_only(site: Site, page: Page, jira: Jira) -> None:
    """The form has no fields for calls, and the page shows a wrong signature."""
    begin_connection(site, page, "Webhook only", jira)
    expect(page.get_by_label("API address")).to_have_count(0)
    page.get_by_label("What to watch").fill("SHOP")
    page.get_by_role("button", name="Connect").click()
    page.wait_for_url(f"{site.url}/connections/walk")
    wrong = jira.add_hook(url=page.locator("#hook-url").input_value(), secret="mistyped")
    jira.project("SHOP").create_issue("Anything")
    expect(page.locator("#webhook-state")).to_contain_text("A delivery arrived with a wrong signature")
    jira.remove_hook(wrong)
    paste_webhook(site, page, jira)


def paste_webhook(site: Site, page: Page, jira: Jira) -> None:
    """Create the webhook in Jira with the values of the page, change an issue, and check that the page shows it."""
    expect(page.locator("#made-secret")).to_be_visible()
    secret, url = page.locator("#made-secret").input_value(), page.locator("#hook-url").input_value()
    expect(page.get_by_text('project in ("SHOP")')).to_be_visible()
    jira.add_hook(url=url, secret=secret, projects=("SHOP",))
    jira.project("SHOP").create_issue("Anything else")
    jira.flush()
    site.services.drains.drain_everything()
    expect(page.locator("#webhook-state")).to_contain_text("receiving")
    finish_issue_and_see_it(site, page, jira)


@pytest.mark.only_in_test_all
@pytest.mark.parametrize("page", APPEARANCES, indirect=True, ids=str)
def test_no_page_about_connections_is_wider_than_its_window(site: Site, page: Page, hub: GitHub) -> None:
    """It fits in each appearance, and on the narrowest phone."""
    site.sign_in(page, site.example.ana)
    for size in (page.viewport_size, {"width": 360, "height": 740}):
        assert size
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        for path in (
            "",
            "/new",
            "/new/github/app",
            "/new/github/token",
            "/new/jira/hand",
            "/new/jira/token",
            "/acme-github",
            "/acme-jira",
        ):
            page.goto(f"{site.url}/connections{path}")
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, path
        for path in ("/acme-github/scopes", "/acme-jira/remove"):
            page.goto(f"{site.url}/connections{path}")
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, path
