"""A title is the same in every mail program, whichever Python sent it: a round trip through an SMTP server."""

import json
import os
import subprocess
import sys
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.notify import send_titles, titles
from tests.notify.servers import serving
from tests.support.python_versions import found_pythons
from tests.support.run_scope import ALL

ROOT = Path(__file__).parents[2]


class Bytes:
    """A handler that keeps the bytes of each message."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        """Keep a message."""
        assert isinstance(envelope.content, bytes)
        self.messages.append(envelope.content)
        return "250 kept"


def sent_by(python: str, sent: list[str]) -> list[bytes]:
    """Send a mail for each title with another Python; return what arrived."""
    kept = Bytes()
    with serving(kept) as port:
        subprocess.run(
            [python, send_titles.__file__],
            input=json.dumps({"port": port, "titles": sent}),
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            text=True,
            check=True,
            timeout=300,
        )
    return kept.messages


def assert_same(sent: list[str], arrived: list[bytes]) -> None:
    """Check subject, sender's name and body of each mail in every mail program."""
    assert len(arrived) == len(sent)
    for title, raw in zip(sent, arrived, strict=True):
        for read in titles.READERS:
            assert read(raw) == title, read.__name__
        assert titles.sender_name(raw) == title
        text = message_from_bytes(raw, policy=default).get_body(("plain",))
        assert text is not None
        assert text.get_content() == f"{title}\r\n"


@pytest.mark.slow
@pytest.mark.only_in_test_all
def test_titles_of_many_scripts_arrive_unchanged() -> None:
    """On the Python that runs the tests; `make test-all` sends thousands with each that there is."""
    sent = titles.natural_titles(400, seed=1)
    assert_same(sent, sent_by(sys.executable, sent))


@pytest.mark.only_in_test_all
@pytest.mark.slow
@pytest.mark.parametrize("version", found_pythons() if ALL else [])
def test_thousands_of_titles_arrive_unchanged_from_every_python(version: str) -> None:
    """Python 3.11's own folding changed one natural title in seven."""
    sent = titles.natural_titles(2500, seed=2)
    assert_same(sent, sent_by(found_pythons()[version], sent))
