"""The palette and the search page in Chromium, by keyboard alone; a console or network error fails the test."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site

pytestmark = pytest.mark.slow


def found(page: Page, words: str) -> None:
    """Type into the open palette and wait for its results."""
    page.keyboard.type(words)
    expect(page.locator("#palette-found")).to_have_attribute("data-asked", words)


def test_a_key_result_is_found_and_opened_by_keyboard(page: Page, site: Site) -> None:
    """The field says which result is chosen; arrow keys move past both ends."""
    site.sign_in(page, site.example.vera)
    page.goto(f"{site.url}/objectives")
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Find anything")
    expect(field).to_be_focused()
    expect(page.get_by_role("listbox").get_by_role("option").first).to_have_text("Home")
    found(page, "runbook")
    chosen = page.get_by_role("listbox").get_by_role("option", selected=True)
    expect(chosen).to_contain_text("Runbook")
    expect(field).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#palette-status")).to_have_text(re.compile(r"^\d+ results$"))
    page.keyboard.press("ArrowUp")
    expect(chosen).to_have_text("All results for “runbook”")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Control+A")
    found(page, "kr-4")
    expect(chosen).to_contain_text("Finish 8 runbooks")
    expect(field).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/key-results/KR-4")


@pytest.mark.only_in_test_all
def test_an_address_of_a_tracker_leads_to_what_the_issue_serves(page: Page, site: Site) -> None:
    """It is pasted; Ctrl+K opens the palette also while somebody types in a form."""
    site.sign_in(page, site.example.vera)
    page.goto(f"{site.url}/objectives")
    page.get_by_role("searchbox").focus()
    page.keyboard.press("Control+k")
    address = "https://acme-jira.example.com/browse/SHOP-3"
    page.keyboard.insert_text(address)
    expect(page.locator("#palette-found")).to_have_attribute("data-asked", address)
    expect(page.get_by_role("listbox").get_by_role("option", selected=True)).to_contain_text("counts toward KR-2")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/rules/try?issue=acme-jira:SHOP-3")
    expect(page.get_by_text("It counts toward KR-2")).to_be_visible()


def test_escape_closes_and_gives_the_focus_back(page: Page, site: Site) -> None:
    """To the button, or to what had it before; the palette keeps the keyboard while it is open."""
    site.sign_in(page, site.example.vera)
    page.goto(f"{site.url}/objectives")
    button = page.get_by_role("button", name="Find anything")
    for key in ("Enter", " "):
        button.focus()
        page.keyboard.press(key)
        expect(page.get_by_role("dialog", name="Find anything")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(button).to_be_focused()
    link = page.get_by_role("link", name="Ship the new checkout")
    link.focus()
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Find anything")).to_be_focused()
    page.keyboard.press("Escape")
    expect(link).to_be_focused()


def test_keys_do_nothing_while_somebody_types(page: Page, site: Site) -> None:
    """They are text then."""
    site.sign_in(page, site.example.vera)
    page.goto(f"{site.url}/objectives")
    words = page.get_by_role("searchbox")
    words.focus()
    page.keyboard.type("/?gh")
    expect(words).to_have_value("/?gh")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.url.startswith(f"{site.url}/objectives")


@pytest.mark.only_in_test_all
def test_keys_open_the_main_pages_and_can_be_switched_off(page: Page, site: Site) -> None:
    """Ctrl+K stays; the choice holds on the next page too."""
    site.sign_in(page, site.example.vera)
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url(f"{site.url}/objectives")
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url(f"{site.url}/rules")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("Find anything")
    page.keyboard.press("Shift+Tab")  # to the last field
    choice = dialog.get_by_role("checkbox")
    choice.focus()
    page.keyboard.press(" ")
    expect(choice).not_to_be_checked()
    page.keyboard.press("Escape")
    page.goto(f"{site.url}/objectives")
    page.keyboard.press("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Find anything")).to_be_focused()


def test_enter_before_the_results_opens_the_search_page(page: Page, site: Site) -> None:
    """Nothing that was typed is lost."""
    site.sign_in(page, site.example.vera)
    page.route("**/search/palette*", lambda _: None)  # never answered
    page.keyboard.press("/")
    page.keyboard.type("runbook")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/search?q=runbook")
    expect(page.get_by_role("heading", name="Issues")).to_be_visible()


@pytest.mark.only_in_test_all
def test_an_ended_session_leads_to_sign_in_and_then_to_the_results(page: Page, site: Site) -> None:
    """The palette does not show the page to sign in."""
    site.sign_in(page, site.example.vera)
    page.goto(f"{site.url}/rules/try")  # it does not refresh by itself
    page.get_by_role("button", name="Find anything").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("listbox").get_by_role("option").first).to_have_text("Home")
    page.context.clear_cookies()
    page.keyboard.type("runbook")
    page.wait_for_url(re.compile(r"/sign-in\?next=(/|%2F)search"))


@pytest.mark.only_in_test_all
def test_the_search_page_finds_while_somebody_types(page: Page, site: Site) -> None:
    """Its address keeps the words."""
    site.sign_in(page, site.example.vera)
    page.goto(f"{site.url}/search")
    expect(page.get_by_role("searchbox", name="Find anything")).to_be_focused()
    page.keyboard.type("effortless")
    expect(page.get_by_role("link", name="Paying is effortless")).to_be_visible()
    page.wait_for_url(f"{site.url}/search?q=effortless")


@pytest.mark.only_in_test_all
def test_without_javascript_the_button_leads_to_the_search_page(page: Page, site: Site) -> None:
    """A form finds the same."""
    site.sign_in(page, site.example.vera)
    browser = page.context.browser
    assert browser
    context = browser.new_context(storage_state=page.context.storage_state(), java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{site.url}/objectives")
    plain.get_by_role("link", name="Find anything").click()
    plain.get_by_role("searchbox", name="Find anything").fill("kr-4")
    plain.keyboard.press("Enter")
    plain.get_by_role("link", name="Finish 8 runbooks").click()
    plain.wait_for_url(f"{site.url}/key-results/KR-4")
    context.close()
