"""A browser session without a browser: sign in by a link, send forms with their CSRF token, read the mailbox."""

import re
from dataclasses import dataclass
from html import unescape

import requests

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_MAIL_LINK = re.compile(r'href="(/mailbox/[0-9]+)"')
_TEXT = re.compile(r'<pre[^>]*id="mail-text"[^>]*>(.*?)</pre>', re.DOTALL)


class UnexpectedPage(Exception):
    """A page is not as expected."""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail as the local mailbox shows it."""

    to: str
    subject: str
    message_id: str
    text: str


class BrowserSession:
    """A session that is signed in by the link."""

    def __init__(self, address: str, link: str) -> None:
        self._address = address
        self._session = requests.Session()
        self._session.trust_env = False
        self.submit(link.removeprefix(address), on=link.removeprefix(address))

    def read(self, path: str) -> str:
        """Return the HTML of a page."""
        answer = self._session.get(self._address + path, timeout=20)
        if answer.status_code != 200 or "/sign-in" in answer.url:
            raise UnexpectedPage(f"{path}: status {answer.status_code} at {answer.url}")
        return answer.text

    def changes(self) -> int:
        """Return the change counter, which an open page polls every second."""
        answer = self._session.get(f"{self._address}/changes", timeout=20)
        if answer.status_code != 200:
            raise UnexpectedPage(f"/changes: status {answer.status_code}")
        counted: int = answer.json()["changes"]
        return counted

    def submit(self, path: str, *, on: str, **fields: str) -> None:
        """Send a form of the page `on` to `path`; raise `UnexpectedPage` when it is refused."""
        form = self._session.get(self._address + on, timeout=20).text
        found = _TOKEN.search(form)
        if found is None:
            raise UnexpectedPage(f"{on} has no form")
        form_fields = {"csrf_token": found[1], **fields}
        answer = self._session.post(self._address + path, data=form_fields, timeout=20)
        if not answer.ok:
            raise UnexpectedPage(f"{path}: status {answer.status_code}")

    def mails(self) -> list[Mail]:
        """Read the whole mailbox, oldest first."""
        paths: list[str] = []
        page: str | None = "/mailbox"
        while page:
            html = self.read(page)
            paths += [path for path in _MAIL_LINK.findall(html) if path not in paths]
            older = re.search(r'href="(/mailbox\?before=[0-9]+)"', html)
            page = older[1] if older else None
        return [self._mail(path) for path in reversed(paths)]

    def _mail(self, path: str) -> Mail:
        html = self.read(path)
        facts = dict(re.findall(r"<dt>([^<]*)</dt><dd[^>]*>(.*?)</dd>", html, re.DOTALL))
        text = _TEXT.search(html)
        if text is None:
            raise UnexpectedPage(f"{path} shows no text")
        return Mail(
            to=unescape(facts["To"]),
            subject=unescape(facts["Subject"]),
            message_id=unescape(facts["Message-ID"]),
            text=unescape(text[1]).strip(),
        )
