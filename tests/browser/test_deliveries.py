"""An admin finds a buried delivery in Chromium and replays it, and reads a mail in the local mailbox."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.jobs.mails import add_mail
from tests.browser.conftest import Site
from tests.support.browser import APPEARANCES
from tests.support.services import NOW, add, bump_changes
from tests.web.rules_seed import SCRIPT

pytestmark = pytest.mark.slow


@pytest.fixture
def buried(site: Site) -> int:
    """Add a buried delivery with a script in every text, and return its row id."""
    with writing(site.services.engine) as tx:
        return add(
            tx,
            tables.delivery,
            connection_id=site.example.github,
            delivery_id="72d3162e-cc78",
            received_at=NOW - timedelta(minutes=3),
            headers={"x-github-event": SCRIPT},
            body=f'{{"issue": {{"title": "{SCRIPT}"}}}}'.encode(),
            name=SCRIPT,
            buried_at=NOW,
            outcome=f"can't be read: {SCRIPT}",
            attempts=8,
        )


@pytest.fixture
def mail_id(site: Site) -> int:
    """Add a mail with a script and a remote image, and return its row id."""
    html = f"<!doctype html><p id='said'>KR-1 is done</p><img src='https://tracker.example.com/x.png'>{SCRIPT}"
    content = {"subject": f"KR-1 is completed {SCRIPT}", "text": "KR-1 is done, as text", "html": html}
    with writing(site.services.engine) as tx:
        return add_mail(
            tx, site.services.sealer, kind="status", recipient="ana@example.com", host="x", content=content, now=NOW
        )


def test_a_buried_delivery_is_found_and_replayed(site: Site, page: Page, buried: int) -> None:
    """After the replay the open page shows the new outcome."""
    site.sign_in(page, site.example.ana)
    page.get_by_role("link", name="Deliveries", exact=True).click()
    page.get_by_label("Show only").get_by_role("link", name="buried").click()
    page.locator(f"#delivery-{buried} .stack-title a").click()
    expect(page.locator("#body")).to_contain_text('"title": "<script>alert')
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("waiting", exact=True)).to_be_visible()
    with writing(site.services.engine) as tx:
        done = {"due_at": None, "settled_at": NOW, "ignored": True, "outcome": "ignored, because it is a test"}
        tx.execute(sa.update(tables.delivery).values(done))
    bump_changes(site.services)
    expect(page.get_by_text("because it is a test")).to_be_visible()


def test_a_delivery_is_found_by_its_id(site: Site, page: Page, buried: int) -> None:
    """A history entry names this id."""
    site.sign_in(page, site.example.ana)
    page.goto(f"{site.url}/deliveries")
    page.get_by_label("Delivery id").fill("72d3162e-cc78")
    page.get_by_label("Delivery id").press("Enter")
    page.wait_for_url("**q=72d3162e-cc78**", wait_until="load")
    expect(page.locator(f"#delivery-{buried}")).to_be_visible()
    page.goto(f"{site.url}/deliveries?q=72d3162e-cc78&connection=acme-jira")
    expect(page.get_by_text("No matching delivery")).to_be_visible()


def test_a_mail_runs_no_script(site: Site, page: Page, mail_id: int, page_errors: list[str]) -> None:
    """Its frame blocks the script and the image."""
    site.sign_in(page, site.example.ana)
    page.get_by_role("link", name="Settings", exact=True).click()
    page.get_by_role("link", name="Mailbox", exact=True).click()
    page.locator(f"#mail-{mail_id} a").first.click()
    expect(page.frame_locator("#mail-frame").locator("#said")).to_have_text("KR-1 is done")
    expect(page.locator("#mail-text")).to_have_text("KR-1 is done, as text")
    assert page_errors
    assert all("Blocked script" in one or "Content Security Policy" in one for one in page_errors), page_errors
    page_errors.clear()


@pytest.mark.only_in_test_all
@pytest.mark.parametrize("page", APPEARANCES, indirect=True, ids=str)
def test_no_page_for_admins_is_wider_than_its_window(site: Site, page: Page, buried: int, mail_id: int) -> None:
    """It fits in each appearance, and on the narrowest phone."""
    site.sign_in(page, site.example.ana)
    for size in (page.viewport_size, {"width": 360, "height": 740}):
        assert size
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        for path in ("/deliveries", f"/deliveries/{buried}", "/mailbox"):
            page.goto(site.url + path)
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, path
