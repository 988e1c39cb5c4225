"""Addresses among the settings mean one thing, or are refused with a reason."""

import pytest

from config.urls import SmtpServer, base_url, redis_url, smtp_server


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("smtp://mail", SmtpServer(host="mail", port=25, security="offered")),
        ("smtp://mail:2525", SmtpServer(host="mail", port=2525, security="offered")),
        ("smtps://mail", SmtpServer(host="mail", port=465, security="tls")),
        ("smtp+starttls://mail", SmtpServer(host="mail", port=587, security="starttls")),
        ("smtp://u:p%40w@mail", SmtpServer(host="mail", port=587, security="starttls", user="u", password="p@w")),
        (
            "smtp://u:pw@127.0.0.1:25",
            SmtpServer(host="127.0.0.1", port=25, security="offered", user="u", password="pw"),
        ),
    ],
)
def test_an_smtp_url_says_when_tls_starts(written: str, meant: SmtpServer) -> None:
    """A password never travels in the clear, except to this machine."""
    assert smtp_server(written) == meant


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("mail.example.com", "its scheme is missing"),
        ("imap://mail", "its scheme is imap, not smtp"),
        ("smtp://", "names no server"),
        ("smtp://mail:99999", "[Pp]ort"),
        ("smtp://mail:0", "port 0"),
        ("smtp://mail/path", "nothing may follow"),
    ],
)
def test_an_smtp_url_that_says_nothing_clear_is_refused(written: str, reason: str) -> None:
    """Better no start than mails that go nowhere."""
    with pytest.raises(ValueError, match=reason):
        smtp_server(written)


@pytest.mark.parametrize("written", ["redis://h:6379/0", "rediss://:pw@h", "unix:///run/redis.sock?db=1"])
def test_the_usual_redis_urls_are_kept_as_written(written: str) -> None:
    """redis-py reads them itself."""
    assert redis_url(written) == written


@pytest.mark.parametrize("written", ["unix://", "redis://:6379", "h:6379", "https://h"])
def test_a_redis_url_without_a_server_is_refused(written: str) -> None:
    """The mistake is found at the start, not at the first job."""
    with pytest.raises(ValueError, match=r"server|its scheme is"):
        redis_url(written)


def test_a_base_url_loses_its_last_slash_and_keeps_its_path() -> None:
    """Links are made by putting a path behind it."""
    assert base_url("https://example.com/okr/") == "https://example.com/okr"


@pytest.mark.parametrize("written", ["//example.com", "https://", "ftp://h", "https://u@h", "https://h/?a=1"])
def test_a_base_url_that_links_can_not_start_with_is_refused(written: str) -> None:
    """A mail with a broken link helps nobody."""
    with pytest.raises(ValueError, match="it "):
        base_url(written)
