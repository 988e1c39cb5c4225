"""An admin writes rules in Chromium, and the preview shows their effect before they are saved."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.support.browser import APPEARANCES
from tests.support.services import bump_changes
from tests.web.rules_seed import add_labelled_issues, add_rule, apply_rules, current

pytestmark = pytest.mark.slow


@pytest.fixture
def site_with_issues(site: Site) -> Site:
    """Return the site with issues that rules can match."""
    add_labelled_issues(site.services, site.example)
    return site


def test_a_rule_is_previewed_and_saved(site_with_issues: Site, page: Page) -> None:
    """The saved rule has the effect that the preview showed."""
    site = site_with_issues
    site.sign_in(page, site.example.ana)
    page.get_by_role("link", name="Rules", exact=True).click()
    page.get_by_role("link", name="Add the first rule").click()
    page.get_by_label("Issues of").select_option("acme-github")
    page.get_by_label("count toward").select_option("KR-6")
    page.locator("#row-0-value").press_sequentially("netw")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("0 issues of 5 match")
    page.locator("#row-0-value").press_sequentially("ork")
    expect(preview).to_contain_text("4 issues of 5 match")
    expect(preview).to_contain_text("not saved yet")
    expect(preview.locator(".effect-old")).to_contain_text("no data")
    expect(preview.locator(".effect-new")).to_have_text("33.33\u202f%")
    expect(page.locator("#slug-hint")).to_contain_text("if empty: network")
    assert current(site.services, "KR-6") is None

    page.get_by_role("button", name="Create the rule").click()
    row = page.locator("#rule-network")
    expect(row).to_contain_text("being applied")
    apply_rules(site.services)
    expect(row).to_contain_text("active")
    row.get_by_role("link", name="KR-6").click()
    expect(page.locator(".now-value")).to_contain_text("33.33\u202f%")
    expect(page.get_by_role("link", name="Move service 703")).to_be_visible()


def test_the_preview_follows_each_change_of_the_rows(site_with_issues: Site, page: Page) -> None:
    """The operators depend on the field, and other rows keep their values."""
    site = site_with_issues
    site.sign_in(page, site.example.ana)
    page.goto(f"{site.url}/rules/new")
    page.get_by_label("Issues of").select_option("acme-github")
    page.get_by_label("count toward").select_option("KR-6")
    page.locator("#row-0-value").fill("network")
    page.get_by_role("button", name="Add a line").click()
    page.locator("#row-1-field").select_option("state")
    expect(page.locator("#row-1-operator")).to_have_value("is")
    page.locator("#row-1-operator").select_option("in")
    page.get_by_label("done", exact=True).check()
    page.get_by_label("dropped", exact=True).check()
    preview = page.locator("#preview")
    expect(preview).to_contain_text("2 issues of 5 match")
    page.get_by_label("Issues that match").select_option("none")
    expect(preview).to_contain_text("1 issue of 5 matches")
    page.get_by_role("button", name="Remove this line").last.click()
    expect(preview).to_contain_text("1 issue of 5 matches")
    page.get_by_label("Issues that match").select_option("all")
    expect(page.locator("#row-0-value")).to_have_value("network")
    expect(preview).to_contain_text("4 issues of 5 match")
    suggested = page.locator("#known-labels option").evaluate_all("found => found.map(one => one.value)")
    assert "network" in suggested


def test_the_focus_stays_in_the_rows_when_one_is_added_or_removed(site_with_issues: Site, page: Page) -> None:
    """A removed line takes its button along; without the focus, a keyboard would start at the top of the page."""
    site = site_with_issues
    site.sign_in(page, site.example.ana)
    page.goto(f"{site.url}/rules/new")
    page.get_by_label("Issues of").select_option("acme-github")
    add, remove = page.get_by_role("button", name="Add a line"), page.get_by_role("button", name="Remove this line")
    add.press("Enter")
    expect(page.locator("#row-1-field")).to_be_focused()
    add.press("Enter")
    expect(page.locator("#row-2-field")).to_be_focused()
    remove.nth(1).press("Enter")
    expect(remove).to_have_count(2)
    expect(remove.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(remove).to_have_count(1)
    expect(remove).to_be_focused()
    page.locator("#row-0-field").select_option("state")
    expect(page.locator("#row-0-operator")).to_have_value("is")
    page.get_by_role("button", name="Advanced").press("Enter")
    expect(page.locator("#text")).to_be_visible()
    expect(page.get_by_role("button", name="Advanced")).to_be_focused()


def test_the_line_as_it_would_have_been_is_drawn_on_demand(
    site_with_issues: Site, page: Page, page_errors: list[str]
) -> None:
    """Over the real one, with a legend that names both; a later change of the form takes it away."""
    site = site_with_issues
    site.sign_in(page, site.example.ana)
    page.goto(f"{site.url}/rules/new")
    page.get_by_label("Issues of").select_option("acme-github")
    page.get_by_label("count toward").select_option("KR-6")
    page.locator("#row-0-value").fill("network")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("4 issues of 5 match")  # a preview that is under way would replace the line
    preview.get_by_role("button", name="Show the line as it would have been").click()
    legend = preview.locator(".chart .u-legend")
    expect(legend).to_contain_text("as it is")
    expect(legend).to_contain_text("as it would have been")
    expect(preview.locator(".chart canvas")).to_be_visible()
    expect(preview).to_contain_text("4 issues of 5 match")
    preview.get_by_text("The value of each day").click()
    expect(preview.get_by_role("columnheader", name="As it would have been")).to_be_visible()
    page.locator("#row-0-value").fill("payments")
    expect(preview.locator(".chart")).to_have_count(0)
    assert page_errors == []


@pytest.mark.only_in_test_all
def test_a_rule_is_edited_and_disabled(site_with_issues: Site, page: Page) -> None:
    """A new key result changes both, and the preview shows both."""
    site = site_with_issues
    add_rule(site.services, site.example, "network-label")
    bump_changes(site.services)
    site.sign_in(page, site.example.ana)
    page.goto(f"{site.url}/rules/network-label")
    page.get_by_label("count toward").select_option("KR-2")
    preview = page.locator("#preview")
    expect(preview.locator("#effect-KR-6 .effect-new")).to_have_text("no data")
    previewed = preview.locator("#effect-KR-2 .effect-new").inner_text()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#rule-network-label")).to_contain_text("KR-2")
    apply_rules(site.services)
    assert current(site.services, "KR-6") is None
    assert previewed == f"{current(site.services, 'KR-2'):g}\u202fbugs"

    page.get_by_role("button", name="Disable network-label").click()
    apply_rules(site.services)
    expect(page.locator("#rule-network-label")).to_contain_text("disabled")
    expect(page.get_by_role("button", name="Enable network-label")).to_be_visible()


@pytest.mark.only_in_test_all
def test_a_nested_condition_is_written_as_text(site_with_issues: Site, page: Page, page_errors: list[str]) -> None:
    """An error is shown while typing, and beside the text after sending."""
    site = site_with_issues
    site.sign_in(page, site.example.ana)
    page.goto(f"{site.url}/rules/new")
    page.get_by_label("Issues of").select_option("acme-github")
    page.get_by_label("count toward").select_option("KR-6")
    page.locator("#row-0-value").fill("network")
    page.get_by_role("button", name="Advanced").click()
    text = page.locator("#text")
    expect(text).to_have_value("all:\n- field: labels\n  has: network\n")
    text.fill("any:\n- field: colour\n  is: red\n")
    expect(page.locator("#preview")).to_contain_text("found 'colour', allowed is one of scope")
    page.get_by_role("button", name="Create the rule").click()
    expect(page.locator("#text-error")).to_contain_text("Any.0.field: found 'colour'")
    assert [one for one in page_errors if "422" not in one] == []
    page_errors.clear()
    page.locator("#text").fill("any:\n- all:\n  - {field: labels, has: network}\n  - {field: state, is: done}\n")
    expect(page.locator("#preview")).to_contain_text("1 issue of 5 matches")
    page.get_by_role("button", name="Rows").click()
    expect(page.locator("#text-error")).to_contain_text("Rows can't show this")
    page.get_by_role("button", name="Create the rule").click()
    expect(page.locator("#rule-network-done")).to_be_visible()


def test_a_conflicting_edit_is_shown_before_it_is_overwritten(
    site_with_issues: Site, page: Page, page_errors: list[str]
) -> None:
    """The page shows it beside one's own values."""
    site = site_with_issues
    add_rule(site.services, site.example, "network-label")
    site.sign_in(page, site.example.ana)
    page.goto(f"{site.url}/rules/network-label")
    add_rule(site.services, site.example, "network-label", condition={"field": "labels", "has": "payments"})
    page.locator("#row-0-value").fill("mine")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("labels include payments")
    expect(page.locator("#row-0-value")).to_have_value("mine")
    assert [one for one in page_errors if "409" not in one] == []
    page_errors.clear()


