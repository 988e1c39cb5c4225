"""The local mailbox: mails are read where they would have been sent, and can do no harm there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from sync_service.runtime.wiring import Services
from sync_service.store.engine.database import writing
from sync_service.store.jobs.mails import add_mail
from sync_service.web import create_app
from tests.support.example_okrs import Example, fill_with_examples
from tests.support.services import NOW, build_house
from tests.web.rules_seed import SCRIPT
from tests.web.session_client import Visitor

HTML = f"<!doctype html><p style='color: red'>KR-1 is done</p>{SCRIPT}"


def write(services: Services, recipient: str, subject: str) -> int:
    """Keep a mail."""
    with writing(services.engine) as tx:
        content = {"subject": subject, "text": f"Hello,\n\n{SCRIPT} in text", "html": HTML}
        return add_mail(
            tx, services.sealer, kind="status", recipient=recipient, host="example.com", content=content, now=NOW
        )


def test_before_the_first_mail_the_page_says_what_comes(ana: Visitor) -> None:
    """And how to have mails sent."""
    words = ana.words("/mailbox")
    assert "No mail yet" in words
    assert "SMTP_URL" in words


def test_mails_are_listed_newest_first_and_by_recipient(ana: Visitor, services: Services) -> None:
    """With subject, recipient and what became of them."""
    write(services, "ana@example.com", "The first")
    write(services, "ben@example.com", f"The second {SCRIPT}")
    page, words = ana.read("/mailbox"), ana.words("/mailbox")
    assert words.index("The second") < words.index("The first")
    assert "<script>alert" not in page
    assert "waiting" in words
    only = ana.words("/mailbox?to=ana@example.com")
    assert "The first" in only
    assert "The second" not in only
    assert "No mail to nobody@example.com" in ana.words("/mailbox?to=nobody@example.com")


def test_a_long_mailbox_goes_on(ana: Visitor, services: Services) -> None:
    """Fifty at a time."""
    ids = [write(services, "ana@example.com", f"Mail {number}") for number in range(52)]
    assert 'rel="next"' in ana.read("/mailbox")
    rest = ana.read(f"/mailbox?before={ids[2]}")
    assert "Mail 1<" in rest
    assert "Mail 2<" not in rest


def test_a_mail_shows_headers_text_and_html(ana: Visitor, services: Services) -> None:
    """The HTML stands in a frame without any right, from an address of its own."""
    mail_id = write(services, "ana@example.com", "KR-1 is completed")
    page, words = ana.read(f"/mailbox/{mail_id}"), ana.words(f"/mailbox/{mail_id}")
    for said in ("ana@example.com", "KR-1 is completed", "<okr-sync.", "in text"):
        assert said in words
    assert f'sandbox src="/mailbox/{mail_id}/html"' in page
    assert "<script>alert" not in page


def test_a_mails_html_is_locked_in(ana: Visitor, services: Services) -> None:
    """It may be styled, and can neither run, fetch, nor be framed elsewhere."""
    answer = ana.open(f"/mailbox/{write(services, 'ana@example.com', 'x')}/html")
    assert answer.text == HTML
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'unsafe-inline'" in policy
    assert policy.endswith("sandbox")
    assert "script-src" not in policy


def test_the_mailbox_is_for_admins(ben: Visitor, stranger: FlaskClient, services: Services) -> None:
    """Mails may hold sign-in links."""
    mail_id = write(services, "ana@example.com", "x")
    for path in ("/mailbox", f"/mailbox/{mail_id}", f"/mailbox/{mail_id}/html"):
        assert ben.open(path).status_code == 403
        assert "/sign-in" in stranger.get(path).location


def test_a_mail_that_is_not_there_is_not_found(ana: Visitor) -> None:
    """Neither page nor frame."""
    assert ana.open("/mailbox/4711").status_code == 404
    assert ana.open("/mailbox/4711/html").status_code == 404


@pytest.fixture
def sending_house(tmp_path: Path) -> Iterator[Services]:
    """Give a house that sends its mails by SMTP."""
    built = build_house(f"sqlite:///{tmp_path / 'okr.db'}", tmp_path, SMTP_URL="smtp://mail.example.com:2525")
    yield built
    built.engine.dispose()


def test_where_mails_are_sent_the_mailbox_says_so(sending_house: Services) -> None:
    """It shows none of them."""
    example: Example = fill_with_examples(sending_house)
    mail_id = write(sending_house, "ana@example.com", "secret")
    ana = Visitor.signed_in(create_app(sending_house), sending_house, example.ana)
    words = ana.words("/mailbox")
    assert "Mails are sent by SMTP" in words
    assert "mail.example.com" in words
    assert "secret" not in words
    assert ana.open(f"/mailbox/{mail_id}").status_code == 404
    assert ana.open(f"/mailbox/{mail_id}/html").status_code == 404
