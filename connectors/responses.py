"""HTTP responses of trackers: decode JSON, or raise the `ConnectorError` for the status (401, 404, rate limit)."""

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit

from connectors.json_fields import text
from connectors.webhook import NotJson, decode_object, decode_objects
from sync_service.domain.trackers.connector import ConnectorError, Gone, Refused, Rejected, Unavailable

_MIN_WAIT = timedelta(seconds=60)
_MAX_WAIT = timedelta(days=7)

_TRY_AGAIN = frozenset({407, 408, 421, 425})
"""Other statuses that say nothing about what was requested: a proxy, a timeout, a wrong or too early connection."""

_HIDDEN = {
    404: "finds nothing there (404): deleted, or hidden from these credentials",
    410: "no longer shows it (410)",
    451: "may not show it for legal reasons (451)",
}
"""Statuses of something that can't be seen. None proves that one issue was deleted: 410 may be about all issues."""

_RESOURCE = re.compile(r"[\w-]{1,40}", re.ASCII)
"""The name of a resource with a rate limit of its own, such as `code_search`."""

_SAYS_NOTHING = frozenset({"", "not found", "gone"})


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response of any status. `url` is the address that answered; names of `headers` ignore case."""

    url: str
    _: KW_ONLY
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def shown_host(self) -> str:
        """Return the host, or `the tracker`."""
        return shown_host(self.url)

    def header(self, name: str) -> str:
        """Return a header, stripped; empty when it is absent."""
        return self.headers.get(name, "").strip()

    @property
    def names_next_page(self) -> bool:
        """Return whether the header `Link` names a next page (RFC 8288)."""
        return 'rel="next"' in self.header("Link")

    def object(self) -> dict[str, Any]:
        """Decode a JSON object; raise `Unavailable` for a body that is not JSON, `Rejected` for other JSON."""
        try:
            return decode_object(self.body)
        except Rejected as error:
            raise self._unreadable(error) from None

    def objects(self) -> list[dict[str, Any]]:
        """Decode a JSON list of objects; raise `Unavailable` for a body that is not JSON, `Rejected` for other JSON."""
        try:
            return decode_objects(self.body)
        except Rejected as error:
            raise self._unreadable(error) from None

    def object_or_empty(self) -> dict[str, Any]:
        """Decode a JSON object, such as an error's; return {} for anything else."""
        try:
            return decode_object(self.body)
        except Rejected:
            return {}

    def _unreadable(self, error: Rejected) -> Unavailable | Rejected:
        """Return the error for a body that can't be read. One that is not JSON is not the tracker's own: try again."""
        if self._is_web_page():
            return Unavailable(f"{self.shown_host} answers with a web page in place of JSON ({self.status})")
        message = f"{self.shown_host} sends a reply that can't be read: {error}"
        return Unavailable(message) if isinstance(error, NotJson) else Rejected(message)

    def _is_web_page(self) -> bool:
        return self.body.lstrip()[:1] == b"<" or self.header("Content-Type").lower().startswith("text/html")

    def date(self) -> datetime | None:
        """Return the tracker's own time from the header `Date`; None when it is absent or invalid."""
        found = _http_date(self.header("Date"))
        try:
            return None if found is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            return None


def raise_for_response(reply: Response, *, now: datetime, bucket_owner: str = "", words: str = "") -> None:
    """Return for status 2xx; raise a `ConnectorError` for any other.

    Raise `Unavailable` for 5xx, 407, 408, 421, 425 and rate limits (429, some 403), `Refused` for 401 and other 403,
    `Gone`, not proven, for 404, 410 and 451, `Rejected` for anything else. `bucket_owner` names the credential that was
    used, because rate limits count per credential; `words` is the tracker's own error text, for people.
    """
    status, host = reply.status, reply.shown_host
    if 200 <= status < 300:
        return
    if status == 429 or (status == 403 and _is_rate_limit(reply)):
        _raise_rate_limit(reply, now=now, bucket_owner=bucket_owner)
    if status >= 500 or status in _TRY_AGAIN:
        raise Unavailable(f"{host} can't answer now ({status})", retry_after(reply, now))
    if "X-Authentication-Denied-Reason" in reply.headers:
        raise Refused(f"{host} denies sign-in: {_denial(reply)}")
    _raise_for(status, host, "" if words.lower().strip(" .") in _SAYS_NOTHING else f": {words}")