def test_a_viewer_sees_rules_without_forms(site_with_issues: Site, page: Page) -> None:
    """A viewer may not change rules."""
    site = site_with_issues
    add_rule(site.services, site.example, "network-label")
    site.sign_in(page, site.example.vera)
    page.goto(f"{site.url}/rules")
    expect(page.get_by_role("link", name="New rule")).to_have_count(0)
    page.get_by_role("link", name="network-label").click()
    expect(page.get_by_text("where labels include network")).to_be_visible()
    expect(page.locator("form[action^='/rules']")).to_have_count(0)


def test_the_list_is_filtered_while_typing(site_with_issues: Site, page: Page) -> None:
    """The address contains the filter, so that it can be shared."""
    site = site_with_issues
    add_rule(site.services, site.example, "network-label")
    add_rule(site.services, site.example, "payments-label", condition={"field": "labels", "has": "payments"})
    site.sign_in(page, site.example.ana)
    page.goto(f"{site.url}/rules")
    page.get_by_label("Search the rules").press_sequentially("payments")
    expect(page.locator("#rule-network-label")).to_have_count(0)
    expect(page.locator("#rule-payments-label")).to_be_visible()
    expect(page.locator("#rules-count")).to_have_text("1 of 2 rules")
    expect(page).to_have_url(re.compile(r"\?q=payments"))


@pytest.mark.only_in_test_all
@pytest.mark.parametrize("page", APPEARANCES, indirect=True, ids=str)
def test_no_page_of_rules_is_wider_than_its_window(site_with_issues: Site, page: Page) -> None:
    """It fits in each appearance, and on the narrowest phone."""
    site = site_with_issues
    add_rule(site.services, site.example, "network-label")
    add_rule(site.services, site.example, "long", condition={"any": [{"field": "title", "contains": "x" * 200}]})
    site.sign_in(page, site.example.ana)
    for size in (page.viewport_size, {"width": 360, "height": 740}):
        assert size
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        for path in ("/rules", "/rules/new", "/rules/network-label", "/rules/long"):
            page.goto(site.url + path)
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, path
