"""The objectives page and the forms of objectives and key results, in a browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site

pytestmark = pytest.mark.slow


@pytest.mark.only_in_test_all
def test_the_list_follows_what_is_typed_and_the_address_keeps_it(page: Page, site: Site) -> None:
    """A reload shows the same."""
    site.sign_in(page, site.example.ben)
    page.goto(f"{site.url}/objectives")
    page.get_by_role("searchbox", name="Search").fill("runbooks")
    expect(page.get_by_text("1 objective, 1 key result").first).to_be_visible()
    expect(page.get_by_role("link", name="Ship the new checkout")).to_have_count(0)
    page.wait_for_url(re.compile(r"[?&]q=runbooks"))
    page.get_by_label("Status").select_option("at risk")
    expect(page.get_by_text("No matching objective")).to_be_visible()
    page.reload()
    expect(page.get_by_text("No matching objective")).to_be_visible()
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("runbooks")


@pytest.mark.only_in_test_all
def test_a_team_that_is_closed_shows_its_objectives_when_it_is_opened(
    page: Page, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By keyboard; the address keeps which ones are open."""
    monkeypatch.setattr("sync_service.web.objectives.index.ALL_OPEN", 5)
    site.sign_in(page, site.example.vera)
    page.goto(f"{site.url}/objectives")
    expect(page.get_by_role("link", name="Ship the new checkout")).to_have_count(0)
    page.locator("#team-checkout > summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Ship the new checkout")).to_be_visible()
    page.wait_for_url(re.compile(r"open=checkout"))
    page.reload()
    expect(page.get_by_role("link", name="Ship the new checkout")).to_be_visible()
    page.locator("#team-checkout > summary").click()
    expect(page.get_by_role("link", name="Ship the new checkout")).to_be_hidden()


def test_an_objective_and_a_key_result_are_written_by_keyboard(page: Page, site: Site) -> None:
    """From the list to the page of the new key result, with the hints on the way."""
    site.sign_in(page, site.example.ana)
    page.goto(f"{site.url}/objectives")
    page.get_by_role("link", name="New objective").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Title").focus()
    page.keyboard.type("Build search")
    expect(page.locator("#okr-hints")).to_contain_text("reads like a task")
    page.keyboard.press("Control+A")
    page.keyboard.type("Everybody finds what they need")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/objectives/everybody-finds-what-they-need")
    page.get_by_role("link", name="New key result").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Title").focus()
    page.keyboard.type("Searches that end with a click up to 60 %")
    page.get_by_label("Measure", exact=True).select_option("manual")
    page.get_by_label("Target").focus()
    page.keyboard.type("60")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/key-results/KR-7")
    expect(page.get_by_role("heading", level=1)).to_have_text("Searches that end with a click up to 60 %")


@pytest.mark.only_in_test_all
def test_a_new_target_shows_its_value_before_it_is_saved(page: Page, site: Site) -> None:
    """And what is wrong with it."""
    site.sign_in(page, site.example.ana)
    page.goto(f"{site.url}/edit/key-result/KR-2")
    page.get_by_label("Target").fill("7")
    expect(page.locator("#okr-hints")).to_contain_text("With this goal, now:")
    page.get_by_label("Target").fill("many")
    expect(page.locator("#okr-hints")).to_contain_text("is not a number")


def test_what_was_typed_is_still_there_after_the_session_ended(page: Page, site: Site, page_errors: list[str]) -> None:
    """Until it is saved; then it is forgotten."""
    site.sign_in(page, site.example.ana)
    path = f"{site.url}/edit/key-result/KR-2"
    page.goto(path)
    page.get_by_label("Title").fill("Payment bugs below 2")
    page.context.clear_cookies()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("401")).to_be_visible()
    assert any("401" in error for error in page_errors)  # the page's polls and hints may be refused too
    page_errors.clear()
    site.sign_in(page, site.example.ana)
    page.goto(path)
    expect(page.get_by_label("Title")).to_have_value("Payment bugs below 2")
    expect(page.get_by_text("What you typed before is in the form again.")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"{site.url}/key-results/KR-2")
    assert page.evaluate("window.sessionStorage.length") == 0
    page.goto(path)
    expect(page.get_by_text("What you typed before")).to_have_count(0)


@pytest.mark.only_in_test_all
def test_the_second_of_two_editors_sees_both_texts(page: Page, site: Site, page_errors: list[str]) -> None:
    """In the form, with what they typed."""
    site.sign_in(page, site.example.ana)
    page.goto(f"{site.url}/edit/key-result/KR-2")
    other = page.context.new_page()
    other.goto(f"{site.url}/edit/key-result/KR-2")
    other.get_by_label("Target").fill("5")
    other.get_by_role("button", name="Save").click()
    other.wait_for_url(f"{site.url}/key-results/KR-2")
    other.close()
    page.get_by_label("Target").fill("3")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Somebody else made it “5” meanwhile.")).to_be_visible()
    assert all("409" in error for error in page_errors)
    page_errors.clear()
    expect(page.get_by_label("Target")).to_have_value("3")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"{site.url}/key-results/KR-2")
