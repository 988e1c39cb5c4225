"""MIME messages: headers, both versions, encoding."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from sync_service.notify import mime
from sync_service.notify.mime import Content
from tests.notify.services import NOW


def sent(
    *, subject: str = "KR-1 completed", sender: str = "OKR Sync <okr@example.com>", recipient: str = "ana@example.com"
) -> EmailMessage:
    """Build a mail and parse it as a mail program does."""
    host = mime.host_of(sender)
    built = mime.build(
        Content(subject, "Grüße\n" + "x" * 2000 + "\n", "<p>Grüße 👩\u200d💻</p>\n"),
        sender=sender,
        recipient=recipient,
        message_id=f"<okr-sync.0123456789abcdef01234567@{host}>",
        created_at=NOW,
    )
    raw = built.message.as_bytes()
    assert max(map(len, raw.split(b"\r\n"))) < 998, "https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1"
    assert raw.isascii()
    return message_from_bytes(raw, policy=default)


def test_the_headers_mark_an_automatic_mail() -> None:
    """Automatic responders must not answer it."""
    mail = sent()
    assert mail["From"] == "OKR Sync <okr@example.com>"
    assert mail["To"] == "ana@example.com"
    assert mail["Date"] == "Tue, 24 Nov 2026 12:00:00 +0000"
    assert mail["Message-ID"] == "<okr-sync.0123456789abcdef01234567@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail.get_content_type() == "multipart/alternative"


def test_both_versions_arrive_unchanged() -> None:
    """Text first, HTML last: mail programs show the last version that they can show."""
    text, html = sent().iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().splitlines() == ["Grüße", "x" * 2000]
    assert html.get_content().splitlines() == ["<p>Grüße 👩\u200d💻</p>"]


@pytest.mark.parametrize(
    "subject",
    [
        "KR-1 fell back to 62 %: Ship the new checkout " + "and more " * 12,
        "KR-1 completed: " + "שלום עולם " * 10,
        "KR-1 completed: " + "決済を簡単に" * 16,
        "KR-1 completed: Zahlen, bitte “schnell” 👩\u200d💻 " + "ü" * 60,
        "KR-1 completed: <a@example.com>, b; (c) : d",
    ],
)
def test_subjects_survive_in_all_scripts_and_lengths(subject: str) -> None:
    """They are folded and encoded for transport and equal after parsing."""
    assert sent(subject=subject.strip())["Subject"] == subject.strip()


def test_text_that_looks_encoded_is_shown_as_it_is() -> None:
    """If it were decoded, a title could add a line break, and with it a header."""
    mail = sent(subject="KR-1 completed: =?utf-8?q?a=0D=0ABcc:_all=40example.com?=")
    assert mail["Subject"] == "KR-1 completed: =?utf-8?q?a=0D=0ABcc:_all=40example.com?="
    assert mail["Bcc"] is None


def test_a_line_break_can_not_become_a_header() -> None:
    """If a line break ever reaches this code, nothing is sent."""
    with pytest.raises(ValueError, match="linefeed"):
        sent(subject="one\nBcc: all@example.com")


def test_international_hosts_are_written_in_ascii() -> None:
    """The Message-ID is ASCII, and a long host does not split it."""
    mail = sent(sender="OKR <okr@bücher.example>", recipient="ana@bücher.example")
    assert mail["To"] == "ana@xn--bcher-kva.example"
    assert mail["Message-ID"] == "<okr-sync.0123456789abcdef01234567@xn--bcher-kva.example>"
    long = "a-rather-long-name." * 5 + "example.com"
    assert sent(sender=f"okr@{long}")["Message-ID"] == f"<okr-sync.0123456789abcdef01234567@{long}>"


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Müller, Jörg <okr@example.com>", "Müller, Jörg"),
        ('"Acme, \\"the\\" shop" <okr@example.com>', 'Acme, "the" shop'),
        ("=?utf-8?q?M=C3=BCller?= <okr@example.com>", "Müller"),
        ("okr@example.com", ""),
    ],
)
def test_the_senders_name_is_shown_as_configured(sender: str, name: str) -> None:
    """In all scripts, with commas and quotes, and also pasted from a mail."""
    (address,) = sent(sender=sender)["From"].addresses
    assert (address.display_name, address.addr_spec) == (name, "okr@example.com")


def test_an_odd_local_part_is_quoted() -> None:
    """Some providers gave out addresses with two dots in a row, which SMTP takes only in quotes."""
    mail = mime.build(
        Content("KR-1", "moved\n", "<p>moved</p>"),
        sender="okr@example.com",
        recipient="a..b@example.com",
        message_id="<1@example.com>",
        created_at=NOW,
    )
    assert mail.recipient == '"a..b"@example.com'
    assert b'\r\nTo: "a..b"@example.com\r\n' in mail.message.as_bytes()


@pytest.mark.parametrize(
    "recipient", ["", "ana", "@example.com", "ana@", "ana@example.com\nBcc: b@example.com", "a b@example.com", "a@b..c"]
)
def test_an_invalid_address_is_reported(recipient: str) -> None:
    """No delivery is tried."""
    with pytest.raises(mime.Unaddressable, match="is not an e-mail address"):
        sent(recipient=recipient)
