"""Jira's rate limits: which bucket of a connection a 429 blocks, and for how long.

Cloud has three kinds: an hourly quota per app, bursts at one endpoint, and writes to one issue. Its gateway has limits
of its own and may say nothing about them. Data Center's limits are set by its administrators.
https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
https://confluence.atlassian.com/adminjiraserver/adjusting-your-code-for-rate-limiting-987143384.html
"""

import random
from datetime import datetime, timedelta

from connectors.json_fields import text
from connectors.responses import Response, raise_for_response, reset_at, retry_after
from sync_service.domain.trackers.connector import Unavailable

READ_BUCKET = "reading"
"""The bucket of calls that change nothing."""

WRITE_BUCKET = "writing"
"""The bucket of calls that change something; `writing/20012` is the bucket of one issue, by its id."""

_FIRST_WAIT_SECONDS = 2.0
_JITTER = 1.3


def raise_for_jira_response(reply: Response, *, now: datetime, bucket: str) -> None:
    """Raise for any response but a successful one, as `responses.raise_for_response` does; `bucket` is the call's.

    A quota blocks the whole connection, a burst limit all reads or all writes, an issue's write limit that issue only.
    Headers that begin with `Beta-` announce future limits, and block nothing.
    """
    if reply.status != 429:
        raise_for_response(reply, now=now, words=error_text(reply))
        return
    until = retry_after(reply, now) or reset_at(reply, now) or _interval(reply, now)
    wait = timedelta(seconds=_FIRST_WAIT_SECONDS * random.uniform(1, _JITTER))  # noqa: S311  a wait, not a secret
    reason = reply.header("RateLimit-Reason")
    raise Unavailable(
        f"{reply.shown_host} limits the rate of calls ({reply.status}{f', {text(reason, 60)}' if reason else ''})",
        until or now + wait,
        bucket=_blocked_bucket(reason, bucket),
        guessed=until is None,
    )


def _blocked_bucket(reason: str, bucket: str) -> str:
    match reason.lower():
        case "jira-burst-based":
            return bucket.partition("/")[0]
        case "jira-per-issue-on-write":
            return bucket
        case _:
            return ""


def _interval(reply: Response, now: datetime) -> datetime | None:
    """Return when Data Center adds new tokens."""
    seconds = reply.header("X-RateLimit-Interval-Seconds")
    return now + timedelta(seconds=int(seconds[:5])) if seconds.isascii() and seconds.isdigit() else None


def error_text(reply: Response) -> str:
    """Return Jira's error text, or its gateway's, for people; "" when there is none."""
    body = reply.object_or_empty()
    messages, by_field = body.get("errorMessages"), body.get("errors")
    lines = [
        *(messages if isinstance(messages, list) else ()),
        *(by_field.values() if isinstance(by_field, dict) else ()),
    ]
    found = [line for line in lines if isinstance(line, str)]
    return text(found[0] if found else body.get("message"), 200) or ""
