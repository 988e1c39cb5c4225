"""Passwords of our own settings are cut out of every printed text, in every form that a driver makes of them."""

import base64
import io
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from config import passwords
from config.logging import set_up_logging

PASSWORD = "s3kr1t:p@ss/w?rd#é'"


@pytest.fixture(autouse=True)
def known_passwords(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Begin with no password, and forget those of the test."""
    known: set[str] = set()
    monkeypatch.setattr(passwords, "_known", known)
    return known


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Yield the stream of a log, and restore the test runner's."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up_logging("json", level=logging.DEBUG, stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "SMTP_URL", "HTTPS_PROXY", "http_proxy"])
@pytest.mark.parametrize("written", [PASSWORD, quote(PASSWORD, safe="")])
@pytest.mark.parametrize("address", ["x://okr:{}@host:1/0", "okr:{}@host", "x://:{}@[::1", "x://host/0?password={}"])
def test_every_form_of_a_password_is_cut_out(name: str, written: str, address: str) -> None:
    """Whether the address can be parsed or not, and however the password was escaped."""
    if "?password=" in address and written == PASSWORD:
        written = "s3kr1t:p@ss"  # the rest would be an option of its own
    passwords.add_from({name: address.format(written)})
    plain = PASSWORD if written != "s3kr1t:p@ss" else written
    for form in (
        plain,
        quote(plain, safe=""),
        quote(plain),
        repr(plain)[1:-1],
        base64.b64encode(plain.encode()).decode(),
    ):
        assert passwords.cut_out(f"cannot use {form!s} as a port") == "cannot use … as a port"


def test_a_password_in_a_logged_traceback_is_cut_out(log: io.StringIO) -> None:
    """Also where a driver quotes it without its address."""
    passwords.add_from({"REDIS_URL": f"redis://okr:{quote(PASSWORD)}@host/0"})
    try:
        int(PASSWORD)
    except ValueError:
        logging.getLogger("driver").debug("bad port", exc_info=True)
    assert "invalid literal" in log.getvalue()
    assert "s3kr1t" not in log.getvalue()


def test_a_short_password_is_left_in_ordinary_words() -> None:
    """Cutting "okr" out of every text would leave nothing to read; addresses lose it all the same."""
    passwords.add_from({"DATABASE_URL": "postgresql://okr:okr@host/okr"})
    assert passwords.cut_out("okr-sync has started") == "okr-sync has started"
