"""The local mailbox: without SMTP admins read mails there, and their content can do no harm."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from sync_service.runtime.wiring import Services
from sync_service.store.engine.database import writing
from sync_service.store.jobs.mails import add_mail
from sync_service.web.app import create_app
from tests.support.example_okrs import Example, fill_with_examples
from tests.support.services import NOW, build_services
from tests.web.rules_seed import SCRIPT
from tests.web.session_client import SessionClient

HTML = f"<!doctype html><p style='color: red'>KR-1 is done</p>{SCRIPT}"


def store_mail(services: Services, recipient: str, subject: str) -> int:
    """Store a mail and return its id."""
    with writing(services.engine) as tx:
        content = {"subject": subject, "text": f"Hello,\n\n{SCRIPT} in text", "html": HTML}
        return add_mail(
            tx, services.sealer, kind="status", recipient=recipient, host="example.com", content=content, now=NOW
        )


def test_an_empty_mailbox_says_how_to_have_mails_sent(ana: SessionClient) -> None:
    """The setting is SMTP_URL."""
    words = ana.words("/mailbox")
    assert "No mail yet" in words
    assert "SMTP_URL" in words


def test_mails_are_listed_newest_first_and_by_recipient(ana: SessionClient, services: Services) -> None:
    """Each has subject, recipient and state."""
    store_mail(services, "ana@example.com", "The first")
    store_mail(services, "ben@example.com", f"The second {SCRIPT}")
    page, words = ana.read("/mailbox"), ana.words("/mailbox")
    assert words.index("The second") < words.index("The first")
    assert "<script>alert" not in page
    assert "waiting" in words
    only = ana.words("/mailbox?to=ana@example.com")
    assert "The first" in only
    assert "The second" not in only
    assert "No mail to nobody@example.com" in ana.words("/mailbox?to=nobody@example.com")


def test_a_long_mailbox_has_pages(ana: SessionClient, services: Services) -> None:
    """A page has fifty mails."""
    ids = [store_mail(services, "ana@example.com", f"Mail {number}") for number in range(52)]
    assert 'rel="next"' in ana.read("/mailbox")
    rest = ana.read(f"/mailbox?before={ids[2]}")
    assert "Mail 1<" in rest
    assert "Mail 2<" not in rest


def test_a_mail_shows_headers_text_and_html(ana: SessionClient, services: Services) -> None:
    """The HTML is in a sandboxed frame, at an address of its own."""
    mail_id = store_mail(services, "ana@example.com", "KR-1 is completed")
    page, words = ana.read(f"/mailbox/{mail_id}"), ana.words(f"/mailbox/{mail_id}")
    for text in ("ana@example.com", "KR-1 is completed", "<okr-sync.", "in text"):
        assert text in words
    assert f'sandbox src="/mailbox/{mail_id}/html"' in page
    assert "<script>alert" not in page


def test_the_html_of_a_mail_is_sandboxed(ana: SessionClient, services: Services) -> None:
    """It may have styles, but can't run scripts, fetch anything or be framed elsewhere."""
    response = ana.open(f"/mailbox/{store_mail(services, 'ana@example.com', 'x')}/html")
    assert response.text == HTML
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'unsafe-inline'" in policy
    assert policy.endswith("sandbox")
    assert "script-src" not in policy


def test_the_mailbox_is_for_admins(ben: SessionClient, anonymous: FlaskClient, services: Services) -> None:
    """Mails may contain sign-in links."""
    mail_id = store_mail(services, "ana@example.com", "x")
    for path in ("/mailbox", f"/mailbox/{mail_id}", f"/mailbox/{mail_id}/html"):
        assert ben.open(path).status_code == 403
        assert "/sign-in" in anonymous.get(path).location


def test_an_unknown_mail_is_not_found(ana: SessionClient) -> None:
    """There is neither page nor frame."""
    assert ana.open("/mailbox/4711").status_code == 404
    assert ana.open("/mailbox/4711/html").status_code == 404


@pytest.fixture
def smtp_services(tmp_path: Path) -> Iterator[Services]:
    """Build the services with an SMTP server configured."""
    built = build_services(f"sqlite:///{tmp_path / 'okr.db'}", tmp_path, SMTP_URL="smtp://mail.example.com:2525")
    yield built
    built.engine.dispose()


def test_with_smtp_the_mailbox_shows_no_mails(smtp_services: Services) -> None:
    """It says that mails are sent by SMTP."""
    example: Example = fill_with_examples(smtp_services)
    mail_id = store_mail(smtp_services, "ana@example.com", "secret")
    ana = SessionClient.signed_in(create_app(smtp_services), smtp_services, example.ana)
    words = ana.words("/mailbox")
    assert "Mails are sent by SMTP" in words
    assert "mail.example.com" in words
    assert "secret" not in words
    assert ana.open(f"/mailbox/{mail_id}").status_code == 404
    assert ana.open(f"/mailbox/{mail_id}/html").status_code == 404
