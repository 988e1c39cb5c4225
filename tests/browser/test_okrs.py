"""The pages of OKRs in Chromium; a console or network error fails the test."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from sync_service.store.engine.database import writing
from sync_service.store.tables import person
from tests.browser.conftest import Site
from tests.support.browser import APPEARANCES, Appearance
from tests.support.example_okrs import add_many, close_issue
from tests.support.services import bump_changes

pytestmark = pytest.mark.slow

PATHS = (
    "/",
    *("/objectives", "/objectives?view=tree", "/objectives?cycle=2027-q1", "/objectives/nasty", "/teams/platform"),
    *("/key-results/KR-1", "/key-results/KR-2", "/key-results/KR-3", "/key-results/KR-6"),
)

FIRST_FRAME = """
    const check = () => {
      if (document.body) window.firstTheme = document.documentElement.dataset.bsTheme ?? "none";
      else requestAnimationFrame(check);
    };
    requestAnimationFrame(check);
"""


def test_a_person_signs_in_and_opens_a_key_result(page: Page, site: Site) -> None:
    """The page shows the chart and the history."""
    site.sign_in(page, site.example.ben)
    page.get_by_role("link", name="Objectives", exact=True).click()
    page.get_by_role("link", name="Ship the new checkout").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ship the new checkout")
    expect(page.get_by_role("progressbar").first).to_have_attribute("aria-valuenow", "29.63")
    expect(page.locator("#chart canvas")).to_be_visible()
    expect(page.get_by_role("link", name="acme/checkout#42")).to_be_visible()


@pytest.mark.only_in_test_all
@pytest.mark.parametrize("page", APPEARANCES, indirect=True, ids=str)
def test_no_page_is_wider_than_its_window(page: Page, site: Site) -> None:
    """It fits in each appearance, and on the narrowest phone."""
    site.sign_in(page, site.example.ana)
    add_many(site.services, site.example.key_results["KR-6"], site.example.github, issues=120, entries=30)
    sizes = [page.viewport_size, {"width": 360, "height": 740}]
    for size in sizes:
        assert size
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        for path in PATHS:
            page.goto(site.url + path)
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, path


def test_a_value_changes_on_the_open_page(page: Page, site: Site) -> None:
    """There is no reload: the variable of the page is still set."""
    site.sign_in(page, site.example.ben)
    page.evaluate("window.marked = true")
    bar = page.locator("#bar-of-KR-5")
    expect(bar).to_have_attribute("aria-valuenow", "25.0")
    close_issue(site.services, "acme/checkout#201", site.example.key_results["KR-5"])
    expect(bar).to_have_attribute("aria-valuenow", "50.0")
    expect(page.locator("#key-result-KR-5 .value")).to_have_text("50\u202f%")
    expect(page.locator("#key-result-KR-5 .value")).to_have_class(re.compile("just-changed"))
    assert page.evaluate("window.marked")


def test_a_refresh_keeps_form_fields_and_focus(page: Page, site: Site) -> None:
    """A half-filled form must not be lost."""
    site.sign_in(page, site.example.ben)
    page.goto(f"{site.url}/key-results/KR-3")
    page.get_by_label("Value now").fill("64")
    note = page.get_by_label("Note")
    note.fill("half a sent")
    close_issue(site.services, "acme/checkout#201", site.example.key_results["KR-3"])
    refreshed = page.evaluate("new Promise((done) => document.addEventListener('okr:refreshed', () => done(true)))")
    assert refreshed
    expect(note).to_be_focused()
    expect(note).to_have_value("half a sent")
    expect(page.get_by_label("Value now")).to_have_value("64")


def test_unfolded_causes_stay_unfolded(page: Page, site: Site) -> None:
    """A refresh must not close them."""
    site.sign_in(page, site.example.ben)
    page.goto(f"{site.url}/key-results/KR-1")
    page.get_by_text("8 more").click()
    close_issue(site.services, "acme/checkout#15", site.example.key_results["KR-1"])
    expect(page.locator("#bar-of-KR-1")).not_to_have_attribute("aria-valuenow", "29.63")
    expect(page.get_by_text("acme/checkout#51")).to_be_visible()


def test_the_chart_shows_a_new_change(page: Page, site: Site) -> None:
    """It is drawn again."""
    site.sign_in(page, site.example.ben)
    page.goto(f"{site.url}/key-results/KR-5")
    key = page.locator("#chart .u-legend")
    expect(key).to_contain_text("25 %")
    close_issue(site.services, "acme/checkout#201", site.example.key_results["KR-5"])
    expect(key).to_contain_text("50 %")


def test_the_chart_and_its_table_show_the_days_before_the_first_change(page: Page, site: Site) -> None:
    """The open table stays open and is up to date after a refresh."""
    site.sign_in(page, site.example.ben)
    page.goto(f"{site.url}/key-results/KR-5")
    expect(page.locator("#chart .u-legend")).to_contain_text("reconstructed")
    table = page.get_by_role("region", name="The value of each day")
    expect(table).not_to_be_visible()
    page.get_by_text("The value of each day").click()
    expect(table.locator("tbody tr").first).to_contain_text("25 %")
    close_issue(site.services, "acme/checkout#201", site.example.key_results["KR-5"])
    expect(table.locator("tbody tr").first).to_contain_text("50 %")
    expect(table).to_be_visible()


def test_the_chart_shows_times_in_the_persons_zone(page: Page, site: Site) -> None:
    """The rest of the page uses this zone too, whatever the zone of the browser is."""
    with writing(site.services.engine) as tx:
        tx.execute(sa.update(person).where(person.c.id == site.example.ben).values(timezone="Pacific/Kiritimati"))
    site.sign_in(page, site.example.ben)
    page.goto(f"{site.url}/key-results/KR-5")
    legend_time = page.locator("#chart .u-legend .u-value").first
    expect(legend_time).to_contain_text(":")
    local_now = site.services.now().astimezone(ZoneInfo("Pacific/Kiritimati"))
    shown = datetime.strptime(f"{legend_time.inner_text()} {local_now.year} +1400", "%d %b, %H:%M %Y %z")
    assert abs(local_now - shown) < timedelta(minutes=5)


def test_the_message_of_a_check_in_survives_the_refresh(page: Page, site: Site) -> None:
    """The refresh brings the value, and the chart appears."""
    site.sign_in(page, site.example.ben)
    page.goto(f"{site.url}/key-results/KR-3")
    expect(page.get_by_text("No change yet")).to_be_visible()
    page.get_by_label("Value now").fill("64,5")
    page.get_by_role("button", name="Check in").click()
    message = page.get_by_text("Checked in. The value changes in a moment.")
    expect(message).to_be_visible()
    site.services.drains.by_table["recompute"]()
    expect(page.locator(".now-value")).to_have_text("64.5\u202f%")
    expect(message).to_be_visible()
    expect(page.locator("#chart canvas")).to_be_visible()


def test_the_theme_follows_the_system_until_one_is_chosen(page: Page, site: Site) -> None:
    """A reload keeps the choice."""
    theme = page.locator("html")
    page.goto(f"{site.url}/sign-in")
    expect(theme).to_have_attribute("data-bs-theme", "light")
    page.emulate_media(color_scheme="dark")
    expect(theme).to_have_attribute("data-bs-theme", "dark")
    page.get_by_role("button", name="Light theme").click()
    expect(theme).to_have_attribute("data-bs-theme", "light")
    page.reload()
    expect(theme).to_have_attribute("data-bs-theme", "light")
    page.get_by_role("button", name="System theme").click()
    expect(theme).to_have_attribute("data-bs-theme", "dark")


@pytest.mark.parametrize("page", [Appearance(theme="dark")], indirect=True, ids=str)
def test_the_dark_theme_is_set_before_the_first_frame(page: Page, site: Site) -> None:
    """Otherwise the page would flash."""
    page.add_init_script(FIRST_FRAME)
    page.goto(f"{site.url}/sign-in")
    assert page.evaluate("window.firstTheme") == "dark"


def test_a_page_shows_that_the_server_does_not_answer_and_recovers(
    page: Page, site: Site, page_errors: list[str]
) -> None:
    """It shows a hint, not an error page, and later the changes made meanwhile."""
    site.sign_in(page, site.example.ben)
    page.route("**/changes", lambda route: route.abort())
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    close_issue(site.services, "acme/checkout#201", site.example.key_results["KR-5"])
    page.unroute("**/changes")
    expect(page.locator("#bar-of-KR-5")).to_have_attribute("aria-valuenow", "50.0", timeout=20_000)
    expect(page.get_by_text("Reconnecting…")).to_be_hidden()
    assert all("net::ERR_FAILED" in error for error in page_errors)
    page_errors.clear()


def test_after_the_end_of_the_session_the_open_page_redirects_to_sign_in(
    page: Page, site: Site, page_errors: list[str]
) -> None:
    """It must not go on showing old values."""
    site.sign_in(page, site.example.ben)
    page.context.clear_cookies()
    bump_changes(site.services)
    page.wait_for_url(f"{site.url}/sign-in**")
    assert all("401" in error for error in page_errors)
    page_errors.clear()


def test_the_account_menu_signs_out(page: Page, site: Site) -> None:
    """It works by keyboard."""
    site.sign_in(page, site.example.ben)
    page.get_by_role("button", name="Ben Okafor account").press("Enter")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{site.url}/sign-in")
    page.goto(site.url)
    expect(page.get_by_label("E-mail address")).to_be_visible()


def test_the_cycle_changes_when_another_is_chosen(page: Page, site: Site) -> None:
    """It needs no other click."""
    site.sign_in(page, site.example.ben)
    page.goto(f"{site.url}/objectives")
    page.get_by_label("Cycle").select_option("Q1 2027")
    expect(page.get_by_text("No objectives in Q1 2027")).to_be_visible()