def _denial(reply: Response) -> str:
    """Return why Jira denies sign-in, in its words; a CAPTCHA after failed attempts is solved in a browser.

    https://developer.atlassian.com/server/jira/platform/basic-authentication/
    """
    words = text(reply.header("X-Authentication-Denied-Reason").partition(";")[0], 100) or "no reason given"
    if "CAPTCHA" not in words.upper():
        return words
    return f"{words}; sign in as this account in a browser and solve the CAPTCHA, then the token works again"


def _is_rate_limit(reply: Response) -> bool:
    """Return whether a 403 is GitHub's rate limit, not a missing permission.

    The secondary rate limit may say so in its error text only.
    """
    return "Retry-After" in reply.headers or _is_used_up(reply) or b"rate limit" in reply.body[:2000].lower()


def _is_used_up(reply: Response) -> bool:
    return reply.header("X-RateLimit-Remaining") == "0"


def _raise_rate_limit(reply: Response, *, now: datetime, bucket_owner: str) -> NoReturn:
    """Raise `Unavailable` until the rate limit ends: `Retry-After`, else the reset time, else one minute from now.

    A wait that we guess grows with each retry (backoff). A used up limit blocks one resource of the credential
    (`core`, `search`); any other rate limit blocks all of the credential.
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
    """
    resource = _RESOURCE.fullmatch(reply.header("X-RateLimit-Resource"))
    ends = retry_after(reply, now) or reset_at(reply, now)
    raise Unavailable(
        f"{reply.shown_host} limits the rate of calls ({reply.status})",
        ends or now + _MIN_WAIT,
        bucket=f"{bucket_owner}/{resource[0]}" if bucket_owner and resource and _is_used_up(reply) else bucket_owner,
        guessed=ends is None,
    )


def retry_after(reply: Response, now: datetime) -> datetime | None:
    """Read `Retry-After`: seconds, or a time by the tracker's clock. None when it is absent or invalid."""
    value = reply.header("Retry-After")
    if value.isascii() and value.isdigit():
        return now + min(timedelta(seconds=int(value[:9])), _MAX_WAIT)
    found = _http_date(value)
    return None if found is None else _to_our_clock(reply, found, now)


def _http_date(value: str) -> datetime | None:
    """Read a date of a header; None when it is absent, invalid or has no time zone."""
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else None


def reset_at(reply: Response, now: datetime) -> datetime | None:
    """Read `X-RateLimit-Reset` of a used up rate limit: seconds since 1970 from GitHub, ISO 8601 from Jira."""
    value = reply.header("X-RateLimit-Reset")
    if not value or reply.header("X-RateLimit-Remaining") not in ("", "0"):
        return None
    try:
        found = datetime.fromtimestamp(int(value), UTC) if value.isdigit() else datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        return None
    return _to_our_clock(reply, found, now) if found.tzinfo else None


def _to_our_clock(reply: Response, found: datetime, now: datetime) -> datetime:
    """Convert a time of the tracker's clock to ours, when the reply has a header `Date`; at most `_MAX_WAIT` from now.

    Only the bounded wait is added to a time: the years that trackers send may have no time in UTC.
    """
    wait = found - (reply.date() or now)
    return now + min(max(wait, timedelta(0)), _MAX_WAIT)


def _raise_for(status: int, host: str, words: str) -> NoReturn:
    if status == 401:
        raise Refused(f"{host} does not accept the credentials (401){words}", about_credentials=True)
    if status == 403:
        raise Refused(f"{host} does not permit this with these credentials (403){words}", about_credentials=True)
    if status in _HIDDEN:
        raise Gone(f"{host} {_HIDDEN[status]}{words}", proven=False)
    raise Rejected(f"{host} refuses the request ({status}){words}")


def is_about_credentials(error: ConnectorError) -> bool:
    """Return whether the tracker read the credentials and refused them, or they can't be used to call it."""
    return isinstance(error, Refused) and error.about_credentials


def shown_host(url: str) -> str:
    """Return the host only: an address can contain names of issues, which must not be logged."""
    return host_of_url(url) or "the tracker"


def host_of_url(url: str) -> str | None:
    """Return the host of an address; None when it has none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
