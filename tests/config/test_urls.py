"""URLs among the settings: one meaning, or an error with a reason."""

import re
from collections.abc import Callable

import pytest

from config.urls import SmtpServer, base_url, database_url, redis_url, smtp_server


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("smtp://mail", SmtpServer(host="mail", port=25, security="offered")),
        ("smtp://mail:2525", SmtpServer(host="mail", port=2525, security="offered")),
        ("smtps://mail", SmtpServer(host="mail", port=465, security="tls")),
        ("smtp+starttls://mail", SmtpServer(host="mail", port=587, security="starttls")),
        ("smtp://u:p%40w@mail", SmtpServer(host="mail", port=587, security="starttls", user="u", password="p@w")),
        ("smtp+plain://mail", SmtpServer(host="mail", port=25, security="plain")),
        ("smtp://[2001:db8::1]", SmtpServer(host="2001:db8::1", port=25, security="offered")),
        (
            "smtp+starttls://j%C3%B6rg:p%C3%A4ss@mail",
            SmtpServer(host="mail", port=587, security="starttls", user="jörg", password="päss"),
        ),
        (
            "smtp://u:pw@127.0.0.1:25",
            SmtpServer(host="127.0.0.1", port=25, security="offered", user="u", password="pw"),
        ),
    ],
)
def test_an_smtp_url_defines_when_tls_starts(written: str, meant: SmtpServer) -> None:
    """A password is never sent in clear text, except to this machine."""
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
        ("smtp+plain://u:pw@mail", "never sent without encryption"),
    ],
)
def test_an_ambiguous_smtp_url_is_refused(written: str, reason: str) -> None:
    """An error at the start is better than mails that are lost."""
    with pytest.raises(ValueError, match=reason):
        smtp_server(written)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("postgresql://h/okr?pgbouncer=true", "a pooler such as PgBouncer is recognised"),
        ("postgresql://h/okr?autocommit=1", "'autocommit'"),
        ("postgresql://h/okr?prepare_threshold=often", "whole number, or none"),
        ("postgresql://h/okr?connect_timeout=soon", "whole number of seconds"),
        ("sqlite:////srv/okr.db?mode=ro", "takes no options"),
    ],
)
def test_an_option_that_the_database_would_not_take_is_refused(written: str, reason: str) -> None:
    """At the start, by name, and not by the driver's error at the first connection."""
    with pytest.raises(ValueError, match=reason):
        database_url(written)


def test_options_of_postgresql_itself_stay_in_the_address() -> None:
    """Its library knows them."""
    written = "postgresql://h/okr?sslmode=require&target_session_attrs=read-write&prepare_threshold=none"
    assert database_url(written) == written.replace("postgresql", "postgresql+psycopg", 1)


@pytest.mark.parametrize("sign", list("@:/?#%[]"))
@pytest.mark.parametrize(
    ("parse", "scheme"),
    [(database_url, "postgresql"), (redis_url, "redis"), (smtp_server, "smtp"), (base_url, "https")],
)
def test_no_error_about_an_address_quotes_its_password(parse: Callable[[str], object], scheme: str, sign: str) -> None:
    """A sign that was not escaped makes one piece of the password look like a port or a host."""
    with pytest.raises(ValueError, match=r"\w") as refused:
        parse(f"{scheme}://okr:sesame{sign}street@db:54x2/okr")
    assert not re.search(r"sesame|street|54x2", str(refused.value))


@pytest.mark.parametrize("written", ["redis://h?socket_timeout=soon", "redis://h?colour=red"])
def test_a_redis_option_that_the_client_would_not_take_is_refused(written: str) -> None:
    """At the start, and not by a `TypeError` at the first call."""
    with pytest.raises(ValueError, match="redis-py"):
        redis_url(written)


@pytest.mark.parametrize("written", ["redis://h:6379/0", "rediss://:pw@h", "unix:///run/redis.sock?db=1"])
def test_the_usual_redis_urls_are_kept_unchanged(written: str) -> None:
    """redis-py parses them itself."""
    assert redis_url(written) == written


@pytest.mark.parametrize("written", ["unix://", "redis://:6379", "h:6379", "https://h"])
def test_a_redis_url_without_a_server_is_refused(written: str) -> None:
    """The error appears at the start, not at the first job."""
    with pytest.raises(ValueError, match=r"server|its scheme is"):
        redis_url(written)


def test_a_base_url_loses_its_last_slash_and_keeps_its_path() -> None:
    """Links are built by appending a path to it."""
    assert base_url("https://example.com/okr/") == "https://example.com/okr"
    assert base_url("HTTPS://example.com:8443/a-b/c_d~1/") == "https://example.com:8443/a-b/c_d~1"


@pytest.mark.parametrize(
    "written",
    [
        "//example.com",
        "https://",
        "ftp://h",
        "https://u@h",
        "https://h/?a=1",
        "https://h/a//b",
        "https://h/%61",
        "https://h/a/../b",
        "https://h/a b",
        "https://h ",
        "https://h\u00a0.example",
    ],
)
def test_an_invalid_base_url_is_refused(written: str) -> None:
    """It would break the links in mails."""
    with pytest.raises(ValueError, match="it"):
        base_url(written)
