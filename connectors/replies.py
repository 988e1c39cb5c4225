"""What trackers send back: JSON to read, or one of our errors that says what to do about it."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit

from connectors.letters import json_object, json_objects
from sync_service.domain.connectors import Gone, Refused, Rejected, Unavailable

_LEAST_WAIT = timedelta(seconds=60)
_LONGEST_WAIT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, whatever its status. `url` is the address that gave it, `headers` take names in any case."""

    url: str
    _: KW_ONLY
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def place(self) -> str:
        """Name the host."""
        return place_of(self.url)

    def header(self, name: str) -> str:
        """Give a header without the space around it; empty where there is none."""
        return self.headers.get(name, "").strip()

    def object(self) -> dict[str, Any]:
        """Read a JSON object; raise `Rejected` where it is none."""
        try:
            return json_object(self.body)
        except Rejected as error:
            raise self._unreadable(error) from None

    def objects(self) -> list[dict[str, Any]]:
        """Read a JSON list of objects; raise `Rejected` where it is none."""
        try:
            return json_objects(self.body)
        except Rejected as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Rejected) -> Rejected:
        return Rejected(f"{self.place} answers with something unreadable: {error}")

    def date(self) -> datetime | None:
        """Give the tracker's own time, where it tells."""
        try:
            found = parsedate_to_datetime(self.header("Date"))
        except ValueError:
            return None
        return found.astimezone(UTC) if found.tzinfo else None


def judge(reply: Reply, *, now: datetime, holder: str = "", words: str = "") -> None:
    """Do nothing about a good reply; raise for any other.

    Raise `Unavailable` where the tracker can't answer now or asks for patience, `Refused` for 401 and 403, `Gone` for
    404 (not proven) and 410 (proven), `Rejected` for anything else. `holder` names the credential that was used, whose
    limits are its own; `words` are the tracker's, for people.
    """
    status, place = reply.status, reply.place
    if 200 <= status < 300:
        return
    if status == 429 or (status == 403 and _is_limit(reply)):
        _raise_limit(reply, now=now, holder=holder)
    if status >= 500 or status == 408:
        raise Unavailable(f"{place} can't answer now ({status})", retry_after(reply, now))
    _raise_for(status, place, f": {words}" if words else "")


def _is_limit(reply: Reply) -> bool:
    """Tell GitHub's 403 for a limit from one for lack of permission; its secondary limit may say so in words alone."""
    return "Retry-After" in reply.headers or _is_used_up(reply) or b"rate limit" in reply.body[:2000].lower()


def _is_used_up(reply: Reply) -> bool:
    return reply.header("X-RateLimit-Remaining") == "0"


def _raise_limit(reply: Reply, *, now: datetime, holder: str) -> NoReturn:
    """Raise until the limit ends: `Retry-After`, else the reset told, else a minute from now and longer each time.

    What is used up is one resource of the credential (`core`, `search`); any other limit holds for all of it.
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
    """
    resource = reply.header("X-RateLimit-Resource")
    told = retry_after(reply, now) or reset_at(reply, now)
    raise Unavailable(
        f"{reply.place} asks for patience ({reply.status})",
        told or now + _LEAST_WAIT,
        part=f"{holder}/{resource}" if holder and resource and _is_used_up(reply) else holder,
        guessed=told is None,
    )


def retry_after(reply: Reply, now: datetime) -> datetime | None:
    """Read `Retry-After`: seconds, or a time by the tracker's clock. None where it tells nothing."""
    told = reply.header("Retry-After")
    if told.isascii() and told.isdigit():
        return _sane(now + min(timedelta(seconds=int(told[:9])), _LONGEST_WAIT), now)
    try:
        found = parsedate_to_datetime(told)
    except ValueError:
        return None
    return _by_our_clock(reply, found, now) if found.tzinfo else None


def reset_at(reply: Reply, now: datetime) -> datetime | None:
    """Read `X-RateLimit-Reset` of a used up limit: seconds since 1970 from GitHub, ISO 8601 from Jira."""
    told = reply.header("X-RateLimit-Reset")
    if not told or reply.header("X-RateLimit-Remaining") not in ("", "0"):
        return None
    try:
        found = datetime.fromtimestamp(int(told), UTC) if told.isdigit() else datetime.fromisoformat(told)
    except (ValueError, OverflowError, OSError):
        return None
    return _by_our_clock(reply, found, now) if found.tzinfo else None


def _by_our_clock(reply: Reply, found: datetime, now: datetime) -> datetime:
    """Turn a time by the tracker's clock into one by ours, where it tells what its clock shows."""
    theirs = reply.date()
    return _sane(found if theirs is None else now + (found - theirs), now)


def _sane(found: datetime, now: datetime) -> datetime:
    return min(max(found.astimezone(UTC), now), now + _LONGEST_WAIT)


def _raise_for(status: int, place: str, words: str) -> NoReturn:
    if status == 401:
        raise Refused(f"{place} does not accept the credentials (401){words}")
    if status == 403:
        raise Refused(f"{place} does not permit it with these credentials (403){words}")
    if status == 404:
        raise Gone(f"{place} shows nothing there (404): deleted, or hidden from these credentials", proven=False)
    if status == 410:
        raise Gone(f"{place} says that it was deleted (410)", proven=True)
    raise Rejected(f"{place} refuses the request ({status}){words}")


def place_of(url: str) -> str:
    """Name the host alone: addresses can carry names of issues nobody should read in a log."""
    return host_of(url) or "the tracker"


def host_of(url: str) -> str | None:
    """Give the host of an address; None where it has none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
